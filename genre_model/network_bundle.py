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

from genre_model.architectures import Architecture, Network
from genre_model.assess import make_report
from genre_model.audio import TIME_LIMIT_S, time_limit
from genre_model.bundle import PROBE, Bundle, Manifest, npz, write_bundle
from genre_model.classifier import Classifier, Heard
from genre_model.dataset import LabelledTrack
from genre_model.errors import AudioError, GenreModelError
from genre_model.front_end import slice_shape
from genre_model.listening import ListeningSpec, with_listening
from genre_model.make_bundle import REPORT_HTML, REPORT_JSON, Job
from genre_model.onnx_network import onnx_logits, open_network
from genre_model.out_of_fold import OUT_OF_FOLD, pack_out_of_fold
from genre_model.report import EpochReport, Report
from genre_model.report_html import render_html
from genre_model.scratch import train_system
from genre_model.specs import AggregationSpec, NetworkSpec
from genre_model.split import Split, context_group, split_tracks
from genre_model.training import (
    Calibration,
    Evaluated,
    Float64,
    Material,
    accuracy_of_slices,
    final_listening,
    listened_out_of_fold,
    make_material,
    songs_of,
)

TEST_FOLD, VALIDATION_FOLD = 0, 1
SLICES = "slices"


def train_network_bundle(
    job: Job,
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
        calibration, material, evaluated = assess_network(job, split, draft, on_failure)
        contents = {name: draft.read(name) for name in draft.manifest.files}
    manifest = replace(
        manifest,
        aggregation=calibration.alone,
        context=calibration.context,
        listening=evaluated.listening,
    )
    report = make_report(
        material,
        evaluated,
        job.options,
        bundle_id=manifest.bundle_id,
        created_utc=manifest.created_utc,
        dropped=job.dropped,
        architecture=architecture.name,
    )
    contents[REPORT_JSON] = msgspec.json.format(msgspec.json.encode(report), indent=2)
    contents[REPORT_HTML] = render_html(report).encode()
    contents[OUT_OF_FOLD] = pack_out_of_fold(
        [track.path for track in material.tracks],
        evaluated.probabilities,
        manifest.bundle_id,
        [track.path for track in trained_on],
    )
    bundle = write_bundle(models / manifest.bundle_id, manifest, contents)
    tidy(work)
    return bundle, report


def manifest_of(
    job: Job, architecture: Architecture, genres: tuple[str, ...], network: bytes
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
    job: Job, split: Split, draft: Bundle, on_failure: Callable[[str], None] = lambda _: None
) -> tuple[Calibration, Material, Evaluated]:
    """Calibrate on the validation tracks, judge the test tracks.

    Raises:
        GenreModelError: None of either could be heard.
    """
    classifier = Classifier(draft)
    known = hear_fold(job.tracks, split, VALIDATION_FOLD, classifier)
    unknown = hear_fold(job.tracks, split, TEST_FOLD, classifier, on_failure)
    with_context = job.options.context and split.group_by == "artist"
    known_songs = songs_of([heard.features for heard in known.heard])
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
    slice_logits = [heard.features for heard in unknown.heard]
    probabilities = calibration.apply(songs_of(slice_logits), groups)
    tested = Split(
        np.zeros(len(groups), dtype=np.intp), groups, split.group_by, one_split(split.reason)
    )
    evaluated = Evaluated(
        tested,
        probabilities,
        probabilities.max(axis=1) >= calibration.threshold,
        accuracy_of_slices(slice_logits, unknown.allowed),
        calibration.alone,
        calibration.context,
    )
    if job.options.listening:
        before = calibration.apply(known_songs, known_groups)
        evaluated = heard_and_listened_to(unknown, evaluated, learn_listening(job, known, before))
    return calibration, unknown, evaluated


def learn_listening(job: Job, known: Material, probabilities: Float64) -> ListeningSpec:
    """What a listener did adds this, by the validation tracks and their probabilities."""
    groups = [context_group(track) for track in known.tracks]
    n = len(groups)
    fold = split_tracks(known.tracks, job.options.seed).fold if n > 1 else np.zeros(n, np.intp)
    after = listened_out_of_fold(known, probabilities, fold)
    return final_listening(known, probabilities, after, groups, job.options)


def heard_and_listened_to(
    material: Material, evaluated: Evaluated, spec: ListeningSpec
) -> Evaluated:
    """The same after what a listener did with the tracks."""
    before = evaluated.probabilities
    after = with_listening(before, material.listening, spec)
    return replace(
        evaluated,
        probabilities=after,
        accepted=after.max(axis=1) >= spec.threshold,
        listening=spec,
        without_listening=before,
    )


def one_split(reason: str) -> str:
    """Why, and that there are no folds."""
    return f"{reason}; a fifth tested, a fifth for choosing the epoch, the rest trained on"


def hear_fold(
    tracks: Sequence[LabelledTrack],
    split: Split,
    fold: int,
    classifier: Classifier,
    on_failure: Callable[[str], None] = lambda _: None,
) -> Material:
    """What the network says of a fold's tracks; those that cannot be heard are left out.

    Raises:
        GenreModelError: None can be heard.
    """
    chosen = [track for track, f in zip(tracks, split.fold, strict=True) if f == fold]
    heard: list[tuple[LabelledTrack, Heard]] = []
    for track in chosen:
        try:
            with time_limit(TIME_LIMIT_S):
                heard.append((track, classifier.hear(track.path)))
        except AudioError as error:
            on_failure(f"{track.path}: {error}")
    if not any(len(sound.features) for _, sound in heard):
        raise GenreModelError("none of the tracks to be tested on can be heard")
    manifest = classifier.manifest
    now_s = datetime.fromisoformat(manifest.created_utc).timestamp()
    tracks, sounds = [track for track, _ in heard], [sound for _, sound in heard]
    return make_material(tracks, sounds, manifest.genres, now_s)


def tidy(work: Path) -> None:
    """Remove the checkpoints; the slices may be wanted again."""
    for path in work.iterdir():
        if path.name != SLICES:
            shutil.rmtree(path) if path.is_dir() else path.unlink()
