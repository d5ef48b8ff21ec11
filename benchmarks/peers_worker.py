"""Classify the songs that ``peers.py`` names on standard input, in a separate environment.

    python peers_worker.py KIND FOLDER        prints a line of JSON for each line that it reads

With ``freeze`` as KIND, it writes the graph that Essentia needs, and exits.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from contextlib import redirect_stdout
from pathlib import Path

MODEL = "MSD_musicnn"
GRAPH = "msd-musicnn.pb"
N_MELS, N_FRAMES, N_TAGS = 96, 187, 50
Extract = Callable[[str], tuple[int, list[float]]]  # file -> slices, the song's tags


def main() -> None:
    kind, folder = sys.argv[1], Path(sys.argv[2])
    if kind == "freeze":
        freeze(folder)
        return
    extract = KINDS[kind](folder)
    print("{}", flush=True)
    for line in sys.stdin:
        start, before = time.perf_counter(), time.process_time()
        with redirect_stdout(sys.stderr):
            n_slices, tags = extract(line.rstrip("\n"))
        cpu_s, wall_s = time.process_time() - before, time.perf_counter() - start
        print(
            json.dumps({"cpu_s": cpu_s, "wall_s": wall_s, "slices": n_slices, "tags": tags}),
            flush=True,
        )


def ours(*, thorough: bool) -> Extract:
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    from genre_model.model.classifier import load_classifier

    classifier = load_classifier()

    def extract(path: str) -> tuple[int, list[float]]:
        extracted = classifier.extract(Path(path), thorough=thorough, until_stable=not thorough)
        classifier.probabilities(extracted)
        n_slices = extracted.sample.n_extracted if extracted.sample else len(extracted.tags)
        return n_slices, extracted.tags.mean(axis=0).tolist()

    return extract


def musicnn(folder: Path) -> Extract:
    """musicnn's own extractor; ``peers.py`` has patched its cast to float16."""
    os.environ["TF_USE_LEGACY_KERAS"] = "1"
    sys.path.insert(0, str(folder / "musicnn-0.1.0"))
    from musicnn.extractor import extractor

    def extract(path: str) -> tuple[int, list[float]]:
        tags, _ = extractor(path, model=MODEL, extract_features=False)
        return len(tags), tags.mean(axis=0).tolist()

    return extract


def essentia(folder: Path, batch_size: int) -> Extract:
    from essentia.standard import MonoLoader, TensorflowPredictMusiCNN

    predict = TensorflowPredictMusiCNN(
        graphFilename=str(folder / GRAPH), patchHopSize=N_FRAMES, batchSize=batch_size
    )

    def extract(path: str) -> tuple[int, list[float]]:
        samples = MonoLoader(filename=path, sampleRate=16_000, resampleQuality=4)()
        tags = predict(samples)
        return len(tags), tags.mean(axis=0).tolist()

    return extract


def freeze(folder: Path) -> None:
    """Write the original graph with its weights as constants, under the names Essentia expects."""
    os.environ["TF_USE_LEGACY_KERAS"] = "1"
    sys.path.insert(0, str(folder / "musicnn-0.1.0"))
    import tensorflow as tf
    from musicnn import models

    v1 = tf.compat.v1
    with tf.Graph().as_default(), v1.Session() as session:
        with tf.name_scope("model"):
            slices = v1.placeholder(tf.float32, (None, N_FRAMES, N_MELS))
            outputs = models.define_model(slices, tf.constant(False), MODEL, N_TAGS)
            tags = tf.nn.sigmoid(outputs[0])
        checkpoint = folder / "musicnn-0.1.0" / "musicnn" / MODEL
        v1.train.Saver().restore(session, f"{checkpoint}{os.sep}")
        names = [tags.op.name]
        frozen = v1.graph_util.convert_variables_to_constants(session, session.graph_def, names)
        frozen = v1.graph_util.remove_training_nodes(frozen, protected_nodes=names)
    (folder / GRAPH).write_bytes(frozen.SerializeToString())


KINDS: dict[str, Callable[[Path], Extract]] = {
    "ours": lambda _: ours(thorough=True),
    "ours, default": lambda _: ours(thorough=False),
    "musicnn": musicnn,
    "essentia": lambda folder: essentia(folder, 64),
    "essentia, one at a time": lambda folder: essentia(folder, 1),
}

if __name__ == "__main__":
    main()
