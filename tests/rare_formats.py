"""Small files in rare formats, made by hand if FFmpeg does not write the format."""

from __future__ import annotations

import struct
from pathlib import Path

import av
import numpy as np
from audio_files import write_dsf
from mutagen.ogg import OggPage

ID3V1 = b"TAG" + b"old title".ljust(30, b"\0") + bytes(94) + b"\x12"


def monkeys_audio(path):
    """Write two frames of silence, for which the format has a special code."""
    frame = struct.pack("<II", 0x80000000, 3) + bytes(24)
    audio, seek = frame * 2, struct.pack("<II", 108, 108 + len(frame))
    head = struct.pack("<HHIIIHHI", 2000, 0, 73728, 44100, 2, 16, 2, 44100)
    sizes = (52, 24, len(seek), 0, len(audio), 0, 0)
    descriptor = b"MAC " + struct.pack("<HH7I", 3990, 0, *sizes) + bytes(16)
    path.write_bytes(descriptor + head + seek + audio)


def musepack7(path):
    """Write stream version 7: a header, and arbitrary bytes as frames."""
    head = b"MP+\x07" + struct.pack("<IHBBHHHHIB", 4, 0x2000, 0xA0, 0, 0, 0, 0, 0, 0, 0) + bytes(3)
    path.write_bytes(head + bytes(range(256)) * 8)


def musepack8(path):
    """Write stream version 8: packets with names and sizes."""

    def packet(name, body):
        return name + bytes([len(body) + 3]) + body

    stream = packet(b"SH", bytes(4) + b"\x08\x64\x00\x1f\x19")
    gain = packet(b"RG", b"\x01" + bytes(8))
    path.write_bytes(b"MPCK" + stream + gain + packet(b"AP", bytes(range(60))) + b"SE\x03")


def dsf(path):
    """Write a tone as real DSD."""
    time_s = np.arange(44_100) / 44_100
    write_dsf(path, np.stack([np.sin(1_300 * time_s)] * 2, axis=1) * 0.4)


def encoded(path, container, codec, sample_format):
    """Encode a second of a tone with FFmpeg."""
    wave = (np.sin(1_300 * np.arange(44_100) / 44_100) * 9_000).astype(np.int16)
    with av.open(str(path), "w", format=container) as output:
        stream = output.add_stream(codec, rate=44_100, layout="stereo")
        stream.format = sample_format
        packed = np.stack([wave, wave], axis=1).reshape(1, -1)
        frame = av.AudioFrame.from_ndarray(packed, "s16", "stereo")
        frame.rate, frame.pts = 44_100, 0
        resampler = av.AudioResampler(sample_format, "stereo", 44_100, stream.frame_size or None)
        for part in [*resampler.resample(frame), *resampler.resample(None), None]:
            output.mux(stream.encode(part))


def speex(path):
    """Write an Ogg file whose only stream claims to be Speex."""
    version = b"1.2".ljust(20, b"\0")
    numbers = struct.pack("<13i", 1, 80, 16000, 1, 4, 1, -1, 320, 0, 1, 0, 0, 0)
    comment = struct.pack("<I", 4) + b"none" + struct.pack("<I", 0)
    pages = []
    for number, packet in enumerate((b"Speex   " + version + numbers, comment, bytes(40))):
        page = OggPage()
        page.packets, page.serial, page.sequence, page.position = [packet], 7, number, number // 2
        page.first, page.last = number == 0, number == 2
        pages.append(page.write())
    path.write_bytes(b"".join(pages))


def optimfrog(path):
    """Write the start of an OptimFROG file."""
    path.write_bytes(b"OFR " + struct.pack("<IIHBBI", 15, 44100, 0, 3, 1, 44100) + bytes(900))


def wavpack3(path):
    """Write WavPack 3: a WAV header, then a block that is smaller than the header states."""
    form = struct.pack("<IHHIIHH", 16, 1, 2, 44100, 176400, 4, 16)
    riff = b"RIFF" + struct.pack("<I", 176436) + b"WAVEfmt " + form + b"data\x10\xb1\2\0"
    block = b"wvpk" + struct.pack("<IHHHHII", 24, 3, 0, 0, 0, 44100, 0) + bytes(range(200)) * 4
    path.write_bytes(riff + block)


RARE = {
    "monkeys.ape": monkeys_audio,
    "musepack7.mpc": musepack7,
    "musepack8.mpc": musepack8,
    "stream.dsf": dsf,
    "wavpack.wv": lambda path: encoded(path, "wv", "wavpack", "s16p"),
    "wavpack3.wv": wavpack3,
    "true audio.tta": lambda path: encoded(path, "tta", "tta", "s16"),
    "core audio.caf": lambda path: encoded(path, "caf", "pcm_s16be", "s16"),
    "wave64.w64": lambda path: encoded(path, "w64", "pcm_s16le", "s16"),
    "sun.au": lambda path: encoded(path, "au", "pcm_s16be", "s16"),
    "matroska.mka": lambda path: encoded(path, "matroska", "flac", "s16"),
    "ogg flac.oga": lambda path: encoded(path, "ogg", "flac", "s16"),
    "compressed.aifc": lambda path: encoded(path, "aiff", "pcm_alaw", "s16"),
    "adts.aac": lambda path: encoded(path, "adts", "aac", "fltp"),
    "ac3.ac3": lambda path: encoded(path, "ac3", "ac3", "fltp"),
    "mp2.mp2": lambda path: encoded(path, "mp2", "mp2", "s16"),
    "speex.spx": speex,
    "frog.ofr": optimfrog,
}


def write_rare(folder: Path) -> list[Path]:
    """Write all of them, and most also with an ID3v1 tag at the end; returns their paths."""
    paths = []
    for name, write in RARE.items():
        path = folder / name
        write(path)
        if path.suffix in (".dsf", ".aifc"):  # formats with a place only for ID3v2
            paths.append(path)
            continue
        behind = folder / f"behind {name}"
        behind.write_bytes(path.read_bytes() + ID3V1)
        paths += [path, behind]
    return paths
