"""The options of a training, read from the configuration.

They are not in ``config``, which every ``beet`` command imports: only ``cnntrain``, ``cnnerrors``
and ``cnncompare`` need them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

import confuse

from beetsplug.cnngenre.config import (
    GENRES,
    PLAY_HISTORY_FIELDS,
    UserError,
    at_least_one,
    fraction,
    genres_wish,
    one_of,
    one_of_or_no,
    only_names,
    share,
)
from genre_model.core.specs import AggregationRule, Band, Position
from genre_model.data.labels import Consolidation


@dataclass(frozen=True, slots=True)
class TrainOptions:
    """The options of ``cnntrain``.

    ``classes`` None means every genre with enough tracks.  For the options from ``aggregation`` to
    ``slices_per_song``, None means the default of ``genre_model``.
    """

    classes: tuple[str, ...] | None
    min_tracks: int
    others: bool
    name: str | None
    labels: Literal["first", "any"]
    map: Mapping[str, str | None]
    field: str
    positive: str | None
    consolidate: Consolidation | None
    architecture: str
    epochs: int | None
    aggregation: AggregationRule | None
    select_instances: float | None
    band: Band | None
    position: Position | None
    slice_seconds: float | None
    slices_per_song: int | None
    play_history: bool
    target_precision: float
    seed: int


def read_train_options(config: confuse.Subview) -> TrainOptions:
    """The options of the section ``train``.

    Raises:
        UserError: A value is out of its range.
        confuse.ConfigError: A value is of the wrong type.
    """
    renamed = genres_wish(config["map"].get() or {})
    positive = config["positive"].get(confuse.Optional(str))
    if not isinstance(renamed, Mapping):
        raise UserError("cnngenre: train.map must be a mapping of names")
    field = field_name(config, positive)
    play_history = config["play_history"].get(bool)
    if play_history:
        check_apart(field, positive)
    return TrainOptions(
        classes=only_names(config["classes"].get(), "train.classes"),
        min_tracks=at_least_one(config, "min_tracks"),
        others=config["others"].get(bool),
        name=config["name"].get(confuse.Optional(str)),
        labels=config["labels"].as_choice(["first", "any"]),
        map=renamed,
        field=field,
        positive=positive,
        consolidate=one_of_or_no(config, "consolidate", get_args(Consolidation)),
        architecture=config["architecture"].get(str),
        epochs=at_least_one(config, "epochs"),
        aggregation=one_of(config, "aggregation", get_args(AggregationRule)),
        select_instances=share(config, "select_instances"),
        band=one_of(config, "band", get_args(Band)),
        position=one_of(config, "position", get_args(Position)),
        slice_seconds=config["slice_seconds"].get(confuse.Optional(confuse.Number())),
        slices_per_song=at_least_one(config, "slices_per_song"),
        play_history=play_history,
        target_precision=fraction(config, "target_precision"),
        seed=config["seed"].get(int),
    )


def field_name(config: confuse.Subview, positive: str | None) -> str:
    """The field to learn; with a query for positive tracks, the field for the model's answer."""
    name = config["field"].get(confuse.Optional(str)) or ("like" if positive else GENRES)
    if not name.isidentifier() or (positive and name == GENRES):
        raise UserError(f"cnngenre: {name} cannot be the name of the model's field")
    return name


def check_apart(field: str, positive: str | None) -> None:
    """Make sure that the learned field or query is not part of the play history.

    Raises:
        UserError: The field or the query is part of the play history.
    """
    learned = [
        name
        for name in PLAY_HISTORY_FIELDS
        if name == field or re.search(rf"\b{name}:", positive or "")
    ]
    if learned:
        raise UserError(f"cnngenre: {learned[0]} cannot be learned from itself, with play_history")
