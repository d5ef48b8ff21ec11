"""Audio files made at test time with PyAV and NumPy: good ones in every format, and bad ones.

The repository contains no audio files, and no ffmpeg binary is needed.  Monkey's Audio (.ape) is
missing: FFmpeg has no encoder for it.  DSF is written by hand, because FFmpeg does not encode DSD
either.
"""

from __future__ import annotations

import os
import struct
import wave
from dataclasses import dataclass, field
from fractions import Fraction

import av
import numpy as np
import soxr

LAYOUTS = {1: "mono", 2: "stereo", 6: "5.1"}
DSD_RATE = 2_822_400
DSF_BLOCK = 4096


@dataclass(frozen=True)
class Format:
    """How to write one kind of file, and how exactly a decoder must reproduce it.

    ``rate_hz`` is the usual sample rate, ``rates`` are the rates worth testing.  ``correlation`` is
    the least correlation with the source at 16 kHz; it is 1 for lossless formats.  ``seek`` is the
    tolerated error of a window reached by seeking, relative to the peak; None if seeking is some
    milliseconds off, so that only spectrograms can be compared.  ``lost`` is the number of samples
    that are missing at the start.
    """

    suffix: str
    container: str
    codec: str
    sample_format: str
    correlation: float = 1.0
    seek: float | None = 1e-5
    rates: tuple[int, ...] = (8_000, 22_050, 44_100, 48_000, 96_000)
    options: dict[str, str] = field(default_factory=dict)
    lost: int = 0

    @property
    def rate_hz(self):
        return 44_100 if 44_100 in self.rates else 48_000

    @property
    def lossless(self):
        return self.correlation == 1


VORBIS = "libvorbis" if "libvorbis" in av.codecs_available else "vorbis"
FORMATS = {
    "mp3": Format(".mp3", "mp3", "libmp3lame", "s16p", 0.99, 1e-3, (8_000, 22_050, 44_100, 48_000)),
    # AAC decoders fill bands with noise that depends on where decoding started.
    "aac": Format(".m4a", "ipod", "aac", "fltp", 0.99, 0.05),
    "alac": Format(".m4a", "ipod", "alac", "s16p"),
    "flac": Format(".flac", "flac", "flac", "s16"),
    "vorbis": Format(
        ".ogg", "ogg", VORBIS, "fltp", 0.98, None, (22_050, 44_100, 48_000), {"strict": "-2"}
    ),
    "opus": Format(".opus", "opus", "libopus", "flt", 0.98, 1e-3, (8_000, 48_000)),
    "wav16": Format(".wav", "wav", "pcm_s16le", "s16"),
    "wav24": Format(".wav", "wav", "pcm_s24le", "s32"),
    "wav_float": Format(".wav", "wav", "pcm_f32le", "flt"),
    "wav8": Format(".wav", "wav", "pcm_u8", "u8"),
    "aiff": Format(".aiff", "aiff", "pcm_s16be", "s16"),
    # FFmpeg's encoder and decoder together lose the first frame.
    "wma": Format(".wma", "asf", "wmav2", "fltp", 0.99, None, (44_100, 48_000), lost=2048),
    "wavpack": Format(".wv", "wv", "wavpack", "s16p"),
}
LOSSY = ("libmp3lame", "aac", "libopus", "wmav2", VORBIS)


def song(seconds: float, rate_hz: int = 44_100, n_channels: int = 2, seed: int = 0):
    """Made-up music, (n_samples, n_channels) float64 below 1: chords, a beat and some noise.

    The channels differ, and every second sounds different.
    """
    n_samples = round(seconds * rate_hz)
    time_s = np.arange(n_samples) / rate_hz
    rng = np.random.default_rng(seed)
    music = np.zeros((n_samples, n_channels))
    pans = 0.4 + 0.6 * rng.random((3, n_channels))
    for voice, pan in enumerate(pans):
        roots = 110 * 2 ** (rng.integers(0, 24, int(seconds * 2) + 1) / 12)
        hz = roots[(time_s * 2).astype(int)] * 2 ** (voice * 4 / 12)
        phase = 2 * np.pi * np.cumsum(hz) / rate_hz
        tone = sum(np.sin(k * phase) / k for k in range(1, 4))
        music += 0.12 * tone[:, None] * pan
    beat = np.exp(-((time_s % 0.5) * 30)) * np.sin(2 * np.pi * 70 * (time_s % 0.5))
    music += 0.3 * beat[:, None]
    music += 0.005 * rng.standard_normal((n_samples, n_channels))
    music.flags.writeable = False  # tests that change it must copy it
    return music


def tone(seconds, hz, rate_hz=44_100, n_channels=2, amplitude=0.5):
    """A sine, the same in all channels."""
    sine = amplitude * np.sin(2 * np.pi * hz * np.arange(round(seconds * rate_hz)) / rate_hz)
    return np.repeat(sine[:, None], n_channels, axis=1)


def write_audio(path, samples, rate_hz, kind="wav16"):
    """Encode (n_samples, n_channels) to a file; returns its path."""
    form = FORMATS[kind]
    layout = LAYOUTS[samples.shape[1]]
    with av.open(str(path), "w", format=form.container) as container:
        stream = container.add_stream(form.codec, rate=rate_hz, options=form.options, layout=layout)
        stream.format = form.sample_format
        if form.codec in LOSSY:
            stream.bit_rate = 64_000 * samples.shape[1]
        planar = form.sample_format.endswith("p")
        for start in range(0, len(samples), rate_hz):
            part = quantised(samples[start : start + rate_hz], form.sample_format)
            values = part.T if planar else part.reshape(1, -1)
            frame = av.AudioFrame.from_ndarray(
                np.ascontiguousarray(values), form.sample_format, layout
            )
            frame.rate, frame.pts, frame.time_base = rate_hz, start, Fraction(1, rate_hz)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def write_song(folder, kind="wav16", seconds=3.0, rate_hz=None, n_channels=2, seed=0):
    """Write a file of made-up music; returns its path and its source samples."""
    rate_hz = rate_hz or FORMATS[kind].rate_hz
    samples = song(seconds, rate_hz, n_channels, seed)
    path = folder / f"{kind}-{rate_hz}-{n_channels}-{seed}{FORMATS[kind].suffix}"
    return write_audio(path, samples, rate_hz, kind), samples


def quantised(samples, sample_format):
    """Samples (n_samples, n_channels) quantised to a sample format.

    ``reference`` quantises too, so that this loss does not count as an error of the decoder.
    """
    depth = sample_format.rstrip("p")
    if depth == "flt":
        return samples.astype(np.float32)
    if depth == "u8":
        return (np.round(samples * 127) + 128).astype(np.uint8)
    if depth == "s16":
        return np.round(samples * 32_767).astype(np.int16)
    return (np.round(samples * (2**23 - 1)) * 2**8).astype(np.int32)  # 24 of 32 bits


def reference(samples, rate_hz, kind="wav_float", target_hz=16_000):
    """The samples that a lossless file must decode to: the mean of channels, resampled by soxr."""
    depth = FORMATS[kind].sample_format.rstrip("p")
    offset, scale = {"flt": (0, 1), "u8": (128, 2**7), "s16": (0, 2**15), "s32": (0, 2**31)}[depth]
    values = (quantised(samples, depth).astype(np.float64) - offset) / scale
    mono = values.mean(axis=1).astype(np.float32)
    return mono if rate_hz == target_hz else soxr.resample(mono, rate_hz, target_hz, quality="HQ")


def write_dsf(path, samples):
    """Write (n_samples, n_channels) at 44 100 Hz as a DSD64 ``.dsf`` file; returns its path.

    A first-order sigma-delta modulator: the bits are the steps of the rounded-down running sum.
    """
    ups = soxr.resample(samples.astype(np.float32), 44_100, DSD_RATE, quality="HQ")
    ups = ups.reshape(len(ups), -1).astype(np.float64)
    density = (np.clip(ups, -1, 1) + 1) / 2
    bits = np.diff(np.floor(np.cumsum(density, axis=0)), axis=0, prepend=0).astype(np.uint8)
    packed = np.packbits(bits, axis=0, bitorder="little")
    n_blocks = -(-len(packed) // DSF_BLOCK)
    padded = np.full((n_blocks * DSF_BLOCK, packed.shape[1]), 0x69, np.uint8)
    padded[: len(packed)] = packed
    data = padded.reshape(n_blocks, DSF_BLOCK, -1).transpose(0, 2, 1).tobytes()
    n_channels = packed.shape[1]
    form = struct.pack(
        "<4sQIIIIIIQII", b"fmt ", 52, 1, 0, n_channels, n_channels, DSD_RATE, 1, len(bits), 4096, 0
    )
    body = struct.pack("<4sQ", b"data", 12 + len(data)) + data
    header = struct.pack("<4sQQQ", b"DSD ", 28, 28 + len(form) + len(body), 0)
    path.write_bytes(header + form + body)
    return path


# --- Bad and odd files ---------------------------------------------------------------------------


def write_truncated(path, kind, share, seconds=20.0):
    """Write only the first ``share`` of a good file; returns its path."""
    rate_hz = FORMATS[kind].rate_hz
    content = write_audio(path, song(seconds, rate_hz), rate_hz, kind).read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    return path


def write_no_samples(path):
    """Write a WAV file with a header and nothing else; returns its path."""
    with wave.open(str(path), "wb") as file:
        file.setparams((2, 2, 44_100, 0, "NONE", ""))
    return path


def write_silence(path, seconds=3.0, kind="wav16"):
    return write_audio(path, np.zeros((round(seconds * 44_100), 2)), 44_100, kind)


def write_poisoned(path, value, seconds=3.0):
    """Write a float WAV in which one sample is ``value``, such as NaN; returns its path."""
    samples = song(seconds).copy()
    samples[len(samples) // 2] = value
    return write_audio(path, samples, 44_100, "wav_float")


def picture():
    """The bytes of a small PNG."""
    codec = av.CodecContext.create("png", "w")
    codec.width = codec.height = 16
    codec.pix_fmt, codec.time_base = "rgb24", Fraction(1, 25)
    frame = av.VideoFrame.from_ndarray(np.zeros((16, 16, 3), np.uint8), "rgb24")
    return b"".join(map(bytes, [*codec.encode(frame), *codec.encode(None)]))


def syncsafe(number):
    return bytes((number >> shift) & 0x7F for shift in (21, 14, 7, 0))


def id3v2(frames):
    """An ID3v2.3 tag of (name, bytes) frames."""
    body = b"".join(
        name + struct.pack(">IH", len(content), 0) + content for name, content in frames
    )
    return b"ID3\x03\x00\x00" + syncsafe(len(body)) + body


def write_cover_only_mp3(path):
    """Write an ID3 tag with a picture, and no music; returns the path."""
    cover = b"\x00image/png\x00\x03\x00" + picture()
    path.write_bytes(id3v2([(b"APIC", cover)]))
    return path


def write_cover_only_m4a(path):
    """Write an MP4 whose only stream is a picture; returns its path."""
    with av.open(str(path), "w", format="mp4") as container:
        stream = container.add_stream("mjpeg", rate=25)
        stream.width = stream.height = 16
        stream.pix_fmt = "yuvj420p"
        frame = av.VideoFrame.from_ndarray(np.zeros((24, 16), np.uint8), "yuvj420p")
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def with_latin1_id3v1(content):
    """An MP3 with a Latin-1 ID3v1 tag at its end."""
    fields = ("Café Müller".encode("latin-1"), b"Bj\xf6rk", b"\xff\xfe\xfd")
    return (
        content + b"TAG" + b"".join(text.ljust(30, b"\0") for text in fields) + b"1999" + b"\0" * 31
    )


def with_broken_id3v2(content):
    """An MP3 whose ID3v2 tag claims to be UTF-8 and is not."""
    return id3v2([(b"TIT2", b"\x03Caf\xe9 \xff\xfe"), (b"TPE1", b"\x00Bj\xf6rk")]) + content


def with_broken_vorbis_comment(content):
    """A FLAC with a Vorbis comment block that is not UTF-8."""
    comments = [b"TITLE=Caf\xe9", b"ARTIST=\xff\xfe", b"NO EQUALS SIGN"]
    block = struct.pack("<I", 2) + b"\xe9x" + struct.pack("<I", len(comments))
    block += b"".join(struct.pack("<I", len(text)) + text for text in comments)
    header = b"\x04" + struct.pack(">I", len(block))[1:]
    return content[:4] + b"\x00" + content[5:42] + header + block + content[42:]


def odd_names():
    """Odd file names that people have; undecodable bytes are escaped as by ``os.fsdecode``."""
    return ["line\nbreak", "émoji 🎸 \u202e", "-dash", "%d %s {}", os.fsdecode(b"caf\xe9 \xff")]
