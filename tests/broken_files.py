"""Several hundred broken files, made from small real ones, for the tests and the soak tests.

``broken_files`` yields each name with a function that writes the file, so that not all files have
to be on disk at once.  A file that is only damaged may be decoded, or may fail with one line.  The
files in ``UNDECODABLE`` must fail.
"""

import io
import os
import random
import socket
import struct
import zlib
from contextlib import suppress
from pathlib import Path

import audio_files
import numpy as np
from audio_files import FORMATS
from mutagen.ogg import OggPage

SECONDS = 1.0
N_FLIPPED = 8  # damaged copies of each format
DAY_S = 24 * 3600
HUGE_COVER_BYTES = 100 * 2**20
MANY_TAGS = 10**6


def good_contents(folder, seconds=SECONDS):
    """The bytes of a small good file of each kind, by kind."""
    contents = {}
    for kind, form in FORMATS.items():
        path = folder / f"good-{kind}{form.suffix}"
        audio_files.write_audio(path, audio_files.song(seconds, form.rate_hz), form.rate_hz, kind)
        contents[kind] = path.read_bytes()
        path.unlink()
    path = audio_files.write_dsf(folder / "good.dsf", audio_files.song(seconds / 4))
    contents["dsf"] = path.read_bytes()
    path.unlink()
    contents["mp3 with tags"] = tagged_mp3(contents["mp3"])
    return contents


def suffix_of(kind):
    return {"dsf": ".dsf", "mp3 with tags": ".mp3"}.get(kind) or FORMATS[kind].suffix


# --- Where the parts of a file begin --------------------------------------------------------------


def chunks(content, start, big):
    """Offsets of the chunks of a RIFF or AIFF file, and of their contents."""
    place = start
    while place + 8 <= len(content):
        size = int.from_bytes(content[place + 4 : place + 8], "big" if big else "little")
        yield from (place, place + 4, place + 8)
        place += 8 + size + size % 2


def flac_blocks(content):
    place, last = 4, False
    while not last and place + 4 <= len(content):
        last = bool(content[place] & 0x80)
        yield from (place, place + 1, place + 4)
        place += 4 + int.from_bytes(content[place + 1 : place + 4], "big")
    yield from (place, place + 2, place + 6)  # the first frame


def ogg_pages(content):
    place = 0
    while place + 27 <= len(content) and content[place : place + 4] == b"OggS":
        n_segments = content[place + 26]
        body = place + 27 + n_segments
        yield from (place, place + 4, place + 26, place + 27, body)
        place = body + sum(content[place + 27 : body])


def mp4_atoms(content, start=0, stop=None):
    place, stop = start, len(content) if stop is None else stop
    while place + 8 <= stop:
        size, name = struct.unpack(">I4s", content[place : place + 8])
        yield from (place, place + 4, place + 8)
        if name in (b"moov", b"trak", b"mdia", b"minf", b"stbl", b"udta", b"dinf"):
            yield from mp4_atoms(content, place + 8, min(stop, place + size))
        if size < 8:
            return
        place += size


def mp3_frames(content):
    place = 0
    if content[:3] == b"ID3":
        shifts = zip(content[6:10], (21, 14, 7, 0), strict=True)
        end = 10 + sum(byte << shift for byte, shift in shifts)
        yield from (3, 6, 10)
        place = 10
        while place + 10 < end and content[place]:
            yield from (place, place + 4, place + 10)
            place += 10 + int.from_bytes(content[place + 4 : place + 8], "big")
        place = end
    frames = [
        i
        for i in range(place, min(place + 4000, len(content) - 1))
        if content[i : i + 2] == b"\xff\xfb"
    ]
    for frame in frames[:4]:
        yield from (frame, frame + 2, frame + 4, frame + 36)


def wavpack_blocks(content):
    place = 0
    while content[place : place + 4] == b"wvpk":
        yield from (place, place + 4, place + 8, place + 32)
        place += 8 + int.from_bytes(content[place + 4 : place + 8], "little")


def asf_objects(content):
    yield from (0, 16, 24, 30)
    place = 30
    while place + 24 <= len(content):
        size = int.from_bytes(content[place + 16 : place + 24], "little")
        yield from (place, place + 16, place + 24)
        if size < 24:
            return
        place += size


def dsf_chunks(content):
    yield from (0, 4, 12, 20, 28, 32, 40, 52, 60, 76, 80, 88, 92)


def boundaries(content):
    """The offsets at which a file's headers start and end, and each tenth of its length."""
    head = content[:4]
    found = {
        b"RIFF": lambda: chunks(content, 12, big=False),
        b"FORM": lambda: chunks(content, 12, big=True),
        b"fLaC": lambda: flac_blocks(content),
        b"OggS": lambda: ogg_pages(content),
        b"wvpk": lambda: wavpack_blocks(content),
        b"DSD ": lambda: dsf_chunks(content),
        b"\x30\x26\xb2\x75": lambda: asf_objects(content),
    }.get(head)
    if found is None:
        found = (
            (lambda: mp4_atoms(content)) if content[4:8] == b"ftyp" else lambda: mp3_frames(content)
        )
    tenths = (len(content) * tenth // 10 for tenth in range(10))
    offsets = {0, 1, 4, 8, 12, len(content) - 1, *tenths, *found()}
    return sorted(offset for offset in offsets if offset < len(content))


# --- Headers that lie -----------------------------------------------------------------------------


def put(content, offset, replacement):
    return content[:offset] + replacement + content[offset + len(replacement) :]


def lying_wavs(content):
    """Yield (name, content) of WAVs with good samples and an absurd header."""
    le16, le32 = (lambda n: struct.pack("<H", n)), (lambda n: struct.pack("<I", n))
    for rate in (0, 1, 7, 999, 1_000, 44_101, 6_143_999, 2**31 - 1, 2**32 - 1):
        yield f"rate {rate}", put(content, 24, le32(rate))
    for n_channels in (0, 3, 64, 65, 255, 65_535):
        yield f"{n_channels} channels", put(content, 22, le16(n_channels))
        align = put(content, 32, le16(2 * n_channels % 65_536))
        yield f"{n_channels} channels, aligned", put(align, 22, le16(n_channels))
    for bits in (0, 1, 7, 17, 64, 255, 65_535):
        yield f"{bits} bits", put(content, 34, le16(bits))
    for codec in (0, 2, 3, 6, 0x11, 0x31, 0x50, 0x55, 0x92, 0xFF, 0x2000, 0xFFFE, 0xFFFF):
        yield f"codec {codec}", put(content, 20, le16(codec))
    yield "align 0", put(content, 32, le16(0))
    yield "align 65535", put(content, 32, le16(65_535))
    yield "a data chunk of 4 GB", put(content, content.index(b"data") + 4, le32(2**32 - 1))
    yield "a data chunk of nothing", put(content, content.index(b"data") + 4, le32(0))
    yield "a format chunk of 2 GB", put(content, 16, le32(2**31))
    yield (
        "everything absurd",
        put(content, 22, le16(64) + le32(6_144_000) + le32(2**31) + le16(128)),
    )


def lying_flacs(content):
    info = int.from_bytes(content[18:26], "big")  # rate 20, channels 3, bits 5, samples 36

    def stated(rate=None, n_channels=None, bits=None, n_samples=None):
        fields = [info >> 44, (info >> 41) & 7, (info >> 36) & 31, info & (2**36 - 1)]
        wanted = [rate, n_channels, bits, n_samples]
        rate, n_channels, bits, n_samples = (
            old if new is None else new for old, new in zip(fields, wanted, strict=True)
        )
        number = (rate << 44) | (n_channels << 41) | (bits << 36) | n_samples
        return put(content, 18, number.to_bytes(8, "big"))

    for rate in (0, 1, 655_350, 2**20 - 1):
        yield f"rate {rate}", stated(rate=rate)
    for n_channels in (0, 7):
        yield f"{n_channels + 1} channels", stated(n_channels=n_channels)
    for bits in (0, 3, 31):
        yield f"{bits + 1} bits", stated(bits=bits)
    for n_samples in (0, 1, 44_100 * DAY_S, 2**36 - 1):
        yield f"{n_samples} samples", stated(n_samples=n_samples)
    yield "blocks of 65535", put(content, 8, b"\xff\xff\xff\xff")
    yield "blocks of nothing", put(content, 8, b"\0\0\0\0")
    yield "a block of 16 MB", put(content, content.index(b"fLaC") + 43, b"\xff\xff\xff")


def lying_mp4s(content):
    """Yield MP4s with 0 or a huge number in a table, or with an atom of a wrong name or size."""
    for name, offsets in {
        b"mvhd": (12, 16),
        b"mdhd": (12, 16),
        b"stts": (4, 8, 12),
        b"stsc": (4, 8, 12),
        b"stsz": (4, 8),
        b"stco": (4, 8),
        b"stsd": (4, 8, 24, 26, 32),
        b"esds": (4,),
    }.items():
        place = content.find(name)
        for offset in offsets if place > 0 else ():
            for value in (b"\0\0\0\0", b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff"):
                yield (
                    f"{name.decode()}+{offset} {value.hex()}",
                    put(content, place + 4 + offset, value),
                )
    for name in (b"moov", b"mdat", b"trak", b"stsd", b"mp4a", b"ftyp"):
        if (place := content.find(name)) > 0:
            yield f"a nameless {name.decode()}", put(content, place, b"\0\0\0\0")
            yield f"an endless {name.decode()}", put(content, place - 4, b"\0\0\0\0")
            yield f"an empty {name.decode()}", put(content, place - 4, b"\0\0\0\x08")
    yield "a reference to another file", elsewhere(content, b"url ", b"file:///etc/passwd\0")


def elsewhere(content, kind, address):
    """An MP4 whose data reference says that the sound is in another file."""
    place = content.find(b"dref")
    if place < 0:
        return content
    entry = place + 12
    size = int.from_bytes(content[entry : entry + 4], "big")
    fresh = struct.pack(">I", 12 + len(address)) + kind + b"\0\0\0\0" + address
    grown = content[:entry] + fresh + content[entry + size :]
    extra = len(fresh) - size
    for name in (b"dref", b"dinf", b"minf", b"mdia", b"trak", b"moov"):
        at = grown.rfind(name, 0, entry) - 4
        old = int.from_bytes(grown[at : at + 4], "big")
        grown = put(grown, at, struct.pack(">I", old + extra))
    return grown


def lying_aiffs(content):
    place = content.index(b"COMM") + 8
    for name, rate in {
        "NaN": b"\x7f\xff\xc0\0\0\0\0\0\0\0",
        "infinite": b"\x7f\xff\x80\0\0\0\0\0\0\0",
        "huge": b"\x43\xff\xff\xff\xff\xff\xff\xff\xff\xff",
        "zero": bytes(10),
        "negative": b"\xc0\x0e\xac\x44\0\0\0\0\0\0",
    }.items():
        yield f"rate {name}", put(content, place + 8, rate)
    for n_channels in (0, 65_535):
        yield f"{n_channels} channels", put(content, place, struct.pack(">H", n_channels))
    yield "4 billion frames", put(content, place + 2, b"\xff\xff\xff\xff")


def lying_oggs(content):
    pages = [i for i in range(len(content) - 4) if content[i : i + 4] == b"OggS"]
    yield (
        "a granule of the end of time",
        with_crc(put(content, pages[-1] + 6, b"\xff" * 7 + b"\x7f"), pages[-1]),
    )
    yield (
        "a granule before time",
        with_crc(put(content, pages[-1] + 6, b"\0" * 7 + b"\x80"), pages[-1]),
    )
    yield "another serial number", with_crc(put(content, pages[-1] + 14, b"abcd"), pages[-1])
    yield "two songs in one", content + content
    yield "a hundred songs in one", content * 100
    yield (
        "a page in the middle gone",
        content[: pages[1]] + content[pages[min(2, len(pages) - 1)] :],
    )
    yield "the header alone", content[: pages[1]]


def with_crc(content, page):
    """The content with the right checksum in the page at an offset."""
    n_segments = content[page + 26]
    end = page + 27 + n_segments + sum(content[page + 27 : page + 27 + n_segments])
    body = put(content[page:end], 22, bytes(4))
    crc = 0
    for byte in body:
        crc ^= byte << 24
        for _ in range(8):
            crc = ((crc << 1) ^ (0x04C11DB7 if crc & 0x80000000 else 0)) & 0xFFFFFFFF
    return put(content, page + 22, struct.pack("<I", crc))


def lying_dsfs(content):
    for name, offset, value in (
        ("rate 0", 56, 0),
        ("rate 4 GHz", 56, 2**32 - 1),
        ("0 channels", 52, 0),
        ("4 billion channels", 52, 2**32 - 1),
        ("blocks of 4 GB", 72, 2**32 - 1),
        ("blocks of nothing", 72, 0),
    ):
        yield name, put(content, offset, struct.pack("<I", value))


LIARS = {
    "wav16": lying_wavs,
    "flac": lying_flacs,
    "aac": lying_mp4s,
    "alac": lying_mp4s,
    "aiff": lying_aiffs,
    "vorbis": lying_oggs,
    "opus": lying_oggs,
    "dsf": lying_dsfs,
}


# --- Tags -----------------------------------------------------------------------------------------


def tagged_mp3(content):
    """An MP3 with an ID3v2 tag of several frames at its start and an ID3v1 tag at its end."""
    frames = [(b"TIT2", b"\0Song"), (b"TPE1", b"\x01\xff\xfeA\0"), (b"TXXX", b"\0key\0value")]
    frames.append((b"APIC", b"\0image/png\0\x03\0" + audio_files.picture()))
    return audio_files.with_latin1_id3v1(audio_files.id3v2(frames) + content)


def odd_tags(content):
    """Yield good MP3s with senseless ID3 tags at their start."""
    tag = audio_files.id3v2
    yield "half a letter", tag([(b"TIT2", b"\x01\xff\xfeA")]) + content
    yield "no such encoding", tag([(b"TIT2", b"\x09abc")]) + content
    yield (
        "controls",
        tag([(b"TIT2", b"\x03\x1b]0;owned\x07\x1b[2J"), (b"TPE1", b"\0\0\0")]) + content,
    )
    yield "a name of no letters", tag([(b"\xff\xff\xff\xff", b"abc")]) + content
    yield (
        "a frame that claims more",
        tag([(b"TIT2", b"\0abc")])[:10] + b"TIT2\x7f\xff\xff\xff\0\0" + content,
    )
    yield "a tag that claims more", b"ID3\x03\0\0\x7f\x7f\x7f\x7f" + content
    yield "tags in tags", tag([(b"TIT2", tag([(b"TIT2", b"\0abc")]))]) * 50 + content
    yield "a version of the future", b"ID3\xfe\0\xff\0\0\0\x10" + bytes(16) + content
    yield "a picture of nothing", tag([(b"APIC", b"\0image/png\0\x03\0")]) + content
    yield (
        "a picture that claims 60000 x 60000",
        tag([(b"APIC", b"\0image/png\0\x03\0" + vast_png())]) + content,
    )


def vast_png(width=60_000, height=60_000, n_rows=3):
    """A PNG whose header claims a huge size."""

    def chunk(name, data):
        return (
            struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        )

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    rows = zlib.compress(bytes((1 + 3 * width) * n_rows))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def write_many_id3_tags(path, content, n_tags=MANY_TAGS):
    body = (b"COMM\0\0\0\x05\0\0" + b"\0eng\0") * n_tags
    path.write_bytes(b"ID3\x03\0\0" + audio_files.syncsafe(len(body)) + body + content)


def write_many_vorbis_comments(path, content, n_tags=MANY_TAGS):
    comments = (
        struct.pack("<I", 0) + struct.pack("<I", n_tags) + (struct.pack("<I", 3) + b"A=B") * n_tags
    )
    block = b"\x04" + struct.pack(">I", len(comments))[1:] + comments
    path.write_bytes(put(content[:42], 4, b"\0") + block + content[42:])


def write_huge_cover(path, content, n_bytes=HUGE_COVER_BYTES):
    """Write an MP3 after a picture of 100 MB, which is a hole if the file system supports holes."""
    start = b"\0image/jpeg\0\x03\0\xff\xd8\xff\xe0"
    size = len(start) + n_bytes
    with path.open("wb") as file:
        file.write(b"ID3\x03\0\0" + audio_files.syncsafe(10 + size))
        file.write(b"APIC" + struct.pack(">IH", size, 0) + start)
        file.seek(n_bytes, io.SEEK_CUR)
        file.write(content)


def append_huge_id3(path, n_bytes=HUGE_COVER_BYTES):
    """Append an ID3 tag with a huge picture to a WAV, and state a wrong RIFF size."""
    start = b"\0image/jpeg\0\x03\0\xff\xd8\xff\xe0"
    size = len(start) + n_bytes
    head = b"ID3\x03\0\0" + audio_files.syncsafe(10 + size)
    with path.open("r+b") as file:
        file.seek(0, io.SEEK_END)
        file.write(b"id3 " + struct.pack("<I", 20 + size) + head + b"APIC")
        file.write(struct.pack(">IH", size, 0) + start)
        file.seek(n_bytes, io.SEEK_CUR)
        file.write(b"LIST\4\0\0\0INFO")
        n_all = file.tell()
        file.seek(4)
        file.write(struct.pack("<I", n_all - 8 + 2))  # two bytes too many


def write_huge_ogg_comment(path, n_bytes=HUGE_COVER_BYTES):
    """Write an Ogg Vorbis file with a comment of ``n_bytes``."""
    audio_files.write_audio(path, audio_files.tone(1, 200), 44_100, "vorbis")
    pages = []
    with path.open("rb") as file, suppress(EOFError):
        while True:
            pages.append(OggPage(file))
    n_headers = 2
    while len(OggPage.to_packets(pages[1:n_headers])) < 2 or not pages[n_headers - 1].complete:
        n_headers += 1
    setup = OggPage.to_packets(pages[1:n_headers])[1]
    comment = struct.pack("<III", 0, 1, n_bytes) + b"A=" + b"x" * (n_bytes - 2)
    headers = [*in_pages(b"\x03vorbis" + comment + b"\x01"), *in_pages(setup)]
    with path.open("wb") as file:
        for number, page in enumerate([pages[0], *headers, *pages[n_headers:]]):
            page.sequence, page.serial = number, pages[0].serial
            file.write(page.write())


def in_pages(packet, room=255 * 255):
    """Yield a packet as Ogg pages; mutagen's own function takes time quadratic in their number."""
    for place in range(0, len(packet), room):
        page = OggPage()
        page.packets = [packet[place : place + room]]
        page.continued, page.complete = place > 0, place + room >= len(packet)
        page.position = 0 if page.complete else -1
        yield page


def write_huge_mp4_cover(path, content):
    """Write an MP4 with a ``covr`` atom of 100 MB at its top level, which players ignore."""
    size = 8 + HUGE_COVER_BYTES
    place = int.from_bytes(content[:4], "big")
    if content.find(b"moov") < content.find(b"mdat"):
        place = len(content)  # so that the offsets in its chunk table stay right
    with path.open("wb") as file:
        file.write(content[:place])
        file.write(struct.pack(">I", size) + b"covr")
        file.seek(HUGE_COVER_BYTES, io.SEEK_CUR)
        file.write(content[place:] or b"\0")


# --- Very long files ------------------------------------------------------------------------------


def write_day_of_silence(path, rate_hz=8_000):
    """Write a WAV of 24 hours, which is a hole if the file system supports holes."""
    n_bytes = 2 * rate_hz * DAY_S
    with path.open("wb") as file:
        file.write(b"RIFF" + struct.pack("<I", 36 + n_bytes) + b"WAVEfmt ")
        file.write(struct.pack("<IHHIIHH", 16, 1, 1, rate_hz, 2 * rate_hz, 2, 16))
        file.write(b"data" + struct.pack("<I", n_bytes))
        file.truncate(44 + n_bytes)


def write_day_of_flac(path, seconds=DAY_S, rate_hz=8_000):
    """Write a FLAC of 24 hours of silence in some hundred kilobytes, as constant frames."""
    block = 65_535
    n_frames = seconds * rate_hz // block
    info = struct.pack(">HH", block, block) + bytes(6)
    info += ((rate_hz << 44) | (0 << 41) | (15 << 36) | n_frames * block).to_bytes(8, "big")
    with path.open("wb") as file:
        file.write(b"fLaC\x80\0\0\x22" + info + bytes(16))
        for number in range(n_frames):
            head = b"\xff\xf8\x74\x08" + utf8_number(number) + struct.pack(">H", block - 1)
            frame = head + bytes([crc8(head)]) + b"\0\0\0"
            file.write(frame + struct.pack(">H", crc16(frame)))


def utf8_number(number):
    """A frame number in FLAC's coding, which is like UTF-8."""
    return chr(number).encode("utf-8", "surrogatepass")


def crc8(content):
    crc = 0
    for byte in content:
        crc ^= byte
        for _ in range(8):
            crc = ((crc << 1) ^ (0x07 if crc & 0x80 else 0)) & 0xFF
    return crc


def crc16(content):
    crc = 0
    for byte in content:
        crc ^= byte << 8
        for _ in range(8):
            crc = ((crc << 1) ^ (0x8005 if crc & 0x8000 else 0)) & 0xFFFF
    return crc


# --- Files that are not music ---------------------------------------------------------------------

NO_MUSIC = {
    "nothing": b"",
    "one byte": b"\0",
    "a megabyte of zeros": bytes(2**20),
    "a megabyte of ones": b"\xff" * 2**20,
    "text": b"not music at all\n" * 100,
    "HTML": b"<html><body><audio src='file:///etc/passwd'></audio></body></html>",
    "a PNG": audio_files.picture(),
    "an archive": b"PK\x03\x04" + bytes(100),
    "a program": b"\x7fELF" + bytes(500),
    "a playlist": b"#EXTM3U\n#EXTINF:1,x\nneighbour.wav\n",
    "a playlist of HLS": (
        b"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nneighbour.wav\n#EXT-X-ENDLIST\n"
    ),
    "a playlist of HLS with an address": (
        b"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nhttp://127.0.0.1:9/x.ts\n#EXT-X-ENDLIST\n"
    ),
    "a list of FFmpeg's": b"ffconcat version 1.0\nfile neighbour.wav\n",
    "a list of FFmpeg's with an address": b"ffconcat version 1.0\nfile http://127.0.0.1:9/x.wav\n",
    "a description of a stream": (
        b"v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=audio 5004 RTP/AVP 0\n"
    ),
    "a manifest of DASH": (
        b'<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" '
        b'mediaPresentationDuration="PT10S"><Period><AdaptationSet mimeType="audio/mp4">'
        b'<Representation id="1" bandwidth="1"><BaseURL>neighbour.wav</BaseURL></Representation>'
        b"</AdaptationSet></Period></MPD>"
    ),
    "a list of ASX": b'<asx version="3.0"><entry><ref href="neighbour.wav"/></entry></asx>',
    "subtitles": b"1\n00:00:00,000 --> 00:00:09,000\nhello\n",
    "metadata of FFmpeg's": b";FFMETADATA1\ntitle=x\n",
}
SUFFIXES = (
    ".mp3",
    ".flac",
    ".ogg",
    ".m4a",
    ".wav",
    ".wma",
    ".aiff",
    ".opus",
    ".wv",
    ".ape",
    ".mpc",
)


def make_socket(path):
    home = Path.cwd()
    os.chdir(path.parent)  # because a socket's name must be short
    try:
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(path.name)
    finally:
        os.chdir(home)


def write_unreadable(path, content):
    path.write_bytes(content)
    path.chmod(0)


# Makers of things at a path that are not regular files with audio.
PLACES = {
    "folder": lambda path: path.mkdir(),
    "fifo": lambda path: os.mkfifo(path),
    "socket": make_socket,
    "link in a circle": lambda path: path.symlink_to(path.name),
    "link to nothing": lambda path: path.symlink_to("nowhere"),
    "link to a device": lambda path: path.symlink_to("/dev/zero"),
    "link to a folder": lambda path: path.symlink_to(path.parent),
}


# --- All of them ----------------------------------------------------------------------------------


def writer(content):
    return lambda path: path.write_bytes(content)


def broken_files(contents, seed=0, *, large=True):
    """Yields (name, suffix, function that writes the file to a path) for every broken file.

    ``contents`` come from ``good_contents``.  Without ``large``, no file is larger than some
    megabytes.
    """
    yield from damaged_files(contents, random.Random(seed))
    yield from false_files(contents)
    yield from vast_files(contents, large=large)
    for name, make in PLACES.items() if os.name == "posix" else ():
        yield f"a {name}", ".mp3", make
    yield "unreadable", ".mp3", lambda path: write_unreadable(path, contents["mp3"])


def damaged_files(contents, rng):
    """Real files that are cut or changed, or have another suffix or an absurd header."""
    for kind, content in contents.items():
        suffix = suffix_of(kind)
        for offset in boundaries(content):
            yield f"{kind} cut at {offset}", suffix, writer(content[:offset])
        for number in range(N_FLIPPED):
            yield f"{kind} flipped {number}", suffix, writer(flipped(content, rng))
        for other in rng.sample([s for s in SUFFIXES if s != suffix], 2):
            yield f"{kind} called {other}", other, writer(content)
        for name, lie in LIARS[kind](content) if kind in LIARS else ():
            yield f"{kind}, {name}", suffix, writer(lie)


def false_files(contents):
    """Files that are not music, or music with absurd samples or tags."""
    for number, (name, content) in enumerate(NO_MUSIC.items()):
        yield name, SUFFIXES[number % len(SUFFIXES)], writer(content)
        yield f"{name} as mp3", ".mp3", writer(content)
    for name, content in odd_tags(contents["mp3"]):
        yield f"tags, {name}", ".mp3", writer(content)
    for value in ABSURD_SAMPLES:
        name = f"a sample of {value}"
        yield name, ".wav", lambda p, v=value: audio_files.write_poisoned(p, v, 1.0)
    yield "doubles of 1e300", ".wav", writer(doubles(1e300))
    yield "video alone", ".m4a", audio_files.write_cover_only_m4a
    yield "a cover alone", ".mp3", audio_files.write_cover_only_mp3
    yield "no samples", ".wav", audio_files.write_no_samples


def vast_files(contents, *, large):
    """Very large files, and files that become very large when decoded."""
    mp3, flac = contents["mp3"], contents["flac"]
    n_tags = MANY_TAGS if large else MANY_TAGS // 20
    yield "many ID3 tags", ".mp3", lambda p: write_many_id3_tags(p, mp3, n_tags)
    yield "many comments", ".flac", lambda p: write_many_vorbis_comments(p, flac, n_tags)
    yield "a day of FLAC", ".flac", write_day_of_flac
    if large:
        yield "a day of silence", ".wav", write_day_of_silence
        yield "a cover of 100 MB", ".mp3", lambda p: write_huge_cover(p, mp3)
        yield "a comment of 100 MB", ".ogg", write_huge_ogg_comment
        yield "an atom of 100 MB", ".m4a", lambda p: write_huge_mp4_cover(p, contents["aac"])


ABSURD_SAMPLES = (np.nan, np.inf, -np.inf, 1e30, 3e38)
UNDECODABLE = {
    *NO_MUSIC,
    *(f"{name} as mp3" for name in NO_MUSIC),
    *(f"a {name}" for name in PLACES),
    *(f"a sample of {value}" for value in ABSURD_SAMPLES),
    *(
        "doubles of 1e300",
        "many comments",
        "many ID3 tags",
        "video alone",
        "a cover alone",
        "no samples",
    ),
}


def flipped(content, rng):
    """Content with some bytes changed, half of the time only in the first kilobyte."""
    damaged = bytearray(content)
    reach = len(damaged) if rng.random() < 0.5 else min(1024, len(damaged))
    for _ in range(rng.choice((1, 4, 16, 64, 256))):
        damaged[rng.randrange(reach)] = rng.randrange(256)
    return bytes(damaged)


def doubles(value, seconds=1.0):
    """A WAV of 64-bit floating point in which every sample is ``value``."""
    samples = np.full(int(44_100 * seconds), value, "<f8").tobytes()
    form = struct.pack("<IHHIIHH", 16, 3, 1, 44_100, 8 * 44_100, 8, 64)
    size = struct.pack("<I", 36 + len(samples))
    return b"RIFF" + size + b"WAVEfmt " + form + b"data" + struct.pack("<I", len(samples)) + samples


def write_all(folder, contents, seed=0, *, large=True, every=1):
    """Write each ``every``-th broken file to a folder; returns the paths by name."""
    folder.mkdir(parents=True, exist_ok=True)
    found = {}
    chosen = [*broken_files(contents, seed, large=large)][::-every]  # always includes the last
    for number, (name, suffix, write) in enumerate(chosen):
        path = Path(folder) / f"{number:04d}{suffix}"
        write(path)
        found[name] = path
    return found
