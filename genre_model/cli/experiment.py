"""``genre-model experiment``: one of the paper's questions, asked of your own labelled music."""

from __future__ import annotations

import argparse
import shlex
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from genre_model.cli.common import positive, say
from genre_model.cli.music import MUSIC_HELP, music_for_testing
from genre_model.core.errors import GenreModelError
from genre_model.data.folds import group_of
from genre_model.data.tracks import LabelledTrack

if TYPE_CHECKING:
    from genre_model.training.experiments.catalogue import Experiment
    from genre_model.training.experiments.protocol import Condition, Outcome

# A training takes three times the arithmetic of answering, and reaches a part of what a product of
# matrices does; where nothing is known of a system it is reckoned with a minute.
EFFICIENCY = 0.25

UNKNOWN_S = 60.0

LIKELY_EPOCHS = 12


def add_experiment(parser: argparse.ArgumentParser) -> None:
    """Give the subcommand its options."""
    from genre_model.training.experiments.catalogue import EXPERIMENTS

    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.description = "Experiments:\n" + "\n".join(
        f"  {name:<15} {experiment.question}" for name, experiment in EXPERIMENTS.items()
    )
    parser.add_argument("name", choices=list(EXPERIMENTS), metavar="NAME", help="the experiment")
    parser.add_argument(
        "music",
        type=Path,
        metavar="FOLDER|FILE.csv",
        help=MUSIC_HELP,
    )
    parser.add_argument(
        "--seeds",
        type=positive,
        default=3,
        help="the number of trainings of each condition; default: %(default)s",
    )
    parser.add_argument(
        "-o",
        "--output",
        type=Path,
        default=Path("experiments"),
        metavar="DIR",
        help="the folder of the results and of finished trainings, which are not repeated",
    )
    parser.set_defaults(run=run_experiment)


def run_experiment(options: argparse.Namespace) -> int:
    """Train what has not been trained yet, then write the results."""
    from genre_model.training.experiments.catalogue import EXPERIMENTS
    from genre_model.training.experiments.write import Music, write_results

    experiment = EXPERIMENTS[options.name]
    tracks = labelled(options.music)
    genres = sorted({track.label for track in tracks})
    seeds = range(options.seeds)
    outcomes = run_all(experiment, tracks, seeds, options.output)
    music = Music(
        options.music.stem,
        len(tracks),
        len({group_of(track, "artist") for track in tracks}),
        tuple(genres),
        tuple(seeds),
    )
    command = shlex.join(["genre-model", "experiment", options.name, options.music.name]) + (
        f" --seeds {options.seeds}"
    )
    paths = write_results(experiment, music, outcomes, command, options.output)
    sys.stdout.write(paths[-1].read_text(encoding="utf-8"))
    say([f"written: {', '.join(str(path) for path in paths)}"], error=True)
    return 0


def labelled(music: Path) -> list[LabelledTrack]:
    """The tracks of a folder or a list that have a label.

    Raises:
        GenreModelError: There is nothing to tell apart.
    """
    tracks = [track for track in music_for_testing(music) if track.labels]
    if len({track.label for track in tracks}) < 2:
        raise GenreModelError(f"{music}: fewer than two genres: nothing to tell apart")
    return tracks


def run_all(
    experiment: Experiment, tracks: Sequence[LabelledTrack], seeds: Sequence[int], folder: Path
) -> dict[str, list[Outcome]]:
    """The outcomes of all conditions under all seeds, with a line on standard error for each.

    The seeds come one after the other, so that a first impression is there soon.
    """
    from genre_model.training.experiments.protocol import is_done, outcome_of

    conditions = experiment.conditions(sorted({track.label for track in tracks}))
    left = [c for seed in seeds for c in conditions if not is_done(c, tracks, seed, folder)]
    n_all = len(conditions) * len(seeds)
    say([f"{n_all} trainings, {n_all - len(left)} of them done before"], error=True)
    if left:
        minutes = sum(expected_s(c, len(tracks)) for c in left) / 60
        say([f"about {minutes:.0f} min, if nothing else is running"], error=True)
    outcomes: dict[str, list[Outcome]] = {condition.name: [] for condition in conditions}
    for seed in seeds:
        for condition in conditions:
            start = time.monotonic()
            is_new = not is_done(condition, tracks, seed, folder)
            outcome = outcome_of(condition, tracks, seed, folder)
            outcomes[condition.name].append(outcome)
            if is_new:
                say([one_line(condition, seed, outcome, time.monotonic() - start)], error=True)
    return outcomes


def one_line(condition: Condition, seed: int, outcome: Outcome, seconds: float) -> str:
    """What came of one training."""
    from genre_model.training.experiments.figures import songs_right

    share = songs_right(outcome.test).mean()
    return f"{condition.name}, seed {seed}: {share:.1%} of songs right, {seconds:.0f} s"


def expected_s(condition: Condition, n_tracks: int) -> float:
    """How long a training may take, from the arithmetic that it takes; a rough guess."""
    architecture = condition.architecture
    if architecture.cost is None:
        return UNKNOWN_S
    n_slices = 0.7 * n_tracks * min(architecture.slices.max_slices, 12) * condition.share
    operations = 2 * 3 * architecture.cost.multiply_adds * n_slices * LIKELY_EPOCHS
    repeats = 3 if condition.select is not None else 1
    return repeats * (operations / (EFFICIENCY * operations_per_s()) + 10)


def operations_per_s() -> float:
    """Floating-point operations a second of a product of matrices on this machine."""
    size = 1024
    matrix = np.ones((size, size), np.float32)
    matrix @ matrix
    start = time.perf_counter()
    for _ in range(5):
        matrix @ matrix
    return 5 * 2 * size**3 / (time.perf_counter() - start)
