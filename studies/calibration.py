"""The shipped head's calibration error, how much of it is chance, and what would correct it.

    python -m studies.calibration MUSIC [FEATURES.npz]

The head is fitted on each half of the artists and applied to the other, as in ``studies.context``,
so that every clip is unseen; it answers each clip by itself, and with its artist's other clips.
The confidence is that of the leading family (Rock with Metal), which the threshold is compared
with.

*Error* is the expected calibration error over ten bins of equal width.  *If perfect* is the error
that is measured if each clip is right with exactly the probability that its confidence says, with
one random draw for all clips of an artist; the mean and the range of nine tenths of the draws.
*Excess* is the error less that mean; its interval resamples artists, for both alike.  *Mended* is
the error with the inverse temperature that has the least log-loss on the other set's clips.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from genre_model.core.arrays import Float64, Ints
from genre_model.evaluation.metrics import calibration_error
from genre_model.model.aggregation import calibrated
from genre_model.model.artist_context import informed, roots_of
from genre_model.model.bundle.store import SHIPPED, load_bundle
from genre_model.training.calibration import INVERSE_TEMPERATURES
from shipped_model.clips import label_clips, read_features, read_rows
from shipped_model.scoring import Scored, score_probabilities
from shipped_model.settings import read_settings, vocabulary_of
from studies.context import logits_of_unseen

N_DRAWS, N_SAMPLES, N_DRAWS_OF_SAMPLE = 1_000, 400, 20


def main() -> None:
    """Print the table."""
    music, features = Path(sys.argv[1]), Path(sys.argv[2]) if len(sys.argv) > 2 else None
    settings, rows = read_settings(), read_rows(music)
    network, manifest = SHIPPED / "network.onnx", load_bundle(SHIPPED).manifest
    clips = label_clips(rows, read_features(music, rows, network, features), settings)
    logits = logits_of_unseen(clips, network)
    vocabulary, everything = vocabulary_of(clips.genres, settings.parents), np.arange(len(rows))
    context = manifest.context
    assert context is not None

    def scored(inverse_temperature: float, *, with_others: bool) -> Scored:
        spec = replace(manifest.aggregation, inverse_temperature=inverse_temperature)
        found = calibrated(logits, spec)
        if with_others:
            found = informed(found, clips.artists, context, roots_of(clips.genres, vocabulary))
        return score_probabilities(clips, everything, found, vocabulary)

    print(
        "| music | clips | answered | says | right | error | if perfect | excess "
        "| inverse temperature of the other set | error, mended |"
    )
    print("|---|---|---|---|---|---|---|---|---|---|")
    for with_others, how in ((False, "by itself"), (True, "with its artist's")):
        plain = scored(manifest.aggregation.inverse_temperature, with_others=with_others)
        by_temperature = {t: scored(t, with_others=with_others) for t in INVERSE_TEMPERATURES}
        for name in sorted(set(plain.sets.tolist())):
            inside, others = plain.inside(name), np.flatnonzero(plain.sets != name)
            chosen = min(by_temperature, key=lambda t: log_loss(by_temperature[t], others))
            confidence, right = plain.confidence[inside], plain.right[inside]
            cells = [name, str(len(inside)), how, f"{confidence.mean():.3f}", f"{right.mean():.3f}"]
            cells += [*errors(plain, inside), f"{chosen:.2f}"]
            after = by_temperature[chosen]
            mended = calibration_error(after.confidence[inside], after.right[inside])
            print(f"| {' | '.join(cells)} | {mended:.3f} |", flush=True)


def log_loss(scored: Scored, clips: Ints) -> float:
    """The mean log-loss of the leading genre's confidence against whether it is right."""
    confidence = np.clip(scored.confidence[clips], 1e-6, 1 - 1e-6)
    right = scored.right[clips]
    return float(-np.log(np.where(right, confidence, 1 - confidence)).mean())


def errors(scored: Scored, clips: Ints) -> list[str]:
    """The calibration error, the error by chance, and the excess over chance."""
    confidence, right = scored.confidence[clips], scored.right[clips]
    members = np.unique(scored.artists[clips], return_inverse=True)[1]
    rng = np.random.default_rng(0)
    measured = calibration_error(confidence, right)
    chance = perfect_errors(confidence, members, rng, N_DRAWS)
    above = []
    for sample, artists in samples(members, rng):
        luck = perfect_errors(confidence[sample], artists, rng, N_DRAWS_OF_SAMPLE)
        above.append(calibration_error(confidence[sample], right[sample]) - luck.mean())
    low, high = np.percentile(chance, [5, 95])
    least, most = np.percentile(above, [2.5, 97.5])
    return [
        f"{measured:.3f}",
        f"{chance.mean():.3f} [{low:.3f}, {high:.3f}]",
        f"{measured - chance.mean():+.3f} [{least:+.3f}, {most:+.3f}]",
    ]


def perfect_errors(confidence: Float64, members: Ints, rng: np.random.Generator, n: int) -> Float64:
    """(n,) calibration errors of perfect confidences, with one random draw for each artist."""
    luck = rng.random((n, members.max() + 1))[:, members]
    return np.array([calibration_error(confidence, one < confidence) for one in luck])


def samples(members: Ints, rng: np.random.Generator) -> Iterator[tuple[Ints, Ints]]:
    """The clips of artists drawn with replacement, and the number of each clip's artist."""
    of_artist = [np.flatnonzero(members == artist) for artist in range(members.max() + 1)]
    for _ in range(N_SAMPLES):
        drawn = [of_artist[artist] for artist in rng.integers(len(of_artist), size=len(of_artist))]
        numbers = np.repeat(np.arange(len(drawn)), [len(clips) for clips in drawn])
        yield np.concatenate(drawn), numbers


if __name__ == "__main__":
    main()
