"""From the library's labels to labelled tracks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Set
from dataclasses import replace
from pathlib import Path

from beets.library import Item

from beetsplug.cnngenre.classify.play_history import play_history_of
from beetsplug.cnngenre.config import GENRES
from beetsplug.cnngenre.tagging.fields import is_ours, own_genres
from genre_model.data.labels import Labelling, LabelPolicy, read_labels
from genre_model.data.tracks import LabelledTrack

LabelsOf = Callable[[Item], tuple[str, ...]]


def labelled_tracks(
    items: Iterable[Item],
    labels_of: LabelsOf,
    target: str,
    policy: LabelPolicy,
    *,
    to_show: bool = False,
) -> tuple[list[LabelledTrack], Labelling, int]:
    """The tracks to train on, how their labels were read, and how many have only our labels.

    What is needed of a track is kept, not the item, which is several times larger.

    Raises:
        GenreModelError: A wanted genre is on no track or, unless ``to_show``, fewer than two
            classes are left.
    """
    found: list[LabelledTrack] = []  # with the labels as they are in the library
    n_ours = 0
    for item in items:
        labels = labels_of(item)
        own = users_labels(item, labels) if target == GENRES else labels
        if own:
            found.append(as_track(item, own))
        elif labels:
            n_ours += 1
    labelling = read_labels([track.labels for track in found], policy, to_show=to_show)
    pairs = zip(found, labelling.labels, strict=True)
    return [replace(track, labels=labels) for track, labels in pairs if labels], labelling, n_ours


def users_labels(item: Item, labels: tuple[str, ...]) -> tuple[str, ...]:
    """A track's labels without those that we wrote."""
    if not is_ours(item):
        return labels
    own = own_genres(item)
    return tuple(label for label in labels if label in own)


def field_labels(field: str) -> LabelsOf:
    """Reads labels from a field: all the values of a list, or the one value as text."""

    def labels_of(item: Item) -> tuple[str, ...]:
        return labels_of_value(field, item.get(field))

    return labels_of


def labels_of_value(field: str, value: object) -> tuple[str, ...]:
    """The labels of a field: all of a list, or the one value as text.

    The value that beets uses for unknown, such as the year 0, is not a label.
    """
    if value == Item._type(field).null and not isinstance(value, bool):
        return ()
    values = value if isinstance(value, list | tuple) else [value]
    return tuple(str(one).strip() for one in values if one is not None and str(one).strip())


def query_labels(positive_ids: Set[int]) -> LabelsOf:
    """Labels tracks of the positive query "yes" and all others "no"."""
    return lambda item: ("yes",) if item.id in positive_ids else ("no",)


def as_track(item: Item, labels: tuple[str, ...]) -> LabelledTrack:
    """A beets item as a labelled track of the engine."""
    return LabelledTrack(
        Path(item.filepath),
        labels,
        item.artist or "",
        item.album or "",
        item.title or "",
        play_history_of(item),
    )
