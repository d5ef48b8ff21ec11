"""Label pieces of music, unchanged and augmented, with the teachers and the shipped network.

    python -m shipped_model.distillation.label WORK NETWORK --clips MUSIC [--teachers FOLDER]
        [--rounds 3] [--clip-rounds 3] [--hours 2]

WORK has the packages that ``shipped_model.distillation.packages`` unpacked, and gets the labels.
MUSIC is the labelled development music, whose labels are not read.  In the first round the clips
and every second piece of the packages are unchanged; everything else is changed at random
(``augmentation``).  Clips of kept-out artists, on which nothing is trained, are only labelled
unchanged.  The command can be killed and started again at any time: pieces in complete shards are
not labelled again.  A piece of half a minute takes half a second of one core.
"""

from __future__ import annotations

import argparse
import time
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from tqdm import tqdm

from genre_model.core.arrays import Float32
from genre_model.core.errors import AudioError
from shipped_model.clips import kept_out_artists
from shipped_model.distillation.augmentation import Recipe, apply, draw_recipe
from shipped_model.distillation.pieces import (
    CLIPS,
    Piece,
    partner_of,
    pieces_of_clips,
    pieces_of_packages,
    read_piece,
)
from shipped_model.distillation.store import Labelled, open_labels, write_shard
from shipped_model.distillation.teachers import (
    PIECE_SAMPLES,
    Answers,
    Teachers,
    with_teachers,
)

SHARD_PIECES = 32
UNREADABLE = "unreadable.txt"


def main() -> None:
    """Label until everything is done or the time is over."""
    options = parse()
    teachers = Teachers(options.teachers, options.network)
    packages = pieces_of_packages(options.work / "music", options.work / "pieces.json")
    clips = pieces_of_clips(options.clips) if options.clips else []
    folder: Path = options.work / "labels"
    done = {labelled.key for labelled in open_labels(folder).pieces} | unreadable(folder)
    kept_out = kept_out_artists(options.clips) if options.clips else frozenset[str]()
    planned = plan(clips, packages, options.rounds, options.clip_rounds, kept_out)
    todo = [each for each in planned if each.key not in done]
    print(f"{len(done)} pieces done, {len(todo)} to do")
    stop = time.monotonic() + 3600 * options.hours
    pieces: list[Labelled] = []
    answers: list[Answers] = []
    for labelled in tqdm(todo, unit="piece", mininterval=10):
        try:
            answers.append(teachers.answers(sound_of(labelled)))
        except AudioError as error:
            note_unreadable(folder, labelled, error)
            continue
        pieces.append(labelled)
        if len(pieces) == SHARD_PIECES:
            write_shard(folder, pieces, answers)
            pieces, answers = [], []
        if time.monotonic() > stop:
            break
    if pieces:
        write_shard(folder, pieces, answers)


def parse() -> argparse.Namespace:
    """The command's options."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("work", type=Path)
    parser.add_argument("network", type=Path, help="the shipped network.onnx")
    parser.add_argument("--clips", type=Path, help="the development music")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument(
        "--clip-rounds", type=int, default=3, help="of the clips, if these are more"
    )
    parser.add_argument("--hours", type=float, default=24.0)
    return with_teachers(parser)


def plan(
    clips: Sequence[Piece],
    packages: Sequence[Piece],
    n_rounds: int,
    n_clip_rounds: int = 0,
    kept_out: frozenset[str] = frozenset(),
) -> Iterator[Labelled]:
    """What to label, in order; random choices depend on the piece and the round alone.

    Args:
        clips: The development clips.
        packages: The packages' pieces.
        n_rounds: How often each piece is labelled.
        n_clip_rounds: How often each clip is labelled, if that is more.
        kept_out: Artists whose clips are labelled once.
    """
    for number in range(max(n_rounds, n_clip_rounds)):
        for index, piece in enumerate([*clips, *(packages if number < n_rounds else ())]):
            if number and piece.artist in kept_out:
                continue
            rng = generator(piece, number)
            plain = number == 0 and (piece.source == CLIPS or index % 2 == 0)
            recipe = Recipe() if plain or not packages else draw_recipe(rng)
            other = partner_of(piece, packages, rng) if recipe.mix_db is not None else None
            yield Labelled(piece, number, recipe, other)


def generator(piece: Piece, number: int) -> np.random.Generator:
    """A random generator for a piece, seeded by its source and file name, not by its folder."""
    name = f"{piece.source}/{Path(piece.path).name} {piece.start_s:.2f}"
    return np.random.default_rng([zlib.crc32(name.encode()), number])


def sound_of(labelled: Labelled) -> Float32:
    """The samples that the teachers get.

    Raises:
        AudioError: A file cannot be read, or the piece is silent.
    """
    recipe = labelled.recipe
    samples = read_piece(labelled.piece, int(PIECE_SAMPLES * recipe.stretch) + 1)
    other = read_piece(labelled.other, PIECE_SAMPLES) if labelled.other else None
    return apply(recipe, samples, other, PIECE_SAMPLES)


def unreadable(folder: Path) -> set[tuple[str, float, int]]:
    """The keys of pieces that could not be read in earlier runs."""
    file = folder / UNREADABLE
    lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
    rows = [line.split("\t") for line in lines]
    return {(path, float(start_s), int(number)) for path, start_s, number, _ in rows}


def note_unreadable(folder: Path, labelled: Labelled, error: Exception) -> None:
    """Record a piece's key, so that a later run does not try it again."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / UNREADABLE).open("a", encoding="utf-8") as file:
        file.write("\t".join([*map(str, labelled.key), " ".join(str(error).split())]) + "\n")


if __name__ == "__main__":
    main()
