"""From labelled tracks to a bundle with a report: hear, evaluate, fit, write."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from importlib.metadata import version
from pathlib import Path

import msgspec
import numpy as np

from genre_model.assess import make_report
from genre_model.bundle import HEAD, PROBE, Bundle, npz, write_bundle
from genre_model.classifier import Classifier, Heard
from genre_model.dataset import LabelledTrack
from genre_model.errors import GenreModelError
from genre_model.out_of_fold import OUT_OF_FOLD, pack_out_of_fold
from genre_model.pool import ReportBug, log_bug
from genre_model.report import Report
from genre_model.report_html import render_html
from genre_model.training import HeadOptions, evaluate_out_of_fold, fit, make_material
from genre_model.workers import Ears, hear_many

REPORT_JSON, REPORT_HTML = "report.json", "report.html"
MIN_TRACKS = 4


@dataclass(frozen=True, slots=True)
class Job:
    """What to train: labelled tracks, what became of the other labels, and the settings."""

    tracks: Sequence[LabelledTrack]
    dropped: Mapping[str, tuple[int, str]]
    options: HeadOptions
    target: str = "genres"


def check_listening(tracks: Sequence[LabelledTrack]) -> None:
    """Find out before the hearing whether there is anything that a listener did.

    Raises:
        GenreModelError: There is nothing.
    """
    if not any(track.listening.is_known for track in tracks):
        raise GenreModelError(
            "no track says how often it was played, how it was rated or when it was added"
        )


def hear_tracks(
    tracks: Sequence[LabelledTrack],
    ears: Ears,
    on_track: Callable[[LabelledTrack, str | None], None],
    report_bug: ReportBug = log_bug,
) -> Iterator[tuple[LabelledTrack, Heard]]:
    """What is heard of each track; ``on_track`` gets each, and why it cannot be heard if so.

    Raises:
        GenreModelError: The model cannot be used, or nobody is there any more to hear.
    """
    ears.check()
    for track, heard in hear_many(ears, tracks, lambda track: track.path, report_bug):
        if isinstance(heard, Heard):
            on_track(track, None if len(heard.features) else "silent")
            yield track, heard
        else:
            on_track(track, heard)


def train_head_bundle(
    job: Job,
    heard: Sequence[tuple[LabelledTrack, Heard]],
    backbone: Bundle,
    models: Path,
) -> tuple[Bundle, Report]:
    """Evaluate, fit and write a bundle into the folder ``models``.

    Raises:
        GenreModelError: Too few tracks or genres could be heard, or the bundle cannot be written.
    """
    created = datetime.now(timezone.utc)
    tracks, sounds = [track for track, _ in heard], [sound for _, sound in heard]
    material = make_material(tracks, sounds, now_s=created.timestamp())
    if len(material.genres) < 2 or len(material.tracks) < MIN_TRACKS:
        raise GenreModelError("too few tracks with sound are left: nothing to tell apart")
    evaluated = evaluate_out_of_fold(material, job.options)
    head = fit(material, np.arange(len(material.tracks)), job.options)
    slices = backbone.arrays(PROBE)["slices"]
    weights = npz(weights=head.weights, bias=head.bias)
    network = backbone.read(backbone.manifest.network.file)
    identity = hashlib.sha256(network + weights + created.isoformat().encode()).hexdigest()[:8]
    bundle_id = f"{created:%Y%m%d-%H%M%S}-{identity}"
    stamp = created.isoformat(timespec="seconds")
    report = make_report(
        material,
        evaluated,
        job.options,
        bundle_id=bundle_id,
        created_utc=stamp,
        dropped=job.dropped,
    )
    manifest = replace(
        backbone.manifest,
        bundle_id=bundle_id,
        genres=material.genres,
        aggregation=evaluated.aggregation,
        context=evaluated.context,
        listening=evaluated.listening,
        target=job.target,
        parents={},
        presets={"default": material.genres},
        description=f"A head for {', '.join(material.genres)}, trained on {report.n_tracks} tracks "
        f"of {report.n_artists} artists, on the network of {backbone.manifest.bundle_id}.",
        licence=f"Network: {backbone.manifest.licence} Head: yours.",
        created_utc=stamp,
        package_version=version("beets-cnngenre"),
        provenance={"network": backbone.manifest.bundle_id},
    )
    contents = {
        manifest.network.file: network,
        HEAD: weights,
        PROBE: npz(slices=slices, logits=head.logits(Classifier(backbone).features(slices))),
        REPORT_JSON: msgspec.json.format(msgspec.json.encode(report), indent=2),
        REPORT_HTML: render_html(report).encode(),
        OUT_OF_FOLD: pack_out_of_fold(
            [track.path for track in material.tracks], evaluated.probabilities, bundle_id
        ),
        **{name: backbone.read(name) for name in backbone.manifest.files if "LICENSE" in name},
    }
    return write_bundle(models / bundle_id, manifest, contents), report
