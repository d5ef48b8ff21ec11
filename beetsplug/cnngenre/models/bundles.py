"""Where the bundles are: the shipped one, and the user's own under beets' configuration folder."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timezone
from pathlib import Path

from beetsplug.cnngenre.config import GENRES, Options, typed_path
from beetsplug.cnngenre.models.in_use import SHIPPED_NAME, history
from genre_model.core.errors import BundleError
from genre_model.core.files import may_be_file
from genre_model.model.bundle.manifest import Manifest
from genre_model.model.bundle.store import MANIFEST, SHIPPED, Bundle, load_bundle
from genre_model.model.vocabulary import NO_SPELLINGS, Vocabulary, make_vocabulary

# The clocks of two machines may differ by this many seconds.
CLOCK_S = 300.0


Complain = Callable[[str], None]


def find_bundle(
    name: str | None, models: Path, complain: Complain, *, threshold: float | None
) -> Bundle:
    """The bundle with a name or path; if ``name`` is None, the one in use.

    Args:
        name: ``shipped``, the name of a folder in ``models``, or a path to a bundle.
        models: The folder of the user's own bundles.
        complain: Called with a message for each user's bundle that is skipped as broken.
        threshold: The user's own threshold.  If it is set, a model also counts as usable that never
            answers by its own threshold.

    Raises:
        GenreModelError: There is no such bundle, or it or the list of models cannot be read.
    """
    if name == SHIPPED_NAME:
        return backbone_bundle()
    if name is None:
        return bundle_in_use(models, complain, threshold) or backbone_bundle()
    for folder in (models / name, typed_path(name)):
        if may_be_file(folder / MANIFEST):
            return load_bundle(folder)
    raise BundleError(f"there is no model {name}; there are: {', '.join(names_in(models))}")


def names_in(models: Path) -> list[str]:
    """The names of all models: the user's own, and the shipped one."""
    own = sorted(path.parent.name for path in models.glob(f"[!.]*/{MANIFEST}"))
    return [*own, SHIPPED_NAME]


def own_bundles(models: Path, complain: Complain) -> list[Bundle]:
    """The user's own bundles that can be read, for any field."""
    found = (readable_bundle(path.parent, complain) for path in models.glob(f"[!.]*/{MANIFEST}"))
    return [bundle for bundle in found if bundle]


def backbone_bundle() -> Bundle:
    """The shipped bundle, whose network the user's heads use.

    Raises:
        BundleError: The installation is broken.
    """
    return load_bundle(SHIPPED)


def bundle_in_use(models: Path, complain: Complain, threshold: float | None) -> Bundle | None:
    """The user's bundle that is in use; None if the shipped one is.

    If a bundle is missing, broken or for another field, the one used before it is taken.
    """
    names = history(models)
    if not names:
        return newest_bundle(models, complain, threshold)
    return next((bundle for _, bundle in usable_ones(models, names, complain)), None)


def names_to_go_back_to(models: Path) -> list[str]:
    """The list of models in use, up to the one that was in use before; empty if there is none.

    Raises:
        GenreModelError: The list exists but cannot be read.
    """
    names = history(models)
    lists = (names[: place + 1] for place, _ in usable_ones(models, names, lambda _: None))
    present = next(lists, [])
    return next((earlier for earlier in lists if earlier[-1] != present[-1]), [])


def usable_ones(
    models: Path, names: Sequence[str], complain: Complain
) -> Iterator[tuple[int, Bundle | None]]:
    """Each of these models that can be used for genres, the last first.

    A model is its place in ``names`` and its bundle, which is None for the shipped one.
    """
    for place, name in reversed([*enumerate(names)]):
        if name == SHIPPED_NAME:
            yield place, None
            continue
        bundle = readable_bundle(models / name, complain)
        if bundle and bundle.manifest.target == GENRES and is_whole(bundle, complain):
            yield place, bundle


def newest_bundle(models: Path, complain: Complain, threshold: float | None) -> Bundle | None:
    """The user's newest bundle for genres that is intact and can answer, if there is one."""
    wanted = [
        bundle
        for bundle in own_bundles(models, complain)
        if bundle.manifest.target == GENRES and answers(bundle, threshold)
    ]
    newest_first = sorted(wanted, key=age_key, reverse=True)
    return next((bundle for bundle in newest_first if is_whole(bundle, complain)), None)


def age_key(bundle: Bundle) -> tuple[float, str]:
    """A sort key that is larger for newer bundles.

    It is the time of creation that the bundle states.  A bundle from elsewhere may state anything,
    and a clock may have been wrong, so a bundle without a date or with a future one counts as the
    oldest.
    """
    try:
        made = datetime.fromisoformat(bundle.manifest.created_utc.replace("Z", "+00:00"))
        made_s = made.replace(tzinfo=made.tzinfo or timezone.utc).timestamp()
    except (ValueError, OverflowError):
        made_s = 0.0
    return (made_s if made_s <= time.time() + CLOCK_S else 0.0), bundle.manifest.bundle_id


def answers(bundle: Bundle, threshold: float | None) -> bool:
    """Whether a bundle can answer: by its own threshold, or because the user has set one."""
    return threshold is not None or bundle.manifest.answers


def vocabulary_of(
    manifest: Manifest, options: Options, spellings: Mapping[str, str] = NO_SPELLINGS
) -> Vocabulary:
    """The values that a model may answer, by the user's options.

    The options ``genres`` and ``ignore`` do not count for a model of another field.

    Args:
        manifest: The model's manifest.
        options: The user's options.
        spellings: The library's spelling of each genre, by the genre's key.

    Raises:
        GenreModelError: The options name a genre or a selection that the model does not have.
    """
    of_genres = manifest.target == GENRES
    return make_vocabulary(
        manifest.genres,
        manifest.parents,
        manifest.presets,
        options.genres if of_genres else None,
        only=options.only,
        ignored=options.ignore if of_genres else (),
        spellings=spellings,
    )


def readable_bundle(directory: Path, complain: Complain) -> Bundle | None:
    """The bundle in a folder; None, with a complaint, if it cannot be read."""
    try:
        return load_bundle(directory)
    except BundleError as error:
        complain(str(error))
        return None


def is_whole(bundle: Bundle, complain: Complain) -> bool:
    """Whether all files of a bundle match their hashes; complains if not."""
    try:
        bundle.check_files()
    except BundleError as error:
        complain(str(error))
        return False
    return True
