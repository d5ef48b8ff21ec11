"""Train a network from scratch on labelled tracks, and write a bundle with a report.

One fifth of the artists is kept for the report (the test), one fifth selects the best epoch and
calibrates (the validation), and the rest is trained on.  Then the network is trained again on all
tracks, for the number of epochs that was best.  The second network is written, with the calibration
and the report of the first; a head on embeddings is also fitted on all tracks in the end.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from pathlib import Path

import numpy as np

from genre_model import __version__
from genre_model.core.specs import AggregationSpec, NetworkSpec
from genre_model.evaluation.out_of_fold import fingerprint_of, pack_out_of_fold
from genre_model.evaluation.page.render import report_files
from genre_model.evaluation.report import Report
from genre_model.features.frontend import slice_shape
from genre_model.model.bundle.arrays import npz
from genre_model.model.bundle.manifest import Manifest, new_bundle_id
from genre_model.model.bundle.store import OUT_OF_FOLD, PROBE, Bundle, write_bundle
from genre_model.model.onnx.session import onnx_logits, open_network
from genre_model.training.copies import content_of, without_copies
from genre_model.training.events import TrainingEvents, ignore
from genre_model.training.head.report import make_report
from genre_model.training.job import TrainingJob
from genre_model.training.networks.base import Architecture, Network
from genre_model.training.scratch.assess import assess_network
from genre_model.training.scratch.parts import Parts, three_parts
from genre_model.training.scratch.train import train_system
from genre_model.training.scratch.work_folder import (
    SLICES,
    folder_name,
    locked,
)
from genre_model.training.training_set import CrossValidated, TrainingSet

ON_ALL = "on-all"


@dataclass(frozen=True, slots=True)
class ScratchRun:
    """A training from scratch: its tracks, architecture, folders and callbacks.

    ``work`` is this training's own folder; the folder ``slices`` is shared with other trainings.
    ``epochs`` is the maximum, or the architecture's number if None.  ``fingerprints`` are those of
    the tracks' audio.
    """

    job: TrainingJob
    architecture: Architecture
    parts: Parts
    work: Path
    slices: Path
    events: TrainingEvents
    epochs: int | None
    fingerprints: Mapping[Path, bytes | None]


def train_network_bundle(
    job: TrainingJob,
    architecture: Architecture,
    models: Path,
    work: Path,
    events: TrainingEvents,
    epochs: int | None = None,
) -> tuple[Bundle, Report]:
    """Train, evaluate and write a bundle into the folder ``models``.

    Args:
        job: The tracks and the settings.
        architecture: The system to train.
        models: The folder to write the bundle into.
        work: Folder of the slices and checkpoints.  After an interruption, the same call resumes
            from them.  At the end, the slices are kept for the next training, and so are the
            checkpoints of other trainings.
        events: Callbacks during the training.
        epochs: Maximum number of epochs; the architecture's number if None.

    Raises:
        GenreModelError: A library is missing, there are too few tracks, a folder cannot be
            written, or the same training is already running.
    """
    fingerprints = {track.path: fingerprint_of(track.path) for track in job.tracks}
    contents = [content_of(track.path, fingerprints[track.path]) for track in job.tracks]
    job = replace(job, tracks=without_copies(job.tracks, contents, events.on_failure))
    own, slices = work / folder_name(job, architecture), work / SLICES
    parts = three_parts(job)
    run = ScratchRun(job, architecture, parts, own, slices, events, epochs, fingerprints)
    with locked(own):
        finished = train_and_write(run, models)
        shutil.rmtree(own, ignore_errors=True)  # Windows cannot delete the open lock file
    return finished


def train_and_write(run: ScratchRun, models: Path) -> tuple[Bundle, Report]:
    """Do the work of :func:`train_network_bundle`; the work folder is locked."""
    with tempfile.TemporaryDirectory() as folder:
        draft, kept_epoch = train_draft(run, Path(folder) / "draft")
        training_set, tested = assess_network(run.job, run.parts, draft, run.events.on_failure)
    network = train_on_all(run, kept_epoch)
    return finish_bundle(run, network, training_set, tested, models)


def train_draft(run: ScratchRun, directory: Path) -> tuple[Bundle, int]:
    """Train the network and write it as a bundle without a calibration.

    The network, which may be large, is not kept in memory afterwards.

    Returns:
        The bundle, and the epoch of its network; 0 if it was fitted in one go.
    """
    job, architecture = run.job, run.architecture
    tracks, held_out = run.parts.not_in_test(job.tracks)
    trained = train_system(
        architecture,
        tracks,
        job.genres,
        np.array(held_out),
        run.work,
        seed=job.options.seed,
        events=run.events,
        epochs=run.epochs,
        slices_folder=run.slices,
        select=job.options.select,
        parts=run.parts,
    )
    for skipped in trained.skipped:
        run.events.on_failure(f"{skipped.path}: {skipped.reason}")
    manifest = manifest_of(job, architecture, trained.onnx)
    contents = {manifest.network.file: trained.onnx, PROBE: probe(architecture, trained.onnx)}
    return write_bundle(directory, manifest, contents), trained.kept_epoch


def train_on_all(run: ScratchRun, epochs: int) -> bytes:
    """Train on all tracks for the best number of epochs, and return the ONNX network."""
    job = run.job
    trained = train_system(
        run.architecture,
        job.tracks,
        job.genres,
        None,
        run.work / ON_ALL,
        seed=job.options.seed,
        events=replace(run.events, on_epoch=ignore),
        epochs=epochs or None,
        slices_folder=run.slices,
        select=job.options.select,
    )
    return trained.onnx


def finish_bundle(
    run: ScratchRun,
    network: bytes,
    training_set: TrainingSet,
    tested: CrossValidated,
    models: Path,
) -> tuple[Bundle, Report]:
    """Write the network as a bundle, with the calibration and the report."""
    job, architecture = run.job, run.architecture
    manifest = replace(
        manifest_of(job, architecture, network),
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
    learned = [run.fingerprints[track.path] for track in run.parts.not_in_test(job.tracks)[0]]
    by_slice = run.parts.slice_seed is not None  # other slices of each song were trained on
    out_of_fold = pack_out_of_fold(
        [] if by_slice else [run.fingerprints[track.path] for track in training_set.tracks],
        tested.probabilities[:0] if by_slice else tested.probabilities,
        manifest.bundle_id,
        learned,
    )
    contents = {manifest.network.file: network, PROBE: probe(architecture, network)}
    contents |= {**report_files(report), OUT_OF_FOLD: out_of_fold}
    return write_bundle(job.folder(models, manifest.bundle_id), manifest, contents), report


def manifest_of(job: TrainingJob, architecture: Architecture, network: bytes) -> Manifest:
    """The manifest, without a calibration."""
    genres = job.genres
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
        package_version=__version__,
        provenance={"architecture": architecture.name, "source": architecture.source},
    )


def probe(architecture: Architecture, network: bytes) -> bytes:
    """A random slice and the network's logits of it, with which the bundle is checked."""
    shape = (1, *slice_shape(architecture.spectrogram, architecture.slices))
    slices = np.random.default_rng(0).gamma(2.0, 0.6, shape).astype(np.float32)
    return npz(slices=slices, logits=onnx_logits(open_network(network), slices))
