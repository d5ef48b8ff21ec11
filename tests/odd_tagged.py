"""Good audio with odd tags in each format that is written: pictures, and genres of any characters.

``odd_tagged`` writes files with the genres listed here, then with random ones, then odd RIFF files.
"""

from __future__ import annotations

import base64
import random
import shutil
import struct

import mutagen
from audio_files import FORMATS, picture, tone, write_audio
from mediafile import Image, ImageType, MediaFile
from mutagen.flac import FLAC, Picture
from mutagen.id3 import ID3
from mutagen.oggopus import OggOpus
from odd_audio import ID3_POLKA, chunk, riff
from odd_genres import KINDS, put_genres

GENRES = {
    "nul": ["Ro\0ck", "Po\0\0p"],
    "nul at the ends": ["\0Rock\0"],
    "newlines": ["Rock\nPop\r\nSka", "\n"],
    "separators": ["Rock;Pop", "A / B", "a\\␀b", "c|d", ",", "//"],
    "right to left": ["\u202eRock\u202c", "\u200fروك", "\u2066Pop\u2069"],
    "controls": ["\x1b[2JRock", "\x07\x08\x7f", "\x9b31m"],
    "marks": ["\ufeffRock", "\u200b", "e\u0301", "🎸" * 9, "\U0010ffff"],
    "a megabyte": ["R" * 2**20],
    "two hundred": [f"Genre {n}" for n in range(200)],
    "no text at all": ["", "", ""],
}
CHARACTERS = "Ro ck/;,\\|()\0\n\r\t\x1b\x7f\u200f\u202e\ufeff\u2028é音🎸"
PICTURES = (0, 1, 3)
SECONDS = 1.0


def random_genres(rng: random.Random):
    """Random genres with odd characters, or None."""
    lengths = [rng.choice((0, 1, 2, 5, 9, 300)) for _ in range(rng.choice((0, 1, 1, 2, 3, 9)))]
    return ["".join(rng.choice(CHARACTERS) for _ in range(length)) for length in lengths] or None


def put_pictures(path, n_pictures, n_bytes=0):
    """Give a file pictures in its own format's way; the first one is ``n_bytes`` larger."""
    images = [
        Image(picture() + bytes(n_bytes * (n == 0)), desc=f"picture {n}", type=kind)
        for n, kind in enumerate((ImageType.front, ImageType.back, ImageType.other)[:n_pictures])
    ]
    file = MediaFile(path)
    file.images = images
    file.save()


def put_comment_pictures(path):
    """Add pictures as Vorbis comments, one of them unreadable; a FLAC also keeps its own blocks."""
    file = mutagen.File(path)
    made = Picture()
    made.data, made.type, made.mime = picture(), 3, "image/png"
    right = base64.b64encode(made.write()).decode()
    file["METADATA_BLOCK_PICTURE"] = [right, right, "no picture"]
    file["COVERART"] = [base64.b64encode(picture()).decode()]
    file.save()


def write_tagged(source, path, genres, n_pictures, n_bytes=0):
    """Write a copy of an untagged file with genres and pictures; returns its path."""
    shutil.copy(source, path)
    kind = type(mutagen.File(path))
    if n_pictures:
        put_pictures(path, n_pictures, n_bytes)
        if kind in (FLAC, OggOpus):
            put_comment_pictures(path)
    file = mutagen.File(path)
    if isinstance(file.tags, ID3) and n_pictures:  # ``put_genres`` would start a new tag
        values = [value for value in genres or () if value]
        if values:
            file.tags.add(mutagen.id3.TCON(encoding=3, text=values))
            file.save()
    else:
        put_genres(path, genres)
    return path


def odd_riffs(content):
    """Yield RIFF, RF64 and BW64 files with genres in INFO lists, or in oddly named ID3 chunks."""
    genre = chunk(b"LIST", b"INFO" + chunk(b"IGNR", b"Polka\0") + chunk(b"IART", b"A\0"))
    for name, parts in {
        "info genre": [genre],
        "two info genres": [genre, genre],
        "lower": [chunk(b"id3 ", ID3_POLKA)],
        "upper": [chunk(b"ID3 ", ID3_POLKA)],
        "upper and info": [genre, chunk(b"ID3 ", ID3_POLKA)],
        "mixed": [chunk(b"Id3 ", ID3_POLKA)],
        "odd": [chunk(b"odd!", b"abc"), chunk(b"id3 ", ID3_POLKA + b"\0")],
    }.items():
        yield f"RIFF {name}", riff([content[12:], *parts])
        sizes = struct.pack("<QQQI", 0, len(content) - content.index(b"data") - 8, 0, 0)
        for form in (b"RF64", b"BW64"):
            large = riff([chunk(b"ds64", sizes), content[12:], *parts], size=-1, name=form)
            yield f"{form.decode()} {name}", large


def odd_tagged(folder, rng, hz, n_random=30, every=1):
    """Write the files to a folder, with a tone of ``hz``; yields their paths.

    ``every`` above 1 leaves some of them out.
    """
    sources = {}
    for kind in KINDS:
        form = FORMATS[kind]
        sources[kind] = folder.parent / f"source {kind}{form.suffix}"
        write_audio(sources[kind], tone(SECONDS, hz, form.rate_hz), form.rate_hz, kind)
    for number, (name, genres) in enumerate(GENRES.items(), rng.randrange(every)):
        for turn, kind in list(enumerate(KINDS))[number % every :: every]:
            path = folder / f"{kind} {name}{FORMATS[kind].suffix}"
            # Without pictures ID3 is UTF-16: mutagen takes seconds to read a million characters.
            n_pictures = PICTURES[(number + turn) % len(PICTURES)] or name == "a megabyte"
            yield write_tagged(sources[kind], path, genres, n_pictures, 2**20 * (turn == 3))
    for number in range(n_random):
        kind = rng.choice(KINDS)
        path = folder / f"{kind} random {number}{FORMATS[kind].suffix}"
        yield write_tagged(sources[kind], path, random_genres(rng), rng.choice(PICTURES))
    riffs = list(odd_riffs(sources["wav16"].read_bytes()))
    for name, content in riffs[:: min(every, 4)]:
        path = folder / f"{name}.wav"
        path.write_bytes(content)
        yield path
