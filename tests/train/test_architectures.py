"""Every architecture has the cost that it states, and the page's smallest example works."""

import re
from pathlib import Path

import numpy as np
import onnx
import pytest
from audio_files import tone, write_audio

from genre_model.cli.main import main
from genre_model.data.tracks import LabelledTrack
from genre_model.features.frontend import slice_shape
from genre_model.model.onnx.check import checked_model
from genre_model.model.onnx.session import onnx_logits, open_network
from genre_model.training.keras_export import export_onnx, require_tensorflow
from genre_model.training.networks.base import Architecture, Network
from genre_model.training.networks.registry import ARCHITECTURES
from genre_model.training.scratch.train import train_system

pytestmark = pytest.mark.tensorflow

NETWORKS = [a for a in ARCHITECTURES.values() if isinstance(a.learner, Network)]
PAGE = Path(__file__).parents[2] / "docs" / "architectures.md"


@pytest.mark.parametrize("architecture", NETWORKS, ids=lambda a: a.name)
@pytest.mark.parametrize("n_genres", [2, 9])
def test_costs_are_those_of_the_network(architecture, n_genres):
    require_tensorflow(architecture.name)
    shape = slice_shape(architecture.spectrogram, architecture.slices)
    model = architecture.learner.build(shape, n_genres)
    cost = architecture.cost
    assert cost.weights + n_genres * cost.weights_per_genre == model.count_params()
    assert cost.multiply_adds + n_genres * cost.multiply_adds_per_genre == multiply_adds(model)


def multiply_adds(model):
    """The multiply-adds of layers with weights, without normalisation and activations."""
    import keras

    total = 0
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            total += multiply_adds(layer)
        elif isinstance(layer, keras.layers.Conv2D | keras.layers.Conv1D | keras.layers.Dense):
            positions = np.prod(layer.output.shape[1:-1], initial=1)
            total += int(positions * np.prod(layer.kernel.shape))
        elif isinstance(layer, keras.layers.GRU | keras.layers.Bidirectional):
            steps = layer.input.shape[1] or 1  # a sequence of slices has one step per slice
            total += steps * sum(w.shape.num_elements() for w in layer.weights if is_kernel(w))
    return total


def is_kernel(weight):
    return "kernel" in weight.path.rsplit("/", 1)[-1]


def example():
    (code,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    names = {}
    exec(code, names)  # the code of the page
    (found,) = [value for value in names.values() if isinstance(value, Architecture)]
    return found


def test_the_smallest_example_learns(tmp_path):
    tracks = []
    for number in range(12):
        genre, hz = [("Low", 200), ("High", 3_000)][number % 2]
        samples = tone(4.0, hz * (1 + number / 50), 16_000, 1)
        path = write_audio(tmp_path / f"{number}.wav", samples, 16_000)
        tracks.append(LabelledTrack(path, (genre,)))
    validation = np.arange(12) < 4
    trained = train_system(
        example(), tracks, ("High", "Low"), validation, tmp_path / "work", seed=0
    )
    session = open_network(trained.onnx)
    assert onnx_logits(session, np.zeros((3, 100, 40), np.float32)).shape == (3, 2)
    best = trained.history[trained.best_epoch - 1]
    assert best.song_accuracy == 1


def test_the_page_and_the_list_name_every_architecture(capsys):
    page = PAGE.read_text(encoding="utf-8")
    assert main(["architectures"]) == 0
    listed = capsys.readouterr().out
    for name in ARCHITECTURES:
        assert f"`{name}`" in page
        assert f"\n{name} " in listed


@pytest.mark.parametrize("architecture", NETWORKS, ids=lambda a: a.name)
def test_every_export_is_made_of_operators_that_are_run(architecture):
    require_tensorflow(architecture.name)
    shape = slice_shape(architecture.spectrogram, architecture.slices)
    model = architecture.learner.build(shape, 3)
    content = export_onnx(model)
    checked_model(content)
    graph = onnx.load_from_string(content).graph
    constants = {entry.name for entry in graph.initializer}
    late = [node.op_type for node in graph.node if node.input and constants >= set(node.input)]
    assert late == []  # no node computes a constant anew for every song
    slices = np.random.default_rng(0).uniform(0, 1, (4, *shape)).astype(np.float32)
    expected = np.asarray(model(slices, training=False))
    np.testing.assert_allclose(onnx_logits(open_network(content), slices), expected, atol=1e-5)
