"""From the library's labels to labelled tracks, and back to a sentence about them."""

from __future__ import annotations

import importlib.util
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import yaml
from beets.library import Item

from beetsplug.cnngenre.tagging import genres_of, is_ours
from genre_model.dataset import LabelledTrack
from genre_model.labels import Labelling, LabelPolicy, read_labels, tree_parents

TREE = "genres-tree.yaml"


def labelled_tracks(
    items: Iterable[Item], policy: LabelPolicy
) -> tuple[list[LabelledTrack], Labelling, int]:
    """The tracks that teach, how their labels were read, and how many we labelled ourselves.

    Raises:
        GenreModelError: The labels leave nothing to tell apart.
    """
    labelled = [item for item in items if genres_of(item)]
    own = [item for item in labelled if not is_ours(item)]
    labelling = read_labels([genres_of(item) for item in own], policy)
    tracks = [
        as_track(item, labels) for item, labels in zip(own, labelling.labels, strict=True) if labels
    ]
    return tracks, labelling, len(labelled) - len(own)


def as_track(item: Item, labels: tuple[str, ...]) -> LabelledTrack:
    """A beets item as the engine knows it."""
    return LabelledTrack(
        Path(item.filepath), labels, item.artist or "", item.album or "", item.title or ""
    )


def beets_tree() -> dict[str, str]:
    """Child -> parent of the genre tree that comes with beets' lastgenre, without importing that.

    Empty where beets has no such file.
    """
    spec = importlib.util.find_spec("beetsplug.lastgenre")
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        path = Path(folder) / TREE
        if path.is_file():
            return tree_parents(yaml.safe_load(path.read_text(encoding="utf-8")))
    return {}


def overview(
    tracks: Sequence[LabelledTrack], dropped: Mapping[str, tuple[int, str]], n_ours: int
) -> list[str]:
    """What a training would use: a line a class, and a line a label that was dropped."""
    counts = Counter(track.label for track in tracks)
    artists: dict[str, set[str]] = {}
    for track in tracks:
        artists.setdefault(track.label, set()).add(track.artist.casefold())
    width = max(len(name) for name in (*counts, *dropped, "genre"))
    lines = [f"{'genre':<{width}}  tracks  artists"]
    lines += [
        f"{name:<{width}}  {n:>6}  {len(artists[name]):>7}" for name, n in counts.most_common()
    ]
    lines += [
        f"{label:<{width}}  {n:>6}  not used: {why}"
        for label, (n, why) in sorted(dropped.items(), key=lambda entry: -entry[1][0])
    ]
    if n_ours:
        lines.append(f"{n_ours} tracks that cnngenre labelled itself are not used")
    return lines
