"""``beet cnntrain --architecture`` with other slices, as a real command; needs TensorFlow."""

from dataclasses import replace

import pytest
from test_train_options import report_of, train

from genre_model.training.networks.registry import ARCHITECTURES

pytestmark = pytest.mark.tensorflow


def test_a_system_slices_and_aggregates_as_the_user_says(labelled):
    output, bundle = train(
        labelled,
        *("--architecture", "pelchat2019", "--epochs", "1", "--name", "mine"),
        slice_seconds=1,
        slices_per_song=2,
        position="middle",
        band="no-high",
        aggregation="confidence",
        select_instances=0.9,
        play_history=True,
    )
    manifest, plain = bundle.manifest, ARCHITECTURES["pelchat2019"].slices
    assert manifest.slices == replace(
        plain,
        frames=50,
        hop_frames=round(50 * plain.hop_frames / plain.frames),
        max_slices=2,
        position="middle",
        band="no-high",
    )
    assert manifest.aggregation.rule == "confidence"
    assert manifest.play_history.threshold == report_of(bundle)["threshold"]
    assert "epoch 1: loss " in output
    assert "right, without the play history: " in output

    labelled("genre", "-q", "--threshold", "0", "--model", "mine", "title:Hum 8")
    answered = labelled.fields("cnngenre_model", query=["title:Hum 8"])
    assert answered == [("Hum 8", manifest.bundle_id)]


def test_one_work_folder_does_not_mix_two_settings(labelled):
    arguments = ["--architecture", "pelchat2019", "--epochs", "1"]
    _, short = train(labelled, *arguments, slice_seconds=1)
    _, long = train(labelled, *arguments, slice_seconds=1.5)
    assert (short.manifest.slices.frames, long.manifest.slices.frames) == (50, 75)
    assert short.manifest.slices.max_slices == ARCHITECTURES["pelchat2019"].slices.max_slices
