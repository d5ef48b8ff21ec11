"""Pieces of music, half a minute each: their list, and their samples."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import msgspec
import numpy as np
from tqdm import tqdm

from genre_model.audio.decode import open_audio
from genre_model.core.arrays import Float32
from genre_model.core.errors import AudioError
from genre_model.features.slices import order
from shipped_model.clips import read_rows
from shipped_model.distillation.teachers import PIECE_SAMPLES, RATE_HZ

PIECE_S = PIECE_SAMPLES / RATE_HZ
LEAST_S = 1.0
MAX_OF_FILE = 12
MAX_SHORT = 8  # files of a package shorter than a piece: effects, loops, spoken lines
CLIPS = "clips"  # the source of the labelled development clips
SUFFIXES = {".ogg", ".oga", ".opus", ".mp3", ".flac", ".wav"}


@dataclass(frozen=True, slots=True)
class Piece:
    """The place of a piece.

    Attributes:
        path: The file.
        start_s: Where the piece begins in the file, in seconds.
        source: Its package; ``clips`` for the labelled development clips.
        artist: Artist of a development clip, otherwise empty.
    """

    path: str
    start_s: float
    source: str
    artist: str = ""


def pieces_of_clips(music: Path) -> list[Piece]:
    """The development clips, whole, without their labels."""
    return [Piece(str(music / r["path"]), 0.0, CLIPS, r["artist"]) for r in read_rows(music)]


def pieces_of_packages(music: Path, keep: Path) -> list[Piece]:
    """Pieces of all unpacked packages; the list is kept in a file, and remade if that is removed.

    Every file's first piece comes before any file's second one; the order is random with a fixed
    seed.
    """
    if keep.exists():
        return msgspec.json.decode(keep.read_bytes(), type=list[Piece])
    paths = sorted(p for p in music.glob("*/*") if p.suffix.lower() in SUFFIXES)
    rng = random.Random(0)
    rng.shuffle(paths)
    short: Counter[str] = Counter()
    rounds: list[list[Piece]] = [[] for _ in range(MAX_OF_FILE)]
    for path in tqdm(paths, unit="file", desc="lengths"):
        seconds = duration_s(path)
        if seconds < PIECE_S:
            short[path.parent.name] += seconds >= LEAST_S
        if seconds < LEAST_S or (seconds < PIECE_S and short[path.parent.name] > MAX_SHORT):
            continue
        for pieces, start_s in zip(rounds, starts(seconds), strict=False):
            pieces.append(Piece(str(path), start_s, path.parent.name))
    for pieces in rounds:
        rng.shuffle(pieces)
    found = [piece for pieces in rounds for piece in pieces]
    keep.write_bytes(msgspec.json.encode(found))
    return found


def starts(seconds: float) -> Iterator[float]:
    """Where the pieces of a file begin, at most ``MAX_OF_FILE``, the first in its middle."""
    n_pieces = max(1, int(seconds / PIECE_S))
    return (index * PIECE_S for index in islice(order(n_pieces), MAX_OF_FILE))


def duration_s(path: Path) -> float:
    """The duration in the file's header; 0 if it has none or cannot be read."""
    try:
        with open_audio(path, RATE_HZ) as audio:
            return audio.duration_s or 0.0
    except AudioError:
        return 0.0


def read_piece(piece: Piece, n_samples: int) -> Float32:
    """Mono samples at 32 kHz, (n_samples,); a piece that is too short is repeated.

    Raises:
        AudioError: The file cannot be read, or the piece is silent.
    """
    start = int(piece.start_s * RATE_HZ)
    with open_audio(Path(piece.path), RATE_HZ) as audio:
        samples = audio.window(start, start + n_samples) if start else None
    if samples is None or not len(samples):
        with open_audio(Path(piece.path), RATE_HZ) as audio:
            samples = first_samples(audio.blocks(), start + n_samples)[start:]
    if not np.abs(samples).max(initial=0) > 1e-4:
        raise AudioError("silent")
    return np.resize(samples, n_samples)


def first_samples(blocks: Iterator[Float32], n_samples: int) -> Float32:
    """The first ``n_samples`` samples of a stream of blocks."""
    found: list[Float32] = []
    while sum(map(len, found)) < n_samples and (block := next(blocks, None)) is not None:
        found.append(block)
    return np.concatenate([*found, np.zeros(0, np.float32)])[:n_samples]


def partner_of(piece: Piece, others: Sequence[Piece], rng: np.random.Generator) -> Piece:
    """A random piece of ``others``, from another file, to mix with.

    ``others`` has no development clips, because their artists are kept apart.
    """
    while True:
        other = others[int(rng.integers(len(others)))]
        if other.path != piece.path:
            return other
