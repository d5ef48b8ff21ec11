"""The shipped network answers like the original TensorFlow graph, and its files are complete."""

from pathlib import Path

import numpy as np
import pytest

from genre_model.model.bundle.network import load_session
from genre_model.model.bundle.store import MANIFEST, SHIPPED, load_bundle
from genre_model.model.classifier import load_classifier
from genre_model.training.networks.finetune import filters_of
from shipped_model.conversion.convert import probe_slices

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def bundle():
    return load_bundle(SHIPPED)


@pytest.fixture(scope="module")
def golden():
    with np.load(ROOT / "tests" / "golden" / "musicnn.npz") as arrays:
        return dict(arrays)


@pytest.fixture(scope="module")
def answers(bundle):
    session = load_session(bundle)
    return dict(
        zip(
            ("tags", "embedding"),
            session.run(["tags", "embedding"], {"log_mel": probe_slices()}),
            strict=True,
        )
    )


@pytest.mark.parametrize(("output", "tolerance"), [("tags", 1e-5), ("embedding", 1e-4)])
def test_the_network_answers_as_the_original_graph(answers, golden, output, tolerance):
    assert answers[output].shape == golden[output].shape
    np.testing.assert_allclose(answers[output], golden[output], rtol=0, atol=tolerance)


def test_the_golden_slices_are_told_apart(golden):
    assert golden["tags"].std(axis=0).max() > 0.05
    assert len(np.unique(golden["embedding"], axis=0)) == 8


def test_a_batch_is_answered_as_its_slices_one_by_one(bundle, answers):
    session = load_session(bundle)
    for index, piece in enumerate(probe_slices()):
        tags, embedding = session.run(["tags", "embedding"], {"log_mel": piece[None]})
        np.testing.assert_allclose(tags[0], answers["tags"][index], rtol=0, atol=1e-5)
        np.testing.assert_allclose(embedding[0], answers["embedding"][index], rtol=0, atol=1e-4)


def test_no_filter_but_one_is_without_weights(bundle):
    onnx = pytest.importorskip("onnx")
    graph = onnx.load_from_string(bundle.read("network.onnx")).graph
    arrays = {entry.name: onnx.numpy_helper.to_array(entry) for entry in graph.initializer}
    kernels = [filters_of(arrays, f"frontend{branch}")[0] for branch in range(5)]
    sizes = [(7, 38), (7, 67), (128, 1), (64, 1), (32, 1)]
    assert [kernel.shape[2:] for kernel in kernels] == sizes
    dead = [not filters.any() for kernel in kernels for filters in kernel]
    assert dead == [False] * 64 + [True]  # the output of the last one is always 1
    assert arrays["frontend4_shift"][-1] == 1


def test_the_tag_names_are_as_many_as_the_tags(bundle, golden):
    names = bundle.manifest.network.tag_names
    assert len(names) == len(set(names)) == golden["tags"].shape[1]


def test_the_shipped_folder_is_smaller_than_2_mb():
    assert sum(path.stat().st_size for path in SHIPPED.iterdir()) < 2_000_000


def test_the_licence_of_the_weights_is_shipped():
    text = (SHIPPED / "LICENSE-musicnn.md").read_text(encoding="utf-8")
    assert "Music Technology Group, Universitat Pompeu Fabra" in text
    assert "Permission to use, copy, modify, and/or distribute this software" in text
    assert 'THE SOFTWARE IS PROVIDED "AS IS"' in text


def test_every_shipped_file_is_in_the_manifest_with_its_hash(bundle):
    shipped = {path.name for path in SHIPPED.iterdir()}
    assert shipped - {MANIFEST} == set(bundle.manifest.files)
    assert shipped >= {"LICENSE-musicnn.md", "MODEL_CARD.md"}
    for name in bundle.manifest.files:
        assert bundle.read(name)


def test_the_shipped_bundle_passes_its_probe():
    classifier = load_classifier()
    assert len(classifier.manifest.genres) >= 10
    assert classifier.manifest.presets["paper"]
