"""The table, the bars of the chart, and the conclusion of an experiment."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from genre_model.core.arrays import Bools, Ints
from genre_model.core.specs import AggregationRule, AggregationSpec
from genre_model.data.folds import SplitBy
from genre_model.evaluation.metrics import (
    Interval,
    calibration_error,
    two_way_interval,
    two_way_ratio,
)
from genre_model.model.aggregation import aggregate
from genre_model.training.experiments.results.figures import (
    Figures,
    area_under_curve,
    brier_score,
    detectable_effect,
    difference,
    figures_of,
    fitted_inverse_temperature,
    groups_of,
    negative_log_likelihood,
    paired_difference,
    share_right,
    song_probabilities,
    songs_right,
    top_two,
)
from genre_model.training.experiments.results.outcome import Answers, Outcome

# Condition -> one outcome per seed.
Outcomes = Mapping[str, Sequence[Outcome]]

RULES: tuple[AggregationRule, ...] = ("mean", "product", "majority", "max", "confidence")

N_VOTES = (1, 2, 4, 8)


@dataclass(frozen=True, slots=True)
class Table:
    """Cells as they are printed, bars for the chart, and the conclusion.

    ``measure`` is what the bars show.
    """

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    bars: tuple[tuple[str, Interval], ...]
    conclusion: str
    measure: str = "songs right"


Tabulate = Callable[[Outcomes], Table]


def percent(value: float) -> str:
    """A share as a percentage with one decimal."""
    return f"{100 * value:.1f}"


def span(interval: Interval) -> str:
    """A share with its interval, in percent."""
    return f"{percent(interval.value)} [{percent(interval.low)}, {percent(interval.high)}]"


def gain(interval: Interval) -> str:
    """A difference with its interval, in percentage points."""
    return f"{100 * interval.value:+.1f} [{100 * interval.low:+.1f}, {100 * interval.high:+.1f}]"


def compared(outcomes: Outcomes) -> Table:
    """Conditions tested on the same songs, compared with the first under the same split."""
    firsts = first_of_each_split(outcomes)
    differences = {
        name: paired_difference(outcomes[firsts[name]], found)
        for name, found in outcomes.items()
        if firsts[name] != name
    }
    rows, bars = plain_rows(outcomes)
    gains = [gain(differences[name]) if name in differences else "" for name in outcomes]
    lines = [verdict(differences, firsts)]
    for first in dict.fromkeys(firsts.values()):
        lines += untouched(first, {n: found for n, found in outcomes.items() if firsts[n] == first})
    return Table(
        (*PLAIN, "songs against the first"),
        tuple((*row, difference) for row, difference in zip(rows, gains, strict=True)),
        bars,
        "  ".join(lines),
    )


def first_of_each_split(outcomes: Outcomes) -> dict[str, str]:
    """Condition -> the condition that it is compared with: the first with the same split."""
    firsts: dict[SplitBy, str] = {}
    found: dict[str, str] = {}
    for name, trainings in outcomes.items():
        found[name] = firsts.setdefault(trainings[0].facts.split_by, name)
    return found


def verdict(differences: Mapping[str, Interval], firsts: Mapping[str, str]) -> str:
    """Which conditions differ, and how large a difference would have been detected.

    There is no Bonferroni correction: of twenty intervals, one excludes zero by chance.
    """
    bases = " and ".join(f"“{name}”" for name in dict.fromkeys(firsts.values()))
    clear = [f"{name} ({gain(d)})" for name, d in differences.items() if d.low > 0 or d.high < 0]
    effects = [round(100 * detectable_effect(d)) for d in differences.values()]
    seen = sorted(effect for effect in effects if effect)  # 0: almost no answer differs
    points = " to ".join(dict.fromkeys(map(str, seen[:1] + seen[-1:])))
    power = (
        f"A true difference of {points} points would have been found four times out of five."
        if seen
        else ""
    )
    if not clear:
        return f"Nothing differs from {bases} beyond chance in song accuracy.  {power}".strip()
    rest = "; the others do not differ beyond chance" if len(clear) < len(differences) else ""
    return f"Against {bases}, song accuracy differs with {'; '.join(clear)}{rest}.  {power}".strip()


def untouched(first: str, outcomes: Outcomes) -> list[str]:
    """Compare a split's best condition with its first, on the songs that were put aside, if any."""
    asides = {name: [o.untouched for o in found] for name, found in outcomes.items()}
    best = max(outcomes, key=lambda name: songs_right_of(outcomes[name]))
    ours = [answers for answers in asides[first] if answers is not None]
    theirs = [answers for answers in asides[best] if answers is not None]
    if not ours or len(ours) != len(outcomes[first]) or len(theirs) != len(ours):
        return []
    if best == first:
        return [f"No condition has more songs right than “{first}”."]
    shares = [percent(float(np.mean([songs_right(a).mean() for a in s]))) for s in (ours, theirs)]
    by_slice = outcomes[first][0].facts.split_by == "slice"
    part = "slices of " if by_slice else ""  # songs are in all parts
    found = f"“{first}” has {shares[0]} % right and “{best}”, the best of the folds, {shares[1]} %"
    against = gain(difference(ours, theirs))
    n_songs = len(ours[0].truth)
    return [f"On the {part}{n_songs} songs that nothing was chosen by, {found} ({against})."]


def songs_right_of(found: Sequence[Outcome]) -> float:
    """The share of songs that are right, over all tests."""
    return float(np.concatenate([songs_right(outcome.test) for outcome in found]).mean())


PLAIN = (
    "condition",
    "slices right, %",
    "of training slices, %",
    "songs right, %",
    "macro-F1, %",
    "majority, %",
    "slices by seed, %",
    "songs by seed, %",
    "epochs, best, kept",
    "most confused",
    "weights",
    "training, s",
)


def plain_rows(
    outcomes: Outcomes,
) -> tuple[list[tuple[str, ...]], tuple[tuple[str, Interval], ...]]:
    """A row and a bar for each condition."""
    rows: list[tuple[str, ...]] = []
    bars: list[tuple[str, Interval]] = []
    for name, found in outcomes.items():
        figures = figures_of(found)
        rows.append(
            (
                name,
                span(figures.slices),
                percent(figures.training_accuracy),
                span(figures.song),
                percent(figures.macro_f1),
                percent(figures.baseline),
                " ".join(f"{100 * s:.0f}" for s in figures.slices_by_seed),
                " ".join(f"{100 * s:.0f}" for s in figures.songs_by_seed),
                epochs(figures),
                most_confused(figures),
                "-" if figures.n_weights is None else f"{figures.n_weights:,}",
                f"{figures.training_s:.0f}",
            )
        )
        bars.append((name, figures.song))
    return rows, tuple(bars)


def epochs(figures: Figures) -> str:
    """The number of epochs, the best epoch on the validation, and the epoch that is tested."""
    if not figures.epochs:
        return "-"
    return f"{figures.epochs:.0f}, {figures.best_epoch:.0f}, {figures.kept_epoch:.0f}"


def most_confused(figures: Figures) -> str:
    """The commonest confusion of a genre with another, with the share of the genre's songs."""
    counts = np.array(figures.confusion, dtype=np.float64)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    np.fill_diagonal(shares, 0)
    truth, answer = np.unravel_index(shares.argmax(), shares.shape)
    if not shares[truth, answer]:
        return "-"
    names = figures.genres
    return f"{names[int(truth)]} as {names[int(answer)]} ({100 * shares.max():.0f} %)"


def side_by_side(outcomes: Outcomes) -> Table:
    """Conditions that were tested on different songs or slices."""
    rows, bars = plain_rows(outcomes)
    best = max(bars, key=lambda bar: bar[1].value)
    worst = min(bars, key=lambda bar: bar[1].value)
    low, high = (f"{percent(bar[1].value)} % ({bar[0]})" for bar in (worst, best))
    conclusion = f"Songs right range from {low} to {high}."
    if best is worst:
        conclusion = f"Songs right: {high}."
    return Table(PLAIN, tuple(rows), bars, conclusion)


def probabilities(outcomes: Outcomes) -> Table:
    """How good the probabilities are, without and with a fitted temperature."""
    (found,) = outcomes.values()
    tests = [outcome.test for outcome in found]
    rows: list[tuple[str, ...]] = []
    errors: list[float] = []
    for title, is_fitted in (("as they come", False), ("temperature fitted", True)):
        songs = [
            song_probabilities(
                o.test, fitted_inverse_temperature(o.validation) if is_fitted else 1.0
            )
            for o in found
        ]
        p, truth = np.concatenate(songs), np.concatenate([test.truth for test in tests])
        right = p.argmax(axis=1) == truth
        errors.append(calibration_error(p.max(axis=1), right))
        sure = p.max(axis=1) >= np.median(p.max(axis=1))
        surer = two_way_ratio(right & sure, sure, *groups_of(tests))
        rows.append(
            (
                title,
                percent(float(right.mean())),
                percent(top_two(p, truth)),
                span(surer),
                f"{errors[-1]:.3f}",
                f"{brier_score(p, truth):.3f}",
                f"{negative_log_likelihood(p, truth):.3f}",
            )
        )
    columns = (
        "probabilities",
        "songs right, %",
        "among the first two, %",
        "right in the surer half, %",
        "calibration error",
        "Brier score",
        "log loss",
    )
    conclusion = (
        f"The calibration error is {errors[0]:.3f} as they come and {errors[1]:.3f} with a "
        f"temperature fitted on the validation's songs; with it, of the surer half of the songs "
        f"{percent(surer.value)} % are right, "
        f"{gain(against_the_rest(right, sure, tests))} against the other half."
    )
    bars = tuple((name, figures_of(list(o)).song) for name, o in outcomes.items())
    return Table(columns, tuple(rows), bars, conclusion)


def against_the_rest(right: Bools, some: Bools, tests: Sequence[Answers]) -> Interval:
    """The share right of some songs minus that of the others; ``right``, ``some``: (n_songs,)."""

    def less(i: Ints) -> float:
        both = some[i].any() and not some[i].all()
        return float(right[i][some[i]].mean() - right[i][~some[i]].mean()) if both else np.nan

    return two_way_interval(less, *groups_of(tests))


def votes(outcomes: Outcomes) -> Table:
    """Song accuracy by the number of slices that vote, and the rule."""
    (found,) = outcomes.values()
    tests = [outcome.test for outcome in found]
    right = {
        (n_votes, rule): votes_right(tests, n_votes, rule)
        for n_votes in (*N_VOTES, None)
        for rule in RULES
    }
    rows: list[tuple[str, ...]] = []
    bars: list[tuple[str, Interval]] = []
    for n_votes in (*N_VOTES, None):
        cells = [share_right(right[n_votes, rule], tests) for rule in RULES]
        title = "all slices" if n_votes is None else f"{n_votes} slice{'s' * (n_votes > 1)}"
        rows.append((title, *(span(cell) for cell in cells)))
        bars.append((f"{title}, mean", cells[0]))
    first, last = bars[0][1].value, bars[-1][1].value
    more = share_right(right[None, "mean"] - right[1, "mean"], tests)
    conclusion = (
        f"By the mean, {percent(first)} % of songs are right with one slice and {percent(last)} % "
        f"with all ({gain(more)})."
    )
    return Table(
        ("slices that vote", *(f"{rule}, %" for rule in RULES)),
        tuple(rows),
        tuple(bars),
        conclusion,
    )


def votes_right(tests: Sequence[Answers], n_votes: int | None, rule: AggregationRule) -> Ints:
    """(n_songs,): 1 if a song is right when ``n_votes`` slices, spread over it, vote, else 0."""
    right: list[bool] = []
    for test in tests:
        for number, truth in enumerate(test.truth.tolist()):
            logits = test.of_song(number)
            if n_votes is not None and len(logits) > n_votes:
                places = (np.arange(n_votes) + 0.5) * len(logits) / n_votes
                logits = logits[places.astype(np.intp)]
            right.append(bool(aggregate(logits, AggregationSpec(rule)).argmax() == truth))
    return np.array(right, dtype=np.intp)


def likes(outcomes: Outcomes) -> Table:
    """How well liked songs are ranked above the others."""
    rows: list[tuple[str, ...]] = []
    bars: list[tuple[str, Interval]] = []
    for name, found in outcomes.items():
        scores = np.concatenate(
            [song_probabilities(o.test)[:, o.facts.genres.index("like")] for o in found]
        )
        liked = np.concatenate([o.test.truth == o.facts.genres.index("like") for o in found])

        def area(i: np.ndarray, scores: np.ndarray = scores, liked: np.ndarray = liked) -> float:
            both = liked[i].any() and not liked[i].all()
            return area_under_curve(scores[i], liked[i]) if both else float("nan")

        interval = two_way_interval(area, *groups_of([o.test for o in found]))
        rows.append((name, percent(float(liked.mean())), span(interval)))
        bars.append((name, interval))
    worst = min(bars, key=lambda bar: bar[1].value)
    conclusion = (
        "Of two songs, one liked and one not, the liked one is ranked first in "
        f"{percent(worst[1].value)} % or more of the pairs ({worst[0]}).  These people are made "
        "up; real likes are less simple."
    )
    measure = "area under the curve"
    columns = ("person", "liked, %", f"{measure}, %")
    return Table(columns, tuple(rows), tuple(bars), conclusion, measure)
