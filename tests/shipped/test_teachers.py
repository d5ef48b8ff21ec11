"""The teacher networks: their front ends against librosa, their outputs for a made-up sound."""

import librosa
import numpy as np
import pytest

from genre_model.model.bundle.store import SHIPPED
from shipped_model.distillation.front_ends import fcn_decibels, mn04_log_mel
from shipped_model.distillation.groups import (
    audioset_groups,
    class_names,
    group_logits,
    tag_groups,
)
from shipped_model.distillation.teachers import (
    PIECE_SAMPLES,
    RATE_HZ,
    Teachers,
    teachers_folder,
)
from shipped_model.settings import read_settings


def made_up_sound():
    """Half a minute of a chord that is struck twice per second."""
    t = np.arange(PIECE_SAMPLES) / RATE_HZ
    tones = [
        np.sin(2 * np.pi * hz * t) / k for k, hz in enumerate((110, 220, 277.2, 329.6, 1760), 1)
    ]
    return (0.2 * np.exp(-8 * (t % 0.5)) * np.sum(tones, axis=0)).astype(np.float32)


SOUND = made_up_sound()


def test_the_front_ends_do_what_librosa_does():
    short = SOUND[: 2 * RATE_HZ] + np.random.default_rng(0).normal(0, 1e-3, 2 * RATE_HZ)
    short = short.astype(np.float32)
    settings = {"sr": 16_000, "n_fft": 512, "hop_length": 256, "n_mels": 96, "fmin": 0}
    mel = librosa.feature.melspectrogram(
        y=short, **settings, fmax=8000, htk=True, norm=None, pad_mode="reflect"
    )
    ours = fcn_decibels(short)
    assert ours.shape == mel.shape
    np.testing.assert_allclose(ours, 10 * np.log10(mel), atol=1e-3)

    bank = np.random.default_rng(1).random((128, 513)).astype(np.float32)
    spectrum = librosa.stft(
        short[1:] - np.float32(0.97) * short[:-1],
        n_fft=1024, hop_length=320, win_length=800, window=np.hanning(800), pad_mode="reflect",
    )  # fmt: skip
    expected = (np.log(bank @ np.abs(spectrum) ** 2 + 1e-5) + 4.5) / 5
    ours = mn04_log_mel(short, bank)
    assert ours.shape == expected.shape
    np.testing.assert_allclose(ours, expected, atol=1e-4)


# For each output, the indices of its largest values (means over the slices), and these values.
ANSWERS = {
    "embedding": ([75, 150, 28], [1.760, 1.712, 1.678]),
    "tag_logits": ([4, 28, 3], [-0.735, -1.659, -2.014]),  # electronic, ambient, dance
    "mn04_features": ([102, 309, 238], [1.619, 0.929, 0.818]),
    "mn04_logits": ([137, 158, 239], [1.412, -1.737, -2.346]),  # Music, Synthesizer, Electronic
    "fcn_embedding": ([27, 35, 22], [2.889, 2.808, 2.782]),
    "fcn_logits": ([4, 18, 41], [-0.110, -1.773, -1.808]),  # electronic, electronica, electro
    "yamnet_logits": ([132], [0.204]),  # Music
}


@pytest.mark.skipif(teachers_folder() is None, reason="CNNGENRE_TEACHERS names no folder")
def test_the_teachers_answers_to_the_made_up_sound():
    answers = Teachers(teachers_folder(), SHIPPED / "network.onnx").answers(SOUND)
    for name, (places, values) in ANSWERS.items():
        mean = answers[name].reshape(-1, answers[name].shape[-1]).mean(axis=0)
        assert np.argsort(-mean)[: len(places)].tolist() == places, name
        np.testing.assert_allclose(mean[places], values, atol=0.01, err_msg=name)


def test_groups_are_the_largest_logit_of_a_genres_classes(tmp_path):
    table = tmp_path / "labels.csv"
    genres = [
        "Hip hop music",
        "Electronic music",
        "Rock music",
        "Pop music",
        "Funk",
        "Country",
        "Jazz",
    ]
    genres += ["Blues", "Folk music", "Opera", "Ska", "Flamenco", "Grunge", '"Male, speech"']
    table.write_text(
        "index,mid,display_name\n"
        + "".join(f"{place},/m/{place},{name}\n" for place, name in enumerate(genres))
    )
    names = class_names(table)
    assert names[-1] == "Male, speech"
    groups = audioset_groups(names)
    assert groups["Rock"] == [2, 12]
    logits = np.arange(2 * len(names), dtype=float).reshape(2, -1)
    assert group_logits(logits, groups)[1].tolist()[:3] == [14, 15, 26]
    with pytest.raises(ValueError, match="no class for Reggae"):
        audioset_groups([name for name in names if name != "Ska"])

    settings = read_settings()
    of_tags = tag_groups(settings)
    assert "metal" in [settings.msd_tags[place] for place in of_tags["Rock"]]
    assert {"Classical", "Reggae", "Latin"}.isdisjoint(of_tags)
