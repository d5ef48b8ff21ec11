"""Fine-tuning starts from the shipped network as it is."""

import numpy as np
import pytest

from genre_model.model.bundle.store import PROBE, SHIPPED, load_bundle
from genre_model.model.onnx.session import open_network
from genre_model.training.keras_export import require_tensorflow
from genre_model.training.networks.finetune import FINETUNE, build

pytestmark = pytest.mark.tensorflow


@pytest.fixture(scope="module")
def model():
    require_tensorflow("finetune")
    return build((FINETUNE.slices.frames, FINETUNE.spectrogram.n_mels), 4)


def test_it_begins_with_the_outputs_of_the_shipped_network(model):
    import keras

    shipped = load_bundle(SHIPPED)
    slices = shipped.arrays(PROBE)["slices"]
    session = open_network(shipped.read(shipped.manifest.network.file))
    expected = session.run(["embedding"], {"log_mel": slices})[0]
    embedding = keras.Model(model.input, model.get_layer("logits").input)
    np.testing.assert_allclose(embedding(slices, training=False), expected, atol=1e-4)


def test_the_front_end_stays_as_it_is(model):
    learning = {weight.path.split("/")[0] for weight in model.trainable_variables}
    assert learning == {"midend5", "midend6", "midend7", "dense", "logits"}


def test_it_gets_the_same_slices():
    manifest = load_bundle(SHIPPED).manifest
    assert (FINETUNE.spectrogram, FINETUNE.slices) == (manifest.spectrogram, manifest.slices)
