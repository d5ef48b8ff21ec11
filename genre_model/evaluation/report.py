"""What a training run is worth: figures on tracks of artists that the model was not trained on.

``report.json`` is :class:`Report` as it stands; ``report.html`` is drawn from it and nothing else.
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
    """One genre's figures, all answers counted whether accepted or not."""

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
    """What a threshold would do: the share of tracks answered, and of those the share right."""

    threshold: float
    coverage: float
    precision: float


@dataclass(frozen=True, slots=True)
class LearningPoint:
    """Song accuracy of a model that was given only ``n_tracks``."""

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
    """One epoch: the training ``loss``, and three figures on the tracks of the validation.

    Losses are means over slices, in nats; the accuracies are shares of slices and of songs.
    """

    epoch: int
    loss: float
    validation_loss: float
    slice_accuracy: float
    song_accuracy: float


@dataclass(frozen=True, slots=True)
class ModelFigures:
    """A model's figures on the tracks of the training, all out of fold.

    ``gain`` and ``balanced_gain``: song accuracy and balanced accuracy of the new model less those
    of this one, on the same tracks; None for the new one itself.  ``gain_in_names`` and
    ``balanced_gain_in_names``: the same, where this model is right only by the label's own name: it
    may say Rock where the user says Pop-Rock, or Ambient where the user says Electronic.
    """

    name: str
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
    accuracy_without_play_history: float | None = None  # None where it does not count
    models: tuple[ModelFigures, ...] = ()  # the new one, the shipped one, and the one in use
    not_compared: str = ""  # why a model is missing there
