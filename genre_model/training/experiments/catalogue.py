"""The experiments: what each asks, and the trainings that answer it.

The numbers F1 to F14 are those of the paper's items of future work in docs/paper.md.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from genre_model.core.specs import Band, NotesSpec, Position
from genre_model.training.experiments.embeddings import EMBEDDINGS_SYSTEM
from genre_model.training.experiments.protocol import Condition, SplitBy
from genre_model.training.experiments.tables import (
    Tabulate,
    compared,
    likes,
    probabilities,
    side_by_side,
    votes,
)
from genre_model.training.networks.base import Architecture, Network
from genre_model.training.networks.despois2016 import TRUNCATED_NORMAL
from genre_model.training.networks.pelchat2019 import build
from genre_model.training.networks.registry import ARCHITECTURES, EMBEDDINGS

SPLITS: tuple[SplitBy, ...] = ("slice", "song", "album", "artist")

STRIDED = ARCHITECTURES["pelchat2019-strided"]


def network_of(architecture: Architecture) -> Network:
    """The network that an architecture is."""
    if not isinstance(architecture.learner, Network):
        raise TypeError(f"{architecture.name} is no network")
    return architecture.learner


def on_few_slices(architecture: Architecture) -> Architecture:
    """A network on six slices of each song, for at most 15 epochs: what two cores can train.

    Batches are of 32, for some more steps: the paper's songs make fifty times as many slices.
    """
    network = network_of(architecture)
    training = replace(
        network.training,
        batch_size=32,
        microbatch=min(32, network.training.microbatch),
        epochs=15,
        patience=5,
    )
    return replace(
        architecture,
        slices=replace(architecture.slices, max_slices=6),
        learner=replace(network, training=training),
    )


COSTLY = ("pelchat2019", "pelchat2019-strided", "despois2016")

# What the sweeps vary: the small reading of the paper's network.
SWEPT = on_few_slices(STRIDED)


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


def variant(name: str, **settings: Any) -> Architecture:
    """The swept network, built otherwise."""
    network = Network(partial(build, stride=2, **settings), network_of(SWEPT).training)
    return replace(SWEPT, name=f"{SWEPT.name}, {name}", learner=network)


def sliced(**settings: Any) -> Architecture:
    """The swept network on other slices."""
    return replace(SWEPT, slices=replace(SWEPT.slices, **settings))


def trained(**settings: Any) -> Architecture:
    """The swept network, trained otherwise."""
    network = network_of(SWEPT)
    training = replace(network.training, **settings)
    return replace(SWEPT, learner=replace(network, training=training))


def base(_: Sequence[str]) -> list[Condition]:
    """The swept network, with all slices to vote."""
    return [Condition("as it is", SWEPT, extracted=STRIDED.slices)]


def optimisers(_: Sequence[str]) -> list[Condition]:
    """Four optimisers, three learning rates each."""
    settings = {
        "RMSProp, epsilon 1e-10": ("rmsprop", (("rho", 0.9), ("epsilon", 1e-10)), 1e-3),
        "RMSProp, epsilon 1e-7": ("rmsprop", (("rho", 0.9), ("epsilon", 1e-7)), 1e-3),
        "Adam": ("adam", (), 1e-3),
        "SGD with momentum": ("sgd", (("momentum", 0.9),), 1e-2),
    }
    found = []
    for name, (optimizer, extra, middle) in settings.items():
        for rate in (middle, middle / 10, middle * 10):
            swept = trained(optimizer=optimizer, optimizer_settings=extra, learning_rate=rate)
            found.append(Condition(f"{name}, rate {rate:g}", swept))
    return found


def initial_weights(_: Sequence[str]) -> list[Condition]:
    """Xavier everywhere, as the paper says; and what else it could have been."""
    return [
        Condition("Xavier everywhere (the paper)", SWEPT),
        Condition(
            "normal of 0.02 in dense layers (Despois)",
            variant("dense normal 0.02", dense_init=TRUNCATED_NORMAL),
        ),
        Condition("He", variant("he", convolution_init="he_uniform", dense_init="he_uniform")),
    ]


def activations(_: Sequence[str]) -> list[Condition]:
    """Four activations under the paper's split, and under an honest one."""
    splits: tuple[SplitBy, ...] = ("slice", "artist")
    return [
        Condition(
            f"{title}, split by {by}",
            SWEPT if name == "relu" else variant(name, activation=name),
            split_by=by,
        )
        for by in splits
        for title, name in (
            ("ELU", "elu"),
            ("ReLU", "relu"),
            ("Leaky ReLU", "leaky_relu"),
            ("GELU", "gelu"),
        )
    ]


def numbers_of_songs(_: Sequence[str]) -> list[Condition]:
    """The learning curve."""
    return [
        Condition(f"{share:.0%} of the songs", SWEPT, share=share)
        for share in (1.0, 0.5, 0.25, 0.125)
    ]


def slices_per_song(_: Sequence[str]) -> list[Condition]:
    """Few or many slices of as many songs to learn from, the same six to be judged by."""
    return [Condition(f"{SWEPT.slices.max_slices} slices a song", SWEPT)] + [
        Condition(f"{n} slices a song", sliced(max_slices=n), extracted=SWEPT.slices)
        for n in (8, 4, 2)
    ]


def slice_lengths(_: Sequence[str]) -> list[Condition]:
    """Longer and shorter slices of the same songs."""
    return [
        Condition(
            f"{frames / 50:.2f} s",
            sliced(frames=frames, hop_frames=frames, max_slices=6 * 128 // frames),
        )
        for frames in (128, 64, 256, 512)
    ]


def positions(_: Sequence[str]) -> list[Condition]:
    """Learn from a third of each song, answer on a third."""
    thirds: tuple[Position, ...] = ("beginning", "middle", "end")
    return [
        Condition(
            f"trained on the {learned}, tested on the {extracted}",
            sliced(position=learned),
            extracted=None if extracted == learned else replace(SWEPT.slices, position=extracted),
        )
        for learned in thirds
        for extracted in thirds
    ]


def bands(_: Sequence[str]) -> list[Condition]:
    """One band alone, and all but one."""
    titles: dict[Band, str] = {
        "all": "all frequencies",
        "low": "below 1 kHz",
        "mid": "1 to 5 kHz",
        "high": "above 5 kHz",
        "no-low": "without those below 1 kHz",
        "no-mid": "without 1 to 5 kHz",
        "no-high": "without those above 5 kHz",
    }
    return [Condition(title, sliced(band=band)) for band, title in titles.items()]


def likings(genres: Sequence[str]) -> list[Condition]:
    """A person for each genre, who likes nothing else."""
    return [Condition(f"likes {genre}", SWEPT, liked=genre) for genre in genres]


def recurrent(_: Sequence[str]) -> list[Condition]:
    """A recurrent network; the same without an order to go by; and one that knows no order."""
    crnn = ARCHITECTURES["crnn"]
    return [
        Condition("crnn, slices in order", crnn),
        Condition("crnn, slices shuffled", crnn, order="shuffled"),
        Condition("pelchat2019-strided, each slice alone", STRIDED),
    ]


def finetuning(_: Sequence[str]) -> list[Condition]:
    """A head alone, and the later layers with it."""
    return [
        Condition("embeddings", EMBEDDINGS_SYSTEM),
        Condition("finetune", ARCHITECTURES["finetune"]),
    ]


def selections(_: Sequence[str]) -> list[Condition]:
    """All slices, and the easiest of them."""
    return [Condition("all slices", SWEPT)] + [
        Condition(f"the easiest {share:.0%}", SWEPT, select=share) for share in (0.75, 0.5, 0.25)
    ]


def splits(
    architecture: Architecture, splits_by: Sequence[SplitBy] = SPLITS
) -> Callable[[Sequence[str]], list[Condition]]:
    """A system under each of the splits."""

    def conditions(_: Sequence[str]) -> list[Condition]:
        return [Condition(f"split by {by}", architecture, split_by=by) for by in splits_by]

    return conditions


def all_systems(_: Sequence[str]) -> list[Condition]:
    """Every system that takes audio, under the paper's split and by artist.

    The networks of the paper learn from few slices, as in the sweeps; their names say so.
    """
    by: tuple[SplitBy, ...] = ("artist", "slice")
    costly = {name: on_few_slices(ARCHITECTURES[name]) for name in COSTLY}
    systems = {EMBEDDINGS: EMBEDDINGS_SYSTEM, **ARCHITECTURES, **costly}
    few = f" ({SWEPT.slices.max_slices} slices)"
    return [
        Condition(f"{name}{few * (name in costly)}, split by {split}", architecture, split_by=split)
        for split in by
        for name, architecture in systems.items()
        if not isinstance(architecture.spectrogram, NotesSpec)
    ]


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
