"""Support vector machines on zones of a slice, fitted with scikit-learn, as one ONNX network.

Every zone of a slice has its own machines and its own vote.  In a zone, each genre is told from the
rest by one machine with a radial kernel, and Platt's sigmoid makes a probability of what it says;
the genres' probabilities are divided by their sum.  That is what scikit-learn's
``CalibratedClassifierCV(OneVsRestClassifier(SVC()), ensemble=False)`` does, with songs kept whole
in its folds.  The pairwise coupling of ``SVC(probability=True)`` is not used: it is iterative,
knows nothing of songs, and scikit-learn gives it up.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

Bools = NDArray[np.bool_]


Ints = NDArray[np.intp]


Float32 = NDArray[np.float32]


Float64 = NDArray[np.float64]


# Of so many and ten genres, a fit takes a minute or so and 0.4 GB; both grow with the square.
MAX_SLICES = 3000


# The grid, gamma in units of one over the number of values, and what it is tried on.
PENALTIES = (1.0, 10.0, 100.0)


GAMMAS = (0.25, 1.0, 4.0)


SEARCH_SLICES = 600


SEARCH_ZONES = 3


N_FOLDS = 3


# Of the solver: probabilities are then exact to four digits.
TOLERANCE = 1e-5


# The least probability, so that its logarithm is finite.
FLOOR = 1e-7


@dataclass(frozen=True, slots=True)
class Setting:
    """The machines' penalty C and the kernel's gamma: exp(-gamma * squared distance)."""

    penalty: float
    gamma: float


@dataclass(frozen=True, slots=True, eq=False)
class ZoneMachines:
    """The machines of a zone, n slices of d values being their examples.

    The decisions on ``x`` are ``kernel((x - mean) / scale, examples) @ weights + bias``, and the
    sigmoids of ``slope * decision + offset`` are the probabilities, which do not sum to 1 yet.

    ``mean``, ``scale``: (d,).  ``examples``: (n, d), standardised.  ``weights``: (n, n_genres).
    ``bias``, ``slope``, ``offset``: (n_genres,).
    """

    mean: Float64
    scale: Float64
    examples: Float64
    weights: Float64
    bias: Float64
    slope: Float64
    offset: Float64


def fit_zone_svms(x: Float32, candidates: Bools, songs: Ints, seed: int) -> bytes:
    """Fit the machines of every zone, with C and gamma from a grid by the songs' own folds.

    Of a slice whose label leaves k genres open, each gets an example with a weight of 1/k.

    Args:
        x: (n, n_zones, d); beyond ``MAX_SLICES`` slices, the same number of every song is used.
        candidates: (n, n_genres), the genres that the labels leave open.
        songs: (n,), whose slices these are.
        seed: Of the folds.

    Returns:
        An ONNX network from ``slices`` (n, n_zones, d) to ``logits`` (n * n_zones, n_genres), the
        zones' log-probabilities.
    """
    kept = evenly(songs, MAX_SLICES, seed)
    values, candidates, songs = x[kept].astype(np.float64), candidates[kept], songs[kept]
    setting = choose_setting(values, candidates, songs, seed)
    folds = song_folds(candidates, songs, seed)
    machines = [fit_zone(zone, candidates, folds, setting) for zone in values.swapaxes(0, 1)]
    return export_zones(machines, setting.gamma)


def evenly(songs: Ints, n_most: int, seed: int) -> Ints:
    """Indices of at most ``n_most`` slices, chosen at random, as many of one song as of another."""
    shuffled = np.random.default_rng(seed).permutation(len(songs))
    by_song = shuffled[np.argsort(songs[shuffled], kind="stable")]
    _, first, sizes = np.unique(songs[by_song], return_index=True, return_counts=True)
    turn = np.arange(len(songs)) - np.repeat(first, sizes)
    return np.sort(by_song[np.argsort(turn, kind="stable")][:n_most])


def song_folds(candidates: Bools, songs: Ints, seed: int, n_folds: int = N_FOLDS) -> Ints:
    """The fold of each slice, (n,): songs stay whole, and genres are dealt out evenly."""
    names, first, song_of_slice = np.unique(songs, return_index=True, return_inverse=True)
    shuffled = np.random.default_rng(seed).permutation(len(names))
    dealt = shuffled[np.argsort(candidates[first[shuffled]].argmax(axis=1), kind="stable")]
    fold = np.empty(len(names), np.intp)
    fold[dealt] = np.arange(len(names)) % n_folds
    return fold[song_of_slice]


def choose_setting(x: Float64, candidates: Bools, songs: Ints, seed: int) -> Setting:
    """The setting whose machines are right about most of the slices of songs they have not met.

    Some slices and some zones decide for all; of equally good settings, the first.
    """
    kept = evenly(songs, SEARCH_SLICES, seed)
    x, candidates = x[kept], candidates[kept]
    folds = song_folds(candidates, songs[kept], seed)
    n_zones, n_values = x.shape[1:]
    zones = np.unique(np.linspace(0, n_zones - 1, SEARCH_ZONES + 2).round()[1:-1].astype(int))
    grid = [Setting(penalty, gamma / n_values) for gamma, penalty in product(GAMMAS, PENALTIES)]

    def right(setting: Setting) -> int:
        votes = [held_out(x[:, zone], candidates, folds, setting).argmax(axis=1) for zone in zones]
        return int(
            sum(np.take_along_axis(candidates, vote[:, None], axis=1).sum() for vote in votes)
        )

    return max(grid, key=right)


def held_out(x: Float64, candidates: Bools, folds: Ints, setting: Setting) -> Float64:
    """Decisions (n, n_genres) on each slice of the machines that did not meet its fold."""
    _, _, scaled = standardise(x)
    kernel = radial_kernel(scaled, scaled, setting.gamma)
    decisions = [
        held_out_decisions(kernel, *y, folds, setting.penalty) for y in examples(candidates)
    ]
    return np.nan_to_num(np.stack(decisions, axis=1), nan=-np.inf)


def fit_zone(x: Float64, candidates: Bools, folds: Ints, setting: Setting) -> ZoneMachines:
    """The machines of a zone, from its values (n, d)."""
    mean, scale, scaled = standardise(x)
    kernel = radial_kernel(scaled, scaled, setting.gamma)
    parts = []
    for is_genre, share in examples(candidates):
        machine = fit_machine(kernel, is_genre, share, setting.penalty)
        decisions = held_out_decisions(kernel, is_genre, share, folds, setting.penalty)
        parts.append((*machine, *fit_sigmoid(decisions, is_genre, share)))
    of_genres = (np.stack(part, axis=-1) for part in zip(*parts, strict=True))
    return ZoneMachines(mean, scale, scaled, *of_genres)


def examples(candidates: Bools) -> list[tuple[Bools, Float64]]:
    """Per genre, which of the slices are examples of it, and what each of them counts."""
    share = 1 / np.maximum(1, candidates.sum(axis=1))
    return [(is_genre, np.where(is_genre, share, 1.0)) for is_genre in candidates.T]


def standardise(x: Float64) -> tuple[Float64, Float64, Float64]:
    """Mean and deviation of each value, and the values in these terms, as single precision has it.

    Values that do not vary are left with a scale of 1.
    """
    mean = x.mean(axis=0)
    deviation = x.std(axis=0)
    scale = np.where(deviation > 1e-12, deviation, 1.0)
    return mean, scale, ((x - mean) / scale).astype(np.float32).astype(np.float64)


def radial_kernel(left: Float64, right: Float64, gamma: float) -> Float64:
    """exp(-gamma * squared distance) of all pairs of rows."""
    squares = (left**2).sum(axis=1)[:, None] + (right**2).sum(axis=1) - 2 * left @ right.T
    kernel: Float64 = np.exp(-gamma * np.maximum(squares, 0))
    return kernel


def fit_machine(
    kernel: Float64, is_genre: Bools, share: Float64, penalty: float
) -> tuple[Float64, float]:
    """Weights (n,) of the examples and the bias; all zero where there is nothing to tell apart."""
    from sklearn.svm import SVC

    weights = np.zeros(len(kernel))
    if is_genre.all() or not is_genre.any():
        return weights, 0.0
    machine = SVC(C=penalty, kernel="precomputed", tol=TOLERANCE).fit(kernel, is_genre, share)
    weights[machine.support_] = machine.dual_coef_[0]
    return weights, float(machine.intercept_[0])


def held_out_decisions(
    kernel: Float64, is_genre: Bools, share: Float64, folds: Ints, penalty: float
) -> Float64:
    """Decisions (n,) of machines that did not meet the fold; NaN where they had not both sides."""
    decisions = np.full(len(kernel), np.nan)
    for fold in np.unique(folds):
        known, unknown = np.flatnonzero(folds != fold), np.flatnonzero(folds == fold)
        if 0 < is_genre[known].sum() < len(known):
            weights, bias = fit_machine(
                kernel[np.ix_(known, known)], is_genre[known], share[known], penalty
            )
            decisions[unknown] = kernel[np.ix_(unknown, known)] @ weights + bias
    return decisions


def fit_sigmoid(decisions: Float64, is_genre: Bools, share: Float64) -> tuple[float, float]:
    """Slope and offset from a machine's decision to the log-odds of its genre.

    Platt's *Probabilistic outputs for support vector machines* (1999), with his targets, which are
    a little less than sure.  Where decisions say nothing, or the opposite of the truth, as they do
    by chance when there are few examples, the slope is 0 and the genre's share decides.
    """
    from sklearn.linear_model import LogisticRegression

    known = np.isfinite(decisions)
    if not known.any():
        known, decisions = ~known, np.zeros(len(decisions))
    decisions, is_genre, share = decisions[known], is_genre[known], share[known]
    n_genre, n_rest = share[is_genre].sum(), share[~is_genre].sum()
    target = np.where(is_genre, (n_genre + 1) / (n_genre + 2), 1 / (n_rest + 2))
    sides = np.repeat([True, False], len(decisions))
    weights = np.concatenate([share * target, share * (1 - target)])
    if decisions.std() > 0:
        regression = LogisticRegression(C=np.inf, tol=1e-8, max_iter=1000)
        regression.fit(np.tile(decisions, 2)[:, None], sides, weights)
        if regression.coef_[0, 0] > 0:
            return float(regression.coef_[0, 0]), float(regression.intercept_[0])
    return 0.0, float(np.log(weights[sides].sum() / weights[~sides].sum()))


# In double precision: large weights of either sign nearly cancel.  The transposition stands away
# from the product: ONNX Runtime 1.23 would draw it in, and has no such product of doubles.
GRAPH = """
<ir_version: 8, opset_import: ["": 17]>
zone_svms (float[n, {zones}, {values}] slices) => (float[votes, {genres}] logits)
{{
    by_zone = Transpose <perm = [1, 0, 2]> (slices)
    exact = Cast <to = 11> (by_zone)
    centred = Sub (exact, mean)
    standard = Div (centred, scale)
    examples_t = Cast <to = 11> (examples_single)
    products = MatMul (standard, examples_t)
    squared = Mul (standard, standard)
    square = ReduceSum <keepdims = 1> (squared, last)
    squares = Add (square, example_square)
    twice = Add (products, products)
    difference = Sub (squares, twice)
    distance = Max (difference, zero)
    exponent = Mul (distance, minus_gamma)
    kernel = Exp (exponent)
    weighted = MatMul (kernel, weights)
    decision = Add (weighted, bias)
    steep = Mul (decision, slope)
    log_odds = Add (steep, offset)
    alone = Sigmoid (log_odds)
    together = ReduceSum <keepdims = 1> (alone, last)
    probability = Div (alone, together)
    floored = Max (probability, floor)
    log_probability = Log (floored)
    by_slice = Transpose <perm = [1, 0, 2]> (log_probability)
    rows = Reshape (by_slice, rows_of_votes)
    logits = Cast <to = 1> (rows)
}}
"""


def export_zones(machines: Sequence[ZoneMachines], gamma: float) -> bytes:
    """The machines of all zones as one ONNX network; see :func:`fit_zone_svms`."""
    import onnx

    def stacked(name: str) -> Float64:
        return np.stack([getattr(zone, name) for zone in machines])

    examples = stacked("examples")
    n_zones, _, n_values = examples.shape
    n_genres = len(machines[0].bias)
    constants = {
        "examples_single": examples.transpose(0, 2, 1).astype(np.float32),
        "example_square": (examples**2).sum(axis=2)[:, None],
        "minus_gamma": np.array(-gamma),
        "weights": stacked("weights"),
        **{name: stacked(name)[:, None] for name in ("mean", "scale", "bias", "slope", "offset")},
        "zero": np.array(0.0),
        "floor": np.array(FLOOR),
        "last": np.array([-1]),
        "rows_of_votes": np.array([-1, n_genres]),
    }
    network = onnx.parser.parse_model(GRAPH.format(zones=n_zones, values=n_values, genres=n_genres))
    for name, values in constants.items():
        network.graph.initializer.append(onnx.numpy_helper.from_array(values, name))
    onnx.checker.check_model(network)
    content: bytes = network.SerializeToString()
    return content
