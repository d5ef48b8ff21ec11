"""Which of a song's segments votes, and by which rule: Costa et al. (2011)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from genre_model.core.errors import GenreModelError
from genre_model.core.specs import AggregationRule, AggregationSpec
from genre_model.evaluation.metrics import Interval, two_way_ratio
from genre_model.features.textures import N_ZONES
from genre_model.model.aggregation import aggregate
from genre_model.training.experiments.results.outcome import Answers
from genre_model.training.experiments.results.tables import Outcomes, Table, percent, span

# The paper's rules by our names: sum, product, max and majority.
RULES: dict[str, AggregationRule] = {
    "sum": "mean",
    "product": "product",
    "max": "max",
    "majority": "majority",
}

N_SEGMENTS = 3

SEGMENTS = {
    "beginning": slice(0, N_ZONES),
    "middle": slice(N_ZONES, 2 * N_ZONES),
    "end": slice(2 * N_ZONES, 3 * N_ZONES),
    "all three": slice(0, 3 * N_ZONES),
}


def fusion(outcomes: Outcomes) -> Table:
    """Song accuracy by the segments that vote and the rule, of songs that have three segments.

    Raises:
        GenreModelError: No song of a test is so long.
    """
    (found,) = outcomes.values()
    tests = [outcome.test for outcome in found]
    n_long = sum(len(long_songs(test)) for test in tests)
    if not n_long:
        raise GenreModelError("no song of the tests is as long as three segments of half a minute")
    cells = {
        title: [fused_right(tests, votes, rule) for rule in RULES.values()]
        for title, votes in SEGMENTS.items()
    }
    bars = [(f"{title}, sum", row[0]) for title, row in cells.items()]
    best = max(
        (
            (title, rule, cell)
            for title, row in cells.items()
            for rule, cell in zip(RULES, row, strict=True)
        ),
        key=lambda entry: entry[2].value,
    )
    conclusion = (
        f"Of {n_long} songs of 90 s and more, most are right with {best[0]} by the {best[1]} rule: "
        f"{percent(best[2].value)} %."
    )
    return Table(
        ("segments that vote", *(f"{rule}, %" for rule in RULES)),
        tuple((title, *map(span, row)) for title, row in cells.items()),
        tuple(bars),
        conclusion,
    )


def long_songs(test: Answers) -> list[int]:
    """The songs with a vote of each zone of three segments."""
    counts = np.bincount(test.song, minlength=len(test.truth))
    long: list[int] = np.flatnonzero(counts >= N_SEGMENTS * N_ZONES).tolist()
    return long


def fused_right(tests: Sequence[Answers], votes: slice, rule: AggregationRule) -> Interval:
    """Song accuracy when these votes are fused by a rule."""
    right: list[bool] = []
    groups: list[str] = []
    trainings: list[int] = []
    for number, test in enumerate(tests):
        for song in long_songs(test):
            fused = aggregate(test.of_song(song)[votes], AggregationSpec(rule))
            right.append(bool(fused.argmax() == test.truth[song]))
            groups.append(test.group[song])
            trainings.append(number)
    return two_way_ratio(np.array(right), np.ones(len(right)), groups, trainings)
