"""Where the bundles are: the shipped one, and the user's own under beets' configuration folder."""

from __future__ import annotations

from pathlib import Path

from genre_model.bundle import MANIFEST, SHIPPED, Bundle, read_bundle

SHIPPED_NAME = "shipped"


def find_bundle(name: str | None, models: Path) -> Bundle:
    """The bundle of a name, of a path, or the shipped one where nothing is asked for.

    Args:
        name: ``shipped``, the name of a folder in ``models``, or a path to a bundle.
        models: The folder of the user's own bundles.

    Raises:
        BundleError: There is no such bundle, or it cannot be read.
    """
    if name is None or name == SHIPPED_NAME:
        return read_bundle(SHIPPED)
    if (models / name / MANIFEST).is_file():
        return read_bundle(models / name)
    return read_bundle(Path(name).expanduser())
