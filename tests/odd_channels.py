"""Audio files with any number of channels and any kind of channel layout.

A layout in a custom order crashed PyAV, and so did planar samples of eight or more channels; see
docs/upstream.
"""

import random
import struct
from fractions import Fraction

import av
import numpy as np
from audio_files import VORBIS

RATE_HZ = 44_100
MAX_CHANNELS = 64

# Core Audio's channel labels: loudspeakers, ambisonic, numbered channels, and unknown ones.
LABELS = (*range(1, 50), 100, 101, 200, 205, 301, 400, *range(0x1_0000, 0x1_0010))
LABELS += (*range(0x2_0000, 0x2_0010), 0, 0xFFFF_FFFF)
USE_DESCRIPTIONS, USE_BITMAP = 0, 1 << 16
# The upper 16 bits of Core Audio's layout tags: mono to 7.1, ambisonic, discrete.  The lower 16
# bits are the number of channels.
TAGS = (100, 101, 102, 113, 117, 121, 126, 132, 139, 142, 147, 149, 180, 190, 191)

# Container, codec, sample format, most channels and options; the codecs are planar or packed.
ENCODED = {
    "opus": ("opus", "libopus", "flt", 255, {"mapping_family": "255"}),
    "ambisonic opus": ("opus", "libopus", "flt", 18, {"mapping_family": "2"}),
    "vorbis": ("ogg", VORBIS, "flt", 255, {"strict": "-2"}),
    "aac": ("mov", "aac", "flt", 8, {}),
    "alac": ("ipod", "alac", "s16", 8, {}),
    "flac": ("flac", "flac", "s16", 8, {}),
    "wavpack": ("wv", "wavpack", "s16", 255, {}),
    "tta": ("tta", "tta", "s16", 16, {}),
    "matroska": ("matroska", "pcm_s16le", "s16", 255, {}),
    "mov": ("mov", "pcm_s24le", "s32", 255, {}),
    "w64": ("w64", "pcm_s32le", "s32", 255, {}),
    "double": ("wav", "pcm_f64le", "dbl", 255, {}),
}


def tones(n_channels, seconds=1.0):
    """A different tone in each channel, (n_samples, n_channels) int16."""
    time_s = np.arange(round(seconds * RATE_HZ)) / RATE_HZ
    hz = 200 + 23 * np.arange(n_channels)
    return np.round(9_000 * np.sin(2 * np.pi * time_s[:, None] * hz)).astype(np.int16)


def channel_layout(tag, labels=(), bitmap=0):
    """Core Audio's channel layout: the content of CHAN in AIFF, and of chan in CAF and MOV."""
    descriptions = (struct.pack(">II3f", label, 0, 0, 0, 0) for label in labels)
    return struct.pack(">III", tag, bitmap, len(labels)) + b"".join(descriptions)


def write_aiff(path, n_channels, layout, seconds=1.0):
    """Write an AIFF with a CHAN chunk; returns its path."""
    samples = tones(n_channels, seconds)
    rate = struct.pack(">HQ", 16383 + 15, RATE_HZ << 48)  # 80-bit floating point
    common = struct.pack(">hIh", n_channels, len(samples), 16) + rate
    sound = struct.pack(">II", 0, 0) + samples.astype(">i2").tobytes()
    chunks = ((b"COMM", common), (b"CHAN", layout), (b"SSND", sound))
    body = b"".join(
        name + struct.pack(">I", len(content)) + content + b"\0" * (len(content) % 2)
        for name, content in chunks
    )
    path.write_bytes(b"FORM" + struct.pack(">I", 4 + len(body)) + b"AIFF" + body)
    return path


def write_caf(path, n_channels, layout, seconds=1.0):
    """Write a CAF with a chan chunk; returns its path."""
    n_bytes = 2 * n_channels
    form = struct.pack(">d4sIIIII", RATE_HZ, b"lpcm", 0, n_bytes, 1, n_channels, 16)
    sound = struct.pack(">I", 0) + tones(n_channels, seconds).astype(">i2").tobytes()
    chunks = ((b"desc", form), (b"chan", layout), (b"data", sound))
    body = b"".join(name + struct.pack(">q", len(content)) + content for name, content in chunks)
    path.write_bytes(b"caff" + struct.pack(">HH", 1, 0) + body)
    return path


def write_extensible_wav(path, n_channels, mask, seconds=1.0):
    """Write a WAV with a loudspeaker mask, which may not fit ``n_channels``; returns its path."""
    n_bytes = 2 * n_channels
    guid = bytes.fromhex("0100000000001000800000aa00389b71")
    form = struct.pack("<HHIIHH", 0xFFFE, n_channels, RATE_HZ, RATE_HZ * n_bytes, n_bytes, 16)
    form += struct.pack("<HHI", 22, 16, mask) + guid
    sound = tones(n_channels, seconds).astype("<i2").tobytes()
    body = b"".join(
        name + struct.pack("<I", len(content)) + content
        for name, content in ((b"fmt ", form), (b"data", sound))
    )
    path.write_bytes(b"RIFF" + struct.pack("<I", 4 + len(body)) + b"WAVE" + body)
    return path


def write_encoded(path, kind, n_channels, seconds=1.0):
    """Write a file of ``n_channels`` with one of FFmpeg's encoders; returns its path.

    Raises:
        av.FFmpegError, ValueError: The encoder is missing or does not take this many channels.
    """
    container_name, codec, sample_format, most, options = ENCODED[kind]
    if n_channels > most:
        raise ValueError(f"{kind} has no {n_channels} channels")
    rate_hz = 48_000 if "opus" in kind else RATE_HZ
    layout = {1: "mono", 2: "stereo", 6: "5.1", 8: "7.1"}.get(n_channels, f"{n_channels} channels")
    samples = tones(n_channels, seconds)
    if sample_format in ("flt", "dbl"):
        samples = samples / 32768
    elif sample_format == "s32":
        samples = samples.astype(np.int32) * 2**16
    dtype = {"flt": np.float32, "dbl": np.float64, "s16": np.int16, "s32": np.int32}[sample_format]
    with av.open(str(path), "w", format=container_name) as container:
        stream = container.add_stream(codec, rate=rate_hz, options=options, layout=layout)
        if kind == "wavpack":  # otherwise it takes 8 bits
            stream.format = "s16p"
        values = np.ascontiguousarray(samples.astype(dtype).reshape(1, -1))
        frame = av.AudioFrame.from_ndarray(values, sample_format, layout)
        frame.rate, frame.pts, frame.time_base = rate_hz, 0, Fraction(1, rate_hz)
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def random_layout(rng, n_channels):
    """A channel layout that may be right or wrong, or too long or too short."""
    kind = rng.randrange(5)
    if kind == 0:
        return channel_layout(USE_BITMAP, bitmap=rng.getrandbits(rng.choice((18, 32))))
    if kind == 1:
        return channel_layout((rng.choice(TAGS) << 16) | rng.choice((n_channels, 1, 2, 9)))
    n_labels = n_channels if kind < 4 else rng.randrange(0, 2 * n_channels + 1)
    labels = [rng.choice(LABELS) for _ in range(n_labels)]
    if kind == 2:  # loudspeakers, each once, in any order
        labels = rng.sample(range(1, 19), min(n_labels, 18)) + labels[18:]
    return channel_layout(USE_DESCRIPTIONS, labels)


def write_random(folder, name, rng: random.Random):
    """Write a file with random channels and layout; its path, or None if the encoder refuses."""
    n_channels = rng.choice((1, 2, 2, 2, 3, 4, 5, 6, 7, 8, 9, 16, rng.randint(1, MAX_CHANNELS)))
    container = rng.choice(("aiff", "caf", "wav", "encoded"))
    if container == "wav":
        mask = rng.getrandbits(18) if rng.random() < 0.7 else rng.getrandbits(32)
        return write_extensible_wav(folder / f"{name}.wav", n_channels, mask, 0.5)
    if container != "encoded":
        write = {"aiff": write_aiff, "caf": write_caf}[container]
        layout = random_layout(rng, n_channels)
        return write(folder / f"{name}.{container}", n_channels, layout, 0.5)
    kind = rng.choice(sorted(ENCODED))
    path = folder / f"{name}.{ENCODED[kind][0]}"
    try:
        return write_encoded(path, kind, n_channels, 0.5)
    except (av.FFmpegError, ValueError):
        path.unlink(missing_ok=True)
        return None
