"""The experiments: what each asks, what the paper says to it, and how its table is made.

The numbers F1 to F14 are those of the paper's items of future work in docs/paper.md.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from genre_model.training.experiments.conditions import (
    SWEPT,
    activations,
    all_systems,
    bands,
    base,
    finetuning,
    initial_weights,
    likings,
    numbers_of_songs,
    on_few_slices,
    optimisers,
    positions,
    recurrent,
    selections,
    slice_lengths,
    slices_per_song,
    splits,
)
from genre_model.training.experiments.protocol import Condition
from genre_model.training.experiments.tables import (
    Tabulate,
    compared,
    likes,
    probabilities,
    side_by_side,
    votes,
)
from genre_model.training.networks.registry import ARCHITECTURES


@dataclass(frozen=True, slots=True)
class Experiment:
    """A question, what the paper says to it, and the trainings that answer it.

    ``conditions`` takes the music's genres; the first condition is what the others are compared
    with.  ``tabulate`` makes a table of the outcomes.
    """

    name: str
    item: str
    question: str
    paper: str
    conditions: Callable[[Sequence[str]], list[Condition]]
    tabulate: Tabulate = compared


EXPERIMENTS: dict[str, Experiment] = {
    experiment.name: experiment
    for experiment in (
        Experiment(
            "paper",
            "The paper",
            "What does the paper's own network reach, and how much of it is the split?",
            "67 % of 2.56 s slices of 7 genres of one library, after 62 % with ELU; 47 % of 27 "
            "genres; Despois before: 90 % of 6 genres.  All by slices, songs on both sides.",
            splits(on_few_slices(ARCHITECTURES["pelchat2019"]), ("slice", "song", "artist")),
            side_by_side,
        ),
        Experiment(
            "split",
            "F14",
            "How much of an accuracy is that slices of a song, or songs of an artist, lie on both "
            "sides?",
            "Splits labelled slices 70/20/10; Despois calls the leak an issue.",
            splits(SWEPT),
            side_by_side,
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
        ),
        Experiment(
            "probabilities",
            "F1",
            "Are probabilities worth showing?",
            "Shows one genre; wants to show the probabilities of all.",
            base,
            probabilities,
        ),
        Experiment("optimiser", "F2", "Does another optimiser help?", "RMSProp alone.", optimisers),
        Experiment(
            "initialisation",
            "F3",
            "Do other initial weights help?",
            "All weights Xavier; the code that it builds on has not.",
            initial_weights,
        ),
        Experiment(
            "activation",
            "F4",
            "Is ReLU better than ELU, and still so when no artist is on both sides?",
            "ReLU in place of ELU: 62 % to 67 %, one run each.",
            activations,
            side_by_side,
        ),
        Experiment(
            "songs",
            "F5",
            "Do more songs help?",
            "995 songs of 27 genres: 47 %; 1,880 songs of 7: 62 %.",
            numbers_of_songs,
        ),
        Experiment(
            "slices",
            "F6",
            "Do more slices of the same songs help?",
            "All 70 of 3 min.",
            slices_per_song,
        ),
        Experiment(
            "length",
            "F7",
            "Are longer slices better?",
            "2.56 s; wonders about others.",
            slice_lengths,
        ),
        Experiment(
            "position",
            "F8",
            "Is the beginning, the middle or the end of a song best?",
            "Wonders; Silla et al. 2007 have the middle best.",
            positions,
            side_by_side,
        ),
        Experiment(
            "band",
            "F9",
            "Which frequencies tell the genre?",
            "Wonders about bass and treble.",
            bands,
        ),
        Experiment(
            "votes",
            "F10",
            "How many slices have to vote, and by which rule?",
            "One slice at a time; wants longer tests with a vote.",
            base,
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
            recurrent,
        ),
        Experiment(
            "finetuning",
            "Fine-tuning",
            "Is it better that the shipped network's later layers learn too?",
            "Trains from scratch.",
            finetuning,
        ),
        Experiment(
            "selection",
            "Lopes et al. 2010",
            "Is it better to learn from the slices alone that are easy to tell?",
            "Quotes 60 %, 2.4 points more than with all instances.",
            selections,
        ),
    )
}
