"""Make the shipped bundle: fit its head on one half of the artists, report on the other.

    python -m shipped_model.fit MUSIC backbone.onnx musicnn-LICENSE.md genre_model/shipped \
        --report docs/shipped-model.md

MUSIC is a folder with ``manifest.csv`` (path, genre, style, artist, set); ``backbone.onnx`` comes
from ``shipped_model.convert``.  Everything about genres and labels is in ``genres.yaml``.
Nothing is chosen on the half that is reported: the ridge, the balance and the sharpness come from
five folds by artist inside the other half.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import itertools
import shutil
from collections import Counter
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from importlib.metadata import version
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import yaml
from numpy.typing import NDArray
from onnx import numpy_helper

from genre_model.core.specs import (
    AggregationSpec,
    NetworkSpec,
    SamplingSpec,
    SliceSpec,
    SpectrogramSpec,
)
from genre_model.evaluation.metrics import (
    accuracy,
    artist_interval,
    balanced_accuracy,
    calibration_error,
)
from genre_model.features.slices import read_slices
from genre_model.model.aggregation import calibrated
from genre_model.model.bundle.arrays import npz
from genre_model.model.bundle.manifest import Manifest
from genre_model.model.bundle.store import HEAD, PROBE, write_bundle
from genre_model.model.classifier import Classifier
from genre_model.model.head import Head
from genre_model.model.vocabulary import Policy, Vocabulary, judge, make_vocabulary
from genre_model.training.head.fit import fit_head

HERE = Path(__file__).parent
GENRES_FILE = HERE / "genres.yaml"
RIDGES = (0.3, 1.0, 3.0)
BALANCES = (0.5, 0.75, 1.0)  # a label with n tracks counts n ** -balance a track
INVERSE_TEMPERATURES = np.linspace(0.6, 2.4, 19)
BACKGROUNDS = np.linspace(-4, 3, 29)
FOREIGN_SHARE = 0.05  # of the music that the model will meet, this much is of no genre it knows
LEFT_OUT = ("Classical", "Jazz", "Blues", "Country", "Hip Hop", "Reggae", "Latin")
N_FOLDS = 5
THRESHOLDS = (0.5, 0.6, 0.65, 0.7, 0.8, 0.9)
DEFAULT_THRESHOLD = 0.65

Indices = NDArray[np.intp]
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Clips:
    """The labelled clips: one row each, slices kept per clip."""

    genres: list[str]
    tree: Floats  # (n_genres, n_genres): a genre counts for itself and for its ancestors
    features: list[NDArray[np.float32]]
    candidates: NDArray[np.bool_]
    credited: NDArray[np.bool_]  # as `allowed`, without the styles: the folder's genre alone
    labels: list[str]
    artists: list[str]

    @property
    def families(self) -> Floats:
        """(n_genres, n_families): 1 where a genre belongs to a family, which its root stands for."""
        roots = self.tree.sum(axis=1) == 1
        return self.tree[:, roots]

    @property
    def means(self) -> Floats:
        return np.array([slices.mean(axis=0) for slices in self.features], dtype=np.float64)


@dataclass(frozen=True, slots=True, eq=False)
class Prior:
    """Weights, and in the last row biases, of tags in the network's last layer, (201, n_genres)."""

    all_tags: Floats  # the mean over a genre's tags
    leading_tag: Floats  # the first of a genre's tags

    def without(self, column: int) -> Prior:
        return Prior(np.delete(self.all_tags, column, 1), np.delete(self.leading_tag, column, 1))


def main() -> None:
    parser = argparse.ArgumentParser(description="Fit and report the shipped bundle.")
    parser.add_argument("music", type=Path)
    parser.add_argument("backbone", type=Path)
    parser.add_argument("licence", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument("--report", type=Path, required=True)
    parser.add_argument("--features", type=Path, help="cache of the embeddings (.npz)")
    options = parser.parse_args()
    settings = yaml.safe_load(GENRES_FILE.read_text(encoding="utf-8"))
    rows = list(csv.DictReader((options.music / "manifest.csv").open(encoding="utf-8")))
    embeddings = read_embeddings(options.music, rows, options.backbone, options.features)
    clips = label_clips(rows, embeddings, settings)
    prior = tag_prior(options.backbone, settings)

    fitted = fit_half(clips)
    fit, kept_out = np.flatnonzero(fitted), np.flatnonzero(~fitted)
    ridge, balance = choose(clips, fit, prior)
    aggregation = calibrate(clips, fit, prior, ridge, balance)
    head = fit_on(clips, fit, prior, ridge, balance)
    print(f"ridge {ridge}, balance {balance}, {aggregation}")

    settings_text = {"ridge": ridge, "balance": balance, "folds": N_FOLDS}
    report = make_report(clips, fit, kept_out, head, aggregation, settings, prior, (ridge, balance))
    provenance = {
        "network": "MSD_musicnn of the PyPI wheel musicnn 0.1.0, converted by convert_musicnn.py",
        "tags": {name: entry["tags"] for name, entry in settings["genres"].items()},
        "fit": settings_text,
        "data": dict(Counter(clips.labels[index] for index in fit)),
        "n_tracks": len(fit),
        "n_artists": len({clips.artists[index] for index in fit}),
    }
    page = "<!-- Written by shipped_model/fit.py: change that, not this. -->\n\n"
    options.report.write_text(page + model_card(provenance, report), encoding="utf-8")
    write_shipped(options, settings, head, aggregation, provenance, report)


def fit_half(clips: Clips) -> NDArray[np.bool_]:
    """Which clips are fitted on: every second artist of each label, in the order of their hashes."""
    half: dict[str, bool] = {}
    for label in sorted(set(clips.labels)):
        artists = {
            a for a, other in zip(clips.artists, clips.labels, strict=True) if other == label
        }
        fresh = sorted(artists - half.keys(), key=lambda a: hashlib.sha256(a.encode()).hexdigest())
        half.update((artist, position % 2 == 0) for position, artist in enumerate(fresh))
    return np.array([half[artist] for artist in clips.artists])


def read_embeddings(
    music: Path, rows: list[dict[str, str]], backbone: Path, cache: Path | None
) -> list[NDArray[np.float32]]:
    if cache and cache.exists():
        with np.load(cache) as stored:
            return np.split(stored["features"], stored["ends"][:-1])
    session = onnxruntime.InferenceSession(str(backbone))
    features = []
    for row in rows:
        slices = read_slices(music / row["path"], SpectrogramSpec(), SliceSpec())
        outputs = [session.run(["embedding"], {"log_mel": s.values[None]})[0] for s in slices]
        features.append(np.concatenate(outputs))
    if cache:
        np.savez(
            cache, features=np.concatenate(features), ends=np.cumsum([len(f) for f in features])
        )
    return features


def label_clips(
    rows: list[dict[str, str]], features: list[NDArray[np.float32]], settings: dict
) -> Clips:
    genres = list(settings["genres"])
    labels = [f"{row['set']}/{row['genre']}" for row in rows]

    def mask(names: list[list[str]]) -> NDArray[np.bool_]:
        return np.array([[genre in candidates for genre in genres] for candidates in names])

    by_genre = [settings["labels"][label] for label in labels]
    by_style = [settings["styles"].get(row["style"], []) for row in rows]
    lines = [
        make_vocabulary(genres, parents(settings), {}, None).ancestry(genre) for genre in genres
    ]
    tree = np.array([[float(node in line) for node in genres] for line in lines])
    either = [genre + style for genre, style in zip(by_genre, by_style, strict=True)]
    return Clips(
        genres,
        tree,
        features,
        mask(either),
        mask(by_genre),
        labels,
        [row["artist"] for row in rows],
    )


def tag_prior(backbone: Path, settings: dict) -> Prior:
    """What the network's last layer says of the genres' tags."""
    tensors = {t.name: numpy_helper.to_array(t) for t in onnx.load(str(backbone)).graph.initializer}
    layer = np.concatenate([tensors["tags_kernel"], tensors["tags_bias"][None]]).astype(np.float64)
    names, silent = settings["msd_tags"], np.zeros(len(layer))

    def columns(pick: slice) -> Floats:
        chosen = [entry["tags"][pick] for entry in settings["genres"].values()]
        return np.stack(
            [
                layer[:, [names.index(tag) for tag in tags]].mean(axis=1) if tags else silent
                for tags in chosen
            ],
            axis=1,
        )

    return Prior(columns(slice(None)), columns(slice(1)))


def fit_on(clips: Clips, tracks: Indices, prior: Prior, ridge: float, balance: float) -> Head:
    """A head that learns families (Rock, with all its kinds) from the labels.

    The labels say nothing of the kinds within a family, so those are told apart by their leading
    tags alone: a kind's logit is its family's, plus its lead over the family's average kind.
    """
    counts = Counter(clips.labels[index] for index in tracks)
    weights = np.array([counts[clips.labels[index]] ** -balance for index in tracks])
    member = clips.families
    family = fit_head(
        clips.means[tracks],
        clips.candidates[tracks] @ member > 0,
        weights,
        ridge,
        (prior.all_tags @ member / member.sum(axis=0))[:-1],
    )
    lead = prior.leading_tag - (prior.leading_tag @ member / member.sum(axis=0)) @ member.T
    kinds = clips.means[tracks] @ lead[:-1] + lead[-1]
    excess = np.log(np.exp(kinds) @ member).mean(axis=0)  # what splitting a family would add to it
    return Head(
        (family.weights @ member.T + lead[:-1]).astype(np.float32),
        ((family.bias - excess) @ member.T + lead[-1]).astype(np.float32),
    )


def choose(clips: Clips, fit: Indices, prior: Prior) -> tuple[float, float]:
    """Ridge and balance with the best likelihood of the labels, over folds by artist.

    The two sets count alike, however many clips they have.
    """
    results = []
    for ridge, balance in itertools.product(RIDGES, BALANCES):
        logits = out_of_fold(clips, fit, prior, ridge, balance)
        for inverse_temperature in INVERSE_TEMPERATURES:
            loss = known_loss(
                clips, fit, logits, AggregationSpec("product", inverse_temperature, 0.0)
            )
            results.append((loss, ridge, balance))
    return min(results)[1:]


def out_of_fold(
    clips: Clips, tracks: Indices, prior: Prior, ridge: float, balance: float
) -> NDArray[np.float32]:
    """Song logits of each track by a head that has not heard its artist."""
    artists = np.array(clips.artists)[tracks]
    names = np.random.default_rng(0).permutation(np.unique(artists))
    logits = np.zeros((len(tracks), clips.candidates.shape[1]), np.float32)
    for part in np.array_split(names, N_FOLDS):
        fold = np.isin(artists, part)
        head = fit_on(clips, tracks[~fold], prior, ridge, balance)
        logits[fold] = head.logits(clips.means[tracks[fold]].astype(np.float32))
    return logits


def known_loss(
    clips: Clips, tracks: Indices, logits: NDArray[np.float32], aggregation: AggregationSpec
) -> float:
    probability = (calibrated(logits, aggregation) * clips.candidates[tracks]).sum(axis=1)
    losses = -np.log(probability + 1e-12)
    sets = np.array([clips.labels[index].split("/")[0] for index in tracks])
    return float(np.mean([losses[sets == name].mean() for name in sorted(set(sets))]))


def calibrate(
    clips: Clips, fit: Indices, prior: Prior, ridge: float, balance: float
) -> AggregationSpec:
    """Sharpness and background that make the confidence the likeliest probability of being right.

    Proper scoring of what the user sees: the log-loss of the leading genre's confidence against
    whether it is right, over known clips and over foreign ones, where nothing is right.  Foreign
    clips are those of a genre that was taken out of the list and of the fit.
    """
    known = out_of_fold(clips, fit, prior, ridge, balance)
    foreign = [
        left_out_logits(clips, fit, fit, prior, column, (ridge, balance))
        for column in left_out_columns(clips)
    ]
    results = []
    for inverse_temperature, other_logit in itertools.product(INVERSE_TEMPERATURES, BACKGROUNDS):
        spec = AggregationSpec(
            "product",
            round(float(inverse_temperature), 3),
            round(float(other_logit), 3),
            DEFAULT_THRESHOLD,
        )
        loss = confidence_loss(clips, fit, known, spec)
        else_loss = [confidence_loss(c, tracks, z, spec) for c, z, tracks in foreign]
        results.append(((1 - FOREIGN_SHARE) * loss + FOREIGN_SHARE * np.mean(else_loss), spec))
    return min(results, key=lambda result: result[0])[1]


def confidence_loss(
    clips: Clips, tracks: Indices, logits: NDArray[np.float32], spec: AggregationSpec
) -> float:
    nodes = calibrated(logits, spec) @ clips.tree
    leading = nodes.argmax(axis=1)
    right = (clips.candidates[tracks] @ clips.tree)[np.arange(len(tracks)), leading] > 0
    confidence = np.clip(nodes.max(axis=1), 1e-6, 1 - 1e-6)
    return float(-np.log(np.where(right, confidence, 1 - confidence)).mean())


def left_out_columns(clips: Clips) -> list[int]:
    return [clips.genres.index(genre) for genre in LEFT_OUT]


def left_out_logits(
    clips: Clips,
    fit: Indices,
    extracted: Indices,
    prior: Prior,
    column: int,
    chosen: tuple[float, float],
) -> tuple[Clips, NDArray[np.float32], Indices]:
    """Logits for the clips of a genre, by a head without it; with the clips as that head sees them."""
    keep = np.arange(len(clips.genres)) != column
    reduced = replace(
        clips,
        genres=[genre for genre in clips.genres if genre != clips.genres[column]],
        tree=clips.tree[np.ix_(keep, keep)],
        candidates=clips.candidates[:, keep],
        credited=clips.credited[:, keep],
    )
    head = fit_on(reduced, fit[~clips.candidates[fit, column]], prior.without(column), *chosen)
    foreign = extracted[clips.candidates[extracted, column]]
    return reduced, head.logits(clips.means[foreign].astype(np.float32)), foreign


@dataclass(frozen=True, slots=True, eq=False)
class Scored:
    """Answers to some clips: the leading genre, its confidence, and whether it is right."""

    answers: list[str]
    confidence: Floats
    right: NDArray[np.bool_]
    right_strict: NDArray[np.bool_]


def score(clips: Clips, tracks: Indices, probabilities: Floats, vocabulary: Vocabulary) -> Scored:
    verdicts = [
        judge(
            dict(zip(clips.genres, row.tolist(), strict=True)),
            vocabulary,
            Policy(DEFAULT_THRESHOLD),
        ).best
        for row in probabilities
    ]
    answers = [verdict.genre for verdict in verdicts if verdict]

    def judged(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Right is a genre that the label leaves open, or a parent of one."""
        return np.array(
            [
                any(
                    answer in vocabulary.ancestry(clips.genres[i])
                    for i in np.flatnonzero(mask[track])
                )
                for answer, track in zip(answers, tracks, strict=True)
            ]
        )

    confidence = np.array([verdict.probability for verdict in verdicts if verdict])
    return Scored(answers, confidence, judged(clips.candidates), judged(clips.credited))


def make_report(
    clips: Clips,
    fit: Indices,
    kept_out: Indices,
    head: Head,
    aggregation: AggregationSpec,
    settings: dict,
    prior: Prior,
    chosen: tuple[float, float],
) -> str:
    vocabulary = make_vocabulary(clips.genres, parents(settings), {}, None)
    logits = head.logits(clips.means[kept_out].astype(np.float32))
    scored = score(clips, kept_out, calibrated(logits, aggregation), vocabulary)
    artists = [clips.artists[index] for index in kept_out]
    sets = np.array([clips.labels[index].split("/")[0] for index in kept_out])
    lines = [
        f"Head fitted on {len(fit)} clips of {len({clips.artists[i] for i in fit})} artists; "
        f"everything below is on the other {len(kept_out)} clips of {len(set(artists))} artists, "
        "none of whom the fit has heard. Intervals: 95 %, artists resampled. "
        f"Ridge {chosen[0]}, balance {chosen[1]}, sharpness {aggregation.inverse_temperature} and the "
        f"background's logit {aggregation.other_logit} were chosen by folds inside the fitted half.",
        "",
        "*Right* is an answer that the clip's label leaves open (`shipped_model/genres.yaml`): "
        "rock, pop, metal, punk or alternative for AllMusic's Pop/Rock; the folder's genre or the "
        "label's own style for Magnatune. *Strictly right* counts the folder's genre alone "
        "(63 of its 100 Pop clips are styled Alternative Rock by the label itself).",
        "",
        *coverage_table(scored, sets, artists),
        "",
        *figures(clips, kept_out, scored, head, aggregation, vocabulary, sets),
        "",
        *calibration_table(scored),
        "",
        *genre_table(clips, kept_out, scored),
        "",
        *answer_table(clips, kept_out, scored),
        "",
        *left_out_table(clips, fit, kept_out, settings, prior, chosen, aggregation),
    ]
    return "\n".join(lines) + "\n"


def coverage_table(scored: Scored, sets: NDArray[np.str_], artists: list[str]) -> list[str]:
    lines = [
        "## Accepted answers",
        "",
        "| music | threshold | coverage | right, of those accepted | strictly right |",
        "|---|---|---|---|---|",
    ]
    for name in ("all", *sorted(set(sets))):
        inside = np.flatnonzero((sets == name) | (name == "all"))
        for threshold in THRESHOLDS if name == "all" else (DEFAULT_THRESHOLD,):
            accepted = scored.confidence >= threshold

            def precision(
                indices: Indices, right: NDArray[np.bool_], accepted: NDArray[np.bool_] = accepted
            ) -> float:
                return accuracy(right[indices[accepted[indices]]])

            local = [artists[index] for index in inside]
            interval = artist_interval(
                lambda i, inside=inside: precision(inside[i], scored.right), local
            )
            strict = precision(inside, scored.right_strict)
            mark = " (default)" if threshold == DEFAULT_THRESHOLD else ""
            lines.append(
                f"| {name} | {threshold:.2f}{mark} | {accepted[inside].mean():.3f} "
                f"| {interval} | {strict:.3f} |"
            )
    return lines


def figures(
    clips: Clips,
    kept_out: Indices,
    scored: Scored,
    head: Head,
    aggregation: AggregationSpec,
    vocabulary: Vocabulary,
    sets: NDArray[np.str_],
) -> list[str]:
    lines = [
        "## All answers, accepted or not",
        "",
        "| music | songs right | balanced | slices right | most frequent label | calibration error |",
        "|---|---|---|---|---|---|",
    ]
    labels = [clips.labels[index] for index in kept_out]
    slice_right = []
    for index in kept_out:
        rows = calibrated(head.logits(clips.features[index]), aggregation)
        tracks = np.full(len(rows), index)
        slice_right.append(score(clips, tracks, rows, vocabulary).right)
    for name in ("all", *sorted(set(sets))):
        inside = np.flatnonzero((sets == name) | (name == "all"))
        local = [labels[index] for index in inside]
        lines.append(
            f"| {name} | {accuracy(scored.right[inside]):.3f} "
            f"| {balanced_accuracy(scored.right[inside], local):.3f} "
            f"| {accuracy(np.concatenate([slice_right[index] for index in inside])):.3f} "
            f"| {Counter(local).most_common(1)[0][1] / len(local):.3f} "
            f"| {calibration_error(scored.confidence[inside], scored.right[inside]):.3f} |"
        )
    return lines


def calibration_table(scored: Scored) -> list[str]:
    lines = [
        "## Confidence against being right",
        "",
        "| confidence | clips | right |",
        "|---|---|---|",
    ]
    for low in np.arange(0.2, 1.0, 0.1):
        inside = (scored.confidence >= low) & (scored.confidence < low + 0.1 + 1e-9)
        if inside.any():
            lines.append(
                f"| {low:.1f}-{low + 0.1:.1f} | {inside.sum()} | {scored.right[inside].mean():.2f} |"
            )
    return lines


def genre_table(clips: Clips, kept_out: Indices, scored: Scored) -> list[str]:
    lines = [
        "## By label, at the default threshold",
        "",
        "Coverage: accepted of the clips. Precision: right of the accepted. Recall: right of the clips.",
        "",
        "| label | clips | accepted | right, of those | coverage | precision | recall | wrong answers |",
        "|---|---|---|---|---|---|---|---|",
    ]
    labels = np.array([clips.labels[index] for index in kept_out])
    for label in sorted(set(labels)):
        accepted = (labels == label) & (scored.confidence >= DEFAULT_THRESHOLD)
        wrong = Counter(
            answer
            for answer, inside, right in zip(scored.answers, accepted, scored.right, strict=True)
            if inside and not right
        )
        n_clips, n_right = (labels == label).sum(), scored.right[accepted].sum()
        lines.append(
            f"| {label} | {n_clips} | {accepted.sum()} | {n_right} | {accepted.sum() / n_clips:.2f} "
            f"| {n_right / max(accepted.sum(), 1):.2f} | {n_right / n_clips:.2f} "
            f"| {', '.join(f'{genre} {n}' for genre, n in wrong.most_common()) or '-'} |"
        )
    return lines


def answer_table(clips: Clips, kept_out: Indices, scored: Scored) -> list[str]:
    """What an answer is worth, genre by genre."""
    lines = [
        "## By answer, at the default threshold",
        "",
        "How often a genre is right where it is written. A genre without a row was not answered once.",
        "",
        "| answer | given | right, of those | wrongly to |",
        "|---|---|---|---|",
    ]
    labels = np.array([clips.labels[index] for index in kept_out])
    artists = np.array([clips.artists[index] for index in kept_out])
    accepted = scored.confidence >= DEFAULT_THRESHOLD
    for genre in clips.genres:
        given = accepted & (np.array(scored.answers) == genre)
        if not given.any():
            continue
        right = scored.right[given]
        interval = artist_interval(
            lambda i, right=right: accuracy(right[i]), artists[given].tolist()
        )
        wrong = Counter(labels[given][~right].tolist())
        lines.append(
            f"| {genre} | {given.sum()} | {interval} "
            f"| {', '.join(f'{label} {n}' for label, n in wrong.most_common()) or '-'} |"
        )
    return lines


def left_out_table(
    clips: Clips,
    fit: Indices,
    kept_out: Indices,
    settings: dict,
    prior: Prior,
    chosen: tuple[float, float],
    aggregation: AggregationSpec,
) -> list[str]:
    """What becomes of a genre that the list lacks: it is taken out of the list and of the fit."""
    lines = [
        "## A genre that the list lacks",
        "",
        "Each genre in turn is taken out of the list and out of the fit; then its kept-out clips are "
        "heard. Whatever is accepted of them is a mislabel.",
        "",
        "| genre | clips | left alone | given another genre |",
        "|---|---|---|---|",
    ]
    n_clips = n_alone = 0
    for column in left_out_columns(clips):
        reduced, logits, foreign = left_out_logits(clips, fit, kept_out, prior, column, chosen)
        vocabulary = make_vocabulary(reduced.genres, parents(settings), {}, None)
        scored = score(reduced, foreign, calibrated(logits, aggregation), vocabulary)
        accepted = scored.confidence >= DEFAULT_THRESHOLD
        taken = Counter(a for a, inside in zip(scored.answers, accepted, strict=True) if inside)
        n_clips, n_alone = n_clips + len(foreign), n_alone + int((~accepted).sum())
        lines.append(
            f"| {clips.genres[column]} | {len(foreign)} | {(~accepted).sum()} "
            f"| {', '.join(f'{name} {n}' for name, n in taken.most_common()) or '-'} |"
        )
    return [*lines, f"| all | {n_clips} | {n_alone} | |"]


def parents(settings: dict) -> dict[str, str]:
    return {
        name: entry["parent"] for name, entry in settings["genres"].items() if "parent" in entry
    }


def write_shipped(
    options: argparse.Namespace,
    settings: dict,
    head: Head,
    aggregation: AggregationSpec,
    provenance: dict,
    report: str,
) -> None:
    network = options.backbone.read_bytes()
    weights = npz(weights=head.weights, bias=head.bias)
    genres = tuple(settings["genres"])
    identity = hashlib.sha256(network + weights).hexdigest()[:8]
    slices = probe_slices()
    embedding = onnxruntime.InferenceSession(network).run(["embedding"], {"log_mel": slices})[0]
    manifest = Manifest(
        bundle_id=f"musicnn-{identity}",
        genres=genres,
        spectrogram=SpectrogramSpec(),
        slices=SliceSpec(),
        network=NetworkSpec(tags="tags", tag_names=tuple(settings["msd_tags"])),
        aggregation=aggregation,
        sampling=SamplingSpec(),
        parents=parents(settings),
        presets={"default": genres, "paper": tuple(settings["presets"]["paper"])},
        description=(
            "MSD_musicnn, a small CNN trained on the Million Song Dataset's tags, with a linear head "
            f"for {len(genres)} genres on its 200-d embedding."
        ),
        licence="Network: ISC, Music Technology Group, UPF 2019 (LICENSE-musicnn.md). Head: MIT.",
        created_utc=datetime.now(timezone.utc).isoformat(timespec="seconds"),
        package_version=version("beets-cnngenre"),
        provenance=provenance,
    )
    if options.output.exists():
        shutil.rmtree(options.output)
    contents = {
        "network.onnx": network,
        HEAD: weights,
        PROBE: npz(slices=slices, logits=head.logits(embedding)),
        "LICENSE-musicnn.md": options.licence.read_bytes(),
        "MODEL_CARD.md": model_card(provenance, report).encode(),
    }
    bundle = write_bundle(options.output, manifest, contents)
    Classifier(bundle)
    print(f"{bundle.manifest.bundle_id}: {sum(map(len, contents.values()))} bytes")


def probe_slices() -> NDArray[np.float32]:
    """One made-up slice of log-mel, (1, 187, 96)."""
    spec, slices = SpectrogramSpec(), SliceSpec()
    rng = np.random.default_rng(7)
    values = rng.gamma(2.0, 0.6, size=(1, slices.frames, spec.n_mels))
    values[:, ::23] += 1.5
    return values.astype(np.float32)


def model_card(provenance: dict, report: str) -> str:
    card = (HERE / "model_card.md").read_text(encoding="utf-8")
    counts = ", ".join(f"{label} {n}" for label, n in sorted(provenance["data"].items()))
    facts = f"{provenance['n_tracks']} clips of {provenance['n_artists']} artists: {counts}"
    measured = report.replace("\n## ", "\n### ")
    return card.replace("{fit_data}", facts).replace("{measured}", measured)


if __name__ == "__main__":
    main()
