"""Where a slice's time goes: decoding, spectrogram, network; on one thread.

    python -m benchmarks.parts TRACKS [--songs 20] [--slices 12] [--rounds 5]

Evenly spaced slices of full-length tracks are read by seeking, as in the classifier. Runs for
twenty seconds.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

from benchmarks.measuring import full_length, here, in_turn, median, parser_of, publish
from genre_model.audio.decode import open_audio
from genre_model.core.arrays import Float32
from genre_model.core.specs import SpectrogramSpec
from genre_model.features.log_mel import log_mel
from genre_model.features.slices import count_slices, slice_span, spread
from genre_model.model.classifier import load_classifier


def main() -> None:
    parser = parser_of(__doc__)
    parser.add_argument("tracks", type=Path)
    parser.add_argument("--songs", type=int, default=20)
    parser.add_argument("--slices", type=int, default=12)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    classifier = load_classifier()
    spectrogram, slices = classifier.manifest.spectrogram, classifier.manifest.slices
    assert isinstance(spectrogram, SpectrogramSpec)
    spans: dict[Path, list[tuple[int, int]]] = {}
    for song in full_length(options.tracks, options.songs):
        with open_audio(song, spectrogram.sample_rate_hz) as audio:
            chosen = spread(count_slices(audio, spectrogram, slices), options.slices)
        spans[song] = [slice_span(index, spectrogram, slices) for index in chosen]

    def decoded() -> list[Float32]:
        found: list[Float32 | None] = []
        for song, places in spans.items():
            with open_audio(song, spectrogram.sample_rate_hz) as audio:
                found += [audio.window(*place) for place in places]
        return [samples for samples in found if samples is not None]

    samples = decoded()
    values = [log_mel(part, spectrogram)[None] for part in samples]
    parts: dict[str, Callable[[], object]] = {
        "decode": decoded,
        "spectrogram": lambda: [log_mel(part, spectrogram) for part in samples],
        "network": lambda: [classifier.features(part) for part in values],
    }
    costs = in_turn({name: partial(here, work) for name, work in parts.items()}, options.rounds)
    per_slice = {name: median(costs[name]) / len(samples) for name in parts}
    whole = sum(per_slice.values())
    rows = [[name, f"{1000 * s:.2f}", f"{s / whole:.0%}"] for name, s in per_slice.items()]
    publish(options, ["of a slice", "CPU, ms", "share"], rows, slices=len(samples))


if __name__ == "__main__":
    main()
