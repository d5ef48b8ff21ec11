"""Change audio as recordings, masters and encoders do; all functions are pure."""

from __future__ import annotations

import io
from dataclasses import dataclass
from fractions import Fraction

import av
import numpy as np
import soxr

from genre_model.core.arrays import Float32
from shipped_model.distillation.teachers import RATE_HZ

# Encoder -> container, sample rate, and kbit/s of one channel: half of a stereo file's.
CODECS: dict[str, tuple[str, int, tuple[int, ...]]] = {
    "libopus": ("ogg", 48_000, (24, 32, 64)),
    "libmp3lame": ("mp3", 32_000, (32, 48, 64, 96)),
    "aac": ("adts", 32_000, (32, 48, 64, 96)),
}
OCTAVES_HZ = 31.25 * 2.0 ** np.arange(10)


@dataclass(frozen=True, slots=True)
class Recipe:
    """The changes to a piece, in this order; the defaults leave it unchanged.

    Attributes:
        speed: Factor of the tape speed, which changes pitch and tempo.
        tempo: Factor of the tempo alone, applied after that.
        mix_db: Level of another piece that is mixed in, relative to this one; None for no mix.
        equaliser_db: Gains at ``OCTAVES_HZ``; empty for none.
        gain_db: Gain of the result; what exceeds full scale is clipped.
        codec: A key of ``CODECS``, or empty.
        kbit: The codec's bit rate in kbit/s.
    """

    speed: float = 1.0
    tempo: float = 1.0
    mix_db: float | None = None
    equaliser_db: tuple[float, ...] = ()
    gain_db: float = 0.0
    codec: str = ""
    kbit: int = 0

    @property
    def stretch(self) -> float:
        """Input samples needed for each output sample."""
        return self.speed * self.tempo


def draw_recipe(rng: np.random.Generator) -> Recipe:
    """A random recipe; each step applies to some of the pieces."""

    def taken(share: float) -> bool:
        return bool(rng.random() < share)

    codec = str(rng.choice(list(CODECS))) if taken(0.4) else ""
    return Recipe(
        speed=float(np.exp(rng.uniform(-0.08, 0.08))) if taken(0.4) else 1.0,
        tempo=float(np.exp(rng.uniform(-0.15, 0.15))) if taken(0.3) else 1.0,
        mix_db=float(rng.uniform(-12, 0)) if taken(0.35) else None,
        equaliser_db=tuple(rng.normal(0, 3, len(OCTAVES_HZ)).tolist()) if taken(0.4) else (),
        gain_db=float(rng.uniform(-15, 4)) if taken(0.5) else 0.0,
        codec=codec,
        kbit=int(rng.choice(CODECS[codec][2])) if codec else 0,
    )


def apply(recipe: Recipe, samples: Float32, other: Float32 | None, n_samples: int) -> Float32:
    """The changed piece, (n_samples,).

    Args:
        recipe: The changes.
        samples: Mono at 32 kHz, at least ``n_samples * recipe.stretch``.
        other: The samples to mix in, (n_samples,); None if the recipe has no mix.
        n_samples: The length of the result.
    """
    changed = with_tempo(with_speed(samples, recipe.speed), recipe.tempo)
    changed = np.resize(changed, n_samples)
    if recipe.mix_db is not None and other is not None:
        changed = mix(changed, other, recipe.mix_db)
    if recipe.equaliser_db:
        changed = equalise(changed, recipe.equaliser_db)
    changed = np.clip(changed * np.float32(10 ** (recipe.gain_db / 20)), -1, 1)
    return encode(changed, recipe.codec, recipe.kbit) if recipe.codec else changed


def mix(samples: Float32, other: Float32, level_db: float) -> Float32:
    """The sum of two pieces, as loud as the first alone."""
    loudness, other_loudness = rms(samples), rms(other)
    both = samples + other * np.float32(10 ** (level_db / 20) * loudness / other_loudness)
    mixed: Float32 = both * np.float32(loudness / rms(both))
    return mixed


def rms(samples: Float32) -> float:
    """The root mean square, never quite 0."""
    return float(np.sqrt(np.mean(np.square(samples), dtype=np.float64))) + 1e-9


def equalise(samples: Float32, gains_db: tuple[float, ...]) -> Float32:
    """Apply gains at ``OCTAVES_HZ``, interpolated linearly over the logarithm of the frequency."""
    spectrum = np.fft.rfft(samples)
    frequencies_hz = np.fft.rfftfreq(len(samples), 1 / RATE_HZ)
    curve_db = np.interp(
        np.log(np.maximum(frequencies_hz, 1)), np.log(OCTAVES_HZ), np.array(gains_db)
    )
    return np.fft.irfft(spectrum * 10 ** (curve_db / 20), len(samples)).astype(np.float32)


def with_speed(samples: Float32, speed: float) -> Float32:
    """Speed up the tape: pitch and tempo rise by the factor."""
    if speed == 1.0:
        return samples
    slower: Float32 = soxr.resample(samples, RATE_HZ * speed, RATE_HZ, "HQ")
    return slower


def with_tempo(samples: Float32, tempo: float) -> Float32:
    """Raise the tempo by the factor and keep the pitch (FFmpeg's ``atempo``)."""
    if tempo == 1.0:
        return samples
    graph = av.filter.Graph()
    source = graph.add_abuffer(
        sample_rate=RATE_HZ, format="flt", layout="mono", time_base=Fraction(1, RATE_HZ)
    )
    graph.link_nodes(source, graph.add("atempo", f"{tempo}"), graph.add("abuffersink")).configure()
    graph.push(frame_of(samples))
    graph.push(None)
    return drained(graph)


def drained(graph: av.filter.Graph) -> Float32:
    """All samples that a filter graph outputs, (n_samples,)."""
    blocks: list[Float32] = []
    while True:
        try:
            frame = graph.pull()
        except (av.EOFError, BlockingIOError):
            return np.concatenate(blocks, dtype=np.float32)
        assert isinstance(frame, av.AudioFrame)
        blocks.append(frame.to_ndarray().ravel().astype(np.float32))


def encode(samples: Float32, codec: str, kbit: int) -> Float32:
    """Encode and decode; the length stays, but some codecs add a short delay."""
    container, rate_hz, _ = CODECS[codec]
    file = io.BytesIO()
    with av.open(file, "w", format=container) as output:
        stream = output.add_stream(codec, rate=rate_hz, layout="mono")
        stream.bit_rate = kbit * 1000
        output.mux(stream.encode(frame_of(samples)))
        output.mux(stream.encode(None))
    file.seek(0)
    resampler = av.AudioResampler(format="flt", layout="mono", rate=RATE_HZ)
    with av.open(file) as stored:
        frames = [f for frame in stored.decode(audio=0) for f in resampler.resample(frame)]
    frames += resampler.resample(None)
    decoded = np.concatenate([frame.to_ndarray().ravel() for frame in frames])
    return np.resize(decoded, len(samples)).astype(np.float32)


def frame_of(samples: Float32) -> av.AudioFrame:
    """Mono samples at 32 kHz as an FFmpeg frame."""
    frame = av.AudioFrame.from_ndarray(samples[None], format="flt", layout="mono")
    frame.rate, frame.pts, frame.time_base = RATE_HZ, 0, Fraction(1, RATE_HZ)
    return frame
