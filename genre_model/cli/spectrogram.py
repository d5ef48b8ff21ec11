"""``genre-model spectrogram`` and ``slices``: the paper's pictures of a song, as PNG files."""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from genre_model.audio.decode import open_audio
from genre_model.cli.common import png_file, say
from genre_model.core.arrays import Float32, UInt8
from genre_model.core.deadline import TIME_LIMIT_S, time_limit
from genre_model.core.errors import AudioError, GenreModelError, TooShortError
from genre_model.core.files import is_there
from genre_model.core.processes import call_in_worker
from genre_model.core.specs import SoxSpec
from genre_model.features.png import SLICE_PIXELS, pillow, save_picture, save_slices, slice_files
from genre_model.features.sox import MAX_COLUMNS, sox_picture

RATES_HZ = range(4_000, 192_001)


def add_spectrogram(parser: argparse.ArgumentParser) -> None:
    """Give the subcommand its options."""
    parser.add_argument("file", type=Path, metavar="FILE")
    parser.add_argument(
        "-o", "--output", type=png_file, required=True, metavar="PNG", help="the picture"
    )
    add_common(parser)
    parser.set_defaults(run=run_spectrogram)


def add_slices(parser: argparse.ArgumentParser) -> None:
    """Give the subcommand its options."""
    parser.add_argument("files", type=Path, nargs="+", metavar="FILE")
    parser.add_argument(
        "-o",
        "--output",
        type=Path,
        required=True,
        metavar="DIR",
        help="each song gets a folder in here; for training, DIR is one of a genre",
    )
    add_common(parser)
    parser.set_defaults(run=run_slices)


def add_common(parser: argparse.ArgumentParser) -> None:
    """Options of both subcommands."""
    parser.add_argument(
        "--rate",
        type=sample_rate,
        default=SoxSpec().sample_rate_hz,
        metavar="HZ",
        help="resample to this first; half of it is the top of the picture; default: %(default)s",
    )
    parser.add_argument("--force", action="store_true", help="overwrite what is there")


def sample_rate(text: str) -> int:
    """A sample rate in Hz."""
    value = int(text)
    if value not in RATES_HZ:
        raise argparse.ArgumentTypeError(f"{text} is not from {RATES_HZ[0]} to {RATES_HZ[-1]}")
    return value


def run_spectrogram(options: argparse.Namespace) -> int:
    """Write the whole picture of a song."""
    pillow()
    if is_there(options.output) and not options.force:
        raise GenreModelError(f"{options.output} is there already; --force overwrites it")
    try:
        picture = call_in_worker(song_picture, options.file, options.rate)
    except AudioError as error:
        raise GenreModelError(f"{options.file}: {error}") from error
    save_picture(picture, options.output)
    say([f"{picture.shape[1]} x {picture.shape[0]} pixels: {options.output}"])
    return 0


def run_slices(options: argparse.Namespace) -> int:
    """Write the slices of songs; name those that cannot be read, and then return 1."""
    pillow()
    n_failed = 0
    for file, folder in song_folders(options.files, options.output, force=options.force):
        try:
            picture = call_in_worker(song_picture, file, options.rate)
            if picture.shape[1] < SLICE_PIXELS:
                raise TooShortError("too short: not one slice of 2.56 s")
            n_slices = save_slices(picture, folder)
        except AudioError as error:
            n_failed += 1
            say([f"{file}: {error}"], error=True)
        else:
            say([f"{n_slices} slices: {folder}"])
    return 1 if n_failed else 0


def song_folders(
    files: Sequence[Path], output: Path, *, force: bool
) -> Iterator[tuple[Path, Path]]:
    """Songs with the folders for their slices, after all folders have been checked.

    Raises:
        GenreModelError: Two songs have the same name, or a folder has slices and ``force`` is off.
    """
    folders = [output / file.stem for file in files]
    for folder, n_songs in Counter(folders).items():
        if n_songs > 1:
            raise GenreModelError(f"two of the files would go to {folder}")
        if not force and slice_files(folder):
            raise GenreModelError(f"{folder} has slices already; --force overwrites them")
    return zip(files, folders, strict=True)


def song_picture(path: Path, rate_hz: int) -> UInt8:
    """The whole picture of a song file, (129, width); at most SoX's greatest width.

    Raises:
        AudioError: The file cannot be read as audio, or is too short.
    """
    n_wanted = (MAX_COLUMNS + 1) * SoxSpec(sample_rate_hz=rate_hz).hop
    blocks: list[Float32] = []
    n_samples = 0
    with time_limit(TIME_LIMIT_S), open_audio(path, rate_hz) as audio:
        for block in audio.blocks():
            blocks.append(block)
            n_samples += len(block)
            if n_samples >= n_wanted:
                break
    if not n_samples:
        raise AudioError("no audio could be decoded")
    picture = sox_picture(np.concatenate(blocks), rate_hz)
    if not picture.shape[1]:
        raise TooShortError(f"too short for a picture: {n_samples} samples")
    return picture
