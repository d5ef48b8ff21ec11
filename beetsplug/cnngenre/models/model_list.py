"""The available models with the figures of their reports, in lines for a terminal."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from beetsplug.cnngenre.config import GENRES
from beetsplug.cnngenre.models.bundles import (
    Complain,
    age_key,
    backbone_bundle,
    find_bundle,
    names_in,
    names_to_go_back_to,
    own_bundles,
    vocabulary_of,
)
from beetsplug.cnngenre.models.in_use import SHIPPED_NAME, keep, use
from beetsplug.cnngenre.session import Session
from genre_model.core.errors import BundleError, GenreModelError
from genre_model.model.bundle.store import REPORT_JSON, SHIPPED, Bundle


@dataclass(frozen=True, slots=True)
class ModelRow:
    """A model, the field that it is for, and the figures of its report; None if it has none.

    ``accuracy`` is the share of tracks whose leading genre is right, ``answered`` the share of
    tracks that get an answer, ``precision`` the share of answers that are right; all out of fold.
    """

    name: str
    in_use: bool
    target: str
    n_genres: int
    n_tracks: int | None
    accuracy: float | None
    answered: float | None
    precision: float | None


def model_lines(session: Session) -> list[str]:
    """The models, the newest first, the shipped one last.

    Raises:
        GenreModelError: The installation is broken.
    """
    shipped = backbone_bundle()
    own = sorted(own_bundles(session.folders.models, session.warn), key=age_key, reverse=True)
    used = in_use(session, session.warn)
    if used is not None and used.directory not in [b.directory for b in (*own, shipped)]:
        own.append(used)  # a model in another folder
    rows = [row_of(bundle, bundle.directory.name, used) for bundle in own]
    return [*table([*rows, row_of(shipped, SHIPPED_NAME, used)]), *advice(session, used)]


def put_in_use(session: Session, name: str) -> None:
    """Use a model from now on.

    Raises:
        GenreModelError: There is no such model, it is damaged or not for genres, the configured
            genres do not fit it, or the list of models in use cannot be written.
    """
    models = session.folders.models
    if name not in names_in(models):
        raise BundleError(f"there is no model {name}; there are: {', '.join(names_in(models))}")
    bundle = find_bundle(name, models, session.warn, threshold=None)
    bundle.check_files()
    if bundle.manifest.target != GENRES:
        raise BundleError(f"{name} is for {bundle.manifest.target}: name it with --model")
    vocabulary_of(bundle.manifest, session.options)  # otherwise every later run would fail
    before = in_use(session.with_options(model=None), lambda _: None)
    use(models, name, instead_of=None if before is None else name_of(before))


def go_back(session: Session) -> None:
    """Use the model that was in use before the present one.

    Raises:
        GenreModelError: There is no earlier model, the configured genres do not fit it, or the list
            of models cannot be read or written.
    """
    models = session.folders.models
    names = names_to_go_back_to(models)
    if not names:
        raise BundleError("there is no earlier model to go back to")
    bundle = find_bundle(names[-1], models, session.warn, threshold=None)
    vocabulary_of(bundle.manifest, session.options)  # otherwise every later run would fail
    keep(models, names)


def name_of(bundle: Bundle) -> str:
    """The name of the user's own model, or of the shipped one."""
    return SHIPPED_NAME if bundle.directory == SHIPPED else bundle.directory.name


def in_use(session: Session, complain: Complain) -> Bundle | None:
    """The bundle that cnngenre uses now; None, with a complaint, if it cannot be used."""
    options = session.options
    try:
        return find_bundle(
            options.model, session.folders.models, lambda _: None, threshold=options.threshold
        )
    except GenreModelError as error:
        complain(str(error))
        return None


def row_of(bundle: Bundle, name: str, used: Bundle | None) -> ModelRow:
    """The table row of a model."""
    report = report_of(bundle)
    n_tracks = report.get("n_tracks")
    return ModelRow(
        name,
        used is not None and used.directory == bundle.directory,
        bundle.manifest.target,
        len(bundle.manifest.genres),
        n_tracks if isinstance(n_tracks, int) else None,
        value_of(report.get("song_accuracy")),
        report.get("coverage"),
        value_of(report.get("precision")),
    )


def value_of(figure: Any) -> float | None:
    """The value of a figure with an interval; None for anything else."""
    return figure.get("value") if isinstance(figure, dict) else None


def report_of(bundle: Bundle) -> dict[str, Any]:
    """A bundle's report; empty if it has none or it cannot be read."""
    if REPORT_JSON not in bundle.files:
        return {}
    try:
        report = json.loads(bundle.read(REPORT_JSON))
    except (BundleError, ValueError, RecursionError):
        return {}
    return report if isinstance(report, dict) else {}


def table(rows: list[ModelRow]) -> list[str]:
    """A line for each model, under a heading."""
    from genre_model.core.text import aligned

    cells = [["  model", "for", "genres", "tracks", "right", "answered", "right of those"]]
    cells += [
        [
            f"{'*' if row.in_use else ' '} {row.name}",
            row.target,
            str(row.n_genres),
            "-" if row.n_tracks is None else str(row.n_tracks),
            share(row.accuracy),
            share(row.answered),
            share(row.precision),
        ]
        for row in rows
    ]
    return aligned(cells, "<<>>>>>")


def share(value: Any) -> str:
    """A share as a percentage; a dash for anything else that a report may say."""
    return f"{value:.0%}" if isinstance(value, int | float) and 0 <= value <= 1 else "-"


def advice(session: Session, used: Bundle | None) -> list[str]:
    """Which model is used, and how to use another one."""
    if used is None:
        return ["cnngenre cannot use the model that is configured"]
    if session.options.model is not None:
        return ["* is the one in use, as configured; cnngenre --model NAME uses another once"]
    has_earlier = names_to_go_back_to(session.folders.models)
    back = ", --back the one before" if has_earlier else ""
    return [f"* is the one in use; beet cnnmodels --use NAME uses another{back}"]
