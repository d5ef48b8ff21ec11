"""The plugin trains, saves and uses every system for audio; needs TensorFlow."""

import pytest
from labelled_library import HZ, bundles

from genre_model.core.specs import NotesSpec
from genre_model.model.bundle.store import load_bundle
from genre_model.training.networks.registry import ARCHITECTURES

pytestmark = pytest.mark.tensorflow

AUDIO_SYSTEMS = [a.name for a in ARCHITECTURES.values() if not isinstance(a.spectrogram, NotesSpec)]


@pytest.mark.parametrize("name", AUDIO_SYSTEMS)
def test_a_system_is_trained_and_writes_genres(labelled, name):
    output = labelled("cnntrain", "--architecture", name, "--epochs", "1")
    assert "right: " in output
    [folder] = bundles(labelled)
    manifest = load_bundle(folder).manifest
    assert manifest.provenance["architecture"] == name
    assert set(manifest.genres) == set(HZ)
    output = labelled("genre", "--threshold", "0", "--model", folder.name, "title:Hum 8")
    assert "tagged 1" in output
    ((_, label, model),) = labelled.fields(
        "cnngenre_label", "cnngenre_model", query=["title:Hum 8"]
    )
    assert label in HZ
    assert model == folder.name
    assert labelled.genres()["Hum 8"] == label
