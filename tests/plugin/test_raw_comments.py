"""Invalid Vorbis comments stay unchanged when a genre is written and undone."""

import struct
from io import BytesIO

import beets
import mutagen
import pytest
from audio_files import FORMATS
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from mutagen.ogg import OggPage
from plugin_files import file_genres
from real_beet import write_tone

from beetsplug.cnngenre.config import DEFAULTS
from beetsplug.cnngenre.tagging.file.genre_tag import read_tag
from beetsplug.cnngenre.tagging.file.safe_write import Wish, write_and_check

NAMED = b"TITLE=Title", b"ARTIST=Artist", b"ALBUM=Album"
ODD = {
    "an empty key": b"=of no key",
    "a tilde": b"A~B=c",
    "a control character": b"A\tB=c",
    "a key in Cyrillic": "ИСПОЛНИТЕЛЬ=Алиса".encode(),
    "no key": b"a note",
    "nothing": b"",
    "a value in Latin-1": b"COMPOSER=Bj\xf6rk",
    "a key in Latin-1": b"K\xf6rper=x",
    "a surrogate": b"LYRICS=\xed\xa0\x80",
    "a NUL": b"COMMENT=a\0b",
}
GENRES = {"none": (), "one": (b"GENRE=Polka",), "in Latin-1": (b"Genre=Vari\xe9t\xe9", b"genre=")}
VENDOR = b"made by \xe9"
MAGIC = {"flac": b"", "vorbis": b"\x03vorbis", "opus": b"OpusTags"}
BEHIND = {"flac": b"", "vorbis": b"\1", "opus": b""}


def packed(comments, vendor=VENDOR):
    parts = [vendor, *comments]
    counted = [struct.pack("<I", len(part)) + part for part in parts]
    return counted[0] + struct.pack("<I", len(comments)) + b"".join(counted[1:])


def picture():
    """A FLAC picture block whose description is in Latin-1."""
    mime, description = b"image/png", b"caf\xe9"
    parts = (struct.pack(">I", len(part)) + part for part in (mime, description))
    return struct.pack(">I", 3) + b"".join(parts) + struct.pack(">5I", 1, 1, 24, 0, 4) + b"\x89PNG"


def put(path, kind, comments):
    """Replace a file's comments, given as bytes; a FLAC also gets a picture."""
    content = path.read_bytes()
    if kind == "flac":
        blocks, audio = flac_blocks(content)
        blocks = [blocks[0], (4, packed(comments)), (6, picture())]
        path.write_bytes(flac(blocks, audio))
        return
    pages = ogg_pages(content)
    headers = [page for page in pages[1:] if page.position == 0]
    packets = OggPage.to_packets(headers)
    packets[0] = MAGIC[kind] + packed(comments) + BEHIND[kind]
    new = OggPage.from_packets(packets, sequence=1)
    for page in new:
        page.serial, page.position = pages[0].serial, 0
    pages = [pages[0], *new, *(page for page in pages[1:] if page not in headers)]
    for number, page in enumerate(pages):
        page.sequence = number
    path.write_bytes(b"".join(page.write() for page in pages))


def ogg_pages(content):
    file, pages = BytesIO(content), []
    while file.tell() < len(content):
        pages.append(OggPage(file))
    return pages


def flac_blocks(content):
    """(kind, content) of each block of a FLAC, and the audio."""
    place, blocks = 4, []
    while True:
        kind, n_bytes = content[place], int.from_bytes(content[place + 1 : place + 4], "big")
        blocks.append((kind & 0x7F, content[place + 4 : place + 4 + n_bytes]))
        place += 4 + n_bytes
        if kind & 0x80:
            return blocks, content[place:]


def flac(blocks, audio):
    parts = [bytes([kind]) + len(data).to_bytes(3, "big") + data for kind, data in blocks]
    return b"fLaC" + b"".join(parts) + b"\x81\0\0\0" + audio


def stored(path, kind):
    """A file's vendor, comments and the bytes after them, and a FLAC's other blocks."""
    content = path.read_bytes()
    if kind == "flac":
        blocks = [block for block in flac_blocks(content)[0] if block[0] != 1]
        data = dict(blocks)[4]
        others = [block for block in blocks if block[0] != 4]
    else:
        headers = [page for page in ogg_pages(content)[1:] if page.position == 0]
        data, others = bytes(OggPage.to_packets(headers)[0])[len(MAGIC[kind]) :], []
    file = BytesIO(data)
    vendor = file.read(number(file))
    comments = [file.read(number(file)) for _ in range(number(file))]
    return vendor, comments, file.read().rstrip(b"\0"), others


def number(file):
    return struct.unpack("<I", file.read(4))[0]


def without_genres(found):
    vendor, comments, behind, others = found
    return vendor, [c for c in comments if not c.upper().startswith(b"GENRE=")], behind, others


@pytest.mark.parametrize("kind", ["flac", "vorbis", "opus"])
def test_they_stay_as_they_are_and_the_genre_comes_back(beet, tmp_path, kind):
    sound = write_tone(tmp_path / "tone", "Rock", kind=kind)
    paths = []
    for odd, comment in ODD.items():
        for name, genres in GENRES.items():
            path = tmp_path / "music" / f"{odd}, genre {name}{FORMATS[kind].suffix}"
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(sound.read_bytes())
            put(path, kind, [*genres[:1], *NAMED, comment, *genres[1:], b"ISRC=last"])
            paths.append(path)
    before = {path: stored(path, kind) for path in paths}
    beet.config["directory"] = str(tmp_path / "music")
    beet.config["import"] = {"copy": False, "quiet": True, "duplicate_action": "keep"}
    beet.config["cnngenre"] |= {"auto": False, "force": True}
    beet("import", "-A", "-s", tmp_path / "music")
    assert f"tagged {len(paths)}, kept 0, unsure 0, failed 0" in beet("cnngenre")
    for path in paths:
        assert file_genres(path) == ["Rock"]
        assert without_genres(stored(path, kind)) == without_genres(before[path]), path
    assert f"restored {len(paths)}, kept 0, failed 0" in beet("cnnundo")
    assert {path: stored(path, kind) for path in paths} == before


@pytest.mark.parametrize("kind", ["flac", "vorbis", "opus"])
def test_any_comments_come_back(tmp_path, kind):
    beets.config["cnngenre"].add(DEFAULTS)
    path = write_tone(tmp_path, "Rock", kind=kind, seconds=0.5)

    @settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.lists(st.binary(max_size=9) | st.binary(max_size=9).map(b"genre=".__add__)))
    def check(comments):
        # mutagen recognises kinds of Ogg by these marks anywhere near a file's beginning.
        assume(not any(mark in one for one in comments for mark in (b"vorbis", b"Opus", b"fLaC")))
        put(path, kind, comments)
        before = stored(path, kind)
        assert before[1] == comments
        tag = read_tag(path)
        write_and_check(path, Wish(("Rock", "Ska")))
        assert read_tag(path).genres == ("Rock", "Ska")
        assert without_genres(stored(path, kind)) == without_genres(before)
        write_and_check(path, Wish(tag.genres, tag))
        assert stored(path, kind) == before

    check()


def test_a_cue_sheet_and_what_else_a_flac_has_stay(beet, tmp_path):
    """It has reserved bits, and a catalogue number with NULs that mutagen reads as shorter."""
    path = write_tone(tmp_path / "music", "Rock", kind="flac")
    blocks, audio = flac_blocks(path.read_bytes())
    index = struct.pack(">QB3x", 0, 1)
    track = struct.pack(">QB12sB13sB", 0, 1, b"", 0x3F, bytes(13), 1) + index
    end = struct.pack(">QB12sB13sB", 132_300, 170, b"", 0, bytes(13), 0)
    sheet = b"12\0\x003".ljust(128, b"\0") + struct.pack(">QB", 0, 0x7F) + b"\7" * 258
    blocks = [blocks[0], (2, b"riffdata"), (5, sheet + b"\2" + track + end), *blocks[1:]]
    blocks = [block for block in blocks if block[0] != 1]
    path.write_bytes(flac(blocks, audio))
    beet.config["directory"] = str(tmp_path / "music")
    beet.config["import"] = {"copy": False, "quiet": True}
    beet.config["cnngenre"]["auto"] = False
    beet("import", "-A", "-s", tmp_path / "music")
    assert "tagged 1" in beet("cnngenre")
    beet("cnnundo")
    assert [block for block in flac_blocks(path.read_bytes())[0] if block[0] != 1] == blocks


def test_a_first_block_of_comments_comes_and_goes(beet, tmp_path):
    path = write_tone(tmp_path / "music", "Rock", kind="flac")
    mutagen.File(path).delete()
    beet.config["directory"] = str(tmp_path / "music")
    beet.config["import"] = {"copy": False, "quiet": True}
    beet.config["cnngenre"]["auto"] = False
    beet("import", "-A", "-s", tmp_path / "music")
    assert "tagged 1" in beet("cnngenre")
    assert stored(path, "flac")[1] == [b"GENRE=Rock"]
    assert "restored 1" in beet("cnnundo")
    assert [kind for kind, _ in flac_blocks(path.read_bytes())[0]] == [0, 1]
