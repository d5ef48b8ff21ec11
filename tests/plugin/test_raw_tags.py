"""In APE, MP4 and WMA only the genre changes and is restored; all other bytes of the tags stay.

The tags here are those that mutagen drops, merges or recodes when it reads or writes them.
"""

import itertools
import json
import struct
from pathlib import Path

import pytest
import raw_tags as raw
from beets.library import Library
from hypothesis import given, settings
from hypothesis import strategies as st
from plugin_files import file_genres
from rare_formats import ID3V1
from real_beet import write_tone

from beetsplug.cnngenre.config import DEFAULTS
from beetsplug.cnngenre.tagging.file.genre_tag import read_tag
from beetsplug.cnngenre.tagging.file.safe_write import WRITE_ERRORS, Wish, write_and_check

ONE, TWO, LONG = ("Rumba",), ("Rumba", "Ska"), ("Rumba " * 9,)


@pytest.fixture(scope="module")
def tones(tmp_path_factory):
    """A tone in each of the three formats, as bytes."""
    folder = tmp_path_factory.mktemp("tones")
    kinds = ("wavpack", "aac", "wma")
    found = {kind: write_tone(folder, "Rock", kind=kind).read_bytes() for kind in kinds}
    return found | {"wavpack": raw.without_items(found["wavpack"])}


@pytest.fixture
def library_of(beet, tmp_path):
    """Imports files with given contents in place; returns their paths and the ``beet``."""

    def make(files):
        music = tmp_path / "music"
        music.mkdir()
        for name, content in files.items():
            (music / name).write_bytes(content)
        beet.config["directory"] = str(music)
        beet.config["import"] = {"copy": False, "quiet": True, "duplicate_action": "keep"}
        beet.config["cnngenre"] |= {"auto": False, "force": True, "threshold": 0}
        beet("import", "-A", "-s", music)
        return {name: music / name for name in files}, beet

    return make


def tag_all(beet, paths):
    output = beet("cnngenre")
    assert f"tagged {len(paths)}, kept 0, unsure 0, failed 0" in output, beet.errors
    assert [name for name, path in paths.items() if file_genres(path) != ["Rock"]] == []


def named(title):
    return [raw.item(b"Title", title.encode()), raw.item(b"Artist", b"x")]


POLKA = raw.item(b"Genre", b"Polka")
ITEMS = {
    "read-only": ([POLKA, raw.item(b"Comment", b"keep", raw.READ_ONLY)], {}),
    "read-only genre": ([raw.item(b"GENRE", b"Polka", raw.READ_ONLY)], {}),
    "the same key twice": ([raw.item(b"Composer", b"1"), raw.item(b"Composer", b"2"), POLKA], {}),
    "two spellings": ([raw.item(b"Composer", b"1"), POLKA, raw.item(b"COMPOSER", b"2")], {}),
    "two genres": ([POLKA, raw.item(b"Note", b"n"), raw.item(b"genre", b"Ska\0Pop")], {}),
    "version 1": ([POLKA], {"version": 1000, "header": False}),
    "no header": ([POLKA], {"header": False}),
    "before id3v1": ([POLKA], {"behind": ID3V1}),
    "pictures and links": (
        [
            raw.item(b"Cover Art (Front)", b"a.png\0\x89PNG", raw.BINARY),
            *(POLKA, raw.item(b"Related", b"http://x", raw.LINK), raw.item(b"Empty", b"")),
        ],
        {},
    ),
    "no genre": ([raw.item(b"Note", b"a long one, and a short one"), raw.item(b"Empty", b"")], {}),
    "too many counted": ([POLKA], {"count": 99}),
    "one not counted": ([POLKA, raw.item(b"Note", b"n")], {"count": 3}),
    "genre not counted": ([raw.item(b"Note", b"n"), POLKA], {"count": 3}),
    "none counted": ([POLKA], {"count": 0}),
}


def test_items_of_ape_stay_as_they_are(library_of, tones):
    files = {
        f"{title}.wv": raw.with_items(tones["wavpack"], named(title) + items, **options)
        for title, (items, options) in ITEMS.items()
    }
    paths, beet = library_of(files)
    tag_all(beet, paths)
    for name, path in paths.items():
        content = path.read_bytes()
        kept = [one for one in raw.items_in(files[name]) if not raw.is_genre_item(one)]
        found = raw.items_in(content)
        assert [one for one in found if not raw.is_genre_item(one)] == kept, name
        new = [one for one in found if raw.is_genre_item(one)]
        assert len(new) == 1, name
        assert new[0][4] == raw.READ_ONLY * (name == "read-only genre.wv"), name
        assert content.count(raw.MAGIC) == files[name].count(raw.MAGIC), name
        assert content.endswith(ID3V1) == files[name].endswith(ID3V1), name
    beet("cnnundo")
    for name, path in paths.items():
        assert raw.items_in(path.read_bytes()) == raw.items_in(files[name]), name
        assert "counted" in name or path.read_bytes() == files[name], name


TITLE = raw.atom(b"\xa9nam", raw.data(b"title", locale=0xC000))
GENRE = raw.atom(b"\xa9gen", raw.data(b"Polka"))
NUMBER = raw.atom(b"gnre", raw.data(b"\0\x3c", 0))  # Polka
COVER = b"GIF89a" + bytes(30)
ATOMS = {
    "number": [NUMBER],
    "number and text": [NUMBER, TITLE, GENRE],
    "unknown number": [raw.atom(b"gnre", raw.data(b"\1\x12", 0))],
    "two texts": [
        raw.atom(b"\xa9gen", raw.data(b"Polka"), raw.data(b"Ska", 0)),
        TITLE,
        raw.atom(b"\xa9gen", raw.data(b"Third", locale=5)),
    ],
    "utf-16": [raw.atom(b"\xa9gen", raw.data("Polka".encode("utf-16-be"), 2))],
    "gif": [GENRE, raw.atom(b"covr", raw.data(COVER, 12))],
    "named bmp": [GENRE, raw.atom(b"covr", raw.data(COVER, 27), raw.atom(b"name", b"a.bmp"))],
    "cover of no kind": [GENRE, raw.atom(b"covr", raw.data(COVER, 0))],
    "artists of two kinds": [
        raw.atom(b"\xa9ART", raw.data(b"x")),
        raw.atom(b"\xa9ART", raw.data(b"\0z", 2)),
        GENRE,
    ],
    "numbers": [
        GENRE,
        raw.atom(b"trkn", raw.data(b"\0\1\0\3\0\7", 0)),
        raw.atom(b"tmpo", raw.data(b"\0\0\0\x78", 21)),
        raw.atom(b"tmpo", raw.data(b"\x78", 0)),
        raw.atom(b"stik", raw.data(b"\0\1", 21)),
        raw.atom(b"cpil", raw.data(b"\2", 21)),
    ],
    "empty": [GENRE, *(raw.atom(name) for name in (b"cpil", b"covr", b"trkn", b"\xa9cmt"))],
    "spelled out": [
        raw.freeform(b"m", b"n", raw.data(b"1", locale=7), version=1),
        raw.freeform(b"m", b"n", raw.data(b"2", 0)),
        GENRE,
        raw.freeform(b"m", b"N"),
    ],
    "unknown": [raw.atom(b"name", b"what"), raw.atom(b"abcd", raw.data(b"\xff", 13))],
}


def test_atoms_of_mp4_stay_as_they_are(library_of, tones):
    files = {
        f"{title}.m4a": raw.with_atoms(tones["aac"], [TITLE, *tags])
        for title, tags in ATOMS.items()
    }
    paths, beet = library_of(files)
    tag_all(beet, paths)
    for name, path in paths.items():
        kept = [one for one in raw.atoms_in(files[name]) if not raw.is_genre_atom(one)]
        found = raw.atoms_in(path.read_bytes())
        assert [one for one in found if not raw.is_genre_atom(one)] == kept, name
        new = raw.atom(b"\xa9gen", raw.data(b"Rock"))
        assert [one for one in found if raw.is_genre_atom(one)] == [new], name
    beet("cnnundo")
    assert [name for name, path in paths.items() if path.read_bytes() != files[name]] == []


def held(home, name, value, **options):
    return home, raw.attribute(home, name, value, **options)


EXTENDED, METADATA, LIBRARY = raw.EXTENDED, raw.METADATA, raw.LIBRARY
WMA_POLKA = held(EXTENDED, "WM/Genre", raw.wide("Polka"))
ATTRIBUTES = {
    "the same name twice": [
        held(EXTENDED, "WM/Composer", raw.wide("one")),
        WMA_POLKA,
        held(EXTENDED, "WM/Composer", raw.wide("two")),
    ],
    "another title": [WMA_POLKA, held(EXTENDED, "Title", raw.wide("another"))],
    "a bool of 7": [held(EXTENDED, "B", struct.pack("<I", 7), kind=2), WMA_POLKA],
    "texts without an end": [
        held(EXTENDED, "A", "x".encode("utf-16-le")),
        held(EXTENDED, "B", b""),
        WMA_POLKA,
        held(EXTENDED, "C", raw.wide("x\0")),
    ],
    "two genres": [WMA_POLKA, held(EXTENDED, "WM/Genre", "Ska".encode("utf-16-le"))],
    "genres in three places": [
        held(LIBRARY, "WM/Genre", raw.wide("Polka"), language=1),
        held(LIBRARY, "Note", raw.wide("n"), stream=2),
        held(METADATA, "WM/Genre", raw.wide("Ska"), stream=1),
        WMA_POLKA,
    ],
    "of streams": [
        held(METADATA, "WM/Sub", raw.wide("s1"), stream=1),
        held(METADATA, "WM/Sub", raw.wide("s2"), stream=1),
        held(METADATA, "Of all", raw.wide("s3")),
        WMA_POLKA,
    ],
}


def test_attributes_of_wma_stay_as_they_are(library_of, tones):
    files = {
        f"{title}.wma": raw.with_attributes(tones["wma"], title, attributes)
        for title, attributes in ATTRIBUTES.items()
    }
    twice = raw.holding(EXTENDED, [raw.attribute(EXTENDED, "WM/Genre", raw.wide("Ska"))])
    files["two objects.wma"] = raw.with_attributes(tones["wma"], "o", [WMA_POLKA], behind=twice)
    files["no room.wma"] = raw.with_attributes(tones["wma"], "r", [WMA_POLKA], room=0)
    paths, beet = library_of(files)
    tag_all(beet, paths)
    for name, path in paths.items():
        old, old_objects = raw.attributes_in(files[name])
        new, new_objects = raw.attributes_in(path.read_bytes())
        assert [one for one in new if one[1] != "WM/Genre"] == [
            one for one in old if one[1] != "WM/Genre"
        ], name
        assert new_objects == old_objects, name
    beet("cnnundo")
    for name, path in paths.items():
        assert raw.attributes_in(path.read_bytes()) == raw.attributes_in(files[name]), name
        assert name == "no room.wma" or path.read_bytes() == files[name], name


def test_an_mp4_whose_room_is_elsewhere_is_left_as_it_is(library_of, tones):
    """mutagen would overwrite the atom between the tags and their free space."""
    between, room = raw.atom(b"note", b"of another program"), raw.atom(b"free", bytes(300))
    content = raw.with_atoms(tones["aac"], [GENRE], last=between + room)
    start, end = raw.find(content, b"moov", b"udta", b"meta")
    handler = raw.atom(b"hdlr", bytes(8), b"mdirappl", bytes(9))
    tags = raw.atom(b"ilst", GENRE)
    assert content[start:end] == handler + tags + between + room
    content = content[:start] + tags + between + handler + room + content[end:]
    paths, beet = library_of({"a.m4a": content})
    assert "failed 1" in beet("cnngenre")
    assert "the free space for its tags is not next to them" in beet.errors
    assert paths["a.m4a"].read_bytes() == content


def test_what_an_older_form_of_the_plugin_kept_comes_back_by_its_name(library_of, tones):
    paths, beet = library_of(
        {
            "a.wv": raw.with_items(tones["wavpack"], [POLKA]),
            "b.m4a": raw.with_atoms(tones["aac"], [GENRE]),
            "c.wma": raw.with_attributes(tones["wma"], "c", [WMA_POLKA]),
        }
    )
    tag_all(beet, paths)
    old = {
        "ape": [["Genre", 0, b"Polka".hex()]],
        "mp4": [["Polka"]],
        "asf": [[3, 0, raw.wide("Polka").hex(), None, None]],
    }
    library = Library(beet.config["library"], beet.config["directory"])
    for item in library.items():
        memory = json.loads(item["cnngenre_file"])
        memory["before"] |= {"version": 0, "entries": old[memory["before"]["kind"]]}
        item["cnngenre_file"] = json.dumps(memory)
        item.store()
    library._close()
    assert "restored 3, kept 0, failed 0" in beet("cnnundo")
    assert [file_genres(path) for path in paths.values()] == [["Polka"]] * 3


def configure():
    import beets

    beets.config["cnngenre"].add(DEFAULTS)


numbers = itertools.count()


def written_and_taken_back(folder, suffix, before, genres):
    """Write genres to a file and undo that exactly; returns its content with the genres.

    If the write is refused, the file must be unchanged, and None is returned.
    """
    configure()
    path = Path(folder) / f"{next(numbers)}{suffix}"
    path.write_bytes(before)
    try:
        tag = read_tag(path)
        write_and_check(path, Wish(genres))
    except WRITE_ERRORS:
        assert path.read_bytes() == before
        return None
    written = path.read_bytes()
    assert file_genres(path) == list(genres)
    write_and_check(path, Wish(tag.genres, tag=tag))
    assert path.read_bytes() == before
    path.unlink()
    return written


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("written")


some_genres = st.sampled_from((ONE, TWO, LONG))
some_bytes = st.binary(max_size=9)
items = st.builds(
    raw.item,
    st.sampled_from((b"Genre", b"GENRE", b"Title", b"title", b"Note", b"A key (1)")),
    st.text(max_size=5).map(str.encode),
    st.sampled_from((0, raw.READ_ONLY, raw.BINARY, raw.LINK, raw.LINK | raw.READ_ONLY, 1 << 31)),
)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(items, max_size=6),
    st.sampled_from((1000, 2000)),
    st.booleans(),
    st.sampled_from((b"", ID3V1)),
    some_genres,
)
def test_any_items_of_ape_stay(tones, folder, some, version, header, behind, genres):
    before = raw.with_items(tones["wavpack"], some, version, None, header, behind)
    written = written_and_taken_back(folder, ".wv", before, genres)
    if written is not None:
        kept = [one for one in some if not raw.is_genre_item(one)]
        assert [one for one in raw.items_in(written) if not raw.is_genre_item(one)] == kept


values = st.builds(raw.data, some_bytes, st.sampled_from((0, 1, 2, 13, 21)), st.integers(0, 9))
names = st.sampled_from((b"\xa9gen", b"gnre", b"\xa9nam", b"\xa9ART", b"cpil", b"covr", b"abcd"))
tag_atoms = st.one_of(
    st.builds(raw.atom, names, values),
    st.builds(raw.atom, names, values, values),
    st.builds(raw.freeform, some_bytes, some_bytes, values, version=st.integers(0, 1)),
)


@settings(max_examples=60, deadline=None)
@given(st.lists(tag_atoms, max_size=6), some_genres)
def test_any_atoms_of_mp4_stay(tones, folder, some, genres):
    before = raw.with_atoms(tones["aac"], some)
    written = written_and_taken_back(folder, ".m4a", before, genres)
    if written is not None:
        kept = [one for one in some if not raw.is_genre_atom(one)]
        assert [one for one in raw.atoms_in(written) if not raw.is_genre_atom(one)] == kept


@st.composite
def attributes(draw):
    home = draw(st.sampled_from((EXTENDED, METADATA, LIBRARY)))
    name = draw(st.sampled_from(("WM/Genre", "Title", "A", "B")))
    bool_bytes = 4 if home == EXTENDED else 2
    kind, value = draw(
        st.one_of(
            st.tuples(st.just(0), st.text(max_size=4).map(lambda t: t.encode("utf-16-le"))),
            st.tuples(st.just(1), some_bytes),
            st.tuples(st.just(2), st.binary(min_size=bool_bytes, max_size=bool_bytes)),
            st.tuples(st.just(3), st.binary(min_size=4, max_size=4)),
        )
    )
    numbers = draw(st.tuples(st.integers(0, 2), st.integers(0, 2)))
    return held(home, name, value, kind=kind, language=numbers[0], stream=numbers[1])


@settings(max_examples=60, deadline=None)
@given(st.lists(attributes(), max_size=6), some_genres)
def test_any_attributes_of_wma_stay(tones, folder, some, genres):
    further = held(LIBRARY, "Note", raw.wide("n"))  # a second genre needs a metadata library
    before = raw.with_attributes(tones["wma"], "t", [*some, further])
    written = written_and_taken_back(folder, ".wma", before, genres)
    if written is not None:
        (new, new_objects), (old, objects) = map(raw.attributes_in, (written, before))
        assert new_objects == objects
        assert [a for a in new if a[1] != "WM/Genre"] == [a for a in old if a[1] != "WM/Genre"]


@pytest.mark.parametrize("field", ["mood", "grouping", "comments"])
def test_moods_change_their_own_entries(library_of, tones, field):
    """The titles tell the files apart, since their audio is the same."""
    items = [
        raw.item(b"Title", b"ape"),
        raw.item(b"Composer", b"1", raw.READ_ONLY),
        raw.item(b"COMPOSER", b"2"),
    ]
    tags = [
        raw.atom(b"\xa9nam", raw.data(b"mp4")),
        raw.atom(b"gnre", raw.data(b"\0\x12", kind=0)),
        raw.atom(b"trkn", raw.data(b"\0\1\0\2\0\3\0\4\0\5", kind=0)),
        raw.freeform(b"com.apple.iTunes", b"MOOD", raw.data(b"old"), version=1),
        raw.freeform(b"com.apple.iTunes", b"OTHER", raw.data(b"old", locale=5), version=1),
    ]
    attributes = [
        (raw.EXTENDED, raw.attribute(raw.EXTENDED, "WM/Year", raw.wide("1999"))),
        (raw.LIBRARY, raw.attribute(raw.LIBRARY, "X", raw.wide("y"), language=0, stream=1)),
    ]
    files = {
        "a.wv": raw.with_items(tones["wavpack"], items),
        "a.m4a": raw.with_atoms(tones["aac"], tags),
        "a.wma": raw.with_attributes(tones["wma"], "wma", attributes),
    }
    paths, beet = library_of(files)
    output = beet("cnnmoods", "--tag", field)
    assert "changed 3, kept 0, failed 0" in output, beet.errors
    assert output.count("mood has a value of yours") == (field == "mood")
    assert set(items) < set(raw.items_in(paths["a.wv"].read_bytes()))
    assert set(tags) <= set(raw.atoms_in(paths["a.m4a"].read_bytes()))
    beet("cnnmoods", "--undo")
    assert raw.items_in(paths["a.wv"].read_bytes()) == items
    assert raw.atoms_in(paths["a.m4a"].read_bytes()) == tags
    found = {(name, value) for _, name, value in raw.attributes_in(paths["a.wma"].read_bytes())[0]}
    assert {name for name, _ in found} >= {"WM/Year", "X"}
