"""``genre-model``: the engine without beets."""

from __future__ import annotations

import argparse
import errno
import io
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from genre_model.cli.architectures import add_architectures
from genre_model.cli.classify import add_classify
from genre_model.cli.evaluate import add_evaluate
from genre_model.cli.experiment import add_experiment
from genre_model.cli.explain import add_explain
from genre_model.cli.inspect import run_inspect
from genre_model.cli.spectrogram import add_slices, add_spectrogram
from genre_model.cli.train import add_train
from genre_model.core.errors import GenreModelError, reason
from genre_model.core.text import harmless
from genre_model.model.bundle.store import SHIPPED

# Standard output that goes to a file cannot be written for these reasons.
NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit status."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # names may not fit its encoding
            stream.reconfigure(errors="backslashreplace")
    options = make_parser().parse_args(arguments)
    status = 0
    try:
        status = status_of(options)
        print(end="", flush=True)  # after this, Python itself would report the failure
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # the reader, such as `head`, closed the pipe
        drop_output()
    except OSError as error:
        if error.errno not in NO_ROOM:
            raise
        print(harmless(f"genre-model: cannot write: {reason(error)}"), file=sys.stderr)
        drop_output()
        return 1
    return status


def status_of(options: argparse.Namespace) -> int:
    """Run a subcommand and return its exit status; an expected failure is one sentence."""
    try:
        return int(options.run(options))
    except GenreModelError as error:
        with suppress(BrokenPipeError):
            print(end="", flush=True)  # a full disk is the cause: then no process starts either
        print(harmless(f"genre-model: {error}"), file=sys.stderr)
        return 1


def drop_output() -> None:
    """Send what is left of the output nowhere: Python would fail to write it when it ends."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def make_parser() -> argparse.ArgumentParser:
    """The parser of all subcommands; each sets ``run``."""
    parser = argparse.ArgumentParser(
        prog="genre-model", description="Classify music by genre, and train models that do."
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    add_classify(commands.add_parser("classify", help="print the genre of files and folders"))
    add_explain(commands.add_parser("explain", help="show why a file gets its genre"))
    add_train(commands.add_parser("train", help="train a model on labelled music"))
    add_evaluate(commands.add_parser("evaluate", help="measure a model on labelled music"))
    add_architectures(
        commands.add_parser("architectures", help="list the networks that can be trained")
    )
    add_spectrogram(commands.add_parser("spectrogram", help="draw a song as SoX does"))
    add_slices(commands.add_parser("slices", help="cut songs into the paper's pictures"))
    add_experiment(
        commands.add_parser(
            "experiment", help="answer one of the paper's questions with labelled music"
        )
    )
    inspect = commands.add_parser(
        "inspect", help="print what a model says of itself and check its files"
    )
    inspect.add_argument(
        "bundle", nargs="?", type=Path, default=SHIPPED, metavar="BUNDLE", help="its folder"
    )
    inspect.set_defaults(run=run_inspect)
    return parser


if __name__ == "__main__":
    sys.exit(main())
