"""The trainings that the experiments compare, each a function from the genres to conditions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from genre_model.core.specs import Band, NotesSpec, Position
from genre_model.training.experiments.division import SplitBy
from genre_model.training.experiments.embeddings import EMBEDDINGS_SYSTEM
from genre_model.training.experiments.protocol import Condition
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
