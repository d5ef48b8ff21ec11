"""How far the shipped head's confidence is off, how much of that is chance, and what would mend it.

    python -m studies.calibration MUSIC [FEATURES.npz]

The head is fitted on either half of the artists and asked about the other, as in
``studies.context``, so every clip is unseen.  The confidence is that of the leading family (Rock
with Metal), which the threshold is compared with.  *Error* is the expected calibration error over
ten bins, of equal width and of equal size.  *If perfect*: the error that is measured where each
clip is right with exactly its confidence and an artist's clips are right or wrong as one; the mean
and the range of nine tenths of the draws.  *Mended*: with the inverse temperature whose
confidences are likeliest on the other set's clips; answered and right of those are at the shipped
threshold, before and after.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from genre_model.evaluation.metrics import N_BINS, calibration_error
from genre_model.model.bundle.store import SHIPPED, load_bundle
from genre_model.training.calibration import INVERSE_TEMPERATURES
from shipped_model.clips import label_clips, read_features, read_rows
from shipped_model.scoring import Scored, score
from shipped_model.settings import read_settings, vocabulary_of
from studies.context import logits_of_unseen

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
N_DRAWS = 1_000


def main() -> None:
    """Print the table."""
    music, features = Path(sys.argv[1]), Path(sys.argv[2]) if len(sys.argv) > 2 else None
    settings, rows = read_settings(), read_rows(music)
    network, spec = SHIPPED / "network.onnx", load_bundle(SHIPPED).manifest.aggregation
    clips = label_clips(rows, read_features(music, rows, network, features), settings)
    logits = logits_of_unseen(clips, network)
    vocabulary = vocabulary_of(clips.genres, settings.parents)
    everything = np.arange(len(rows))

    def scored(inverse_temperature: float) -> Scored:
        changed = replace(spec, inverse_temperature=inverse_temperature)
        return score(clips, everything, logits, changed, vocabulary)

    by_temperature = {t: scored(t) for t in INVERSE_TEMPERATURES}
    plain = scored(spec.inverse_temperature)
    print(
        "| music | clips | error, equal width | if perfect | error, equal size | if perfect "
        "| inverse temperature | error, mended | answered | mended | right of those | mended |"
    )
    print("|---|---|---|---|---|---|---|---|---|---|---|---|")
    for name in sorted(set(plain.sets.tolist())):
        inside, others = plain.inside(name), np.flatnonzero(plain.sets != name)
        chosen = min(by_temperature, key=lambda t: log_loss(by_temperature[t], others))
        cells = [name, str(len(inside)), *errors(plain, inside), f"{chosen:.2f}"]
        cells += mended(plain, by_temperature[chosen], inside)
        print(f"| {' | '.join(cells)} |", flush=True)


def log_loss(scored: Scored, clips: NDArray[np.intp]) -> float:
    """Of the leading confidence against whether it is right, by the clip."""
    confidence = np.clip(scored.confidence[clips], 1e-6, 1 - 1e-6)
    right = scored.right[clips]
    return float(-np.log(np.where(right, confidence, 1 - confidence)).mean())


def errors(scored: Scored, clips: NDArray[np.intp]) -> list[str]:
    """The calibration error by either kind of bins, each with that of chance."""
    confidence, right = scored.confidence[clips], scored.right[clips]
    rng = np.random.default_rng(0)
    members = np.unique(scored.artists[clips], return_inverse=True)[1]
    luck = [rng.random(members.max() + 1)[members] for _ in range(N_DRAWS)]
    cells = []
    for error in (calibration_error, error_by_size):
        chance = np.array([error(confidence, one < confidence) for one in luck])
        low, high = np.percentile(chance, [5, 95])
        cells += [
            f"{error(confidence, right):.3f}",
            f"{chance.mean():.3f} [{low:.3f}, {high:.3f}]",
        ]
    return cells


def error_by_size(confidence: Floats, right: Bools) -> float:
    """The expected calibration error over bins with the same number of clips."""
    bins = np.array_split(np.argsort(confidence, kind="stable"), N_BINS)
    gaps = [abs(confidence[one].mean() - right[one].mean()) * len(one) for one in bins]
    return float(np.sum(gaps) / len(confidence))


def mended(before: Scored, after: Scored, clips: NDArray[np.intp]) -> list[str]:
    """The error after, and what is answered and right of that, before and after."""
    cells = [f"{calibration_error(after.confidence[clips], after.right[clips]):.3f}"]
    answered = [scored.accepted[clips] for scored in (before, after)]
    cells += [f"{one.mean():.3f}" for one in answered]
    right = [scored.right[clips] for scored in (before, after)]
    return cells + [f"{r[a].mean():.3f}" for r, a in zip(right, answered, strict=True)]


if __name__ == "__main__":
    main()
