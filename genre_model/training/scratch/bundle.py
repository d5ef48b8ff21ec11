"""From labelled tracks to a bundle whose network was trained from scratch, with its report.

One fifth of the artists is kept for the report (the test), one fifth decides which epoch is best
and calibrates (the validation), the rest is trained on.  The network that is written is the one
that the report is about.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timezone
from importlib.metadata import version
from pathlib import Path

import numpy as np

from genre_model.core.errors import GenreModelError
from genre_model.core.specs import AggregationSpec, NetworkSpec
from genre_model.data.folds import Split, split_tracks
from genre_model.data.tracks import LabelledTrack
from genre_model.evaluation.out_of_fold import OUT_OF_FOLD, fingerprint_of, pack_out_of_fold
from genre_model.evaluation.report import Report
from genre_model.evaluation.report_files import new_bundle_id, report_files
from genre_model.features.frontend import slice_shape
from genre_model.model.bundle.arrays import npz
from genre_model.model.bundle.manifest import Manifest
from genre_model.model.bundle.store import PROBE, Bundle, write_bundle
from genre_model.model.onnx.session import onnx_logits, open_network
from genre_model.training.head.report import make_report
from genre_model.training.job import TrainingJob
from genre_model.training.networks.base import Architecture, Network
from genre_model.training.scratch.assess import TEST_FOLD, VALIDATION_FOLD, assess_network
from genre_model.training.scratch.learn import Events
from genre_model.training.scratch.train import train_system
from genre_model.training.training_set import CrossValidated, TrainingSet

SLICES = "slices"


def train_network_bundle(
    job: TrainingJob,
    architecture: Architecture,
    models: Path,
    work: Path,
    events: Events,
    epochs: int | None = None,
    on_failure: Callable[[str], None] = lambda _: None,
) -> tuple[Bundle, Report]:
    """Train, evaluate and write a bundle into the folder ``models``.

    Args:
        job: What to train on.
        architecture: The network.
        models: The folder that gets the bundle.
        work: Where slices and checkpoints are; the same call goes on from there after it was
            interrupted.  Only the slices stay when it is done.
        events: What is called on the way.
        epochs: At most so many; the architecture's number where None.
        on_failure: Gets a sentence about each track that cannot be used.

    Raises:
        GenreModelError: A library is missing, there are too few tracks, or a folder cannot be
            written.
    """
    split = three_way_split(job)
    with tempfile.TemporaryDirectory() as folder:
        draft = train_draft(
            Path(folder) / "draft", job, architecture, split, work, events, epochs, on_failure
        )
        training_set, tested = assess_network(job, split, draft, on_failure)
        finished = finish_bundle(job, architecture, draft, training_set, tested, split, models)
    tidy(work)
    return finished


def three_way_split(job: TrainingJob) -> Split:
    """The folds: one tests, one validates, the others are trained on.

    Raises:
        GenreModelError: There are too few artists, or tracks, for that.
    """
    split = split_tracks(job.tracks, job.options.seed)
    if split.n_folds <= VALIDATION_FOLD + 1:
        raise GenreModelError(f"too few tracks to train, validate and test ({split.reason})")
    return split


def tracks_seen(job: TrainingJob, split: Split) -> list[LabelledTrack]:
    """The tracks that the training uses: all but those of the test."""
    pairs = zip(job.tracks, split.fold, strict=True)
    return [track for track, fold in pairs if fold != TEST_FOLD]


def train_draft(
    directory: Path,
    job: TrainingJob,
    architecture: Architecture,
    split: Split,
    work: Path,
    events: Events,
    epochs: int | None,
    on_failure: Callable[[str], None],
) -> Bundle:
    """Train the network and write it as a bundle without a calibration.

    A large network is not kept in memory after that.
    """
    trained = train_system(
        architecture,
        tracks_seen(job, split),
        job.genres,
        split.fold[split.fold != TEST_FOLD] == VALIDATION_FOLD,
        work,
        seed=job.options.seed,
        events=events,
        epochs=epochs,
        select=job.options.select,
    )
    for skipped in trained.skipped:
        on_failure(f"{skipped.path}: {skipped.reason}")
    manifest = manifest_of(job, architecture, job.genres, trained.onnx)
    contents = {manifest.network.file: trained.onnx, PROBE: probe(architecture, trained.onnx)}
    return write_bundle(directory, manifest, contents)


def finish_bundle(
    job: TrainingJob,
    architecture: Architecture,
    draft: Bundle,
    training_set: TrainingSet,
    tested: CrossValidated,
    split: Split,
    models: Path,
) -> tuple[Bundle, Report]:
    """Write the draft again, with its calibration and its report."""
    manifest = replace(
        draft.manifest,
        aggregation=tested.aggregation,
        context=tested.context,
        play_history=tested.play_history,
    )
    report = make_report(
        training_set,
        tested,
        job.options,
        bundle_id=manifest.bundle_id,
        created_utc=manifest.created_utc,
        dropped=job.dropped,
        architecture=architecture.name,
    )
    out_of_fold = pack_out_of_fold(
        [fingerprint_of(track.path) for track in training_set.tracks],
        tested.probabilities,
        manifest.bundle_id,
        [fingerprint_of(track.path) for track in tracks_seen(job, split)],
    )
    contents = {name: draft.read(name) for name in draft.manifest.files}
    contents |= {**report_files(report), OUT_OF_FOLD: out_of_fold}
    return write_bundle(models / manifest.bundle_id, manifest, contents), report


def manifest_of(
    job: TrainingJob, architecture: Architecture, genres: tuple[str, ...], network: bytes
) -> Manifest:
    """The manifest, without a calibration."""
    created = datetime.now(timezone.utc)
    return Manifest(
        bundle_id=new_bundle_id(created, network),
        genres=genres,
        spectrogram=architecture.spectrogram,
        slices=architecture.slices,
        network=NetworkSpec(
            input="slices",
            features="logits",
            whole_song=isinstance(architecture.learner, Network)
            and architecture.learner.whole_song,
        ),
        aggregation=AggregationSpec(rule=job.options.rule),
        target=job.target,
        presets={"default": genres},
        description=f"{architecture.summary} Trained from scratch on {', '.join(genres)}.",
        licence="Yours.",
        created_utc=created.isoformat(timespec="seconds"),
        package_version=version("beets-cnngenre"),
        provenance={"architecture": architecture.name, "source": architecture.source},
    )


def probe(architecture: Architecture, network: bytes) -> bytes:
    """One made-up slice with the network's answer."""
    shape = (1, *slice_shape(architecture.spectrogram, architecture.slices))
    slices = np.random.default_rng(0).gamma(2.0, 0.6, shape).astype(np.float32)
    return npz(slices=slices, logits=onnx_logits(open_network(network), slices))


def tidy(work: Path) -> None:
    """Remove the checkpoints; the slices may be wanted again."""
    for path in work.iterdir():
        if path.name != SLICES:
            shutil.rmtree(path) if path.is_dir() else path.unlink()
