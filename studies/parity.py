"""Whole songs: our tags against those of the original network with librosa, on the same files.

    python -m venv parity && parity/bin/pip install . tensorflow-cpu tf_keras librosa onnx
    pip download --no-deps musicnn==0.1.0
    parity/bin/python -m studies.parity musicnn-0.1.0-py3-none-any.whl song.mp3 song.flac ...

The reference is the original TensorFlow 1 graph after ``librosa.load`` and
``librosa.feature.melspectrogram``.  The original front end's cast to float16 is left out, because
it overflows under NumPy 2.  The exit status is 1 if any tag differs by more than 1e-4.
"""

from __future__ import annotations

import sys
import tempfile
import warnings
import zipfile
from pathlib import Path

import librosa
import numpy as np

from genre_model.model.classifier import load_classifier
from shipped_model.conversion.checkpoint import run_original

TOLERANCE = 1e-4


def main() -> None:
    classifier = load_classifier()
    wheel, *songs = map(Path, sys.argv[1:])
    worst = 0.0
    with tempfile.TemporaryDirectory() as folder:
        zipfile.ZipFile(wheel).extractall(folder)
        print("| file | slices | largest difference of a song's tags |\n|---|---|---|")
        for song in songs:
            slices = original_slices(song)
            expected = run_original(Path(folder), slices)[0].mean(axis=0)
            extracted = classifier.extract(song, thorough=True)
            difference = float(np.abs(extracted.tags.mean(axis=0) - expected).max())
            same = len(extracted.tags) == len(slices)
            worst = max(worst, difference if same else 1.0)
            print(
                f"| {song.name} | {len(extracted.tags)} of {len(slices)} | {difference:.1e} |",
                flush=True,
            )
    sys.exit(0 if worst <= TOLERANCE else 1)


def original_slices(song: Path) -> np.ndarray:
    """Slices by musicnn's front end, (n, 187, 96); the rest of the song is dropped."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # librosa uses a deprecated reader for M4A
        samples, rate = librosa.load(song, sr=16_000)
    mel = librosa.feature.melspectrogram(
        y=samples, sr=rate, n_fft=512, hop_length=256, n_mels=96
    ).T.astype(np.float32)
    log_mel = np.log10(10_000 * mel + 1)
    n_slices = len(log_mel) // 187
    return log_mel[: n_slices * 187].reshape(n_slices, 187, 96)


if __name__ == "__main__":
    main()
