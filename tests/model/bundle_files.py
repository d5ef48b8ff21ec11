"""A tiny working bundle, which tells low tones from middle and high ones."""

import hashlib
import json

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from genre_model.core.specs import AggregationSpec, NetworkSpec, SliceSpec, SpectrogramSpec
from genre_model.model.bundle.arrays import npz
from genre_model.model.bundle.manifest import Manifest
from genre_model.model.bundle.store import HEAD, MANIFEST, PROBE, write_bundle

GENRES = ("Dub", "Jazz", "Bebop")  # low, middle and high tones; Bebop is a subgenre of Jazz
TONES_HZ = {"Dub": 200, "Jazz": 1_200, "Bebop": 5_000}
FRAMES, N_MELS, N_BANDS = 187, 96, 3


def tiny_network(weights=None, tags=True):
    """The bytes of an ONNX network: ``embedding`` is the level of three mel bands; two ``tags``."""
    bands = np.kron(np.eye(N_BANDS), np.ones((N_MELS // N_BANDS, 1))).astype(np.float32)
    if weights is not None:
        bands = weights
    constants = {"bands": bands, "pair": np.ones((N_BANDS, 2), np.float32)}
    nodes = [
        helper.make_node("ReduceMean", ["log_mel"], ["mean"], axes=[1], keepdims=0),
        helper.make_node("MatMul", ["mean", "bands"], ["embedding"]),
    ]
    outputs = [("embedding", bands.shape[1])]
    if tags:
        nodes.append(helper.make_node("MatMul", ["embedding", "pair"], ["tag_logits"]))
        nodes.append(helper.make_node("Sigmoid", ["tag_logits"], ["tags"]))
        outputs.append(("tags", 2))

    def value(name, *shape):
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", *shape])

    graph = helper.make_graph(
        nodes,
        "tiny",
        [value("log_mel", FRAMES, N_MELS)],
        [value(name, size) for name, size in outputs],
        [numpy_helper.from_array(array, name) for name, array in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    return model.SerializeToString()


def tiny_head():
    """Arrays of a head that answers the genre of the loudest band: weights (3, 3), bias (3,)."""
    weights = 0.15 * (np.eye(N_BANDS) - 1 / N_BANDS)
    return {"weights": weights.astype(np.float32), "bias": np.zeros(N_BANDS, np.float32)}


def tiny_probe():
    """Arrays of a probe: one slice of random log-mel, and the bundle's logits for it."""
    slices = np.random.default_rng(1).gamma(2.0, 0.6, (1, FRAMES, N_MELS)).astype(np.float32)
    bands = slices.mean(axis=1).reshape(1, N_BANDS, -1).sum(axis=2)
    return {"slices": slices, "logits": bands @ tiny_head()["weights"]}


def tiny_manifest(**changes):
    fields = {
        "bundle_id": "tiny-1",
        "genres": GENRES,
        "spectrogram": SpectrogramSpec(),
        "slices": SliceSpec(max_slices=4),
        "network": NetworkSpec(tags="tags", tag_names=("loud", "louder")),
        "aggregation": AggregationSpec(other_logit=None, threshold=0.5),
        "parents": {"Bebop": "Jazz"},
        "presets": {"default": GENRES, "few": ("Dub", "Jazz")},
        "description": "Three bands of mel.",
        "licence": "MIT",
    }
    return Manifest(**{**fields, **changes})


def tiny_contents():
    """File name -> bytes of the tiny bundle."""
    return {"network.onnx": tiny_network(), HEAD: npz(**tiny_head()), PROBE: npz(**tiny_probe())}


def write_tiny_bundle(directory, **changes):
    """Write the tiny bundle with changed manifest fields; return its directory."""
    return write_bundle(directory, tiny_manifest(**changes), tiny_contents()).directory


def edit_manifest(directory, edit):
    """Apply ``edit`` to the JSON of a bundle's manifest and write it back."""
    path = directory / MANIFEST
    manifest = json.loads(path.read_bytes())
    edit(manifest)
    path.write_text(json.dumps(manifest))


def replace_file(directory, name, content):
    """Replace a bundle's file, and update its hash in the manifest."""
    (directory / name).write_bytes(content)
    digest = hashlib.sha256(content).hexdigest()
    edit_manifest(directory, lambda manifest: manifest["files"].update({name: digest}))


def put(*keys, value):
    """Return a function that damages a bundle: it sets an entry of the manifest's JSON."""

    def edit(manifest):
        for key in keys[:-1]:
            manifest = manifest[key]
        manifest[keys[-1]] = value

    return lambda directory: edit_manifest(directory, edit)
