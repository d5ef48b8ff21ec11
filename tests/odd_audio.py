"""Good audio in odd files: sizes that are wrong, chunks and tags in odd places, fragments.

A tagger cannot change some of these files without changing the audio.
"""

from __future__ import annotations

import hashlib
import random
import struct
from pathlib import Path

import av
from audio_files import FORMATS, write_audio

from genre_model.audio.decode import opened_stream
from genre_model.audio.guards import open_options
from genre_model.audio.samples import channels_of
from genre_model.core.errors import AudioError

HEAD = 44  # bytes before the samples of a plain WAV


def chunk(name, data, big=False, size=None):
    """A chunk of a RIFF or AIFF file; ``size`` is the size that it states, if not the right one."""
    order = ">" if big else "<"
    padding = b"\0" * (len(data) % 2)
    return name + struct.pack(f"{order}I", len(data) if size is None else size) + data + padding


def riff(chunks, size=None, name=b"RIFF", kind=b"WAVE"):
    """A RIFF file; ``size`` is the size that it states, if not the right one."""
    body = kind + b"".join(chunks)
    return name + struct.pack("<I", len(body) if size is None else size & 0xFFFFFFFF) + body


def odd_wavs(good, rng):
    """Yield (name, content) of odd WAVs, made from a plain 16-bit one."""
    form, pcm = good[12:36], good[HEAD:]
    data = chunk(b"data", pcm)
    n = rng.randrange(1, 4000)
    note = chunk(b"LIST", b"INFO" + chunk(b"IART", b"Somebody\0"))
    genre = chunk(b"LIST", b"INFO" + chunk(b"IGNR", b"Polka\0"))
    sizes64 = struct.pack("<QQQI", len(pcm) + 72, len(pcm), len(pcm) // 4, 0)
    yield "zero sizes", riff([form, b"data" + bytes(4) + pcm], size=0)
    yield "largest sizes", riff([form, b"data" + b"\xff" * 4 + pcm], size=-1)
    yield "small riff", riff([form, data], size=36)
    yield "riff too large", riff([form, data], size=len(pcm) + 36 + n)
    yield "riff a byte short", riff([form, data], size=len(pcm) + 35)
    yield "data too large", riff([form, b"data" + struct.pack("<I", len(pcm) + n) + pcm])
    yield "data too small", riff([form, b"data" + struct.pack("<I", len(pcm) - 4 * n) + pcm])
    yield "odd data", riff([form, chunk(b"data", pcm[:-1])])
    yield "odd data without padding", riff([form, chunk(b"data", pcm[:-1])[:-1]])
    yield "odd list without padding", riff([form, b"LIST" + struct.pack("<I", 5) + b"INFOx", data])
    yield "list before", riff([form, note, data])
    yield "list after", riff([form, data, note])
    yield "genres in both", riff([form, genre, data, chunk(b"id3 ", ID3_POLKA)])
    yield "garbage after", riff([form, data]) + rng.randbytes(n)
    yield "zeros after", riff([form, data]) + bytes(n)
    yield "broadcast", riff([chunk(b"bext", bytes(602)), form, data, chunk(b"iXML", b"<x/>")])
    yield "64 bits", riff([chunk(b"ds64", sizes64), form, data], size=-1, name=b"RF64")
    yield "two tags", riff([form, data, chunk(b"id3 ", ID3), chunk(b"ID3 ", ID3)])
    yield "tag before", riff([form, chunk(b"id3 ", ID3), data])
    yield "an unknown chunk", riff([form, data, chunk(b"\0\xff?!", b"abc")])
    yield "silent end", riff([form, data, chunk(b"JUNK", bytes(n))])


ID3_POLKA = b"ID3\x04\0\0\0\0\0\x10TCON\0\0\0\6\0\0\3Polka"
ID3 = b"ID3\x04\0\0\0\0\0\x13TIT2\0\0\0\x09\0\0\x03A title\0"


def odd_aiffs(good, rng):
    """Yield (name, content) of odd AIFFs, made from a plain one."""
    chunks, place = [], 12
    while place + 8 <= len(good):
        size = int.from_bytes(good[place + 4 : place + 8], "big")
        chunks.append(good[place : place + 8 + size + size % 2])
        place += 8 + size + size % 2
    n = rng.randrange(1, 4000)

    def form(parts, size=None):
        body = good[8:12] + b"".join(parts)
        return b"FORM" + struct.pack(">I", len(body) if size is None else size) + body

    yield "small form", form(chunks, size=4)
    yield "form too large", form(chunks, size=len(good) + n)
    yield "form a byte short", form(chunks, size=len(good) - 9)
    yield "garbage after", form(chunks) + rng.randbytes(n)
    yield "note after", form([*chunks, chunk(b"NAME", b"abc", big=True)])
    yield "odd note without padding", form([chunk(b"ANNO", b"abc", big=True)[:-1], *chunks])


def odd_mp3s(good, rng):
    """Yield (name, content) of MP3s with odd tags, or with garbage before or after the audio."""
    v1 = b"TAG" + b"title".ljust(30, b"\0") + bytes(94) + b"\x12"
    ape = b"APETAGEX" + struct.pack("<4I", 2000, 32, 0, 0) + bytes(8)
    lyrics = b"LYRICSBEGININD00002000000LYRICS200"
    yield "id3v1", good + v1
    yield "apev2", good + ape
    yield "apev2 and id3v1", good + ape + v1
    yield "lyrics3", good + lyrics + v1
    yield "two id3v2", ID3 + ID3 + good
    yield "ape and id3v1 and id3v2", ID3 + good + ape_tag(Title="a", Genre="Polka") + v1
    yield from ((name, tag + good) for name, tag in odd_tags())
    yield "garbage before", rng.randbytes(300).replace(b"\xff", b"\0") + good
    yield "garbage after", good + rng.randbytes(3000)
    yield "cut tag", b"ID3\x03\0\0\0\0\0\x20TIT2\0\0\xff\xff\0\0" + bytes(22) + good
    yield "footer", b"ID3\x04\0\x10\0\0\0\0" + b"3DI\x04\0\x10\0\0\0\0" + good


def ape_tag(**items):
    """An APEv2 tag with a header and a footer."""
    body = b"".join(
        struct.pack("<II", len(value), 0) + f"{key}\0{value}".encode()
        for key, value in items.items()
    )
    counts = struct.pack("<III", 2000, len(body) + 32, len(items))
    head, foot = struct.pack("<I", 0xA0000000), struct.pack("<I", 0x80000000)
    return b"".join(
        (b"APETAGEX", counts, head, bytes(8), body, b"APETAGEX", counts, foot, bytes(8))
    )


def odd_tags():
    """Yield (name, tag) of ID3v2 tags: 2.2, extended header, unsynchronised, footer."""
    title = b"\1\xff\xfeA\0\xff\xff"  # a decoder might take its end for an MPEG frame
    old, new = b"TIT2\0\0\0\7\0\0" + title, b"TIT2\0\0\0\7\0\0" + title
    hidden = title.replace(b"\xff", b"\xff\0")
    yield "2.2", b"ID3\2\0\0\0\0\0\x0dTT2\0\0\7" + title
    yield "2.3 extended", id3(3, 0x40, struct.pack(">IHI", 6, 0, 0) + old + bytes(20))
    yield "2.4 extended", id3(4, 0x40, b"\0\0\0\6\1\0" + new + bytes(20))
    yield "2.3 unsynchronised", id3(3, 0x80, old[:10] + hidden + bytes(20))
    frame = b"TIT2\0\0\0\x0e\0\3\0\0\0\7" + hidden
    yield "2.4 unsynchronised", id3(4, 0x80, frame + bytes(20))
    tag = id3(4, 0x10, new)
    yield "2.4 footer", tag + b"3DI" + tag[3:10]


def id3(version, flags, body):
    """An ID3v2 tag."""
    size = bytes((len(body) >> shift) & 0x7F for shift in (21, 14, 7, 0))
    return b"ID3" + bytes((version, 0, flags)) + size + body


def odd_files(folder, rng=None, seconds=3.2, sound=None):
    """Write all odd files; yields their paths.

    ``sound(rate_hz, seconds)`` returns the samples, (n_samples, 2).
    """
    rng = rng or random.Random(0)
    good = {}
    for kind in ("wav16", "aiff", "mp3", "flac", "vorbis", "opus"):
        rate_hz = FORMATS[kind].rate_hz
        path = folder / f"good{FORMATS[kind].suffix}"
        write_audio(path, sound(rate_hz, seconds), rate_hz, kind)
        good[kind] = path.read_bytes()
        path.unlink()
    wav = good["wav16"]
    wav = riff([wav[12:36], chunk(b"data", wav[wav.index(b"data") + 8 :])])
    makers = (
        *((f"wav {name}.wav", data) for name, data in odd_wavs(wav, rng)),
        *((f"aiff {name}.aiff", data) for name, data in odd_aiffs(good["aiff"], rng)),
        *((f"mp3 {name}.mp3", data) for name, data in odd_mp3s(good["mp3"], rng)),
        ("flac behind id3.flac", ID3 + good["flac"]),
        ("flac before garbage.flac", good["flac"] + rng.randbytes(500)),
        ("ogg twice.ogg", good["vorbis"] + good["vorbis"]),
        ("opus twice.opus", good["opus"] + good["opus"]),
        ("opus and vorbis.opus", good["opus"] + good["vorbis"]),
    )
    for name, data in makers:
        path = folder / name
        path.write_bytes(data)
        yield path
    for name, options in MP4S.items():
        yield write_mp4(folder / f"mp4 {name}.m4a", sound(44_100, seconds), options)
    front = write_mp4(folder / "mp4 good.m4a", sound(44_100, seconds), {})
    yield front
    for name, data in odd_mp4s(front.read_bytes()):
        path = folder / f"mp4 {name}.m4a"
        path.write_bytes(data)
        yield path


MP4S = {
    "fragments": {"movflags": "frag_keyframe+empty_moov", "frag_duration": "500000"},
    "fragments by moof": {"movflags": "frag_keyframe+empty_moov+default_base_moof"},
    "fragments after a moov": {"movflags": "frag_keyframe", "frag_duration": "500000"},
    "streaming": {"movflags": "dash", "frag_duration": "500000"},
    "moov in front": {"movflags": "faststart"},
    "moov behind": {},
}


def odd_mp4s(good):
    """Yield (name, content) of MP4s with data after the last atom, or 64-bit offsets or sizes."""
    yield "garbage after", good + b"not an atom"
    yield "free after", good + struct.pack(">I", 32) + b"free" + bytes(24)
    yield "places of 64 bits", with_long_places(good)
    place = good.index(b"mdat") - 4
    size = int.from_bytes(good[place : place + 4], "big")
    if good[place - 8 : place - 4] == struct.pack(">I", 8):  # FFmpeg leaves room for a 64-bit size
        wide = struct.pack(">I", 1) + b"mdat" + struct.pack(">Q", size + 8)
        yield "64 bits", good[: place - 8] + wide + good[place + 8 :]


def with_long_places(good):
    """An MP4 (``moov`` at its end) with ``co64`` instead of ``stco``."""
    place = good.index(b"stco") - 4
    size, _, n = struct.unpack(">I4sxxxxI", good[place : place + 16])
    places = struct.unpack(f">{n}I", good[place + 16 : place + size])
    long = struct.pack(f">I4sII{n}Q", 16 + 8 * n, b"co64", 0, n, *places)
    result = bytearray(good[:place] + long + good[place + size :])
    for name in (b"moov", b"trak", b"mdia", b"minf", b"stbl"):
        at = good.index(name) - 4
        old = int.from_bytes(good[at : at + 4], "big")
        result[at : at + 4] = struct.pack(">I", old + len(long) - size)
    return bytes(result)


def write_mp4(path, samples, options):
    """Write an MP4 with options for FFmpeg's muxer; returns its path."""
    with av.open(str(path), "w", format="mp4", options=options) as container:
        stream = container.add_stream("aac", rate=44_100, layout="stereo")
        stream.format = "fltp"
        for start in range(0, len(samples), 4096):
            part = samples[start : start + 4096].T.astype("float32", order="C")
            frame = av.AudioFrame.from_ndarray(part, "fltp", "stereo")
            frame.rate, frame.pts = 44_100, start
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def decoded(path: Path) -> str:
    """A digest of a file's decoded samples and errors; it avoids the calls that crash PyAV."""
    digest = hashlib.sha256()
    try:
        with av.open(str(path), **open_options()) as container:
            stream, _ = opened_stream(container)
            for packet in container.demux(stream):
                try:
                    for frame in packet.decode():
                        for channel in channels_of(frame):
                            digest.update(channel.tobytes())
                except (av.FFmpegError, AudioError) as error:
                    digest.update(type(error).__name__.encode())
    except (av.FFmpegError, AudioError) as error:
        digest.update(type(error).__name__.encode())
    return digest.hexdigest()
