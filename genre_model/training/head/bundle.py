"""Train a head on labelled tracks: evaluate it, fit it, write a bundle with a report."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path

import numpy as np

from genre_model import __version__
from genre_model.core.errors import GenreModelError
from genre_model.data.tracks import LabelledTrack
from genre_model.evaluation.out_of_fold import pack_out_of_fold
from genre_model.evaluation.page.render import report_files
from genre_model.evaluation.report import Report
from genre_model.model.bundle.arrays import npz
from genre_model.model.bundle.manifest import Manifest, new_bundle_id
from genre_model.model.bundle.store import (
    HEAD,
    OUT_OF_FOLD,
    PROBE,
    Bundle,
    load_bundle,
    write_bundle,
)
from genre_model.model.classifier import Classifier
from genre_model.model.head import arrays_of
from genre_model.model.song_features import SongFeatures
from genre_model.training.head.comparison import Rival, extracts_alike, rival_of
from genre_model.training.head.cross_validation import evaluate_out_of_fold, fit
from genre_model.training.head.report import make_report
from genre_model.training.head.start import starting_from
from genre_model.training.job import MIN_TRACKS, TrainingJob
from genre_model.training.training_set import CrossValidated, TrainingSet, make_training_set


def train_head_bundle(
    job: TrainingJob,
    extracted: Sequence[tuple[LabelledTrack, SongFeatures]],
    backbone: Bundle,
    models: Path,
) -> tuple[Bundle, Report]:
    """Evaluate, fit and write a bundle into the folder ``models``.

    Raises:
        GenreModelError: Too few tracks or genres are usable, or the bundle cannot be written.
    """
    created = datetime.now(timezone.utc)
    tracks, sounds = [track for track, _ in extracted], [sound for _, sound in extracted]
    training_set = make_training_set(tracks, sounds, now_s=created.timestamp())
    if len(training_set.genres) < 2 or len(training_set.tracks) < MIN_TRACKS:
        raise GenreModelError("too few tracks with sound are left: nothing to tell apart")
    training_set = starting_from(training_set, backbone, job.tree, others=job.others)
    cross_validated = evaluate_out_of_fold(training_set, job.options)
    assert cross_validated.strength is not None
    everything = np.arange(len(training_set.tracks))
    head = fit(training_set, everything, job.options, cross_validated.strength)
    rivals, not_compared = rivals_of(job, backbone, training_set)
    slices = backbone.arrays(PROBE)["slices"]
    detector = training_set.music_detector
    weights = npz(**arrays_of(head), **(detector.arrays() if detector else {}))
    network = backbone.read(backbone.manifest.network.file)
    bundle_id = new_bundle_id(created, network, weights)
    report = make_report(
        training_set,
        cross_validated,
        job.options,
        bundle_id=bundle_id,
        created_utc=created.isoformat(timespec="seconds"),
        dropped=job.dropped,
        rivals=rivals,
        not_compared=not_compared,
    )
    manifest = manifest_of(job, backbone.manifest, training_set, cross_validated, report)
    probe = npz(slices=slices, logits=head.logits(Classifier(backbone).features(slices)))
    contents = {
        manifest.network.file: network,
        HEAD: weights,
        PROBE: probe,
        **report_files(report),
        OUT_OF_FOLD: pack_out_of_fold(
            [extracted.fingerprint for extracted in training_set.extracted],
            cross_validated.probabilities,
            bundle_id,
        ),
        **{name: backbone.read(name) for name in backbone.manifest.files if "LICENSE" in name},
    }
    return write_bundle(job.folder(models, bundle_id), manifest, contents), report


def manifest_of(
    job: TrainingJob,
    backbone: Manifest,
    training_set: TrainingSet,
    cross_validated: CrossValidated,
    report: Report,
) -> Manifest:
    """The manifest of the new bundle; network, slices and spectrogram are those of the backbone."""
    return replace(
        backbone,
        bundle_id=report.bundle_id,
        genres=training_set.genres,
        aggregation=cross_validated.aggregation,
        context=cross_validated.context,
        play_history=cross_validated.play_history,
        target=job.target,
        parents=dict(training_set.parents),
        presets={"default": training_set.genres},
        description=f"A head for {', '.join(report.genres)}, trained on "
        f"{report.n_tracks} tracks of {report.n_artists} artists, "
        f"on the network of {backbone.bundle_id}.",
        licence=f"{backbone.licence} Head: yours.",
        created_utc=report.created_utc,
        package_version=__version__,
        provenance={"network": backbone.bundle_id},
    )


LEAST_FAIR = 0.25  # the least share of the tracks on which models are compared


def rivals_of(
    job: TrainingJob, backbone: Bundle, training_set: TrainingSet
) -> tuple[list[Rival], str]:
    """The models to compare the new one with, and why a model is missing, if one is.

    A model is judged on the features that it would extract itself, so only models that extract the
    same features are compared.  Only models of genres are compared: no model of another field is
    shipped yet.
    """
    if job.target != "genres":
        return [], ""
    if not extracts_alike(load_bundle(backbone.directory), backbone):
        return [], "it was not compared with the shipped model, which uses other slices of a song"
    rivals = [rival_of("shipped", backbone, training_set, job.tree)]
    if job.in_use is None:
        return rivals, ""
    name = job.in_use.directory.name
    if not extracts_alike(job.in_use, backbone):
        return rivals, (
            f"{name}, the model in use, has another network or other slices and was not compared"
        )
    rival = rival_of(name, job.in_use, training_set, job.tree)
    if rival.fair.mean() < LEAST_FAIR:  # all tracks then, which favours the model in use
        rival = replace(rival, fair=np.ones_like(rival.fair))
    return [*rivals, rival], ""
