"""``genre-model architectures``: list what can be trained, with its size and its source."""

from __future__ import annotations

import argparse
from dataclasses import dataclass

from genre_model.cli.common import positive, print_json, say
from genre_model.core.text import aligned
from genre_model.training.networks.base import Architecture, Cost
from genre_model.training.networks.registry import ARCHITECTURES, EMBEDDINGS

# The shipped network without its tag output, and a head with one weight per feature and genre.
EMBEDDINGS_COST = Cost(221_954, 225, 145_900_274, 224)


EMBEDDINGS_SUMMARY = "The default: a correction of the shipped model's head."
EMBEDDINGS_SOURCE = "J. Pons, X. Serra: musicnn, 2019; the head is ours"


@dataclass(frozen=True, slots=True)
class Listed:
    """A line of the list; a number that depends on the music is None."""

    name: str
    weights: int | None
    multiply_adds_per_slice: int | None
    summary: str
    source: str


def add_architectures(parser: argparse.ArgumentParser) -> None:
    """Give the subcommand its options."""
    parser.add_argument(
        "--classes", type=positive, default=7, metavar="N", help="genres to tell apart; default: 7"
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(run=run_architectures)


def run_architectures(options: argparse.Namespace) -> int:
    """Print the list."""
    listed = [
        line(EMBEDDINGS, EMBEDDINGS_COST, EMBEDDINGS_SUMMARY, EMBEDDINGS_SOURCE, options.classes),
        *(of_architecture(a, options.classes) for a in ARCHITECTURES.values()),
    ]
    if options.json:
        print_json(listed)
        return 0
    rows = [["name", "weights", "multiply-adds"]]
    for entry in listed:
        weights, adds = (
            "by the music" if n is None else f"{n:,}"
            for n in (entry.weights, entry.multiply_adds_per_slice)
        )
        rows += [[entry.name, weights, adds, entry.summary], ["", "", "", entry.source]]
    say(aligned(rows, "<>>"))
    return 0


def of_architecture(architecture: Architecture, n_genres: int) -> Listed:
    """An architecture's line."""
    return line(
        architecture.name, architecture.cost, architecture.summary, architecture.source, n_genres
    )


def line(name: str, cost: Cost | None, summary: str, source: str, n_genres: int) -> Listed:
    """A line of the list, for this number of genres."""
    if cost is None:
        return Listed(name, None, None, summary, source)
    weights = cost.weights + n_genres * cost.weights_per_genre
    adds = cost.multiply_adds + n_genres * cost.multiply_adds_per_genre
    return Listed(name, weights, adds, summary, source)
