"""Good audio in odd streams: rates, depths, channels, lengths, broken frames, streams side by side.

``odd_streams`` yields (file name, bytes) of files with a tone.
"""

from __future__ import annotations

import itertools
import struct
from fractions import Fraction

import av
import numpy as np
from audio_files import FORMATS, write_audio
from mutagen.ogg import OggPage
from odd_audio import ID3, chunk, riff
from odd_channels import write_encoded

HZ = 200
RATES = (1, 7, 999, 1_000, 11_025, 37_800, 192_000, 384_000, 1_000_000)
# Bits, and WAV's format code: 1 for integers, 3 for floating point.
DEPTHS = {"u8": (8, 1), "s16": (16, 1), "s24": (24, 1), "s32": (32, 1), "f32": (32, 3)}
DEPTHS["f64"] = (64, 3)
VALUES = {"NaN": np.nan, "infinity": np.inf, "denormal": 1e-310, "tiny": 1e-40}
LENGTHS = (0, 1, 2, 3)
# FFmpeg's container and codec, and the most channels to write.
CHANNELS = {
    "mka": ("matroska", "pcm_s16le", 16),
    "w64": ("w64", "pcm_s16le", 16),
    "caf": ("caf", "pcm_s16be", 16),
    "au": ("au", "pcm_s16be", 16),
    "aiff": ("aiff", "pcm_s16be", 16),
    "wav": ("wav", "pcm_s16le", 16),
    "flac": ("flac", "flac", 8),
    "wv": ("wv", "wavpack", 16),
}
LAYOUTS = ("7.1.4", "ambisonic 1", "ambisonic 3", "22.2", "downmix", "hexagonal")


def tone(n_samples, rate_hz, n_channels=2):
    """A tone, (n_samples, n_channels) int16, the same in all channels."""
    wave = np.round(16_000 * np.sin(2 * np.pi * HZ * np.arange(n_samples) / rate_hz))
    return np.repeat(wave.astype(np.int16)[:, None], n_channels, axis=1)


def wav(samples, rate_hz, bits=16, code=1):
    """A WAV of samples: int16 (n, n_channels), or bytes (n, n_channels, bytes a sample)."""
    n_channels, n_bytes = samples.shape[1], bits // 8
    align = n_channels * n_bytes
    rates = (rate_hz, min(rate_hz * align, 2**32 - 1))
    form = struct.pack("<HHIIHH", code, n_channels, *rates, align, bits)
    return riff([chunk(b"fmt ", form), chunk(b"data", samples.tobytes())])


def as_depth(samples, depth):
    """16-bit samples as bytes of another depth, (n, n_channels, bytes a sample)."""
    bits, code = DEPTHS[depth]
    if code == 3:
        values = (samples / 32_768).astype(f"<f{bits // 8}")
    elif depth == "u8":
        values = ((samples >> 8) + 128).astype(np.uint8)
    else:
        values = (samples.astype(np.int64) << 16).astype("<i4")
    raw = np.ascontiguousarray(values).view(np.uint8).reshape(*samples.shape, -1)
    return raw[..., -(bits // 8) :] if code == 1 else raw


def odd_samples(seconds):
    """Yield handmade WAVs with odd rates, depths, values and lengths."""
    for rate_hz in RATES:
        content = tone(max(4, int(seconds * min(rate_hz, 400_000))), rate_hz)
        yield f"wav {rate_hz} Hz.wav", wav(content, rate_hz)
    for depth, (bits, code) in DEPTHS.items():
        content = as_depth(tone(int(seconds * 44_100), 44_100), depth)
        yield f"wav {depth}.wav", wav(content, 44_100, bits, code)
    for depth in ("f32", "f64"):
        bits, code = DEPTHS[depth]
        for name, value in VALUES.items():
            content = as_depth(tone(int(seconds * 44_100), 44_100), depth)
            content[1_000, 0] = np.frombuffer(np.array(value, f"<f{bits // 8}").tobytes(), np.uint8)
            yield f"{name} {depth}.wav", wav(content, 44_100, bits, code)
    for length in LENGTHS:
        yield f"{length} samples wav.wav", wav(tone(length, 44_100), 44_100)


def written(folder, suffix, container, codec, samples, layout, rate_hz=44_100, **options):
    """The bytes of a file that FFmpeg writes from 16-bit samples.

    Raises:
        av.FFmpegError, ValueError: FFmpeg cannot write it.
    """
    path = folder / f"written.{suffix}"
    with av.open(str(path), "w", format=container) as output:
        stream = output.add_stream(codec, rate=rate_hz, layout=layout, options=options)
        if codec == "wavpack":
            stream.format = "s16p"
        for start in range(0, len(samples), 2**14):
            part = np.ascontiguousarray(samples[start : start + 2**14].reshape(1, -1))
            frame = av.AudioFrame.from_ndarray(part, "s16", layout)
            frame.rate, frame.pts, frame.time_base = rate_hz, start, Fraction(1, rate_hz)
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    return path.read_bytes()


def odd_channels(folder, seconds):
    """Yield files with each number of channels and each layout, in containers that take them."""
    for suffix, (container, codec, most) in CHANNELS.items():
        numbers = [(f"{n} channels", n) for n in range(1, most + 1)]
        named = [(layout, av.AudioLayout(layout).nb_channels) for layout in LAYOUTS]
        for layout, n_channels in numbers + named:
            samples = tone(int(seconds * 44_100), 44_100, n_channels)
            try:
                data = written(folder, suffix, container, codec, samples, layout)
            except (av.FFmpegError, ValueError):
                continue
            yield f"{layout} {suffix}.{suffix}", data


def odd_opus(folder, seconds):
    """Yield Opus files with many channels, unnamed or ambisonic."""
    for kind, numbers in (("opus", (3, 8, 9, 16)), ("ambisonic opus", (4, 9, 16))):
        for n_channels in numbers:
            path = folder / "written.opus"
            write_encoded(path, kind, n_channels, seconds)
            yield f"{kind} of {n_channels}.opus", path.read_bytes()


def odd_mp4s(folder, seconds):
    """Yield MP4s with a video track before or after the audio, with chapters, with edit lists."""
    path = folder / "written.m4a"
    for name, video, chapters in (
        ("video behind", 1, False),
        ("video before", 0, False),
        ("chapters", None, True),
        ("chapters and video", 1, True),
    ):
        with av.open(str(path), "w", format="mp4") as output:
            pictures = output.add_stream("mpeg4", rate=25) if video == 0 else None
            sound = output.add_stream("aac", rate=44_100, layout="stereo")
            pictures = output.add_stream("mpeg4", rate=25) if video == 1 else pictures
            if chapters and hasattr(output, "set_chapters"):  # old PyAV versions lack it
                output.set_chapters(CHAPTERS)
            if pictures is not None:
                write_video(output, pictures)
            samples = tone(int(seconds * 44_100), 44_100) / np.float32(32_768)
            frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples.T, np.float32), "fltp")
            frame.rate, frame.pts = 44_100, 0
            output.mux(sound.encode(frame))
            output.mux(sound.encode(None))
        yield f"{name}.m4a", path.read_bytes()
    yield from odd_edits(path.read_bytes())


CHAPTERS = [
    {
        "id": number,
        "start": number * 300,
        "end": number * 300 + 300,
        "time_base": Fraction(1, 1000),
        "metadata": {"title": f"Chapter {number}"},
    }
    for number in range(3)
]


def write_video(output, stream):
    """Encode ten plain video frames."""
    stream.width = stream.height = 32
    stream.pix_fmt = "yuv420p"
    for number in range(10):
        frame = av.VideoFrame.from_ndarray(np.zeros((48, 32), np.uint8), "yuv420p")
        frame.pts = number
        output.mux(stream.encode(frame))
    output.mux(stream.encode(None))


def odd_edits(content):
    """Yield MP4s whose first edit list has an odd start."""
    place = content.find(b"elst")
    for name, begin in {"none": 0, "late": 2**14, "empty": 2**32 - 1, "absurd": 2**31 - 1}.items():
        if place > 0:
            start = struct.pack(">I", begin)
            yield f"edit {name}.m4a", content[: place + 16] + start + content[place + 20 :]


def odd_lengths(folder, seconds):
    """Yield AIFFs and FLACs with few samples, and FLACs with odd rates."""
    for suffix in ("aiff", "flac"):
        for length in LENGTHS:
            container, codec, _ = CHANNELS[suffix]
            data = written(folder, suffix, container, codec, tone(length, 44_100), "stereo")
            yield f"{length} samples {suffix}.{suffix}", data
    for rate_hz in (1, 384_000, 655_350):
        samples = tone(int(seconds * min(rate_hz, 100_000)) + 4, rate_hz)
        data = written(folder, "flac", "flac", "flac", samples, "stereo", rate_hz, strict="-2")
        yield f"flac {rate_hz} Hz.flac", data


def frames_of_mp3(content):
    """Yield (offset, size) of the frames of a plain 44.1 kHz MP3 without a tag at its start."""
    rates = (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)
    place = 0
    while place + 4 <= len(content):
        number = rates[content[place + 2] >> 4]
        size = 144_000 * number // 44_100 + ((content[place + 2] >> 1) & 1)
        yield place, size
        place += size


def odd_mp3s(good, rng):
    """Yield MP3s with broken or missing frames, garbage between frames, or wrong frame counts."""
    if good.startswith(b"ID3"):
        good = good[10 + int.from_bytes(good[6:10], "big") :]  # valid for sizes below 128
    frames = list(frames_of_mp3(good))
    head, parts = good[: frames[0][1]], [good[a : a + n] for a, n in frames[1:]]
    bare, middle = b"".join(parts), len(parts) // 2
    noise = rng.randbytes(2_000).replace(b"\xff", b"\xfe")
    yield "without a header", bare
    yield "garbage between frames", b"".join([*parts[:middle], noise, *parts[middle:]])
    yield "garbage between all", b"".join(part + noise[:37] for part in parts)
    yield "a tag between frames", b"".join([*parts[:middle], ID3, *parts[middle:]])
    broken = [
        part[:4] + rng.randbytes(len(part) - 4) if n % 9 == 4 else part
        for n, part in enumerate(parts)
    ]
    yield "broken frames", b"".join(broken)
    yield (
        "half frames",
        b"".join(part[: len(part) // 2] if n % 9 == 4 else part for n, part in enumerate(parts)),
    )
    yield "zeros between frames", b"".join([*parts[:middle], bytes(5_000), *parts[middle:]])
    yield (
        "free format",
        b"".join(
            part[:2] + bytes((part[2] & 0x0D,)) + part[3:417].ljust(414, b"\0") for part in parts
        ),
    )
    place = next((head.index(name) for name in (b"Xing", b"Info") if name in head), None)
    if place is not None:
        for count in (0, 1, len(parts) * 10, 2**31 - 1, 2**32 - 1):
            counted = head[: place + 8] + struct.pack(">II", count, count) + head[place + 16 :]
            yield f"xing of {count}", counted + bare
    for count in (0, 1, len(parts), 2**31):
        info = struct.pack(">4sHHHIIHHHH", b"VBRI", 1, 0, 75, len(bare), count, 3, 1, 2, 40)
        yield f"vbri of {count}", head[:36] + info.ljust(len(head) - 36, b"\0") + bare


def oggs_apart(content):
    """Yield the pages of an Ogg file."""
    place = 0
    while content[place : place + 4] == b"OggS":
        n_segments = content[place + 26]
        body = place + 27 + n_segments
        end = body + sum(content[place + 27 : body])
        yield content[place:end]
        place = end


def page(packet, serial, number=0, *, first=False, last=False):
    """An Ogg page of one packet."""
    made = OggPage()
    made.packets, made.serial, made.sequence, made.position = [packet], serial, number, 0
    made.first, made.last = first, last
    return made.write()


def multiplexed(one, other):
    """Two Oggs multiplexed: their first pages, then their other pages alternately."""
    a, b = list(oggs_apart(one)), list(oggs_apart(other))
    rest = [part for n in range(1, max(len(a), len(b))) for part in (*a[n : n + 1], *b[n : n + 1])]
    return b"".join([a[0], b[0], *rest])


def odd_oggs(vorbis, opus):
    """Yield Oggs of several streams, or with garbage."""
    yield "vorbis beside opus.ogg", multiplexed(vorbis, opus)
    yield "opus beside vorbis.opus", multiplexed(opus, vorbis)
    head = b"fishead\0" + struct.pack("<HHqqqq", 3, 0, 0, 1000, 0, 1000) + bytes(20)
    pages = list(oggs_apart(vorbis))
    skeleton = [page(head, 99, first=True), pages[0], page(b"fisbone\0" + bytes(80), 99, 1)]
    end = [page(b"", 99, 2, last=True)]
    yield "skeleton.ogg", b"".join([*skeleton, *end, *pages[1:]])
    yield "skeleton behind.ogg", b"".join([pages[0], skeleton[0], *skeleton[2:], *end, *pages[1:]])
    yield "chained thrice.ogg", vorbis + opus + vorbis
    yield "garbage before.ogg", bytes(100) + vorbis
    yield "garbage between.ogg", b"".join([*pages[:3], b"OggX" + bytes(90), *pages[3:]])
    yield "garbage after.opus", opus + bytes(5_000)


def odd_flacs(good, rng):
    """Yield FLACs with odd metadata blocks, or with garbage or tags around the audio."""
    info, rest = good[8:42], good[42:]

    def block(code, body, *, last=False):
        return bytes((code | 0x80 * last,)) + len(body).to_bytes(3, "big") + body

    first = b"fLaC" + block(0, info)
    sheet = (
        bytes(128)
        + bytes(8)
        + b"\x80"
        + bytes(258)
        + b"\x01"
        + bytes(35)
        + b"\xaa"
        + bytes(12)
        + bytes(10)
    )
    yield "without md5.flac", good[:26] + bytes(16) + good[42:]
    yield "without length.flac", good[:21] + bytes((good[21] & 0xF0,)) + bytes(4) + good[26:]
    yield "garbage before.flac", rng.randbytes(100).replace(b"f", b"g") + good
    yield "application.flac", first + block(2, b"test" + rng.randbytes(500)) + rest
    yield "cue sheet.flac", first + block(5, sheet) + rest
    yield "seek table.flac", first + block(3, b"\xff" * 18 * 20) + rest
    yield "padding.flac", first + block(1, bytes(200_000)) + rest
    yield "unknown block.flac", first + block(99, rng.randbytes(77)) + rest
    yield "comments twice.flac", first + block(4, bytes(8)) + rest
    yield "id3v1 after.flac", good + b"TAG" + bytes(125)
    yield "id3 before and after.flac", ID3 + good + b"TAG" + b"x" * 125


def odd_streams(folder, rng, seconds=1.0, every=1):
    """Yield (file name, bytes) of all odd streams; of ``odd_channels`` only each ``every``-th."""
    good = {}
    for kind in ("mp3", "flac", "vorbis", "opus"):
        rate_hz, path = FORMATS[kind].rate_hz, folder / f"good{FORMATS[kind].suffix}"
        samples = tone(int(seconds * rate_hz), rate_hz) / 32_768
        good[kind] = write_audio(path, samples, rate_hz, kind).read_bytes()
    yield from odd_samples(seconds)
    yield from itertools.islice(odd_channels(folder, seconds), rng.randrange(every), None, every)
    yield from odd_lengths(folder, seconds)
    yield from odd_opus(folder, seconds)
    yield from odd_mp4s(folder, seconds)
    yield from ((f"{name}.mp3", data) for name, data in odd_mp3s(good["mp3"], rng))
    yield from odd_oggs(good["vorbis"], good["opus"])
    yield from odd_flacs(good["flac"], rng)
