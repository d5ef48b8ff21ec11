"""A smaller network, distilled from the shipped one on unlabelled music: is it worth it?

    python benchmarks/student.py prepare WORK TRACKS ... [--examples 40000]
    python benchmarks/student.py train WORK thinned [--epochs 6]
    python benchmarks/student.py train WORK small [--epochs 20]
    python benchmarks/student.py measure WORK MUSIC TRACKS [--seeds 5]

``prepare`` hears music and asks the shipped network about pieces of it, plain and mixed; ``train``
lets a network of ``student_networks.py`` learn to say the same, and goes on where it was
interrupted; ``measure`` compares the networks that there are with the shipped one: their cost, and
heads on their embeddings of the labelled MUSIC, on five folds by artist.  TRACKS must not be music
of MUSIC.  ``train`` needs TensorFlow (``pip install '.[train]'``), the others do not.  On two quiet
cores some 10, 10, 20 and 10 minutes.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
from measuring import full_length, here, in_turn, median, parser_of, publish, ratio
from numpy.typing import NDArray
from student_data import CHUNK, VALIDATION, Examples, prepare, training_files
from temporary_library import Clip, clips_of
from tqdm import tqdm

from genre_model.core.errors import AudioError
from genre_model.data.tracks import LabelledTrack
from genre_model.evaluation.metrics import artist_interval
from genre_model.features.slices import read_slices
from genre_model.model.bundle.arrays import npz
from genre_model.model.bundle.store import HEAD, PROBE, SHIPPED, Bundle, read_bundle, write_bundle
from genre_model.model.classifier import Classifier, SongFeatures
from genre_model.model.onnx.session import open_network
from genre_model.training.head.cross_validation import evaluate_out_of_fold
from genre_model.training.training_set import HeadOptions, is_right, make_training_set

BATCH = 64
FILES_AT_ONCE = 16
LEARNING_RATES = {"thinned": 5e-4, "small": 2e-3}
TAGS_WEIGHT = 10.0
N_TIMED = 200
SHIPPED_NAME = "shipped"


def main() -> None:
    parser = parser_of(__doc__)
    steps = parser.add_subparsers(dest="step", required=True)
    step = steps.add_parser("prepare")
    step.add_argument("work", type=Path)
    step.add_argument("tracks", type=Path, nargs="+")
    step.add_argument("--examples", type=int, default=40_000)
    step = steps.add_parser("train")
    step.add_argument("work", type=Path)
    step.add_argument("name", choices=LEARNING_RATES)
    step.add_argument("--epochs", type=int, default=6)
    step = steps.add_parser("measure")
    step.add_argument("work", type=Path)
    step.add_argument("music", type=Path)
    step.add_argument("tracks", type=Path)
    step.add_argument("--seeds", type=int, default=5)
    step.add_argument("--rounds", type=int, default=5)
    step.add_argument("--clips", type=int, help="every so manieth instead of all", default=1)
    options = parser.parse_args()
    if options.step == "prepare":
        prepare(options.tracks, options.work, options.examples)
    elif options.step == "train":
        train(options.work, options.name, options.epochs)
    else:
        measure(options)


# Learning


def train(work: Path, name: str, epochs: int) -> None:
    """Distil, with a learning rate that falls to nothing over the epochs."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import keras
    from student_networks import NETWORKS, export

    keras.utils.set_random_seed(0)
    validation = Examples.load([work / f"{VALIDATION}.npz"])
    spread = validation.embeddings.std(axis=0) + 1e-3
    files = training_files(work)
    n_batches = sum(len(group) * CHUNK // BATCH for group in groups_of(files))
    model = NETWORKS[name]()
    rate = keras.optimizers.schedules.CosineDecay(LEARNING_RATES[name], epochs * n_batches)
    model.compile(
        keras.optimizers.Adam(rate),
        loss=[lambda true, said: keras.ops.mean(((true - said) / spread) ** 2, axis=1), "bce"],
        loss_weights=[1.0, TAGS_WEIGHT],
    )
    state, done_file = work / f"{name}.weights.h5", work / f"{name}.epochs"
    done = int(done_file.read_text()) if done_file.exists() else 0
    if done:
        model.train_on_batch(*batch_of(validation, np.arange(1)))  # makes the optimiser's variables
        model.load_weights(state)
    print(f"{name}: {model.count_params():,} weights, {n_batches * BATCH:,} examples an epoch")
    for epoch in range(done, epochs):
        for batch in tqdm(batches(files, epoch), total=n_batches, desc=f"epoch {epoch + 1}"):
            model.train_on_batch(*batch)
        embeddings, tags = model.predict(validation.slices.astype(np.float32), BATCH, verbose=0)
        unexplained = ((embeddings - validation.embeddings) / spread).var(axis=0).mean()
        error = np.abs(tags - validation.tags).mean()
        print(f"epoch {epoch + 1}: unexplained {unexplained:.3f}, tags' error {error:.4f}")
        model.save_weights(state)
        done_file.write_text(str(epoch + 1))
    export(model, work / f"{name}.onnx")


def groups_of(files: list[Path]) -> list[list[Path]]:
    """As many as are in memory at a time."""
    return [files[first : first + FILES_AT_ONCE] for first in range(0, len(files), FILES_AT_ONCE)]


def batches(files: list[Path], epoch: int) -> Iterator[tuple]:
    """The examples in another order every epoch."""
    rng = np.random.default_rng(epoch)
    order = [files[index] for index in rng.permutation(len(files))]
    for group in groups_of(order):
        examples = Examples.load(group)
        rows = rng.permutation(len(examples.tags))
        for start in range(0, len(rows) - BATCH + 1, BATCH):
            yield batch_of(examples, np.sort(rows[start : start + BATCH]))


def batch_of(examples: Examples, rows: NDArray[np.intp]) -> tuple:
    return examples.slices[rows].astype(np.float32), (
        examples.embeddings[rows],
        examples.tags[rows],
    )


# Measuring


@dataclass(frozen=True)
class Judged:
    """Which songs of some music a head on a network's embeddings gets right, (n_seeds, n_songs)."""

    right: NDArray[np.bool_]
    artists: list[str]


def measure(options: argparse.Namespace) -> None:
    with tempfile.TemporaryDirectory() as folder:
        shipped = read_bundle(SHIPPED)
        classifiers = {SHIPPED_NAME: Classifier(shipped)}
        for file in sorted(options.work.glob("*.onnx")):
            classifiers[file.stem] = Classifier(with_network(shipped, file, Path(folder)))
        alone = in_turn(
            {name: network_alone(classifier) for name, classifier in classifiers.items()},
            options.rounds,
        )
        songs = full_length(options.tracks, 10)
        whole = in_turn(
            {name: end_to_end(classifier, songs) for name, classifier in classifiers.items()},
            options.rounds,
        )
        products = {name: multiplications(classifier) for name, classifier in classifiers.items()}
        judged = {
            name: judge(classifiers, clips_of(options.music, name)[:: options.clips], options.seeds)
            for name in sorted({clip.set for clip in clips_of(options.music)})
        }
    columns = ["network", "multiplications, millions", "the network alone, ms a slice", "ratio"]
    columns += ["hearing, ms a slice", "ratio"]
    for music in judged:
        columns += [f"{music}: songs right", "against the shipped one"]
    n_slices = sum(heard_slices(classifiers[SHIPPED_NAME], song) for song in songs)
    rows = [
        [
            name,
            f"{products[name] / 1e6:.0f}",
            f"{1000 * median(alone[name]) / N_TIMED:.2f}",
            f"{ratio(alone[SHIPPED_NAME], alone[name]):.2f}",
            f"{1000 * median(whole[name]) / n_slices:.1f}",
            f"{ratio(whole[SHIPPED_NAME], whole[name]):.2f}",
            *(cell for answers in judged.values() for cell in accuracy(answers, name)),
        ]
        for name in classifiers
    ]
    publish(options, columns, rows, seeds=options.seeds)


def with_network(shipped: Bundle, file: Path, folder: Path) -> Bundle:
    """The shipped model with another network in it, for its cost; its head does not fit."""
    manifest = shipped.manifest
    network = manifest.network
    content = file.read_bytes()
    slices = shipped.arrays(PROBE)["slices"]
    features = open_network(content).run([network.features], {network.input: slices})[0]
    head = shipped.head()
    assert head is not None
    contents = {
        network.file: content,
        HEAD: shipped.read(HEAD),
        PROBE: npz(slices=slices, logits=head.logits(features)),
    }
    return write_bundle(folder / file.stem, replace(manifest, files={}), contents)


def network_alone(classifier: Classifier):
    values = np.random.default_rng(0).gamma(2, 0.6, (1, 187, 96)).astype(np.float32)
    return lambda: here(lambda: [classifier.features(values) for _ in range(N_TIMED)])


def end_to_end(classifier: Classifier, songs: list[Path]):
    """As many slices of each song with one network as with another."""
    return lambda: here(lambda: [classifier.extract(song) for song in songs])


def heard_slices(classifier: Classifier, song: Path) -> int:
    extracted = classifier.extract(song)
    return extracted.sample.n_extracted if extracted.sample else len(extracted.features)


def multiplications(classifier: Classifier) -> int:
    """Multiply-adds of the convolutions and products for a slice, from the shapes at run time."""
    import onnx
    from onnx import numpy_helper, shape_inference

    model = onnx.load_from_string(classifier.bundle.read(classifier.manifest.network.file))
    model.graph.input[0].type.tensor_type.shape.dim[0].dim_value = 1
    graph = shape_inference.infer_shapes(model, data_prop=True).graph
    shapes = {
        entry.name: [dim.dim_value for dim in entry.type.tensor_type.shape.dim]
        for entry in [*graph.value_info, *graph.output]
    }
    weights = {entry.name: numpy_helper.to_array(entry).shape for entry in graph.initializer}
    total = 0
    for node in graph.node:
        if node.op_type == "Conv":
            total += int(np.prod(weights[node.input[1]]) * np.prod(shapes[node.output[0]][2:]))
        elif node.op_type in ("Gemm", "MatMul"):
            total += int(np.prod(weights[node.input[1]]))
    return total


def judge(classifiers: dict[str, Classifier], clips: list[Clip], seeds: int) -> dict[str, Judged]:
    """Heads on each network's embeddings of the very same slices, and the same folds."""
    extracted: dict[str, list[SongFeatures]] = {name: [] for name in classifiers}
    tracks = []
    manifest = classifiers[SHIPPED_NAME].manifest
    for clip in tqdm(clips, unit="clip"):
        try:
            slices = read_slices(clip.source, manifest.spectrogram, manifest.slices, thorough=True)
        except AudioError:
            continue
        values = [piece.values[None] for piece in slices if not piece.silent]
        tracks.append(LabelledTrack(clip.source, (clip.genre,), clip.artist))
        for name, classifier in classifiers.items():
            features = np.concatenate([classifier.features(value) for value in values])
            extracted[name].append(
                SongFeatures(
                    features, np.zeros(len(features)), np.zeros((len(features), 0), np.float32)
                )
            )
    judged = {}
    for name, sounds in extracted.items():
        training_set = make_training_set(tracks, sounds)
        right = [
            is_right(
                evaluate_out_of_fold(
                    training_set, HeadOptions(seed=seed, context=False)
                ).probabilities,
                training_set.candidates,
            )
            for seed in range(seeds)
        ]
        judged[name] = Judged(np.array(right), [track.artist for track in training_set.tracks])
    return judged


def accuracy(judged: dict[str, Judged], name: str) -> list[str]:
    """Song accuracy, and its difference from the shipped network's, resampling artists."""
    mine, theirs = judged[name], judged[SHIPPED_NAME]
    if name == SHIPPED_NAME:
        return [f"{mine.right.mean():.3f}", ""]
    gain = (mine.right.astype(float) - theirs.right).mean(axis=0)
    interval = artist_interval(lambda i: float(gain[i].mean()), mine.artists)
    difference = f"{interval.value:+.3f} [{interval.low:+.3f}, {interval.high:+.3f}]"
    return [f"{mine.right.mean():.3f}", difference]


if __name__ == "__main__":
    main()
