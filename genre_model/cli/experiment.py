"""``genre-model experiment``: answer one of the paper's questions with your own labelled music."""

from __future__ import annotations

import argparse
import shlex
import sys
import time
from collections import Counter
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, get_args

from genre_model.cli.common import add_fast, names, positive, progress_bar, say
from genre_model.cli.music import add_music, in_one_spelling, music_for_testing
from genre_model.core.errors import GenreModelError
from genre_model.core.text import writable
from genre_model.data.artists import named_artists
from genre_model.data.folds import SplitBy
from genre_model.data.tracks import LabelledTrack

if TYPE_CHECKING:
    from genre_model.training.experiments.condition import Condition
    from genre_model.training.experiments.results.outcome import Outcome
    from genre_model.training.experiments.wishes import Wishes


def add_experiment(parser: argparse.ArgumentParser) -> None:
    """Give the subcommand its options."""
    from genre_model.training.experiments.catalogue import EXPERIMENTS

    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.description = "Experiments:\n" + "\n".join(
        f"  {name:<15} {experiment.question}" for name, experiment in EXPERIMENTS.items()
    )
    parser.add_argument("name", choices=list(EXPERIMENTS), metavar="NAME", help="the experiment")
    add_music(parser)
    parser.add_argument(
        "--seeds",
        type=positive,
        default=5,
        help="trainings of each condition; five of them test every song once; default: %(default)s",
    )
    add_wishes(parser)
    parser.add_argument(
        "-o",
        "--output",
        type=Path,
        default=Path("experiments"),
        metavar="DIR",
        help="the folder of the results and of finished trainings, which are not repeated",
    )
    parser.set_defaults(run=run_experiment)


def add_wishes(parser: argparse.ArgumentParser) -> None:
    """Options that change the trainings of an experiment."""
    parser.add_argument(
        "--slices", type=positive, metavar="N", help="the most slices of a song to learn from"
    )
    parser.add_argument("--epochs", type=positive, metavar="N", help="the most epochs")
    parser.add_argument("--batch", type=positive, metavar="N", help="the slices of a step")
    parser.add_argument(
        "--architecture", metavar="NAME", help="vary this network, not the experiment's own"
    )
    parser.add_argument(
        "--split",
        type=split_names,
        metavar="BY",
        help="keep these apart: slice, song, album or artist, or several separated by commas",
    )
    parser.add_argument(
        "--as-in-the-paper",
        action="store_true",
        help="all slices of a song, 70/20/10 to train, validate and test, batches of 128, 20 "
        "epochs, of which the last is tested",
    )
    add_fast(parser)


def split_names(text: str) -> tuple[str, ...]:
    """The names of splits, separated by commas."""
    found, known = names(text), get_args(SplitBy)
    for name in found:
        if name not in known:
            raise argparse.ArgumentTypeError(f"{name} is none of {', '.join(known)}")
    return tuple(dict.fromkeys(found))


def wishes_of(options: argparse.Namespace) -> Wishes:
    """The choices of the command line."""
    from genre_model.training.experiments.wishes import Wishes

    return Wishes(
        options.slices,
        options.epochs,
        options.batch,
        options.architecture,
        options.split,
        options.as_in_the_paper,
        options.fast,
    )


def run_experiment(options: argparse.Namespace) -> int:
    """Train what has not been trained yet, then write the results."""
    from genre_model.training.experiments.catalogue import EXPERIMENTS, conditions_of
    from genre_model.training.experiments.write import Music, paths_of, write_results

    experiment = EXPERIMENTS[options.name]
    tracks = labelled(options.music, experiment.min_song_s)
    seeds = range(options.seeds)
    conditions = conditions_of(experiment, tracks, wishes_of(options))
    paths = paths_of(experiment, options.output, options.architecture)
    check_replaceable(paths["json"], command_of(options), len(tracks))
    outcomes = run_all(conditions, tracks, seeds, options.output)
    music = Music(
        writable(options.music.stem),
        len(tracks),
        len(named_artists(track.artist for track in tracks)),
        tuple(sorted({track.label for track in tracks})),
        tuple(seeds),
        max(outcome.facts.n_not_extracted for found in outcomes.values() for outcome in found),
    )
    write_results(experiment, music, outcomes, command_of(options), paths)
    sys.stdout.write(paths["md"].read_text(encoding="utf-8"))
    say([f"written: {', '.join(map(str, paths.values()))}"], error=True)
    return 0


def check_replaceable(path: Path, command: str, n_songs: int) -> None:
    """Make sure that results of other music, or with other options, are not replaced.

    Raises:
        GenreModelError: The file has such results, or is not a result of an experiment.
    """
    import msgspec

    try:
        record = msgspec.json.decode(path.read_bytes())
        found, n_former = str(record["command"]), int(record["music"]["n_songs"])
        former = without_seeds(found)
    except FileNotFoundError:
        return
    except (OSError, LookupError, TypeError, ValueError, msgspec.MsgspecError) as error:
        raise GenreModelError(f"{path} is no result of an experiment: use another -o") from error
    if former != without_seeds(command):
        raise GenreModelError(f"{path} is the result of `{found}`: name another folder with -o")
    if n_former != n_songs:
        raise GenreModelError(
            f"{path} is the result of {n_former:,} songs, not of these {n_songs:,}: name another "
            "folder with -o"
        )


def without_seeds(command: str) -> list[str]:
    """A command without its number of seeds: more seeds continue an experiment."""
    words = shlex.split(command)
    place = words.index("--seeds")
    return words[:place] + words[place + 2 :]


def command_of(options: argparse.Namespace) -> str:
    """The command that repeats this experiment, without the path to the music."""
    words = ["genre-model", "experiment", options.name, writable(options.music.name)]
    words += ["--seeds", str(options.seeds)]
    for name in ("slices", "epochs", "batch", "architecture"):
        if getattr(options, name) is not None:
            words += [f"--{name}", str(getattr(options, name))]
    if options.split is not None:
        words += ["--split", ",".join(options.split)]
    if options.as_in_the_paper:
        words.append("--as-in-the-paper")
    if options.fast:
        words.append("--fast")
    return shlex.join(words)


def labelled(music: Path, min_song_s: float = 0.0) -> list[LabelledTrack]:
    """The tracks of a folder or a list that have a label and are long enough, without copies.

    Raises:
        GenreModelError: There are fewer than two genres.
    """
    from genre_model.training.copies import without_copies
    from genre_model.training.experiments.condition import content_once

    tracks = [track for track in in_one_spelling(music_for_testing(music)) if track.labels]
    tracks = without_copies(tracks, [content_once(track.path) for track in tracks], not_used)
    tracks = without_short(tracks, min_song_s)
    if len({track.label for track in tracks}) < 2:
        raise GenreModelError(f"{music}: fewer than two genres: nothing to tell apart")
    return tracks


def without_short(tracks: Sequence[LabelledTrack], min_s: float) -> list[LabelledTrack]:
    """The tracks that last at least ``min_s`` seconds, by the lengths that their files state."""
    from genre_model.training.experiments.duration import length_of

    if not min_s:
        return list(tracks)
    long = [track for track in tracks if length_of(track.path) >= min_s]
    if len(long) < len(tracks):
        not_used(f"{len(tracks) - len(long)} of {len(tracks)} songs are shorter than {min_s:.0f} s")
    return long


def not_used(what: str) -> None:
    """Print to standard error that something is left out."""
    say([f"not used: {what}"], error=True)


def run_all(
    conditions: Sequence[Condition],
    tracks: Sequence[LabelledTrack],
    seeds: Sequence[int],
    folder: Path,
) -> dict[str, list[Outcome]]:
    """The outcomes of all conditions under all seeds, with a line on standard error for each.

    All conditions are trained with one seed before the next seed, so that first results are there
    soon.  A checkpoint is removed when no later condition uses it.

    Raises:
        GenreModelError: There is too little music, a library is missing, or the folder cannot be
            written.
    """
    from genre_model.evaluation.page.sentences import epoch_line
    from genre_model.training.events import TrainingEvents
    from genre_model.training.experiments.duration import expected_s, mean_length_s
    from genre_model.training.experiments.protocol import (
        answers_file,
        check_divisions,
        forget_training,
        outcome_of,
    )

    check_divisions(conditions, tracks, seeds)
    pairs = [(condition, seed) for seed in seeds for condition in conditions]
    left = [(c, seed) for c, seed in pairs if not answers_file(c, tracks, seed, folder).exists()]
    done = len(pairs) - len(left)
    say([f"{len(pairs)} trainings, {done} of them done before"], error=True)
    if left:
        length_s = mean_length_s([track.path for track in tracks])
        minutes = sum(expected_s(condition, len(tracks), length_s) for condition, _ in left) / 60
        say([f"about {minutes:.0f} min, if nothing else is running"], error=True)
    keys = Counter(condition.training_key(seed, tracks) for condition, seed in left)
    outcomes: dict[str, list[Outcome]] = {condition.name: [] for condition in conditions}
    say_once = cache(not_used)  # every training reports the same tracks
    for condition, seed in pairs:
        start = time.monotonic()
        with progress_bar() as on_step:
            events = TrainingEvents(
                lambda report: say([epoch_line(report)], error=True),
                on_step,
                say_once,
                lambda note: say([note], error=True),
            )
            outcome = outcome_of(condition, tracks, seed, folder, events)
        outcomes[condition.name].append(outcome)
        if (condition, seed) in left:
            say([one_line(condition, seed, outcome, time.monotonic() - start)], error=True)
            key = condition.training_key(seed, tracks)
            keys[key] -= 1
            if not keys[key]:
                forget_training(condition, tracks, seed, folder)
    return outcomes


def one_line(condition: Condition, seed: int, outcome: Outcome, seconds: float) -> str:
    """The result of one training, in a line."""
    from genre_model.training.experiments.results.figures import songs_right

    share = songs_right(outcome.test).mean()
    return f"{condition.name}, seed {seed}: {share:.1%} of songs right, {seconds:.0f} s"
