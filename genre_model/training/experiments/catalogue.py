"""The experiments: the question of each, what the paper says about it, and how its table is made.

F1 to F14 are the paper's items of future work, numbered as in docs/paper.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from genre_model.core.errors import GenreModelError
from genre_model.data.folds import SplitBy
from genre_model.data.tracks import LabelledTrack
from genre_model.training.experiments.condition import Condition
from genre_model.training.experiments.conditions import (
    PAPER,
    SWEPT,
    Conditions,
    Setting,
    activations,
    all_systems,
    alone,
    bands,
    consolidations,
    finetuning,
    initial_weights,
    likings,
    named,
    notes,
    numbers_of_songs,
    optimisers,
    papers_three,
    positions,
    recurrent,
    selections,
    slice_lengths,
    slices_per_song,
    sweep,
    textures,
)
from genre_model.training.experiments.fusion import SEGMENTS_S, fusion
from genre_model.training.experiments.results.tables import (
    Tabulate,
    compared,
    likes,
    probabilities,
    side_by_side,
    votes,
)
from genre_model.training.experiments.wishes import (
    AS_IT_IS,
    Wishes,
    base_network,
    crossed,
    wished,
)
from genre_model.training.networks.base import Architecture


@dataclass(frozen=True, slots=True)
class Experiment:
    """A question, what the paper says about it, and the trainings that answer it.

    The first of the ``conditions`` is what the others are compared with.  ``base`` is the network
    that they vary, and ``splits`` are the splits that they are trained under, unless the user
    chooses others.  ``tabulate`` makes a table of the outcomes.  Songs shorter than ``min_song_s``
    are not used.  ``varies_network``: some condition trains ``base``, or a variant of it.
    """

    name: str
    item: str
    question: str
    paper: str
    conditions: Conditions
    tabulate: Tabulate = compared
    splits: tuple[SplitBy, ...] = ("artist",)
    base: Architecture = SWEPT
    min_song_s: float = 0.0
    varies_network: bool = True


EXPERIMENTS: dict[str, Experiment] = {
    experiment.name: experiment
    for experiment in (
        Experiment(
            "paper",
            "The paper",
            "What does the paper's own network reach, and how much of it is the split?",
            "67 % of 2.56 s slices of 7 genres of one library, after 62 % with ELU; 47 % of 27 "
            "genres; Despois before: 90 % of 6 genres.  All by slices, songs on both sides.",
            papers_three,
            side_by_side,
            ("slice", "song", "artist"),
            PAPER,
        ),
        Experiment(
            "consolidation",
            "27 genres to 7",
            "Is it better to learn few genres, or many and to add up what belongs together?",
            "27 genres: 47 %; 7 genres, of twice the songs: 62 %.",
            consolidations,
            side_by_side,
            ("song", "artist"),
        ),
        Experiment(
            "split",
            "F14",
            "How much of an accuracy is that slices of a song, or songs of an artist, lie on both "
            "sides?",
            "Splits labelled slices 70/20/10; Despois calls the leak an issue.",
            alone,
            side_by_side,
            ("slice", "song", "album", "artist"),
        ),
        Experiment(
            "systems",
            "All systems",
            "What does each system that the paper builds on, cites or wishes for reach on the same "
            "songs?",
            "Quotes 67 % (Costa et al. 2011), 60 % (Lopes et al. 2010) and low nineties (O'Brien), "
            "each on other music.",
            all_systems,
            side_by_side,
            ("artist", "slice"),
            varies_network=False,
        ),
        Experiment(
            "probabilities",
            "F1",
            "Are probabilities worth showing?",
            "Shows one genre; wants to show the probabilities of all.",
            named,
            probabilities,
        ),
        Experiment(
            "optimiser", "F2", "Does another optimiser help?", "RMSProp alone.", sweep(optimisers)
        ),
        Experiment(
            "initialisation",
            "F3",
            "Do other initial weights help?",
            "All weights Xavier; the code that it builds on has not.",
            sweep(initial_weights),
        ),
        Experiment(
            "activation",
            "F4",
            "Is ReLU better than ELU, and still so when no artist is on both sides?",
            "ReLU in place of ELU: 62 % to 67 %, one run each.",
            sweep(activations),
            splits=("slice", "artist"),
        ),
        Experiment(
            "songs",
            "F5",
            "Do more songs help?",
            "995 songs of 27 genres: 47 %; 1,880 songs of 7: 62 %.",
            sweep(numbers_of_songs),
        ),
        Experiment(
            "slices",
            "F6",
            "Do more slices of the same songs help?",
            "All 70 of 3 min.",
            sweep(slices_per_song),
        ),
        Experiment(
            "length",
            "F7",
            "Are longer slices better?",
            "2.56 s; wonders about others.",
            sweep(slice_lengths),
        ),
        Experiment(
            "position",
            "F8",
            "Is the beginning, the middle or the end of a song best?",
            "Wonders; Silla et al. 2007 have the middle best.",
            sweep(positions),
            side_by_side,
        ),
        Experiment(
            "band",
            "F9",
            "Which frequencies tell the genre?",
            "Wonders about bass and treble.",
            sweep(bands),
        ),
        Experiment(
            "votes",
            "F10",
            "How many slices have to vote, and by which rule?",
            "One slice at a time; wants longer tests with a vote.",
            named,
            votes,
        ),
        Experiment(
            "liking",
            "F11",
            "Can it learn whether somebody likes a song?",
            "Wants a classifier of the songs that a user would like.",
            likings,
            likes,
        ),
        Experiment(
            "recurrent",
            "F12",
            "Does the order of the slices tell anything?",
            "Wants a recurrent network.",
            sweep(recurrent),
        ),
        Experiment(
            "finetuning",
            "Fine-tuning",
            "Is it better that the shipped network's later layers learn too?",
            "Trains from scratch.",
            finetuning,
            varies_network=False,
        ),
        Experiment(
            "selection",
            "Lopes et al. 2010",
            "Is it better to learn from the slices alone that are easy to tell?",
            "Quotes 60 %, 2.4 points more than with all instances.",
            sweep(selections),
        ),
        Experiment(
            "fusion",
            "Costa et al. 2011",
            "Which part of a song tells most, and by which rule should its votes be fused?",
            "Quotes 67 %, of three segments of half a minute each.",
            textures,
            fusion,
            min_song_s=SEGMENTS_S,
            varies_network=False,
        ),
        Experiment(
            "midi",
            "F13",
            "Does a recurrent network tell genres from notes?",
            "Wants a recurrent network on MIDI files.",
            notes,
            side_by_side,
            ("song",),
            varies_network=False,
        ),
    )
}

# These tabulate the answers of a single condition in several ways.
OF_ONE_CONDITION = (probabilities, votes, fusion)


def conditions_of(
    experiment: Experiment, tracks: Sequence[LabelledTrack], wishes: Wishes = AS_IT_IS
) -> list[Condition]:
    """The conditions of an experiment on these tracks, with the user's wishes applied.

    Raises:
        GenreModelError: A wish does not fit the experiment.
    """
    setting = Setting(tracks, base_network(wishes, experiment.base))
    found = crossed(experiment.conditions(setting), wishes.splits or experiment.splits)
    check_wishes(experiment, found, wishes)
    return [wished(condition, wishes) for condition in found]


def check_wishes(experiment: Experiment, conditions: Sequence[Condition], wishes: Wishes) -> None:
    """Check before the trainings that every wish has an effect and makes sense.

    Raises:
        GenreModelError: A wish does not fit the experiment.
    """
    if wishes.architecture is not None and not experiment.varies_network:
        raise GenreModelError(f"{experiment.name} has systems of its own: no --architecture")
    check_effects(experiment, conditions, wishes)
    if len(conditions) > 1 and experiment.tabulate in OF_ONE_CONDITION:
        raise GenreModelError(f"{experiment.name} is about one split: no several in --split")
    by_slice = [condition for condition in conditions if condition.split_by == "slice"]
    slices = {condition.architecture.slices for condition in by_slice}
    varied = len(slices) > 1 and experiment.tabulate is compared
    if varied or any(condition.test_slices for condition in by_slice):
        raise GenreModelError(f"{experiment.name} varies the slices: they cannot be split")


def check_effects(experiment: Experiment, conditions: Sequence[Condition], wishes: Wishes) -> None:
    """Check that another value of each setting would change some condition.

    Raises:
        GenreModelError: A setting that the user chose changes nothing.
    """
    others = {
        "--slices": wishes.slices and replace(wishes, slices=wishes.slices + 1),
        "--epochs": wishes.epochs and replace(wishes, epochs=wishes.epochs + 1),
        "--batch": wishes.batch and replace(wishes, batch=wishes.batch + 1),
        "--fast": wishes.fast and replace(wishes, fast=False),
    }
    found = [wished(condition, wishes) for condition in conditions]
    for option, other in others.items():
        if other and found == [wished(condition, other) for condition in conditions]:
            raise GenreModelError(f"{option} changes nothing in {experiment.name}")
