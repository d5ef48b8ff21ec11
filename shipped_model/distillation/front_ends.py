"""The teachers' inputs: spectrograms of mono samples, as their authors compute them."""

from __future__ import annotations

from functools import cache

import numpy as np

from genre_model.core.arrays import Float32
from genre_model.features.log_mel import hann_window

MN04_RATE_HZ, MN04_FFT, MN04_WINDOW, MN04_HOP = 32_000, 1024, 800, 320
PRE_EMPHASIS = 0.97
FCN_RATE_HZ, FCN_FFT, FCN_HOP, FCN_MELS = 16_000, 512, 256, 96
LEAST_POWER = 1e-10


def mn04_log_mel(samples: Float32, bank: Float32) -> Float32:
    """The input of EfficientAT's mn04 (Schmid et al., *Efficient large-scale audio tagging*, 2023).

    Args:
        samples: (n_samples,) at 32 kHz.
        bank: (128, 513), the mel filters that the network was trained with.

    Returns:
        (128, 1 + (n_samples - 1) // 320).
    """
    emphasised = samples[1:] - np.float32(PRE_EMPHASIS) * samples[:-1]
    window = np.zeros(MN04_FFT, np.float32)
    before = (MN04_FFT - MN04_WINDOW) // 2
    window[before : before + MN04_WINDOW] = np.hanning(MN04_WINDOW)
    mel_power = power_frames(emphasised, window, MN04_HOP) @ bank.T
    values: Float32 = (np.log(mel_power + np.float32(1e-5)) + np.float32(4.5)) / np.float32(5)
    return np.ascontiguousarray(values.T)


def fcn_decibels(samples: Float32) -> Float32:
    """The input of msd-fcn (Won et al., *Evaluation of CNN-based automatic music tagging*, 2020).

    Args:
        samples: (n_samples,) at 16 kHz.

    Returns:
        (96, 1 + n_samples // 256), in dB.
    """
    power = power_frames(samples, hann_window(FCN_FFT), FCN_HOP) @ htk_filters().T
    values: Float32 = np.float32(10) * np.log10(np.maximum(power, np.float32(LEAST_POWER)))
    return np.ascontiguousarray(values.T)


def power_frames(samples: Float32, window: Float32, hop: int) -> Float32:
    """Power spectra of frames around every ``hop``-th sample, (n_frames, 1 + n_fft / 2).

    The samples are mirrored at both ends, as in ``torch.stft``.
    """
    padded = np.pad(samples, len(window) // 2, mode="reflect")
    frames = np.lib.stride_tricks.sliding_window_view(padded, len(window))[::hop]
    spectrum = np.fft.rfft(frames * window)
    power: Float32 = (spectrum.real**2 + spectrum.imag**2).astype(np.float32)
    return power


@cache
def htk_filters() -> Float32:
    """Triangles of height 1 on HTK's mel scale, 2595 log10(1 + f / 700), (96, 257)."""
    highest_mel = 2595 * np.log10(1 + FCN_RATE_HZ / 2 / 700)
    edges_hz = 700 * (10 ** (np.linspace(0, highest_mel, FCN_MELS + 2) / 2595) - 1)
    bins_hz = np.linspace(0, FCN_RATE_HZ / 2, 1 + FCN_FFT // 2)
    lower, centre, upper = edges_hz[:-2, None], edges_hz[1:-1, None], edges_hz[2:, None]
    rising, falling = (bins_hz - lower) / (centre - lower), (upper - bins_hz) / (upper - centre)
    return np.maximum(0, np.minimum(rising, falling)).astype(np.float32)
