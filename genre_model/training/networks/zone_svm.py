"""Support vector machines on zones of a slice, fitted with scikit-learn, as one ONNX network.

Every zone of a slice has its own machines and its own vote.  In a zone, each genre has a machine
with a radial kernel that separates it from the rest, and Platt's sigmoid turns the machine's
decision into a probability; the genres' probabilities are divided by their sum.  scikit-learn does
the fitting: ``GridSearchCV`` finds C and gamma, ``CalibratedClassifierCV`` fits a machine and its
sigmoid, both with folds that keep songs whole.  The pairwise coupling of ``SVC(probability=True)``
is not used: it is iterative, its folds ignore songs, and scikit-learn has deprecated it.

Platt: *Probabilistic outputs for support vector machines*, 1999.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from genre_model.core.arrays import Bools, Float32, Float64, Ints

# With this many slices and ten genres, a fit takes about a minute and 0.4 GB; both grow with the
# square of the number of slices.
MAX_SLICES = 3000

# The grid of C and gamma (in units of 1 / number of values), and how many slices, zones and folds
# it is searched with.
PENALTIES = (1.0, 10.0, 100.0)

GAMMAS = (0.25, 1.0, 4.0)

SEARCH_SLICES = 600

SEARCH_ZONES = 3

N_FOLDS = 3

# Tolerance of the solver; it makes the probabilities exact to four digits.
TOLERANCE = 1e-5

# Lower bound of a probability, so that its logarithm is finite.
FLOOR = 1e-7


@dataclass(frozen=True, slots=True)
class Setting:
    """The machines' penalty C and the kernel's gamma: exp(-gamma * squared distance)."""

    penalty: float
    gamma: float


@dataclass(frozen=True, slots=True, eq=False)
class ZoneMachines:
    """The machines of a zone, fitted on n slices of d values.

    The decisions on ``x`` are ``kernel((x - mean) / scale, examples) @ weights + bias``.  The
    sigmoids of ``slope * decision + offset`` are the probabilities before they are divided by their
    sum.

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
    """Fit the machines of every zone, with C and gamma from a grid search over folds of songs.

    A slice whose label leaves k genres open is an example of each of them, with a weight of 1/k.

    Args:
        x: (n, n_zones, d); at most ``MAX_SLICES`` are used, taken evenly from all songs.
        candidates: (n, n_genres), the genres that the labels leave open.
        songs: (n,), the song number of each slice.
        seed: For the folds and the choice of slices.

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
    """Indices of at most ``n_most`` random slices, spread evenly over the songs."""
    shuffled = np.random.default_rng(seed).permutation(len(songs))
    by_song = shuffled[np.argsort(songs[shuffled], kind="stable")]
    _, first, sizes = np.unique(songs[by_song], return_index=True, return_counts=True)
    turn = np.arange(len(songs)) - np.repeat(first, sizes)
    return np.sort(by_song[np.argsort(turn, kind="stable")][:n_most])


def song_folds(candidates: Bools, songs: Ints, seed: int, n_folds: int = N_FOLDS) -> Ints:
    """(n,) fold of each slice: songs stay whole, and genres are spread evenly over the folds."""
    names, first, song_of_slice = np.unique(songs, return_index=True, return_inverse=True)
    shuffled = np.random.default_rng(seed).permutation(len(names))
    dealt = shuffled[np.argsort(candidates[first[shuffled]].argmax(axis=1), kind="stable")]
    fold = np.empty(len(names), np.intp)
    fold[dealt] = np.arange(len(names)) % n_folds
    return fold[song_of_slice]


def choose_setting(x: Float64, candidates: Bools, songs: Ints, seed: int) -> Setting:
    """The setting with the best accuracy on slices of songs that were not fitted on.

    It is searched on a sample of the slices and zones.  A slice whose label leaves several genres
    open counts as the first of them.  Of equally good settings, the one with the smallest penalty
    is chosen.
    """
    from sklearn.model_selection import GridSearchCV, PredefinedSplit
    from sklearn.multiclass import OneVsRestClassifier
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import StandardScaler
    from sklearn.svm import SVC

    kept = evenly(songs, SEARCH_SLICES, seed)
    x, candidates, songs = x[kept], candidates[kept], songs[kept]
    n_zones, n_values = x.shape[1:]
    genres, folds = candidates.argmax(axis=1), song_folds(candidates, songs, seed)
    if any(len(np.unique(genres[folds != fold])) < 2 for fold in np.unique(folds)):
        return Setting(PENALTIES[0], GAMMAS[0] / n_values)  # nothing to tell apart
    gammas = [gamma / n_values for gamma in GAMMAS]
    search = GridSearchCV(
        Pipeline([("scale", StandardScaler()), ("svm", OneVsRestClassifier(SVC(tol=TOLERANCE)))]),
        {"svm__estimator__C": PENALTIES, "svm__estimator__gamma": gammas},
        cv=PredefinedSplit(folds),
        refit=False,
    )
    zones = np.unique(np.linspace(0, n_zones - 1, SEARCH_ZONES + 2).round()[1:-1].astype(int))
    found = [search.fit(x[:, zone], genres).cv_results_ for zone in zones]
    best = np.mean([results["mean_test_score"] for results in found], axis=0).argmax()
    chosen = found[0]["params"][best]
    return Setting(chosen["svm__estimator__C"], chosen["svm__estimator__gamma"])


def fit_zone(x: Float64, candidates: Bools, folds: Ints, setting: Setting) -> ZoneMachines:
    """Fit the machines of a zone on its values (n, d)."""
    from sklearn.preprocessing import StandardScaler

    scaler = StandardScaler().fit(x)
    # Rounded to single precision, as the ONNX network stores them.
    scaled = scaler.transform(x).astype(np.float32).astype(np.float64)
    share = 1 / np.maximum(1, candidates.sum(axis=1))
    machines = [
        fit_machine(scaled, is_genre, np.where(is_genre, share, 1.0), folds, setting)
        for is_genre in candidates.T
    ]
    of_genres = (np.stack(part, axis=-1) for part in zip(*machines, strict=True))
    return ZoneMachines(scaler.mean_, scaler.scale_, scaled, *of_genres)


def fit_machine(
    x: Float64, is_genre: Bools, share: Float64, folds: Ints, setting: Setting
) -> tuple[Float64, float, float, float]:
    """One genre against the rest: weights of the examples (n,), bias, slope and offset.

    In two cases the slope is 0, so that the probability depends only on the genre's share of the
    examples: if the genre or the rest has no examples outside some fold, so that there is nothing
    to separate; and if decisions on held-out songs are the opposite of the truth, which happens by
    chance when there are few examples.

    Args:
        x: (n, d), standardised.
        is_genre: (n,), whether each example is of the genre.
        share: (n,), the weight of each example.
        folds: (n,), the sigmoid is fitted on the decisions of machines that left out the example's
            fold.
        setting: C and gamma of the machine.
    """
    from sklearn.calibration import CalibratedClassifierCV
    from sklearn.model_selection import PredefinedSplit
    from sklearn.svm import SVC

    weights, n_genre, n_rest = np.zeros(len(x)), share[is_genre].sum(), share[~is_genre].sum()
    by_share = 0.0, float(np.log((n_genre + 1) / (n_rest + 1)))
    if not can_be_held_out(is_genre, folds):
        return weights, 0.0, *by_share
    calibrated = CalibratedClassifierCV(
        SVC(C=setting.penalty, gamma=setting.gamma, tol=TOLERANCE),
        method="sigmoid",
        cv=PredefinedSplit(folds),
        ensemble=False,
    ).fit(x, is_genre, sample_weight=share)
    (fitted,) = calibrated.calibrated_classifiers_
    machine, (sigmoid,) = fitted.estimator, fitted.calibrators
    weights[machine.support_] = machine.dual_coef_[0]
    # scikit-learn's sigmoid is 1 / (1 + exp(a * decision + b)).
    line = (-float(sigmoid.a_), -float(sigmoid.b_)) if sigmoid.a_ < 0 else by_share
    return weights, float(machine.intercept_[0]), *line


def can_be_held_out(is_genre: Bools, folds: Ints) -> bool:
    """Whether examples of the genre and of the rest remain whichever fold is left out."""
    remaining = [is_genre[folds != fold] for fold in np.unique(folds)]
    return all(len(rest) > 0 and rest.any() and not rest.all() for rest in remaining)


# It calculates in double precision, because large weights of opposite sign nearly cancel.  No
# transposition is next to the product: ONNX Runtime 1.23 would fuse the two, and has no fused
# product of doubles.
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
    """Combine the machines of all zones into one ONNX network; see :func:`fit_zone_svms`."""
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
