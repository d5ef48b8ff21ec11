"""``beet cnngenre --stats``: how far it has come with a library; hears and changes nothing."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass

from beets.library import Item

from beetsplug.cnngenre.tagging import genres_of, is_ours, own_field

N_BINS = 10
N_GENRES = 15
BAR_WIDTH = 40
NONE = "(none)"


@dataclass(frozen=True, slots=True)
class ModelFigures:
    """What one model has heard: tracks, those that it gave genres, and its mean confidence."""

    heard: int
    written: int
    mean_confidence: float


@dataclass(frozen=True, slots=True)
class Stats:
    """A library's figures, in tracks.

    ``unsure`` have been heard and have no genres; ``never_heard`` have neither.  ``before`` and
    ``after`` count each of a track's genres.  ``confidence``: tracks by their leading genre's
    probability, in ten bins from 0 to 1.
    """

    tracks: int
    with_genres: int
    written: int
    edited_since: int
    unsure: int
    never_heard: int
    before: dict[str, int]
    after: dict[str, int]
    confidence: tuple[int, ...]
    models: dict[str, ModelFigures]


def stats_of(items: Iterable[Item]) -> Stats:
    """The figures of some tracks."""
    counts, before, after = Counter[str](), Counter[str](), Counter[str]()
    bins = [0] * N_BINS
    heard: dict[str, list[tuple[float, bool]]] = {}
    for item in items:
        genres, ours = genres_of(item), is_ours(item)
        previous = own_field(item, "cnngenre_previous")
        model = str(own_field(item, "cnngenre_model") or "")
        counts["tracks"] += 1
        counts["with_genres"] += bool(genres)
        counts["written"] += ours
        counts["edited_since"] += previous is not None and not ours
        counts["unsure" if model else "never_heard"] += not genres
        after.update(genres or [NONE])
        before.update(genres if previous is None else list(previous) or [NONE])
        if previous is None and not genres:
            before[NONE] += 1
        if model:
            confidence = float(own_field(item, "cnngenre_probability") or 0.0)
            bins[min(int(confidence * N_BINS), N_BINS - 1)] += 1
            heard.setdefault(model, []).append((confidence, ours))
    models = {
        name: ModelFigures(
            len(tracks), sum(ours for _, ours in tracks), sum(c for c, _ in tracks) / len(tracks)
        )
        for name, tracks in sorted(heard.items())
    }
    names = ("tracks", "with_genres", "written", "edited_since", "unsure", "never_heard")
    figures = {name: counts[name] for name in names}
    return Stats(
        **figures,
        before=dict(before.most_common()),
        after=dict(after.most_common()),
        confidence=tuple(bins),
        models=models,
    )


def as_json(stats: Stats) -> str:
    """The figures as a JSON object."""
    return json.dumps(asdict(stats), indent=2, ensure_ascii=True)


def as_lines(stats: Stats) -> list[str]:
    """The figures for a terminal."""
    return [
        *coverage_lines(stats),
        *genre_lines(stats),
        *confidence_lines(stats),
        *model_lines(stats),
    ]


def coverage_lines(stats: Stats) -> list[str]:
    """How many tracks have genres, and whose."""
    rows = {
        "tracks": stats.tracks,
        "with genres": stats.with_genres,
        "of these written by cnngenre": stats.written,
        "edited since by you": stats.edited_since,
        "without, as it was unsure": stats.unsure,
        "without, never heard": stats.never_heard,
    }
    total = max(stats.tracks, 1)
    return [f"{name:<30} {n:>7}  {n / total:>4.0%}" for name, n in rows.items()]


def genre_lines(stats: Stats) -> list[str]:
    """The commonest genres, with the tracks that had them before and have them now."""
    from genre_model.evidence import harmless

    names = sorted(
        {*stats.before, *stats.after} - {NONE},
        key=lambda name: (-stats.after.get(name, 0), -stats.before.get(name, 0), name),
    )
    if not stats.tracks:
        return []
    rows = [NONE, *names[:N_GENRES]]
    width = max(len(harmless(name)) for name in (*rows, "genre"))
    lines = ["", f"{'genre':<{width}}  before     now"]
    lines += [
        f"{harmless(name):<{width}} {stats.before.get(name, 0):>7} {stats.after.get(name, 0):>7}"
        for name in rows
    ]
    rest = len(names) - N_GENRES
    return [*lines, f"and {rest} more"] if rest > 0 else lines


def confidence_lines(stats: Stats) -> list[str]:
    """A histogram of the confidence of what was heard."""
    most = max(stats.confidence)
    if not most:
        return []
    lines = ["", "confidence  tracks"]
    for index, n in enumerate(stats.confidence):
        bar = "#" * -(-BAR_WIDTH * n // most)
        lines.append(f"{index / N_BINS:.1f} - {(index + 1) / N_BINS:.1f} {n:>7}  {bar}".rstrip())
    return lines


def model_lines(stats: Stats) -> list[str]:
    """What each model has done."""
    if not stats.models:
        return []
    width = max(len(name) for name in (*stats.models, "model"))
    return ["", f"{'model':<{width}}   heard  written  mean confidence"] + [
        f"{name:<{width}} {one.heard:>7} {one.written:>8} {one.mean_confidence:>16.2f}"
        for name, one in stats.models.items()
    ]
