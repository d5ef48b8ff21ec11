"""The network that the paper starts from, of J. Despois (2016).

Its settings are those of his code, and of tflearn's defaults at the time.
ELU everywhere, convolutions by Xavier, dense layers by a truncated normal of 0.02, RMSProp with an
epsilon of 1e-10, gradients clipped to a common norm of 5, batches of 128, 20 epochs.  Not his: the
split (slices of one song never lie on both sides) and the early stopping, which here picks the best
of the 20 epochs, and never ends before the last.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from genre_model.training.networks.base import Architecture, Cost, Network
from genre_model.training.networks.pelchat2019 import SLICES, SPECTROGRAM, TRAINING, build

TRUNCATED_NORMAL = 0.02

DESPOIS2016 = Architecture(
    name="despois2016",
    summary="The network before the paper's: ELU, and small random weights in the dense layers.",
    source="J. Despois, github.com/despoisj/DeepAudioClassification, 2016",
    spectrogram=SPECTROGRAM,
    slices=SLICES,
    learner=Network(
        partial(build, activation="elu", dense_init=TRUNCATED_NORMAL),
        replace(TRAINING, patience=TRAINING.epochs),
    ),
    cost=Cost(34_244_800, 1_025, 440_401_920, 1_024),
)
