"""Damages real audio files at random, and reads them in every way.

PYTHONPATH=tests python tests/model/damaged_audio.py SEED N
"""

import random
import sys
import tempfile
from functools import cache
from pathlib import Path

import broken_files
import numpy as np

from genre_model.audio.decode import open_audio
from genre_model.audio.fingerprint import audio_fingerprint
from genre_model.core.deadline import time_limit
from genre_model.core.errors import AudioError, SeekError
from genre_model.core.specs import SliceSpec, SpectrogramSpec
from genre_model.data.folder import read_tags
from genre_model.features.slices import open_in_order, read_slices

LIMIT_S = 20
SPEC, SLICES = SpectrogramSpec(), SliceSpec(frames=16, hop_frames=16, max_slices=4)


@cache
def originals():
    """Small intact files of all formats, (suffix, bytes)."""
    with tempfile.TemporaryDirectory() as folder:
        contents = broken_files.good_contents(Path(folder), seconds=1.5)
    return [(broken_files.suffix_of(kind), content) for kind, content in contents.items()]


def damaged(rng):
    """A real file with one, two or four random damages, (suffix, bytes)."""
    suffix, content = rng.choice(originals())
    for _ in range(rng.choice((1, 1, 2, 4))):
        content = rng.choice((flip, cut, splice, repeat, number))(content, rng)
    return suffix, content


def flip(content, rng):
    return broken_files.flipped(content, rng) if content else content


def cut(content, rng):
    first, last = sorted(rng.randrange(len(content) + 1) for _ in range(2))
    return content[:first] + content[last:] if rng.random() < 0.5 else content[: last or 1]


def splice(content, rng):
    other = rng.choice(originals())[1]
    return content[: rng.randrange(len(content) + 1)] + other[rng.randrange(len(other)) :]


def repeat(content, rng):
    first, last = sorted(rng.randrange(len(content) + 1) for _ in range(2))
    return content[:last] + content[first:]


def number(content, rng):
    """Set four bytes near the start to zeros, or to very large or negative numbers."""
    offset = rng.randrange(min(len(content), 200) + 1)
    return broken_files.put(content, offset, rng.choice((b"\0", b"\xff", b"\x7f", b"\x80")) * 4)


def extract(path):
    """Read a file in every way; return whether any of them succeeds."""
    extracted = False
    for read in (fingerprint, samples, whole, in_order, read_tags):
        try:
            with time_limit(LIMIT_S):
                read(path)
                extracted = True
        except AudioError:
            pass
    return extracted


def fingerprint(path):
    assert len(audio_fingerprint(path)) == 16


def samples(path):
    with open_audio(path, 16_000) as audio:
        for block in audio.blocks():
            assert block.dtype == np.float32
            assert np.isfinite(block).all()


def whole(path):
    for piece in read_slices(path, SPEC, SLICES):
        assert piece.values.shape == (SLICES.frames, SPEC.n_mels)
        assert np.isfinite(piece.values).all()


def in_order(path):
    try:
        with open_in_order(path, SPEC, SLICES) as (n_available, pieces):
            for piece, _ in zip(pieces, range(min(n_available, 6)), strict=False):
                assert np.isfinite(piece.values).all()
    except SeekError:
        pass


def main(seed, n_files):
    rng = random.Random(seed)
    with tempfile.TemporaryDirectory() as folder:
        for index in range(n_files):
            suffix, content = damaged(rng)
            path = Path(folder) / f"damaged{suffix}"
            path.write_bytes(content)
            try:
                extract(path)
            except BaseException:
                print(f"file {index} of seed {seed}", file=sys.stderr)
                raise
            path.unlink()


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
