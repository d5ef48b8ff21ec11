"""The systems that can be trained: one file each, and one line in ``ARCHITECTURES``.

docs/architectures.md shows how to add a system.  Keras and scikit-learn are imported only when a
system is trained.
"""

from __future__ import annotations

from genre_model.core.errors import GenreModelError
from genre_model.core.specs import AggregationRule
from genre_model.training.networks.base import Architecture
from genre_model.training.networks.costa2011 import COSTA2011
from genre_model.training.networks.costa2017 import COSTA2017, COSTA2017_CNN, COSTA2017_LBP
from genre_model.training.networks.crnn import CRNN
from genre_model.training.networks.despois2016 import DESPOIS2016
from genre_model.training.networks.finetune import FINETUNE
from genre_model.training.networks.midi_rnn import MIDI_RNN
from genre_model.training.networks.obrien import OBRIEN
from genre_model.training.networks.pelchat2019 import PELCHAT2019, PELCHAT2019_STRIDED

ARCHITECTURES: dict[str, Architecture] = {
    architecture.name: architecture
    for architecture in (
        PELCHAT2019,
        PELCHAT2019_STRIDED,
        DESPOIS2016,
        COSTA2011,
        COSTA2017,
        COSTA2017_CNN,
        COSTA2017_LBP,
        OBRIEN,
        CRNN,
        MIDI_RNN,
        FINETUNE,
    )
}

# The default: not one of these systems, but a head on the shipped network's embeddings.
EMBEDDINGS = "embeddings"


def default_rule(architecture: Architecture | None) -> AggregationRule:
    """The default rule to aggregate slices into a song: the one that measured best."""
    return "product" if architecture is None else "mean"


def find_architecture(name: str) -> Architecture | None:
    """The architecture with this name; None for the default, embeddings.

    Raises:
        GenreModelError: There is no architecture of this name.
    """
    if name == EMBEDDINGS:
        return None
    if name not in ARCHITECTURES:
        known = ", ".join([EMBEDDINGS, *ARCHITECTURES])
        raise GenreModelError(f"no such architecture: {name} (there are: {known})")
    return ARCHITECTURES[name]
