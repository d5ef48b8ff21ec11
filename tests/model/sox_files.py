"""Short signals for the tests of SoX's spectrograms, and the pictures that SoX itself draws."""

import shutil
import subprocess
import wave

import numpy as np
from PIL import Image

SOX = shutil.which("sox")
RATES_HZ = (16_000, 22_050, 32_000, 44_100, 48_000)


def sox_signals(rate_hz):
    """16-bit signals by name, (n_samples,) int16; none fills a whole number of columns."""
    rng = np.random.default_rng(rate_hz)
    column = rate_hz // 50
    t = np.arange(8 * column + 57) / rate_hz
    sweep = np.sin(2 * np.pi * (30 + rate_hz / 2 * t / t[-1] / 2) * t)
    fading = np.geomspace(1, 1e-6, 5 * column + 400)
    return {
        "sweep": to_int16(0.8 * sweep),
        "fading noise": to_int16(fading * rng.uniform(-1, 1, len(fading))),
        "full scale": np.where(np.arange(2 * column + 130) // 8 % 2, 32_767, -32_768).astype(
            np.int16
        ),
        "silence, a click": np.eye(1, 3 * column + 1, column + 11, dtype=np.int16)[0] * 9_000,
        "half a step": to_int16(rng.uniform(-1, 1, 64)),
        "less than a column": to_int16(rng.uniform(-1, 1, 310)),
    }


def to_int16(values):
    return np.round(32_767 * values).astype(np.int16)


def as_samples(signal):
    """A 16-bit signal as a decoder returns it: float32 in [-1, 1)."""
    return signal.astype(np.float32) / np.float32(32_768)


def write_wav(path, signal, rate_hz):
    """Write a mono 16-bit WAV file; return its path."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate_hz)
        file.writeframes(signal.astype("<i2").tobytes())
    return path


def run_sox(wav, png):
    """Draw a WAV file's spectrogram with SoX and the paper's options; return the PNG's path."""
    effect = ["spectrogram", "-Y", "200", "-X", "50", "-m", "-r", "-o", str(png)]
    subprocess.run([SOX, str(wav), "-n", *effect], check=True, capture_output=True, timeout=60)
    return png


def pixels_of(png):
    """The palette indices of a PNG, (height, width)."""
    with Image.open(png) as image:
        assert image.mode == "P"
        return np.array(image)


def sox_pixels(signal, rate_hz, folder):
    """The palette indices of the spectrogram that SoX draws of a signal, (129, width)."""
    return pixels_of(run_sox(write_wav(folder / "in.wav", signal, rate_hz), folder / "out.png"))
