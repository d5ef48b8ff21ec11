"""The NumPy log-mel equals librosa's; too few samples are an error."""

import librosa
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genre_model.core.specs import SpectrogramSpec
from genre_model.features.log_mel import hz_to_mel, log_mel, mel_filters, mel_groups, mel_to_hz

SPECS = {
    "musicnn": SpectrogramSpec(),
    "long frames": SpectrogramSpec(n_fft=1024, hop=300),
    "few bands": SpectrogramSpec(n_mels=40, fmin_hz=50, fmax_hz=4_000),
    "22 kHz": SpectrogramSpec(22_050, 2048, 512, 128, 20, 11_025),
    "8 kHz": SpectrogramSpec(8_000, 256, 128, 32, 0, 4_000, gain=1),
    "hop of a frame": SpectrogramSpec(n_fft=512, hop=512),
    "low gain": SpectrogramSpec(gain=100),
}
N_SAMPLES = 20_001
SIGNALS = {
    "noise": np.random.default_rng(0).uniform(-1, 1, N_SAMPLES),
    "loud sine": np.sin(2 * np.pi * 440 / 16_000 * np.arange(N_SAMPLES)),
    "silence": np.zeros(N_SAMPLES),
    "impulse": np.eye(1, N_SAMPLES, 7_000)[0],
    "quiet noise": 1e-4 * np.random.default_rng(1).standard_normal(N_SAMPLES),
    "full scale square": np.sign(np.sin(np.arange(N_SAMPLES) / 30)),
}


def librosa_log_mel(samples, spec):
    power = librosa.feature.melspectrogram(
        y=samples,
        sr=spec.sample_rate_hz,
        n_fft=spec.n_fft,
        hop_length=spec.hop,
        n_mels=spec.n_mels,
        fmin=spec.fmin_hz,
        fmax=spec.fmax_hz,
        power=2,
    )
    return np.log10(spec.gain * power + 1).T


@pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS)
@pytest.mark.parametrize("signal", SIGNALS.values(), ids=SIGNALS)
def test_log_mel_is_that_of_librosa(spec, signal):
    samples = signal.astype(np.float32)
    ours = log_mel(np.pad(samples, spec.pad), spec)
    assert ours.dtype == np.float32
    assert ours.shape == (spec.n_frames(len(samples)), spec.n_mels)
    np.testing.assert_allclose(ours, librosa_log_mel(samples, spec), rtol=0, atol=1e-5)


@pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS)
def test_mel_filters_are_those_of_librosa(spec):
    theirs = librosa.filters.mel(
        sr=spec.sample_rate_hz,
        n_fft=spec.n_fft,
        n_mels=spec.n_mels,
        fmin=spec.fmin_hz,
        fmax=spec.fmax_hz,
    )
    np.testing.assert_allclose(mel_filters(spec), theirs, rtol=0, atol=1e-8)


@given(st.floats(0, 96_000))
def test_mel_and_hertz_are_inverse(hz):
    assert float(mel_to_hz(hz_to_mel(np.array(hz)))) == pytest.approx(hz, rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("n_samples", [0, 1, 511])
def test_fewer_samples_than_a_frame_are_refused(n_samples):
    with pytest.raises(ValueError, match=f"{n_samples} samples do not fill a frame of 512"):
        log_mel(np.zeros(n_samples, np.float32), SpectrogramSpec())


@given(n_samples=st.integers(512, 5_000), hop=st.integers(1, 512))
@settings(max_examples=40)
def test_there_is_a_frame_for_every_whole_hop(n_samples, hop):
    spec = SpectrogramSpec(hop=hop)
    assert log_mel(np.zeros(n_samples, np.float32), spec).shape == (
        1 + (n_samples - 512) // hop,
        96,
    )


@given(start=st.integers(0, 40), n_frames=st.integers(1, 20))
@settings(max_examples=40)
def test_a_frame_depends_on_its_own_samples_only(start, n_frames):
    spec = SpectrogramSpec()
    samples = SIGNALS["noise"].astype(np.float32)
    first = start * spec.hop
    part = samples[first : first + (n_frames - 1) * spec.hop + spec.n_fft]
    expected = log_mel(samples, spec)[start : start + n_frames]
    np.testing.assert_allclose(log_mel(part, spec), expected, rtol=0, atol=1e-6)


def test_silence_is_exactly_zero():
    assert not log_mel(np.zeros(4_000, np.float32), SpectrogramSpec()).any()


NARROW = SpectrogramSpec(n_fft=64, n_mels=96)  # most of its filters lie between two bins


@pytest.mark.parametrize("spec", [*SPECS.values(), NARROW])
def test_the_groups_of_filters_make_up_all_of_them(spec):
    filters = mel_filters(spec)
    rows = []
    for bins, weights in mel_groups(spec):
        group = np.zeros((weights.shape[1], filters.shape[1]), np.float32)
        group[:, bins] = weights.T
        rows.append(group)
    np.testing.assert_array_equal(np.concatenate(rows), filters)


def test_no_product_is_large_enough_for_openblas_to_wake_its_threads():
    spec, frames = SpectrogramSpec(), 187
    for _, weights in mel_groups(spec):
        assert frames * weights.size <= 4 * 65_536
