"""From labelled tracks to a bundle whose network was trained from scratch, with its report.

One fifth of the artists is heard by nobody before the report (the test), one fifth decides which
epoch is best and calibrates (the validation), the rest is trained on; the network that is written
is the very one that the report speaks of.
"""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timezone
from importlib.metadata import version
from pathlib import Path

import msgspec
import numpy as np

from genre_model.core.deadline import TIME_LIMIT_S, time_limit
from genre_model.core.errors import AudioError, GenreModelError
from genre_model.core.specs import AggregationSpec, NetworkSpec
from genre_model.data.folds import Split, context_group, split_tracks
from genre_model.data.tracks import LabelledTrack
from genre_model.evaluation.out_of_fold import OUT_OF_FOLD, pack_out_of_fold
from genre_model.evaluation.page.render import render_html
from genre_model.evaluation.report import EpochReport, Report
from genre_model.features.frontend import slice_shape
from genre_model.model.bundle.arrays import npz
from genre_model.model.bundle.manifest import Manifest
from genre_model.model.bundle.store import PROBE, Bundle, write_bundle
from genre_model.model.classifier import Classifier, SongFeatures
from genre_model.model.onnx.session import onnx_logits, open_network
from genre_model.model.play_history import PlayHistorySpec, with_play_history
from genre_model.training.calibration import Calibration, songs_of
from genre_model.training.head.cross_validation import final_play_history, play_history_out_of_fold
from genre_model.training.head.report import make_report
from genre_model.training.job import REPORT_HTML, REPORT_JSON, TrainingJob
from genre_model.training.networks.base import Architecture, Network
from genre_model.training.scratch.train import train_system
from genre_model.training.training_set import (
    CrossValidated,
    Float64,
    TrainingSet,
    accuracy_of_slices,
    make_training_set,
)

TEST_FOLD, VALIDATION_FOLD = 0, 1


SLICES = "slices"


def train_network_bundle(
    job: TrainingJob,
    architecture: Architecture,
    models: Path,
    work: Path,
    on_epoch: Callable[[EpochReport], None],
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
        on_epoch: Told of each epoch.
        epochs: At most so many; the architecture's number where None.
        on_failure: Told of each track that cannot be heard, and why.

    Raises:
        GenreModelError: A library is missing, there are too few tracks, or a folder cannot be
            written.
    """
    split = split_tracks(job.tracks, job.options.seed)
    if split.n_folds <= VALIDATION_FOLD + 1:
        raise GenreModelError(f"too few tracks to train, validate and test ({split.reason})")
    genres = tuple(sorted({label for track in job.tracks for label in track.labels}))
    test = split.fold == TEST_FOLD
    trained_on = [track for track, out in zip(job.tracks, test, strict=True) if not out]
    validation = (split.fold == VALIDATION_FOLD)[~test]
    trained = train_system(
        architecture,
        trained_on,
        genres,
        validation,
        work,
        seed=job.options.seed,
        on_epoch=on_epoch,
        epochs=epochs,
        select=job.options.select,
    )
    for skipped in trained.skipped:
        on_failure(f"{skipped.path}: {skipped.reason}")
    onnx = trained.onnx
    del trained
    manifest = manifest_of(job, architecture, genres, onnx)
    contents = {manifest.network.file: onnx, PROBE: probe(architecture, onnx)}
    with tempfile.TemporaryDirectory() as folder:
        draft = write_bundle(Path(folder) / "draft", manifest, contents)
        del onnx, contents  # a large network is not to be in memory several times over
        calibration, training_set, cross_validated = assess_network(job, split, draft, on_failure)
        contents = {name: draft.read(name) for name in draft.manifest.files}
    manifest = replace(
        manifest,
        aggregation=calibration.alone,
        context=calibration.context,
        play_history=cross_validated.play_history,
    )
    report = make_report(
        training_set,
        cross_validated,
        job.options,
        bundle_id=manifest.bundle_id,
        created_utc=manifest.created_utc,
        dropped=job.dropped,
        architecture=architecture.name,
    )
    contents[REPORT_JSON] = msgspec.json.format(msgspec.json.encode(report), indent=2)
    contents[REPORT_HTML] = render_html(report).encode()
    contents[OUT_OF_FOLD] = pack_out_of_fold(
        [track.path for track in training_set.tracks],
        cross_validated.probabilities,
        manifest.bundle_id,
        [track.path for track in trained_on],
    )
    bundle = write_bundle(models / manifest.bundle_id, manifest, contents)
    tidy(work)
    return bundle, report


def manifest_of(
    job: TrainingJob, architecture: Architecture, genres: tuple[str, ...], network: bytes
) -> Manifest:
    """The manifest, without a calibration."""
    created = datetime.now(timezone.utc)
    identity = hashlib.sha256(network + created.isoformat().encode()).hexdigest()[:8]
    return Manifest(
        bundle_id=f"{created:%Y%m%d-%H%M%S}-{identity}",
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


def assess_network(
    job: TrainingJob,
    split: Split,
    draft: Bundle,
    on_failure: Callable[[str], None] = lambda _: None,
) -> tuple[Calibration, TrainingSet, CrossValidated]:
    """Calibrate on the validation tracks, judge the test tracks.

    Raises:
        GenreModelError: None of either could be heard.
    """
    classifier = Classifier(draft, tried=True)
    known = extract_fold(job.tracks, split, VALIDATION_FOLD, classifier)
    unknown = extract_fold(job.tracks, split, TEST_FOLD, classifier, on_failure)
    with_context = job.options.context and split.group_by == "artist"
    known_songs = songs_of([extracted.features for extracted in known.extracted])
    known_groups = [context_group(track) for track in known.tracks]
    calibration = Calibration.choose(
        known_songs,
        known,
        known_groups,
        job.options,
        np.ones(len(known.tracks), dtype=np.bool_),
        with_context=with_context,
    )
    groups = tuple(context_group(track) for track in unknown.tracks)
    slice_logits = [extracted.features for extracted in unknown.extracted]
    probabilities = calibration.apply(songs_of(slice_logits), groups)
    tested = Split(
        np.zeros(len(groups), dtype=np.intp), groups, split.group_by, one_split(split.reason)
    )
    cross_validated = CrossValidated(
        tested,
        probabilities,
        probabilities.max(axis=1) >= calibration.threshold,
        accuracy_of_slices(slice_logits, unknown.candidates),
        calibration.alone,
        calibration.context,
    )
    if job.options.play_history:
        before = calibration.apply(known_songs, known_groups)
        cross_validated = extracted_with_play_history(
            unknown, cross_validated, learn_play_history(job, known, before)
        )
    return calibration, unknown, cross_validated


def learn_play_history(
    job: TrainingJob, known: TrainingSet, probabilities: Float64
) -> PlayHistorySpec:
    """What a listener did adds this, by the validation tracks and their probabilities."""
    groups = [context_group(track) for track in known.tracks]
    n = len(groups)
    fold = split_tracks(known.tracks, job.options.seed).fold if n > 1 else np.zeros(n, np.intp)
    after = play_history_out_of_fold(known, probabilities, fold)
    return final_play_history(known, probabilities, after, groups, job.options)


def extracted_with_play_history(
    training_set: TrainingSet, cross_validated: CrossValidated, spec: PlayHistorySpec
) -> CrossValidated:
    """The same after what a listener did with the tracks."""
    before = cross_validated.probabilities
    after = with_play_history(before, training_set.play_history, spec)
    return replace(
        cross_validated,
        probabilities=after,
        accepted=after.max(axis=1) >= spec.threshold,
        play_history=spec,
        without_play_history=before,
    )


def one_split(reason: str) -> str:
    """Why, and that there are no folds."""
    return f"{reason}; a fifth tested, a fifth for choosing the epoch, the rest trained on"


def extract_fold(
    tracks: Sequence[LabelledTrack],
    split: Split,
    fold: int,
    classifier: Classifier,
    on_failure: Callable[[str], None] = lambda _: None,
) -> TrainingSet:
    """What the network says of a fold's tracks; those that cannot be heard are left out.

    Raises:
        GenreModelError: None can be heard.
    """
    chosen = [track for track, f in zip(tracks, split.fold, strict=True) if f == fold]
    extracted: list[tuple[LabelledTrack, SongFeatures]] = []
    for track in chosen:
        try:
            with time_limit(TIME_LIMIT_S):
                extracted.append((track, classifier.extract(track.path)))
        except AudioError as error:
            on_failure(f"{track.path}: {error}")
    if not any(len(sound.features) for _, sound in extracted):
        raise GenreModelError("none of the tracks to be tested on can be heard")
    manifest = classifier.manifest
    now_s = datetime.fromisoformat(manifest.created_utc).timestamp()
    tracks, sounds = [track for track, _ in extracted], [sound for _, sound in extracted]
    return make_training_set(tracks, sounds, manifest.genres, now_s)


def tidy(work: Path) -> None:
    """Remove the checkpoints; the slices may be wanted again."""
    for path in work.iterdir():
        if path.name != SLICES:
            shutil.rmtree(path) if path.is_dir() else path.unlink()
