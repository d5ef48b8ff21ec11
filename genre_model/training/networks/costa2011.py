"""Textures of spectrograms and support vector machines, after Costa et al. (2011).

Half a minute each from the beginning, the middle and the end of a song, ten zones of frequency in
each, and of a zone 28 numbers: seven descriptors of the co-occurrences of grey levels, in four
directions.  Every zone has its own classifier; thirty votes are counted, by a rule of
``AggregationSpec``.  The paper tried the sum, product, max and majority rules.

Ours are the picture (SoX', 128 rows up to 22 kHz), 64 grey levels, that a zone has one classifier
for all three parts of a song, and the grid of its C and gamma; see ``features.textures``
and ``zone_svm``.
"""

from __future__ import annotations

from genre_model.core.specs import SliceSpec, SoxSpec
from genre_model.training.networks.base import Architecture, Estimator
from genre_model.training.networks.zone_svm import MAX_SLICES, fit_zone_svms

# Three segments of half a minute, a column of pixels being 20 ms; they begin on whole seconds.
SEGMENTS: SliceSpec = SliceSpec(
    frames=1500, hop_frames=50, max_slices=3, position="ends", transform="glcm"
)

COSTA2011 = Architecture(
    name="costa2011",
    summary="Co-occurrences of grey levels in ten zones of frequency, each with its own SVM.",
    source=(
        "Y. M. G. Costa, L. S. Oliveira, A. L. Koerich, F. Gouyon: "
        "Music Genre Recognition Using Spectrograms, IWSSIP 2011"
    ),
    spectrogram=SoxSpec(),
    slices=SEGMENTS,
    learner=Estimator(fit_zone_svms, ("sklearn", "onnx", "skimage"), MAX_SLICES),
)
