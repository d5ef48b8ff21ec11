"""The report of a training: figures on tracks of artists that the model was not trained on.

``report.json`` is a :class:`Report` as JSON; ``report.html`` is made from that alone.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from genre_model.evaluation.metrics import Interval


@dataclass(frozen=True, slots=True)
class TrackResult:
    """One track's out-of-fold verdict; ``ranked`` holds the leading genres, best first."""

    path: str
    artist: str
    title: str
    truth: str
    answer: str
    confidence: float
    ranked: dict[str, float]
    fold: int


@dataclass(frozen=True, slots=True)
class GenreFigures:
    """One genre's figures; all answers count, accepted or not."""

    genre: str
    n_tracks: int
    n_artists: int
    precision: float | None
    recall: float
    f1: float


@dataclass(frozen=True, slots=True)
class ReliabilityBin:
    """Tracks whose confidence lies in [``low``, ``high``)."""

    low: float
    high: float
    n_tracks: int
    mean_confidence: float
    accuracy: float


@dataclass(frozen=True, slots=True)
class CoveragePoint:
    """The effect of a threshold: the share of tracks answered, and the share of those right."""

    threshold: float
    coverage: float
    precision: float


@dataclass(frozen=True, slots=True)
class LearningPoint:
    """Song accuracy when only ``n_tracks`` tracks are available, out of fold."""

    n_tracks: int
    accuracy: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Dropped:
    """Labels that were not used, and why."""

    label: str
    n_tracks: int
    reason: str


@dataclass(frozen=True, slots=True)
class EpochReport:
    """One epoch: the training ``loss``, and three figures on the validation tracks.

    Losses are means over slices, in nats; the accuracies are shares of slices and of songs.
    """

    epoch: int
    loss: float
    validation_loss: float
    slice_accuracy: float
    song_accuracy: float


@dataclass(frozen=True, slots=True)
class ModelFigures:
    """A model's figures on the training tracks, or on those that are fair to all models.

    For no model, a track is judged by what the model has learned from the track's artist.
    ``gain`` and ``balanced_gain``: song accuracy and balanced accuracy of the new model minus those
    of this one, on the same tracks; None for the new model itself.  ``gain_in_names`` and
    ``balanced_gain_in_names``: the same, but this model is right only if it gives the label's own
    name: Rock for the user's Pop-Rock, or Ambient for the user's Electronic, is then wrong.
    """

    name: str
    n_tracks: int
    accuracy: Interval
    balanced_accuracy: Interval
    threshold: float
    coverage: float
    precision: Interval
    gain: Interval | None = None
    balanced_gain: Interval | None = None
    gain_in_names: Interval | None = None
    balanced_gain_in_names: Interval | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """Everything that the report shows.  Figures are out of fold; intervals resample artists."""

    bundle_id: str
    created_utc: str
    architecture: str
    genres: tuple[str, ...]
    n_tracks: int
    n_artists: int
    n_folds: int
    group_by: str
    split_reason: str
    majority_baseline: float
    slice_accuracy: float
    song_accuracy: Interval
    balanced_accuracy: Interval
    macro_f1: float
    calibration_error: float
    threshold: float
    target_precision: float
    coverage: float
    precision: Interval
    per_genre: tuple[GenreFigures, ...]
    confusion: tuple[tuple[int, ...], ...]  # rows: truth, columns: answer, in the order of `genres`
    reliability: tuple[ReliabilityBin, ...]
    coverage_curve: tuple[CoveragePoint, ...]
    learning_curve: tuple[LearningPoint, ...]
    mistakes: tuple[TrackResult, ...]  # the most confident first
    dropped: tuple[Dropped, ...] = ()
    settings: dict[str, str] = field(default_factory=dict)
    accuracy_without_play_history: float | None = None  # None if it is not used
    models: tuple[ModelFigures, ...] = ()  # the new one, the shipped one, and the one in use
    not_compared: str = ""  # why a model is missing in `models`
