"""The conditions that the experiments compare, each list made by a function of a setting.

The experiment or the user chooses the splits; every condition is trained under each of them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from genre_model.core.errors import GenreModelError
from genre_model.core.specs import MOST_SLICES, Band, FrontEndSpec, NotesSpec, Position
from genre_model.data.tracks import LabelledTrack
from genre_model.training.experiments.condition import Condition
from genre_model.training.experiments.division import FOR_SWEEPS
from genre_model.training.experiments.embeddings import EMBEDDINGS_SYSTEM
from genre_model.training.experiments.relabel import Labels, label_of
from genre_model.training.experiments.wishes import network_of
from genre_model.training.networks.base import Architecture, Network, with_training
from genre_model.training.networks.despois2016 import TRUNCATED_NORMAL
from genre_model.training.networks.pelchat2019 import build
from genre_model.training.networks.registry import ARCHITECTURES, EMBEDDINGS

PAPER = ARCHITECTURES["pelchat2019"]
STRIDED = ARCHITECTURES["pelchat2019-strided"]


@dataclass(frozen=True, slots=True)
class Setting:
    """What conditions are made from: the tracks, and the network to vary."""

    tracks: Sequence[LabelledTrack]
    base: Architecture

    @property
    def genres(self) -> list[str]:
        """The genres as given, sorted."""
        return sorted({track.label for track in self.tracks})


Conditions = Callable[[Setting], list[Condition]]


def all_slices(architecture: Architecture) -> Architecture:
    """The system on all slices of each song."""
    return sliced(architecture, max_slices=MOST_SLICES)


def sliced(base: Architecture, **settings: Any) -> Architecture:
    """The network on other slices."""
    return replace(base, slices=replace(base.slices, **settings))


# The network that the sweeps vary: the smaller reading of the paper, with strided convolutions.
# There is little music, and batches of 32 instead of the paper's 128 make four times the steps.
SWEPT = all_slices(with_training(STRIDED, batch_size=32, microbatch=32, epochs=20, patience=8))


def variant(base: Architecture, name: str, **settings: Any) -> Architecture:
    """The paper's network with other build settings and the same training settings.

    Raises:
        GenreModelError: The base is another network, which does not have these build settings.
    """
    stride = {PAPER.name: 1, STRIDED.name: 2}.get(base.name)
    if stride is None:
        raise GenreModelError(f"{base.name} has no such variants: only the paper's network has")
    network = Network(partial(build, stride=stride, **settings), network_of(base).training)
    return replace(base, name=f"{base.name}, {name}", learner=network)


def sweep(conditions: Conditions) -> Conditions:
    """The conditions of a sweep, with a part of the music put aside that no choice depends on."""

    def put_aside(setting: Setting) -> list[Condition]:
        return [replace(condition, shares=FOR_SWEEPS) for condition in conditions(setting)]

    return put_aside


def alone(setting: Setting) -> list[Condition]:
    """The unchanged network, without a name."""
    return [Condition("", setting.base)]


def named(setting: Setting) -> list[Condition]:
    """The unchanged network, with a name."""
    return [Condition("as it is", setting.base)]


def papers_three(setting: Setting) -> list[Condition]:
    """The paper's three runs: many genres with ELU, few with ELU, few with ReLU.

    If the tracks have styles, the styles are the many and the genres the few.  Otherwise the genres
    as given are the many and the paper's seven the few.
    """
    fine, broad = fine_and_broad(setting.tracks)
    elu = variant(setting.base, "elu", activation="elu")
    return [
        Condition(f"{counted(setting, fine)}, ELU", elu, labels=fine),
        Condition(f"{counted(setting, broad)}, ELU", elu, labels=broad),
        Condition(f"{counted(setting, broad)}, ReLU", setting.base, labels=broad),
    ]


def fine_and_broad(tracks: Sequence[LabelledTrack]) -> tuple[Labels, Labels]:
    """The labels for many classes, and the labels for few."""
    return ("style", "given") if any(track.style for track in tracks) else ("given", "paper")


def counted(setting: Setting, labels: Labels) -> str:
    """The number and the kind of the classes, such as "7 genres"."""
    n = len({label_of(track, labels) for track in setting.tracks} - {""})
    kinds = {"style": "styles", "given": "genres", "paper": "of the paper's genres"}
    return f"{n} {kinds[labels]}"


def consolidations(setting: Setting) -> list[Condition]:
    """Learn few genres, or learn many and add up their probabilities to those of the few."""
    fine, broad = fine_and_broad(setting.tracks)
    many, few = counted(setting, fine), counted(setting, broad)
    return [
        Condition(f"{few} learned and judged", setting.base, labels=broad),
        Condition(f"{many} learned, {few} judged", setting.base, labels=fine, judged=broad),
        Condition(f"{many} learned and judged", setting.base, labels=fine),
    ]


def optimisers(setting: Setting) -> list[Condition]:
    """RMSProp as in TensorFlow 1 and as in Keras, and two others; three learning rates each."""
    settings: dict[str, tuple[str, tuple[tuple[str, float], ...], float, float]] = {
        "RMSProp": ("rmsprop", (("rho", 0.9), ("epsilon", 1e-10)), 1.0, 1e-3),
        "RMSProp from Keras' start": ("rmsprop", (("rho", 0.9), ("epsilon", 1e-10)), 0.0, 1e-3),
        "RMSProp, epsilon 1e-7, from Keras' start": (
            *("rmsprop", (("rho", 0.9), ("epsilon", 1e-7))),
            *(0.0, 1e-3),
        ),
        "Adam": ("adam", (), 0.0, 1e-3),
        "SGD with momentum": ("sgd", (("momentum", 0.9),), 0.0, 1e-2),
    }
    return [
        Condition(
            f"{name}, rate {rate:g}",
            with_training(
                setting.base,
                optimizer=optimizer,
                optimizer_settings=extra,
                first_accumulator=first,
                learning_rate=rate,
            ),
        )
        for name, (optimizer, extra, first, middle) in settings.items()
        for rate in (middle, middle / 10, middle * 10)
    ]


def initial_weights(setting: Setting) -> list[Condition]:
    """Xavier everywhere, as the paper says, and two alternatives."""
    he = {"convolution_init": "he_uniform", "dense_init": "he_uniform"}
    return [
        Condition("Xavier everywhere (the paper)", setting.base),
        Condition(
            "normal of 0.02 in dense layers (Despois)",
            variant(setting.base, "dense normal 0.02", dense_init=TRUNCATED_NORMAL),
        ),
        Condition("He", variant(setting.base, "he", **he)),
    ]


def activations(setting: Setting) -> list[Condition]:
    """Four activations; the paper changed from the first to the second."""
    kinds = {"ELU": "elu", "ReLU": "relu", "Leaky ReLU": "leaky_relu", "GELU": "gelu"}
    return [
        Condition(
            title,
            setting.base if name == "relu" else variant(setting.base, name, activation=name),
        )
        for title, name in kinds.items()
    ]


def numbers_of_songs(setting: Setting) -> list[Condition]:
    """The points of a learning curve: shares of the training songs."""
    return [
        Condition(f"{share:.0%} of the songs", setting.base, share=share)
        for share in (1.0, 0.5, 0.25, 0.125)
    ]


def slices_per_song(setting: Setting) -> list[Condition]:
    """Training on all slices of each song or on a few of them, testing on all."""
    base = all_slices(setting.base)
    return [Condition("all slices", base, varies_slices=True)] + [
        Condition(
            f"{n} slices a song",
            sliced(base, max_slices=n),
            test_slices=base.slices,
            varies_slices=True,
        )
        for n in (8, 4, 2)
    ]


def slice_lengths(setting: Setting) -> list[Condition]:
    """Longer and shorter slices of the same songs."""
    base = setting.base
    return [
        Condition(
            length_name(base.spectrogram, frames), sliced(base, frames=frames, hop_frames=frames)
        )
        for frames in (128, 64, 256, 512)
    ]


def length_name(spec: FrontEndSpec, frames: int) -> str:
    """The length of that many frames, in seconds; in notes for MIDI files."""
    if isinstance(spec, NotesSpec):
        return f"{frames} notes"
    return f"{frames * spec.hop / spec.sample_rate_hz:.2f} s"


def positions(setting: Setting) -> list[Condition]:
    """Training on one third of each song and testing on one third, in all combinations."""
    thirds: tuple[Position, ...] = ("beginning", "middle", "end")
    part = sliced(setting.base, max_slices=6)
    return [
        Condition(
            f"trained on the {learned}, tested on the {tested}",
            sliced(part, position=learned),
            test_slices=None if tested == learned else replace(part.slices, position=tested),
            varies_slices=True,
        )
        for learned in thirds
        for tested in thirds
    ]


def bands(setting: Setting) -> list[Condition]:
    """All frequencies, each band alone, and all but each band.

    Raises:
        GenreModelError: The network takes notes.
    """
    if isinstance(setting.base.spectrogram, NotesSpec):
        raise GenreModelError(f"{setting.base.name} takes notes, which have no frequency bands")
    titles: dict[Band, str] = {
        "all": "all frequencies",
        "low": "below 1 kHz",
        "mid": "1 to 5 kHz",
        "high": "above 5 kHz",
        "no-low": "without those below 1 kHz",
        "no-mid": "without 1 to 5 kHz",
        "no-high": "without those above 5 kHz",
    }
    return [Condition(title, sliced(setting.base, band=band)) for band, title in titles.items()]


def likings(setting: Setting) -> list[Condition]:
    """One made-up person for each genre, who likes that genre alone."""
    return [Condition(f"likes {genre}", setting.base, liked=genre) for genre in setting.genres]


def recurrent(setting: Setting) -> list[Condition]:
    """A recurrent network on slices in order and shuffled, and the base network."""
    crnn = ARCHITECTURES["crnn"]
    return [
        Condition("crnn, slices in order", crnn),
        Condition("crnn, slices shuffled", crnn, order="shuffled"),
        Condition(f"{setting.base.name}, each slice alone", setting.base),
    ]


def finetuning(_: Setting) -> list[Condition]:
    """Training a head alone, and training the later layers with it."""
    return [
        Condition("embeddings", EMBEDDINGS_SYSTEM),
        Condition("finetune", ARCHITECTURES["finetune"]),
    ]


def selections(setting: Setting) -> list[Condition]:
    """Training on all slices, and on the easiest of them."""
    base = all_slices(setting.base)
    return [Condition("all slices", base)] + [
        Condition(f"the easiest {share:.0%}", base, select=share) for share in (0.75, 0.5, 0.25)
    ]


def textures(_: Setting) -> list[Condition]:
    """Costa's support vector machines; the table fuses their zones' votes by each of four rules."""
    return [Condition("three segments a song", ARCHITECTURES["costa2011"])]


def notes(_: Setting) -> list[Condition]:
    """The recurrent network over notes, for a folder or a list of MIDI files."""
    return [Condition("midi-rnn", ARCHITECTURES["midi-rnn"])]


def all_systems(_: Setting) -> list[Condition]:
    """Every system that takes audio."""
    systems = {EMBEDDINGS: EMBEDDINGS_SYSTEM, **ARCHITECTURES}
    return [
        Condition(name, architecture)
        for name, architecture in systems.items()
        if not isinstance(architecture.spectrogram, NotesSpec)
    ]
