"""The network of J. Despois (2016), on which the paper's network is based.

Its settings are those of his code, and of tflearn's defaults at the time: ELU everywhere, Xavier's
initial weights in convolutions and a truncated normal with a deviation of 0.02 in dense layers,
RMSProp with an epsilon of 1e-10, gradients clipped to a common norm of 5, batches of 128, and 20
epochs.  Two things differ from his code: slices of one song are never on both sides of the split,
and the best of the 20 epochs is kept.  The training never stops before the last epoch.
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
