"""Noise, hum and clicks, as many folders have them, get no genre from the shipped model."""

import numpy as np
from audio_files import write_audio
from plugin_files import tag
from real_beet import beet_in

from genre_model.model.bundle.store import SHIPPED

RATE_HZ = 44_100


def sounds():
    """Name -> sixteen seconds of sound that is not music."""
    rng = np.random.default_rng(11)
    n = 16 * RATE_HZ
    white = rng.standard_normal(n)
    spectrum = np.fft.rfft(white)
    pink = np.fft.irfft(spectrum / np.sqrt(np.maximum(np.arange(len(spectrum)), 1)), n)
    times_s = np.arange(n) / RATE_HZ
    return {
        "white": white,
        "pink": pink,
        "hum": np.sign(np.sin(2 * np.pi * 55 * times_s)) + 0.05 * white,
        "waves": pink * (1.1 + np.sin(2 * np.pi * 0.2 * times_s)),
        "clicks": white * (rng.random(n) < 1e-4),
        "brown": np.cumsum(white) - np.linspace(0, white.sum(), n),
        "pulsed": pink * (times_s * 2 % 1 < 0.4),
        "beeps": np.sin(2 * np.pi * 1000 * times_s) * (times_s % 1 < 0.5),
    }


def test_what_is_no_music_gets_no_genre(tmp_path):
    (tmp_path / "music").mkdir()
    for name, samples in sounds().items():
        values = (0.5 * samples / np.abs(samples).max())[:, None].astype(np.float32)
        path = tmp_path / "music" / f"{name}.wav"
        write_audio(path, values, RATE_HZ)
        tag(path, title=name)
    beet = beet_in(tmp_path / "home", SHIPPED)
    assert "perhaps" not in beet("import", "-A", tmp_path / "music")
    assert beet.genres() == dict.fromkeys(sounds(), "")
    assert "white: unsure (no music, or none of the model's genres)" in beet("genre", "-p")
