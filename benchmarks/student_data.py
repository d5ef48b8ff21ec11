"""Unlabelled music to distil from: slices, mixed and coloured, and what is said of them.

Whatever is done to a slice, the shipped network is asked what it says of the result; so examples
may be as strange as one likes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from genre_model.core.errors import AudioError
from genre_model.core.specs import SpectrogramSpec
from genre_model.data.folder import find_audio
from genre_model.extraction.tasks import map_bounded
from genre_model.features.slices import read_slices
from genre_model.model.bundle.store import SHIPPED, read_bundle
from genre_model.model.onnx.session import open_network

Float32 = NDArray[np.float32]
Songs = Sequence[NDArray[np.float16]]

MIN_SLICES = 6
MAX_SLICES = 120  # of one song
N_THREADS = 2
PLAIN = 0.25  # share of examples that are left as they are
MIXED = 0.6  # share of the others in which two songs sound together
GAIN_DB = (-20.0, 6.0)
COLOUR_DB = 8.0  # deviation of the equaliser's five bands
CHUNK = 500  # examples in a file
VALIDATION = "validation"


@dataclass(frozen=True)
class Examples:
    """Slices (n, 187, 96) and what the shipped network says: (n, 200) embeddings, (n, 50) tags."""

    slices: NDArray[np.float16]
    embeddings: Float32
    tags: Float32

    @classmethod
    def load(cls, paths: Iterable[Path]) -> Examples:
        """What is in some of the files that :func:`prepare` wrote."""
        parts = [np.load(path) for path in paths]
        return cls(*(np.concatenate([part[name] for part in parts]) for name in NAMES))


NAMES = ("slices", "embeddings", "tags")


def training_files(work: Path) -> list[Path]:
    return sorted(work.glob("training-*.npz"))


def prepare(folders: Iterable[Path], work: Path, n_examples: int) -> None:
    """Write training examples of nine songs in ten, and plain slices of the tenth to validate.

    What is there already is not made again.
    """
    (work / "songs").mkdir(parents=True, exist_ok=True)
    files = list(songs_of(folders, work / "songs"))
    songs = [np.load(file, mmap_mode="r") for file in files]
    print(f"{len(songs)} songs, {sum(map(len, songs)) // 187} slices")
    held_out = songs[5::10]
    others = [song for index, song in enumerate(songs) if index % 10 != 5]
    write(work / f"{VALIDATION}.npz", crop, held_out, 0)
    for number in tqdm(range(-(-n_examples // CHUNK)), unit="file"):
        write(work / f"training-{number:04d}.npz", example, others, number + 1)


def songs_of(folders: Iterable[Path], store: Path) -> Iterator[Path]:
    """Files with the log-mel of a song each, (n_frames, 96), without silence and the tail."""
    manifest = read_bundle(SHIPPED).manifest
    spectrogram = manifest.spectrogram
    assert isinstance(spectrogram, SpectrogramSpec)

    def frames(path: Path) -> Path:
        file = store / f"{hashlib.sha256(str(path).encode()).hexdigest()[:16]}.npy"
        if not file.exists():
            try:
                slices = read_slices(path, spectrogram, manifest.slices, thorough=True)
            except AudioError:
                slices = []
            loud = [piece.values.astype(np.float16) for piece in slices if not piece.silent]
            enough = loud[:MAX_SLICES] if len(loud) >= MIN_SLICES else []
            save(file, np.concatenate(enough or [np.zeros((0, 96), np.float16)]))
        return file

    paths = [path for folder in folders for path in find_audio([folder])]
    with ThreadPoolExecutor(N_THREADS) as executor:
        read = map_bounded(executor, frames, paths, 2 * N_THREADS)
        for _, file in tqdm(read, total=len(paths), unit="song"):
            if len(np.load(file, mmap_mode="r")):
                yield file


def crop(songs: Songs, rng: np.random.Generator) -> Float32:
    """A slice of some song from any frame on, (187, 96)."""
    song = songs[rng.integers(len(songs))]
    start = rng.integers(len(song) - 187 + 1)
    return song[start : start + 187].astype(np.float32)


def example(songs: Songs, rng: np.random.Generator) -> Float32:
    """A slice, mostly louder or softer, coloured, and mixed with one of another song."""
    values = crop(songs, rng)
    if rng.random() < PLAIN:
        return values
    power = (10**values - 1) * decibels(rng, *GAIN_DB)
    if rng.random() < MIXED:
        power = power + (10 ** crop(songs, rng) - 1) * decibels(rng, *GAIN_DB)
    bands = rng.normal(0, COLOUR_DB, 5)
    curve = np.interp(np.linspace(0, 4, values.shape[1]), np.arange(5), bands)
    return np.log10(power * 10 ** (curve / 10) + 1).astype(np.float32)


def decibels(rng: np.random.Generator, low: float, high: float) -> float:
    """A factor for power, drawn evenly in decibels."""
    return float(10 ** (rng.uniform(low, high) / 10))


def write(
    path: Path, make: Callable[[Songs, np.random.Generator], Float32], songs: Songs, seed: int
) -> None:
    """Keep examples with what the shipped network says of them, unless the file is there."""
    if path.exists():
        return
    rng = np.random.default_rng(seed)
    slices = np.stack([make(songs, rng) for _ in range(CHUNK)]).astype(np.float16)
    bundle = read_bundle(SHIPPED)
    network = bundle.manifest.network
    session = open_network(bundle.read(network.file))
    said = [
        session.run([network.features, network.tags], {network.input: values[None]})
        for values in slices.astype(np.float32)
    ]
    embeddings, tags = (np.concatenate(parts) for parts in zip(*said, strict=True))
    save(path, slices=slices, embeddings=embeddings, tags=tags)


def save(path: Path, *one: NDArray, **several: NDArray) -> None:
    """A file that gets its name when it is whole."""
    part = path.with_name(f"part-{path.name}")
    if one:
        np.save(part, *one)
    else:
        np.savez(part, **several)
    part.replace(path)
