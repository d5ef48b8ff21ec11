"""Figures of a library's genres, or of what a past run did.  Changes nothing."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from beets.library import Item

from beetsplug.cnngenre.library import Tracks, flexible
from beetsplug.cnngenre.tagging.fields import (
    genres_of,
    is_from_here,
    is_ours,
    is_reviewed,
    own_field,
)
from beetsplug.cnngenre.tagging.journal import PastRun
from beetsplug.cnngenre.tagging.plan import TAGGING, Action

N_BINS = 10
N_GENRES = 15
BAR_WIDTH = 40
NONE = "(none)"
PROBABILITY = flexible("cnngenre_probability")
NOTES = (
    *("cnngenre_written", "cnngenre_reviewed", "cnngenre_respelled"),
    *("cnngenre_previous", "cnngenre_model"),
)


@dataclass(frozen=True, slots=True)
class ModelFigures:
    """The tracks that a model classified, those that it gave genres, and its mean confidence."""

    classified: int
    written: int
    mean_confidence: float


@dataclass(frozen=True, slots=True)
class Stats:
    """A library's figures, in tracks.

    ``reviewed`` tracks have genres that the user decided on in a review.  ``edited_since`` tracks
    were edited by the user in another way, which may have removed all genres.  Of the other tracks
    without genres, ``unsure`` were classified, and ``never_classified`` were not.  ``before`` and
    ``after`` count each of a track's genres.  ``confidence`` counts tracks by the probability of
    their leading genre, in ten bins from 0 to 1.
    """

    tracks: int
    with_genres: int
    written: int
    reviewed: int
    edited_since: int
    unsure: int
    never_classified: int
    before: dict[str, int]
    after: dict[str, int]
    confidence: tuple[int, ...]
    models: dict[str, ModelFigures]


COUNTS = (
    "tracks",
    "with_genres",
    "written",
    "reviewed",
    "edited_since",
    "unsure",
    "never_classified",
)


@dataclass(frozen=True, slots=True)
class RunStats:
    """A run's figures.

    ``seconds`` is the time until the run's end, or until the last track of an unfinished run.
    ``actions`` counts tracks by what was done with them.  The other fields are as in
    :class:`Stats`, for the run's tracks, right before and right after the run.
    """

    run: str
    command: str
    began_utc: str
    state: str
    seconds: float
    options: dict[str, Any]
    tracks: int
    with_genres: int
    actions: dict[str, int]
    before: dict[str, int]
    after: dict[str, int]
    confidence: tuple[int, ...]
    models: dict[str, ModelFigures]


def alike(items: Tracks) -> Iterator[tuple[Item, list[float]]]:
    """One track per group with the same genres and notes, with the probabilities of the group.

    The track has only these fields.  Most tracks of a library are in a few groups, so this is much
    faster than loading all of them.
    """
    kinds: dict[tuple[Any, ...], list[float]] = {}
    for rows in items.rows(", ".join([PROBABILITY, "genres", *map(flexible, NOTES)])):
        for probability, *kind in rows:
            kinds.setdefault(tuple(kind), []).append(float(probability or 0.0))
    for kind, probabilities in kinds.items():
        values = zip(("genres", *NOTES), kind, strict=True)
        known = {
            name: Item._type(name).from_sql(value) for name, value in values if value is not None
        }
        yield Item(**known), probabilities


def stats_of(items: Tracks) -> Stats:
    """The figures of some tracks."""
    counts, before, after = Counter[str](), Counter[str](), Counter[str]()
    bins = [0] * N_BINS
    classified: dict[str, list[tuple[float, bool]]] = {}
    for item, probabilities in alike(items):
        n = len(probabilities)
        genres, ours, reviewed = genres_of(item), is_ours(item), is_reviewed(item)
        previous = own_field(item, "cnngenre_previous")
        model = str(own_field(item, "cnngenre_model") or "")
        counts["tracks"] += n
        counts["with_genres"] += n * bool(genres)
        counts["written"] += n * ours
        counts["reviewed"] += n * reviewed
        edited = previous is not None and not is_from_here(item)
        counts["edited_since"] += n * edited
        counts["unsure" if model else "never_classified"] += n * (not genres and not edited)
        for genre in genres or [NONE]:
            after[genre] += n
        for genre in (genres if previous is None else previous) or [NONE]:
            before[genre] += n
        for confidence in probabilities if model else ():
            bins[bin_of(confidence)] += 1
            classified.setdefault(model, []).append((confidence, ours))
    models = {
        name: ModelFigures(
            len(tracks), sum(ours for _, ours in tracks), sum(c for c, _ in tracks) / len(tracks)
        )
        for name, tracks in sorted(classified.items())
    }
    return Stats(
        **{name: counts[name] for name in COUNTS},
        before=dict(before.most_common()),
        after=dict(after.most_common()),
        confidence=tuple(bins),
        models=models,
    )


def stats_of_run(run: PastRun) -> RunStats:
    """The figures of a past run."""
    before, after = Counter[str](), Counter[str]()
    bins = [0] * N_BINS
    known = [entry.probability for entry in run.entries if entry.probability is not None]
    for confidence in known:
        bins[bin_of(confidence)] += 1
    for entry in run.entries:
        before.update(entry.before or [NONE])
        after.update(entry.after or [NONE])
    actions = Counter(entry.action for entry in run.entries)
    models = {}
    if known:
        n_tagged, mean = actions[TAGGING[Action.WRITE]], sum(known) / len(known)
        models = {run.header.model: ModelFigures(len(known), n_tagged, mean)}
    times = [run.end.seconds] if run.end else [entry.seconds for entry in run.entries[-1:]]
    return RunStats(
        run=run.name,
        command=run.header.command,
        began_utc=run.header.began_utc,
        state="unfinished" if run.end is None else "finished" if run.end.whole else "interrupted",
        seconds=times[0] if times else 0.0,
        options=run.header.options,
        tracks=len(run.entries),
        with_genres=sum(bool(entry.after) for entry in run.entries),
        actions=dict(actions.most_common()),
        before=dict(before.most_common()),
        after=dict(after.most_common()),
        confidence=tuple(bins),
        models=models,
    )


def bin_of(confidence: float) -> int:
    """The bin of the histogram that a confidence belongs to."""
    return min(int(confidence * N_BINS), N_BINS - 1)


def as_json(stats: Stats | RunStats) -> str:
    """The figures as a JSON object."""
    return json.dumps(asdict(stats), indent=2, ensure_ascii=True)


def as_lines(stats: Stats | RunStats) -> list[str]:
    """The figures for a terminal."""
    heading = run_lines(stats) if isinstance(stats, RunStats) else []
    return [
        *heading,
        *coverage_lines(stats),
        *genre_lines(stats),
        *confidence_lines(stats),
        *model_lines(stats),
    ]


def run_lines(stats: RunStats) -> list[str]:
    """The run's name, command, duration and options."""
    from genre_model.core.text import clock, harmless

    pace = f", {stats.seconds / stats.tracks:.2f} s a track" if stats.tracks else ""
    wishes = ", ".join(
        f"{name} {value}" for name, value in stats.options.items() if value not in (None, False)
    )
    return [
        f"{harmless(stats.run)}: {stats.command}, {stats.state} after {clock(stats.seconds)}{pace}",
        harmless(wishes),
        "",
    ]


def coverage_lines(stats: Stats | RunStats) -> list[str]:
    """How many tracks have genres, and from whom; for a run, what was done with its tracks."""
    rows = {"tracks": stats.tracks, "with genres": stats.with_genres}
    if isinstance(stats, RunStats):
        rows |= stats.actions
    else:
        rows |= {
            "of these written by cnngenre": stats.written,
            "decided by you in a review": stats.reviewed,
            "edited since by you": stats.edited_since,
            "without, as it was unsure": stats.unsure,
            "without, never classified": stats.never_classified,
        }
    total = max(stats.tracks, 1)
    return [f"{name:<30} {n:>7}  {n / total:>4.0%}" for name, n in rows.items()]


def genre_lines(stats: Stats | RunStats) -> list[str]:
    """The most common genres, with the tracks that had them before and have them now."""
    from genre_model.core.text import aligned, harmless

    names = sorted(
        {*stats.before, *stats.after} - {NONE},
        key=lambda name: (-stats.after.get(name, 0), -stats.before.get(name, 0), name),
    )
    if not stats.tracks:
        return []
    rows = [["genre", "before", "   now"]]
    rows += [
        [harmless(name), str(stats.before.get(name, 0)), str(stats.after.get(name, 0))]
        for name in (NONE, *names[:N_GENRES])
    ]
    lines = ["", *aligned(rows, "<>>")]
    rest = len(names) - N_GENRES
    return [*lines, f"and {rest} more"] if rest > 0 else lines


def confidence_lines(stats: Stats | RunStats) -> list[str]:
    """A histogram of the confidence of the classified tracks."""
    most = max(stats.confidence)
    if not most:
        return []
    lines = ["", "confidence  tracks"]
    for index, n in enumerate(stats.confidence):
        bar = "#" * -(-BAR_WIDTH * n // most)
        lines.append(f"{index / N_BINS:.1f} - {(index + 1) / N_BINS:.1f} {n:>7}  {bar}".rstrip())
    return lines


def model_lines(stats: Stats | RunStats) -> list[str]:
    """A table of what each model has done."""
    if not stats.models:
        return []
    from genre_model.core.text import aligned

    rows = [["model", "classified", "written", "mean confidence"]]
    rows += [
        [name, str(one.classified), str(one.written), f"{one.mean_confidence:.2f}"]
        for name, one in stats.models.items()
    ]
    return ["", *aligned(rows, "<>>>")]


def run_line(run: PastRun) -> str:
    """A line about a run."""
    from genre_model.core.text import harmless

    return (
        f"{harmless(run.name)}  {run.header.command:<11} {len(run.entries):>7} tracks  "
        f"{harmless(run.header.model)}".rstrip()
    )
