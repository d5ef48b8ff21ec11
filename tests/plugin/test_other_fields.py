"""Writing tags other than the genre changes these tags and nothing else in the file."""

import random
import struct

import mutagen
import pytest
from audio_files import FORMATS, write_audio
from mediafile import MediaFile
from odd_audio import ape_tag, id3, odd_wavs, riff
from plugin_files import file_genres
from real_beet import write_tone
from test_raw_comments import ODD, flac_blocks, put, stored

from demo.make_music import RATE, beat_tape

POLKA_V1 = (
    b"TAG" + b"Title".ljust(30, b"\0") + b"Artist".ljust(30, b"\0") + b"Album".ljust(30, b"\0")
)
POLKA_V1 += b"1999" + b"ripped by me".ljust(28, b"\0") + b"\0\5" + bytes([75])
OLD = [  # ID3v2.2
    *((b"TT2", b"\0Title"), (b"TP1", b"\0Artist"), (b"TAL", b"\0Album"), (b"TYE", b"\x001999")),
    *((b"TCO", b"\0(75)"), (b"XYZ", b"unknown"), (b"CRM", b"a\0b\0c"), (b"TSI", b"\x0012")),
    *((b"RVA", b"\3\x10\0\1\0\1"), (b"PIC", b"\0JPG\3\0\xff\xd8\xff"), (b"COM", b"\0engof\0c")),
]
MIDDLE = [  # ID3v2.3 with frames of ID3v2.4, as many programs write, and empty and repeated ones
    *((b"TIT2", b"\0Title"), (b"TPE1", b"\0Artist"), (b"TALB", b"\0Album"), (b"TSOP", b"\0Sort")),
    *((b"TSOA", b"\0Sort Album"), (b"RVA2", b"track\0\1\xff\0\0"), (b"RVAD", b"\3\x10\0\1\0\1")),
    *((b"TYER", b"\x001999"), (b"TDAT", b"\x001205"), (b"TIME", b"\x001130"), (b"TPE2", b"\0")),
    *((b"TDRL", b"\x001998"), (b"TCON", b"\0(75)"), (b"IPLS", b"\0producer\0Joe"), (b"TCMP", b"")),
    *((b"TSIZ", b"\x00123"), (b"COMM", b"\0engof\0c1"), (b"COMM", b"\0engof\0c2")),
    *((b"TXXX", b"\0Foo\0bar"), (b"TXXX", b"\0Foo\0baz"), (b"PRIV", b"WM/x\0\1\2")),
]
NEW = [  # ID3v2.4
    *((b"TIT2", b"\3Title"), (b"TPE1", b"\3Artist"), (b"TALB", b"\3Album"), (b"TYER", b"\x001999")),
    *((b"XYZW", b"unknown"), (b"TDRC", b"\x002001-01-01T10:11"), (b"TCON", b"\3Polka\0Ska")),
    *((b"COMM", b"\0engof\0c1"), (b"COMM", b"\0engof\0c2"), (b"TPE3", b"\0"), (b"TIPL", b"\3a\0b")),
]
HIDDEN = [(name, data.replace(b"\xff", b"\xff\0")) for name, data in [*NEW, (b"PRIV", b"x\0\xff")]]
TAGS = {"2.2": (2, 0, OLD), "2.3": (3, 0, MIDDLE), "2.4": (4, 0, NEW), "hidden": (4, 0x80, HIDDEN)}


def id3v2(version, flags, frames):
    parts = []
    for name, data in frames:
        if version == 2:
            parts += [name, len(data).to_bytes(3, "big"), data]
            continue
        size = struct.pack(">L", len(data))
        if version == 4:
            size = bytes((len(data) >> shift) & 0x7F for shift in (21, 14, 7, 0))
        parts += [name, size, b"\0\0", data]
    return id3(version, flags, b"".join(parts) + bytes(200))


def frames_of(path):
    """The version of a file's ID3v2 tag, and (name, data) of each frame."""
    content = path.read_bytes()
    if not content.startswith(b"ID3"):
        return None, []
    version, size = content[3], number(content[6:10], 7)
    body, frames = content[10 : 10 + size], []
    while body.strip(b"\0"):
        name, start = (body[:3], 6) if version == 2 else (body[:4], 10)
        n_bytes = number(body[3:6], 8) if version == 2 else number(body[4:8], 11 - version)
        frames.append((name, body[start : start + n_bytes]))
        body = body[start + n_bytes :]
    return version, frames


def number(data, n_bits):
    n_bits = 7 if n_bits == 7 else 8
    return sum(byte << n_bits * place for place, byte in enumerate(reversed(data)))


def lost_and_new(before, after):
    assert before[0] == after[0]
    return (
        [frame for frame in before[1] if frame not in after[1]],
        [frame for frame in after[1] if frame not in before[1]],
    )


@pytest.fixture
def tagged_mp3s(tmp_path):
    """Makes an MP3 with each of the tags, and one with only ID3v1, from a sound or a tone."""

    def make(sound=None):
        plain = write_tone(tmp_path, "Rock", "plain", "mp3")
        if sound is not None:
            write_audio(plain, sound, RATE, "mp3")
        mutagen.File(plain).delete()
        (tmp_path / "music").mkdir()
        paths = {name: tmp_path / "music" / f"{name}.mp3" for name in (*TAGS, "v1")}
        for name, tag in TAGS.items():
            paths[name].write_bytes(id3v2(*tag) + plain.read_bytes())
        paths["v1"].write_bytes(plain.read_bytes() + POLKA_V1)
        return paths

    return make


@pytest.mark.parametrize("tag", ["mood", "grouping", "comments"])
def test_moods_change_their_own_frames(tagged_mp3s, in_place, tag):
    paths = tagged_mp3s(beat_tape().T)
    before = {name: frames_of(path) for name, path in paths.items()}
    content = {name: path.read_bytes() for name, path in paths.items()}
    beet = in_place()
    assert "changed 5, kept 0, failed 0" in beet("cnnmoods", "--tag", tag)
    for name, path in paths.items():
        moods = getattr(MediaFile(path), tag) if tag != "mood" else moods_of(path)
        assert moods.startswith("chill")
        if name == "v1":
            assert path.read_bytes().endswith(POLKA_V1)
            assert ("TCON", ["Polka"]) in [(k, f.text) for k, f in mutagen.File(path).tags.items()]
            continue
        lost, new = lost_and_new(before[name], frames_of(path))
        assert lost == []
        assert {frame for frame, _ in new} <= {b"TXXX", b"TXX", b"TMOO", *NAMES[tag]}
        assert file_genres(path) == (["Polka", "Ska"] if name in ("2.4", "hidden") else ["Polka"])
    assert "removed 5, failed 0" in beet("cnnmoods", "--undo")
    assert {name: frames_of(path) for name, path in paths.items() if name != "v1"} == {
        name: frames for name, frames in before.items() if name != "v1"
    }
    assert all(path.read_bytes().endswith(content[name][-9999:]) for name, path in paths.items())
    assert beet("update", "-p") == ""


NAMES = {"mood": (), "grouping": (b"TIT1", b"TT1"), "comments": (b"COMM", b"COM")}


def moods_of(path):
    return mutagen.File(path).tags["TXXX:MOOD"].text[0]


def test_genre_moods_and_back_leave_what_id3v1_alone_said(tagged_mp3s, in_place):
    path = tagged_mp3s()["v1"]
    before = path.read_bytes()
    beet = in_place()
    beet("cnngenre", "path::v1")
    assert file_genres(path) == ["Rock"]
    assert "changed 1" in beet("cnnmoods", "--tag", "grouping", "path::v1")
    beet("cnnmoods", "--undo")
    beet("cnnundo")
    assert path.read_bytes() == before


def test_what_another_plugin_removes_is_removed_and_nothing_else(tagged_mp3s, in_place):
    """The plugin ``zero`` removes fields at each write; a field is in one frame or in several."""
    paths = tagged_mp3s()
    before = {name: frames_of(path) for name, path in paths.items()}
    beet = in_place()
    beet.config["plugins"].append("zero")
    beet.config["zero"] = {"fields": "year month day album images genre", "auto": True}
    assert "tagged 5, kept 0, unsure 0, failed 0" in beet("cnngenre")
    zeroed = {b"TAL", b"TALB", b"TYE", b"TYER", b"TDAT", b"TIME", b"TDRC", b"PIC"}
    for name, path in paths.items():
        media = MediaFile(path)
        assert media.genres == ["Rock"]
        assert (media.album, media.year, media.images) == (None, None, None)
        if name == "v1":
            continue
        lost, new = lost_and_new(before[name], frames_of(path))
        assert {frame for frame, _ in lost} <= {*zeroed, b"TCO", b"TCON"}
        assert [frame for frame, _ in new] == [b"TCO" if name == "2.2" else b"TCON"]
    assert "restored 5, kept 0, failed 0" in beet("cnnundo")
    for name, path in paths.items():
        if name != "v1":
            lost, new = lost_and_new(before[name], frames_of(path))
            assert ({frame for frame, _ in lost} <= zeroed, new) == (True, [])
    assert paths["v1"].read_bytes()[-128:] == POLKA_V1[:63] + bytes(34) + POLKA_V1[97:]


def test_what_is_removed_from_id3v1_is_no_audio(tagged_mp3s, in_place):
    """FFmpeg takes ID3v1 for the end of the truncated last frame."""
    path = tagged_mp3s()["v1"]
    path.write_bytes(path.read_bytes()[:-228] + POLKA_V1)
    beet = in_place()
    beet.config["plugins"].append("zero")
    beet.config["zero"] = {"fields": "year track", "auto": True}
    assert "tagged 1, kept 0, unsure 0, failed 0" in beet("cnngenre", "path::v1")
    assert path.read_bytes()[-128:] == POLKA_V1[:93] + bytes(4) + POLKA_V1[97:126] + b"\0K"
    assert "restored 1" in beet("cnnundo")
    assert (MediaFile(path).year, MediaFile(path).track) == (None, None)


def test_what_another_plugin_changes_is_changed_and_nothing_else(tagged_mp3s, in_place):
    paths = tagged_mp3s()
    before = {name: frames_of(path) for name, path in paths.items()}
    beet = in_place()
    beet.config["plugins"].append("witness")
    beet.config["witness"] = "change"
    assert "tagged 5, kept 0, unsure 0, failed 0" in beet("cnngenre")
    for name, path in paths.items():
        assert MediaFile(path).title == "changed"
        if name != "v1":
            lost, new = lost_and_new(before[name], frames_of(path))
            assert {frame for frame, _ in [*lost, *new]} <= {b"TIT2", b"TT2", b"TCO", b"TCON"}


def test_odd_comments_and_pictures_stay_beside_moods(in_place, tmp_path):
    paths = []
    for kind in ("flac", "opus"):
        rate = 48_000 if kind == "opus" else RATE
        sound = write_audio(tmp_path / f"sound{FORMATS[kind].suffix}", beat_tape().T, rate, kind)
        path = tmp_path / "music" / f"odd{FORMATS[kind].suffix}"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(sound.read_bytes())
        put(path, kind, [b"TITLE=Title", *ODD.values(), b"Genre=Vari\xe9t\xe9", b"last"])
        paths.append((path, kind))
    before = [stored(path, kind) for path, kind in paths]
    beet = in_place()
    assert "changed 2, kept 0, failed 0" in beet("cnnmoods", "--tag", "grouping")
    for (path, kind), (vendor, comments, *others) in zip(paths, before, strict=True):
        found = stored(path, kind)
        assert [found[0], *found[2:]] == [vendor, *others]
        assert found[1][:-1] == comments
        assert found[1][-1].startswith(b"GROUPING=chill")
    beet("cnnmoods", "--undo")
    assert [stored(path, kind) for path, kind in paths] == before


def test_pictures_of_a_flac_are_removed_where_a_plugin_wants_it(in_place, tmp_path):
    path = write_tone(tmp_path / "music", "Rock", kind="flac")
    put(path, "flac", [b"TITLE=Title", *ODD.values()])
    beet = in_place()
    beet.config["plugins"].append("zero")
    beet.config["zero"] = {"fields": "images", "auto": True}
    assert "tagged 1" in beet("cnngenre")
    assert stored(path, "flac")[1] == [b"TITLE=Title", *ODD.values(), b"GENRE=Rock"]
    assert [kind for kind, _ in flac_blocks(path.read_bytes())[0]] == [0, 4, 1]


@pytest.mark.parametrize("old_tag", [b"", POLKA_V1])
@pytest.mark.parametrize("tag", [b"", ape_tag(Genre="Polka", Title="Title", Artist="Artist")])
def test_moods_of_a_wavpack_come_and_go_before_id3v1(in_place, tmp_path, old_tag, tag):
    path = tmp_path / "music" / "a.wv"
    path.parent.mkdir()
    write_audio(path, beat_tape().T, RATE, "wavpack")
    mutagen.File(path).delete()
    before = path.read_bytes() + tag + old_tag
    path.write_bytes(before)
    beet = in_place()
    assert "changed 1, kept 0, failed 0" in beet("cnnmoods", "--tag", "grouping")
    assert path.read_bytes().endswith(old_tag)
    assert mutagen.File(path)["Grouping"][0].startswith("chill")
    beet("cnnmoods", "--undo")
    assert path.read_bytes() == before


def test_moods_can_be_read_back_or_the_file_is_as_before(in_place, tmp_path):
    """mutagen does not find again what it appends to some WAVs with wrong sizes."""
    wav = write_audio(tmp_path / "sound.wav", beat_tape().T, RATE).read_bytes()
    plain = riff([wav[12:36], wav[wav.index(b"data") :]])
    (tmp_path / "music").mkdir()
    before = {}
    for name, content in odd_wavs(plain, random.Random(0)):
        path = tmp_path / "music" / f"{name}.wav"
        before[path] = content
        path.write_bytes(content)
    assert "failed 0" not in in_place()("cnnmoods", "--tag", "grouping")
    changed = [path for path, content in before.items() if path.read_bytes() != content]
    assert len(changed) > 8
    assert {path.name: MediaFile(path).grouping for path in changed} == {
        path.name: "chill" for path in changed
    }


def test_tracks_that_had_no_moods_are_not_counted_as_removed(in_place, tmp_path):
    write_audio(tmp_path / "music.wav", beat_tape().T, RATE)
    (tmp_path / "music").mkdir()
    (tmp_path / "music.wav").rename(tmp_path / "music" / "music.wav")
    write_audio(tmp_path / "music" / "silence.wav", 0 * beat_tape().T, RATE)
    beet = in_place()
    assert "changed 1, kept 1, failed 0" in beet("cnnmoods")
    assert "removed 1, failed 0" in beet("cnnmoods", "--undo")
    assert "removed 0, failed 0" in beet("cnnmoods", "--undo")
