"""Several devices, or bfloat16, train like one device in float32, within a tolerance."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from genre_model.training.networks.base import TrainingSpec
from genre_model.training.scratch.device import precision_of

pytestmark = pytest.mark.tensorflow

# A device can be divided only before TensorFlow is first used, so this runs in a new process.
PROGRAM = """
import sys
sys.path[:0] = {path!r}
from pathlib import Path
import numpy as np
from genre_model.training.keras_export import require_tensorflow
require_tensorflow("devices")
import keras
import tensorflow as tf
processor = tf.config.list_physical_devices("CPU")[0]
two = [tf.config.LogicalDeviceConfiguration()] * 2
tf.config.set_logical_device_configuration(processor, two)
from genre_model.core.errors import GenreModelError
from genre_model.data.tracks import LabelledTrack
from genre_model.training.networks.base import Network, TrainingSpec
from genre_model.training.networks.pelchat2019 import convolved
from genre_model.training.scratch.checkpoint import Progress, read_variables, write_variables
from genre_model.training.scratch.device import strategy_over
from genre_model.training.scratch.loop import Trainer
from genre_model.training.scratch.slice_store import StoredTrack

def build(shape, n_genres):
    slices = keras.Input(shape, name="slices")
    values = convolved(slices, (4,), stride=1)
    return keras.Model(slices, keras.layers.Dense(n_genres, name="logits")(values))

# The last part is of one slice, so that one device has none.
spec = TrainingSpec(
    batch_size=20, microbatch=7, clip_norm=5.0, first_accumulator=1.0, exact=False
)
folder = Path({folder!r})
tracks = []
for number in range(3):
    file = folder / f"{{number}}.npy"
    np.save(file, np.random.default_rng(number).integers(0, 256, (7, 16, 16), np.uint8))
    label = np.arange(3) == number
    tracks.append(StoredTrack(LabelledTrack(file, ("x",)), file, np.arange(7), label))

def trained(name, precision="float32", **where):
    work = folder / "pack"
    trainer = Trainer(Network(build, spec), (16, 16), 3, 1, work, precision=precision, **where)
    first = trainer.train(tracks, 1)
    kept = folder / f"{{name}}.zip"
    write_variables(kept, Progress({{}}), trainer.variables)
    trainer.train(tracks, 2)
    read_variables(trainer.variables, kept)
    second = trainer.train(tracks, 2)
    exported = trainer.exportable()(tracks[0].slices().astype(np.float32)).numpy()
    assert trainer.logits(tracks[0].slices()).dtype == exported.dtype == np.float32
    return first, second, exported, trainer.logits(tracks[0].slices()), trainer.strategy

one = trained("one")
several = trained("several", devices=["CPU:0", "CPU:1"])
assert (one[4].num_replicas_in_sync, several[4].num_replicas_in_sync) == (1, 2)
np.testing.assert_allclose(several[:2], one[:2], rtol=1e-5)
np.testing.assert_allclose(several[3], one[3], atol=1e-5)
np.testing.assert_allclose(one[2], one[3], atol=1e-6)
with several[4].scope():  # a user's own, over machines perhaps
    assert strategy_over(["CPU:0", "CPU:1"]) is several[4]
    try:
        Trainer(Network(build, spec, whole_song=True), (16, 16), 3, 1, folder)
    except GenreModelError as error:
        assert "on one device" in str(error)
    else:
        raise AssertionError
in_order = Network(build, spec, whole_song=True)
songs = Trainer(in_order, (16, 16), 3, 1, folder, devices=["CPU:0", "CPU:1"])
assert songs.strategy.num_replicas_in_sync == 1
half = trained("half", precision="mixed_bfloat16")
assert not np.array_equal(half[2], half[3])  # the export calculates in float32
np.testing.assert_allclose(half[:2], one[:2], rtol=1e-2)
np.testing.assert_allclose(half[2], one[2], atol=2e-2)
"""


def test_devices_and_precisions_agree(tmp_path):
    path = [str(Path(__file__).parents[2])]
    program = PROGRAM.format(path=path, folder=str(tmp_path))
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("flags", "exact", "precision"),
    [
        ("fpu avx512_bf16", False, "mixed_bfloat16"),
        ("fpu amx_bf16", False, "mixed_bfloat16"),
        ("fpu avx512_bf16", True, "float32"),
        ("fpu avx2", False, "float32"),
    ],
)
def test_a_processor_calculates_in_bfloat16_where_it_can(
    tmp_path, monkeypatch, flags, exact, precision
):
    file = tmp_path / "cpuinfo"
    file.write_text(f"flags\t\t: {flags}\n", encoding="utf-8")
    monkeypatch.setattr("genre_model.core.processor.CPU_LIST", file)
    assert precision_of(TrainingSpec(exact=exact)) == precision
