"""Synthetic sound that is not music: noise, tones and clicks, with envelopes of many kinds.

``fitted_sounds`` has the kinds that the music detector is fitted on; ``unknown_sounds`` has other
kinds, to test it.
"""

from __future__ import annotations

import wave
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np

from genre_model.core.arrays import Float64

Rng = np.random.Generator
Sound = Callable[[Rng, int], Float64]

RATE_HZ = 16_000
SHORTEST_S, LONGEST_S = 8.0, 40.0
TONE_LOG_HZ = (1.6, 3.7)  # 40 Hz to 5 kHz


def fitted_sounds(folder: Path, n_files: int) -> Iterator[Path]:
    """Write files of the fitted kinds, all kinds in turn."""
    return write_sounds(folder, FITTED, n_files, seed=0)


def unknown_sounds(folder: Path, n_files: int) -> Iterator[Path]:
    """Write files of the other kinds, all kinds in turn."""
    return write_sounds(folder, UNKNOWN, n_files, seed=1)


def write_sounds(folder: Path, kinds: Sequence[Sound], n_files: int, seed: int) -> Iterator[Path]:
    """Write files of random length and level."""
    rng = np.random.default_rng(seed)
    for number in range(n_files):
        n_samples = int(RATE_HZ * rng.uniform(SHORTEST_S, LONGEST_S))
        samples = kinds[number % len(kinds)](rng, n_samples)
        samples *= 10 ** rng.uniform(-2.5, -0.05) / np.abs(samples).max()
        path = folder / f"{number}.wav"
        with wave.open(str(path), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(RATE_HZ)
            file.writeframes((samples * 32767).astype("<i2").tobytes())
        yield path


def times_s(n_samples: int) -> Float64:
    """The time of each sample in seconds, (n_samples,)."""
    return np.arange(n_samples) / RATE_HZ


# Envelopes, (n_samples,)


def envelope(rng: Rng, n_samples: int) -> Float64:
    """A random envelope: steady, switched on and off, tremolo, repeated decay, or swelling."""
    repeats_hz = 10 ** rng.uniform(-0.7, 1.2)
    place = times_s(n_samples) * repeats_hz % 1
    kind = rng.integers(5)
    if kind == 0:
        return np.ones(n_samples)
    if kind == 1:
        return np.asarray(place < rng.uniform(0.05, 0.9), np.float64)
    if kind == 2:
        return np.asarray(1 + rng.uniform(0.3, 1) * np.sin(2 * np.pi * place))
    if kind == 3:
        return np.asarray(np.exp(-place * rng.uniform(1, 15)))
    return swell(rng, n_samples, knots_a_second=rng.uniform(0.5, 5))


def swell(rng: Rng, n_samples: int, knots_a_second: float) -> Float64:
    """A level that rises and falls irregularly, like that of wind and waves."""
    knots = np.abs(rng.standard_normal(int(n_samples / RATE_HZ * knots_a_second) + 3))
    level: Float64 = np.interp(np.linspace(0, 1, n_samples), np.linspace(0, 1, len(knots)), knots)
    return level + 0.1


# Fitted kinds


def coloured(rng: Rng, n_samples: int) -> Float64:
    """Noise with a power spectrum of f^-a, a from -2 (violet) to 2.5 (deeper than brown)."""
    spectrum = np.fft.rfft(rng.standard_normal(n_samples))
    lowest = n_samples / RATE_HZ * rng.uniform(0.1, 30)  # below it the spectrum is flat
    frequencies = np.maximum(np.arange(len(spectrum)), lowest)
    return np.fft.irfft(spectrum * frequencies ** (-rng.uniform(-2, 2.5) / 2), n_samples)


def noise(rng: Rng, n_samples: int) -> Float64:
    """Coloured noise under an envelope."""
    return coloured(rng, n_samples) * envelope(rng, n_samples)


def banded(rng: Rng, n_samples: int) -> Float64:
    """Coloured noise of one band of frequencies, under an envelope."""
    spectrum = np.fft.rfft(coloured(rng, n_samples))
    low, high = sorted(rng.integers(0, len(spectrum) - 100, 2))
    spectrum[:low] = spectrum[high + 100 :] = 0
    return np.fft.irfft(spectrum, n_samples) * envelope(rng, n_samples)


def tone(rng: Rng, n_samples: int) -> Float64:
    """A tone under an envelope, often in some noise: beeps, alarms, sirens, sweeps."""
    first_hz, last_hz = 10 ** rng.uniform(*TONE_LOG_HZ, 2)
    steady = np.full(n_samples, first_hz)
    cycles = times_s(n_samples) * 10 ** rng.uniform(-1, 1)
    wavering = first_hz * 2 ** (rng.uniform(0.1, 1) * np.sin(2 * np.pi * cycles))
    gliding = np.geomspace(first_hz, last_hz, n_samples)
    hz = (steady, steady, wavering, gliding)[rng.integers(4)]
    samples = waveform(rng, np.cumsum(hz) / RATE_HZ) * envelope(rng, n_samples)
    if rng.random() < 0.3:
        hiss = coloured(rng, n_samples)
        samples = samples + 10 ** rng.uniform(-2.5, -0.5) * hiss / np.abs(hiss).max()
    return samples


def waveform(rng: Rng, phase: Float64) -> Float64:
    """A sine, square or sawtooth wave, or two sines, for a phase in cycles."""
    sine = np.sin(2 * np.pi * phase)
    second = np.sin(2 * np.pi * phase * rng.uniform(1.1, 3))
    waves: list[Float64] = [sine, np.sign(sine), 2 * (phase % 1) - 1, sine + second]
    return waves[rng.integers(4)]


def hum(rng: Rng, n_samples: int) -> Float64:
    """Mains hum with its harmonics, in a little noise."""
    phase = times_s(n_samples) * rng.choice([50, 60])
    tones = [np.sin(2 * np.pi * phase * k) / k for k in range(1, 9)]
    total: Float64 = np.sum(tones, axis=0) + 0.02 * rng.standard_normal(n_samples)
    return total


def clicks(rng: Rng, n_samples: int) -> Float64:
    """Clicks at random times, on average between one in two seconds and fifty a second."""
    samples: Float64 = rng.standard_normal(n_samples)
    samples *= rng.random(n_samples) < 10 ** rng.uniform(-4.5, -2.5)
    samples[0] = 1.0
    return samples


FITTED: tuple[Sound, ...] = (noise, noise, noise, banded, tone, tone, hum, clicks)


# Kinds that are not fitted


def dial_tones(rng: Rng, n_samples: int) -> Float64:
    """The tone pairs of a telephone's keys, one after another, with pauses."""
    low, high = np.array([697, 770, 852, 941]), np.array([1209, 1336, 1477])
    keys_a_second = rng.uniform(2, 6)
    place = times_s(n_samples) * keys_a_second
    key = rng.integers(0, 12, int(place[-1]) + 1)[place.astype(int)]
    pair = np.sin(2 * np.pi * low[key // 3] * times_s(n_samples))
    pair = pair + np.sin(2 * np.pi * high[key % 3] * times_s(n_samples))
    return np.asarray(pair * (place % 1 < 0.5))


def modem(rng: Rng, n_samples: int) -> Float64:
    """Bits as two tones (frequency-shift keying)."""
    bits_a_second = rng.choice([50, 300, 1200])
    bits = rng.integers(0, 2, int(n_samples / RATE_HZ * bits_a_second) + 1)
    bit = bits[(times_s(n_samples) * bits_a_second).astype(int)]
    return np.asarray(np.sin(2 * np.pi * np.cumsum(np.where(bit, 1200, 2200)) / RATE_HZ))


def engine(rng: Rng, n_samples: int) -> Float64:
    """A motor: a low sawtooth wave whose speed varies, and its noise."""
    turns_hz = rng.uniform(25, 120) * (1 + 0.4 * np.sin(2 * np.pi * times_s(n_samples) * 0.1))
    saw = 2 * (np.cumsum(turns_hz) / RATE_HZ % 1) - 1
    kernel = 0.97 ** np.arange(400)  # a first-order low pass
    filtered: Float64 = np.convolve(saw + 0.5 * rng.standard_normal(n_samples), kernel)[:n_samples]
    return filtered


def static(rng: Rng, n_samples: int) -> Float64:
    """A radio between stations: noise of the speech band that breaks off at random."""
    spectrum = np.fft.rfft(rng.standard_normal(n_samples))
    hz = np.fft.rfftfreq(n_samples, 1 / RATE_HZ)
    spectrum[(hz < 300) | (hz > 3000)] = 0
    halves = rng.random(int(2 * n_samples / RATE_HZ) + 1) > 0.3
    gate = halves[(2 * times_s(n_samples)).astype(int)]
    return np.asarray(np.fft.irfft(spectrum, n_samples) * gate)


def surf(rng: Rng, n_samples: int) -> Float64:
    """Waves on a beach: pink noise that swells every few seconds."""
    spectrum = np.fft.rfft(rng.standard_normal(n_samples))
    spectrum /= np.sqrt(np.maximum(np.arange(len(spectrum)), 1))
    period_s = rng.uniform(4, 12)
    swelling = np.maximum(0, np.sin(2 * np.pi * times_s(n_samples) / period_s)) ** 2
    return np.fft.irfft(spectrum, n_samples) * (0.1 + swelling)


UNKNOWN: tuple[Sound, ...] = (dial_tones, modem, engine, static, surf)
