"""Song accuracy by the segments that vote and the fusion rule, after Costa et al. (2011)."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate

import numpy as np
from numpy.typing import NDArray

from genre_model.core.errors import GenreModelError
from genre_model.core.specs import AggregationRule, AggregationSpec
from genre_model.evaluation.metrics import Interval, two_way_ratio
from genre_model.features.textures import N_ZONES
from genre_model.model.aggregation import aggregate
from genre_model.training.experiments.results.outcome import Answers, Outcome
from genre_model.training.experiments.results.tables import Outcomes, Table, gain, percent, span

# The rules of Costa et al. -> our names.
RULES: dict[str, AggregationRule] = {
    "sum": "mean",
    "product": "product",
    "max": "max",
    "majority": "majority",
}

N_SEGMENTS = 3
# Length in seconds from which a song's three segments of half a minute do not overlap.
SEGMENTS_S = 90.0

SEGMENTS = {
    "beginning": slice(0, N_ZONES),
    "middle": slice(N_ZONES, 2 * N_ZONES),
    "end": slice(2 * N_ZONES, 3 * N_ZONES),
    "all three": slice(0, 3 * N_ZONES),
}

# The segments and the rule that the best combination is compared with.
BASELINE = ("all three", "sum")


def fusion(outcomes: Outcomes) -> Table:
    """Song accuracy by the segments that vote and the rule, for songs with three segments.

    Raises:
        GenreModelError: No test song is long enough for three segments.
    """
    (found,) = outcomes.values()
    tests = [outcome.test for outcome in found]
    n_long = sum(len(long_songs(test)) for test in first_turn(found))
    if not n_long:
        raise GenreModelError("no song of the tests is as long as three segments of half a minute")
    groups = [test.group[song] for test in tests for song in long_songs(test)]
    trainings = [number for number, test in enumerate(tests) for _ in long_songs(test)]

    def share(values: NDArray[np.floating]) -> Interval:
        return two_way_ratio(values, np.ones(len(values)), groups, trainings)

    right = {
        (title, name): fused_right(tests, votes, rule)
        for title, votes in SEGMENTS.items()
        for name, rule in RULES.items()
    }
    cells = {way: share(values) for way, values in right.items()}
    best = max(cells, key=lambda way: cells[way].value)
    against = gain(share(right[best] - right[BASELINE]))
    conclusion = (
        f"Of {n_long} songs of 90 s and more, most are right with {best[0]} by the {best[1]} rule: "
        f"{percent(cells[best].value)} %, the best of {len(cells)} ways "
        f"({against} against {BASELINE[0]} by the {BASELINE[1]})."
    )
    return Table(
        ("segments that vote", *(f"{rule}, %" for rule in RULES)),
        tuple((title, *(span(cells[title, rule]) for rule in RULES)) for title in SEGMENTS),
        tuple((f"{title}, sum", cells[title, "sum"]) for title in SEGMENTS),
        conclusion,
    )


def first_turn(found: Sequence[Outcome]) -> list[Answers]:
    """The tests of the seeds until every song was tested; later seeds test the same songs again."""
    one = found[0]
    n_songs = one.facts.n_training_songs + len(one.validation.truth) + len(one.test.truth)
    n_before = accumulate((len(outcome.test.truth) for outcome in found), initial=0)
    return [outcome.test for outcome, n in zip(found, n_before, strict=False) if n < n_songs]


def long_songs(test: Answers) -> list[int]:
    """The indices of the songs that have three segments, with a vote of each zone."""
    counts = np.bincount(test.song, minlength=len(test.truth))
    long: list[int] = np.flatnonzero(counts >= N_SEGMENTS * N_ZONES).tolist()
    return long


def fused_right(
    tests: Sequence[Answers], votes: slice, rule: AggregationRule
) -> NDArray[np.floating]:
    """(n,): 1 for each long song whose ``votes``, fused by the rule, give its genre, else 0."""
    spec = AggregationSpec(rule)
    right = [
        aggregate(test.of_song(song)[votes], spec).argmax() == test.truth[song]
        for test in tests
        for song in long_songs(test)
    ]
    return np.array(right, np.float64)
