"""Textures of spectrograms and support vector machines, after Costa et al. (2011).

Three segments of 30 s are taken from the beginning, the middle and the end of a song.  Each segment
has ten frequency zones, and each zone 28 features: seven descriptors of the co-occurrences of grey
levels, in four directions.  Every zone has its own classifier, so a song has thirty votes, which
are combined by a rule of ``AggregationSpec``.  The paper tried the sum, product, max and majority
rules.

Our own choices are the picture (SoX', 128 rows up to 22 kHz), 64 grey levels, one classifier per
zone for all three segments of a song, and the grid of C and gamma; see ``features.textures`` and
``zone_svm``.
"""

from __future__ import annotations

from genre_model.core.specs import SliceSpec, SoxSpec
from genre_model.training.networks.base import Architecture, Estimator
from genre_model.training.networks.zone_svm import MAX_SLICES, fit_zone_svms

# Three segments of 30 s that begin on whole seconds; a column of pixels is 20 ms.
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
