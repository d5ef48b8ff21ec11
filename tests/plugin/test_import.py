"""``beet import``: genres of new tracks, in the database and in the files."""

import hashlib
import json
import shutil

import mediafile
import mutagen
import pytest
from audio_files import write_silence
from PIL import Image
from plugin_files import file_genres, make_newer, tag

KINDS = ["mp3", "aac", "alac", "flac", "vorbis", "opus", "wav16", "aiff", "wma", "wavpack"]
IN_LIBRARY = "1 in the library only: beet cnngenre writes the files"


@pytest.mark.parametrize("kind", KINDS)
def test_matched_import_writes_the_genre_into_every_format(beet, tone, tmp_path, kind):
    tone("Jazz", kind=kind)
    beet("import", tmp_path / "music")
    assert beet.genres() == {"Jazz": "Jazz"}
    path = beet.paths()["Jazz"]
    assert file_genres(path) == ["Jazz"]
    assert "Jazz" in str(mutagen.File(path).tags)


@pytest.mark.parametrize("threaded", [True, False])
@pytest.mark.parametrize("singletons", [True, False])
def test_albums_and_singletons_threaded_or_not(beet, tone, tmp_path, threaded, singletons):
    beet.config["threaded"] = threaded
    for album in ("One", "Two"):
        for genre in ("Rock", "Jazz"):
            tone(genre, f"{album}-{genre}", folder=f"music/{album}", album=album)
    beet("import", *(["-s"] if singletons else []), tmp_path / "music")
    expected = {f"{album}-{g}": g for album in ("One", "Two") for g in ("Rock", "Jazz")}
    assert beet.genres() == expected
    assert {title: file_genres(path) for title, path in beet.paths().items()} == {
        title: [genre] for title, genre in expected.items()
    }


def test_an_import_prints_a_line_for_each_album_and_what_to_do_next(beet, tone, tmp_path):
    for number, genres in enumerate((None, None, ["Polka"])):
        tone("Rock", f"rock {number}", folder="music/one", album="One", genres=genres)
    tone("Unsure", folder="music/two", album="Two")
    tone("Jazz", "kept", folder="music/three", album="Three", genres=["Ska"])
    (tmp_path / "music" / "two" / "broken.flac").write_bytes(b"no music")
    lines = beet("import", "-q", tmp_path / "music").splitlines()
    [guess] = beet.fields("cnngenre_label", query=["title:Unsure"])
    ours = sorted(line for line in lines if line.startswith(("Artist", "genres")))
    hints = "beet cnnreview asks about the unsure; beet cnncompare compares those that were tagged"
    assert ours == [
        "Artist - One: Rock 2, kept 1",
        f"Artist - Two: unsure 1 (perhaps {guess[1]})",
        f"genres: tagged 2, kept 2, unsure 1; {hints} already",
    ]
    assert "unsure (" not in beet.errors
    tone("Unsure", "again", folder="more", album="Four")
    beet("-v", "import", "-q", tmp_path / "more")
    assert f"again: unsure ({guess[1]} 0." in beet.errors


def test_an_import_of_tracks_that_the_plugin_tagged_recommends_no_comparison(library):
    beet = library(Rock=None, Jazz=None)
    beet("genre")
    assert beet("import", "-L", "-A").endswith("genres: kept 2\n")
    beet("modify", "-y", "title:Jazz", "genres=Polka")
    output = beet("import", "-L", "-A")
    assert "kept 2; beet cnncompare compares those that were tagged already" in output


@pytest.mark.parametrize(
    ("genres", "hint"),
    [(None, "; beet cnnreview asks about the unsure"), (["Polka"], "; beet cnnreview -f asks")],
)
def test_an_import_recommends_the_review_that_asks(beet, tone, tmp_path, genres, hint):
    beet.config["cnngenre"]["force"] = True
    (tmp_path / "music").mkdir()
    write_silence(tmp_path / "music" / "silent.wav")
    assert beet("import", "-A", tmp_path / "music").endswith("genres: unsure 1\n")
    tone("Unsure", folder="more", genres=genres)
    assert f"genres: unsure 1{hint}" in beet("import", "-A", tmp_path / "more")


def test_a_doubtful_track_gets_no_genre_and_its_confidence_is_noted(beet, tone, tmp_path):
    tone("Unsure")
    beet("import", tmp_path / "music")
    [(_, genres, model, probability)] = beet.fields(
        "genres", "cnngenre_model", "cnngenre_probability"
    )
    assert (genres, model) == ("", "pitch-1")
    assert 0 < float(probability) < 0.6
    assert file_genres(beet.paths()["Unsure"]) == []


def test_tracks_with_genres_are_left_alone_to_the_byte(beet, tone, tmp_path):
    beet.config["import"] = {"copy": False, "write": True, "quiet": True, "autotag": False}
    beet.config["cnngenre"]["write_asis"] = True
    kept = tone("Jazz", "kept", genres=["Polka", "Ska"])
    tone("Jazz", "gap")
    before = digest(kept)
    beet("import", tmp_path / "music")
    assert digest(kept) == before
    assert beet.genres() == {"kept": "Polka; Ska", "gap": "Jazz"}
    assert beet.fields("cnngenre_label", query=["title:kept", "cnngenre_label::."]) == []


@pytest.mark.parametrize("write_asis", [True, False])
@pytest.mark.parametrize("threaded", [True, False])
def test_as_is_imports_write_tags_only_if_asked_to(beet, tone, tmp_path, write_asis, threaded):
    beet.config["threaded"] = threaded
    beet.config["cnngenre"]["write_asis"] = write_asis
    original = tone("Jazz")
    before = digest(original)
    output = beet("import", "-A", tmp_path / "music")
    assert beet.genres() == {"Jazz": "Jazz"}
    assert file_genres(beet.paths()["Jazz"]) == (["Jazz"] if write_asis else [])
    assert digest(original) == before
    assert ("1 in the library only: beet cnngenre writes the files" in output) is not write_asis


@pytest.mark.parametrize("beets_writes", [True, False])
@pytest.mark.parametrize("write", [True, False])
def test_a_matched_import_says_which_files_are_still_to_be_written(
    beet, tone, tmp_path, beets_writes, write
):
    """Whether beets writes matched tracks depends on `import.write`, not on `write`."""
    beet.config["import"]["write"] = beets_writes
    beet.config["cnngenre"]["write"] = write
    tone("Jazz")
    output = beet("import", tmp_path / "music")
    assert file_genres(beet.paths()["Jazz"]) == (["Jazz"] if beets_writes else [])
    assert (IN_LIBRARY in output) == (write and not beets_writes)
    beet("cnngenre")
    assert file_genres(beet.paths()["Jazz"]) == (["Jazz"] if beets_writes or write else [])


def test_as_is_with_write_off_leaves_files_alone(beet, tone, tmp_path):
    beet.config["cnngenre"] |= {"write_asis": True, "write": False}
    tone("Jazz")
    beet("import", "-A", tmp_path / "music")
    assert file_genres(beet.paths()["Jazz"]) == []


def test_auto_off_stays_out_of_imports(beet, tone, tmp_path):
    beet.config["cnngenre"]["auto"] = False
    tone("Jazz")
    beet("import", tmp_path / "music")
    assert beet.genres() == {"Jazz": ""}


def test_album_genre_sums_up_the_tracks_and_never_overwrites_them(beet, tone, tmp_path):
    for index, genre in enumerate(["Rock", "Jazz", "Jazz", "Jazz", "Unsure"]):
        tone(genre, f"{index}-{genre}")
    beet("import", tmp_path / "music")
    assert beet("ls", "-a", "-f", "$genres") == "Jazz\n"
    assert beet.genres() == {
        "0-Rock": "Rock",
        "1-Jazz": "Jazz",
        "2-Jazz": "Jazz",
        "3-Jazz": "Jazz",
        "4-Unsure": "",
    }


@pytest.mark.parametrize("keep", [True, False])
def test_an_import_with_force_keeps_genres_of_albums_as_those_of_tracks(beet, tone, tmp_path, keep):
    tone("Rock", genres=["Tango"])
    beet.config["cnngenre"] |= {"force": True, "keep_existing": keep}
    beet("import", "-A", tmp_path / "music")
    expected = "Tango; Rock" if keep else "Rock"
    assert beet.genres() == {"Rock": expected}
    assert beet("ls", "-a", "-f", "$genres") == f"{expected}\n"
    beet("cnnundo")
    assert beet("ls", "-a", "-f", "$genres") == "Tango\n"


def test_album_without_a_leading_genre_gets_none(beet, tone, tmp_path):
    for genre in ("Rock", "Jazz", "Electronic"):
        tone(genre)
    beet("import", tmp_path / "music")
    assert beet("ls", "-a", "-f", "[$genres]") == "[]\n"


def test_an_album_without_genres_gets_that_of_tracks_which_have_theirs_already(
    beet, tone, tmp_path
):
    beet.config["cnngenre"]["album_genre"] = False
    for number, genre in enumerate(["Jazz", "Jazz", "Jazz", "Unsure"]):
        tone(genre, f"{number}-{genre}")
    beet("import", tmp_path / "music")
    assert beet("ls", "-a", "-f", "[$genres]") == "[]\n"
    beet.config["cnngenre"]["album_genre"] = True
    assert "tagged 0" in beet("cnngenre")
    assert beet("ls", "-a", "-f", "$genres") == "Jazz\n"


def test_album_genre_can_be_turned_off(beet, tone, tmp_path):
    beet.config["cnngenre"]["album_genre"] = False
    tone("Jazz")
    beet("import", tmp_path / "music")
    assert beet("ls", "-a", "-f", "[$genres]") == "[]\n"


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"model": "/nowhere"}, "there is no model /nowhere"),
        ({"threshold": 2}, "threshold must be from 0 to 1"),
        ({"count": "many"}, "count"),
        ({"count": float("inf")}, "count must be a finite number"),
        ({"cache_megabytes": float("nan")}, "cache_megabytes must be a finite number"),
        ({1: "x"}, "there is no key 1"),
        ({"genres": ["Polka"]}, "has no Polka"),
        ({"write_asis": True, "write_in_place": "yes"}, "write_in_place: must be a bool"),
    ],
)
def test_a_broken_set_up_is_one_warning_and_the_import_goes_on(
    beet, tone, tmp_path, wrong, sentence
):
    beet.config["cnngenre"] |= wrong
    for album in ("One", "Two"):
        tone("Jazz", album, folder=f"music/{album}", album=album)
    beet("import", "-A", tmp_path / "music")
    warnings = beet.errors
    assert all(path.is_relative_to(tmp_path / "library") for path in beet.paths().values())
    assert beet.genres() == {"One": "", "Two": ""}
    assert warnings.count("no genres in this import") == 1
    assert sentence in warnings


def test_a_file_of_lastgenre_that_cannot_be_named_is_one_warning(beet, tone, tmp_path):
    """The file is needed when the first answer is arranged, after the model was loaded."""
    beet.config["cnngenre"]["parents"] = "after"
    beet.config["lastgenre"] = {"canonical": str(tmp_path / "nowhere.yaml")}
    for album in ("One", "Two"):
        tone("Jazz", album, folder=f"music/{album}", album=album)
    beet("import", "-A", tmp_path / "music")
    assert beet.errors.count("no genres in this import") == 1
    assert beet.genres() == {"One": "", "Two": ""}


@pytest.fixture
def imports(beet, tone, tmp_path):
    """Imports a track as is for each of some settings, in one process; returns what is printed."""

    def run(*wishes):
        beet.config["plugins"] = ["cnngenre", "imports"]
        beet.config["import"]["autotag"] = False
        beet.config["imports"] = [*wishes]
        for number in range(len(wishes)):
            tone("Jazz", f"Jazz {number}", folder=f"music/{number}", album=f"Album {number}")
        lines = beet("imports", *sorted((tmp_path / "music").iterdir())).splitlines()
        return [line for line in lines if line.startswith(("genres", "broken"))]

    return run


@pytest.mark.parametrize("threaded", [True, False])
def test_each_import_of_a_process_counts_its_own(beet, imports, threaded):
    beet.config["threaded"] = threaded
    found = imports({}, {"write_asis": True}, {"write_asis": False})
    one = f"genres: tagged 1; {IN_LIBRARY}"
    assert found == [one, "genres: tagged 1", one]
    assert len(list((beet.home / "cnngenre" / "runs").iterdir())) == 3


def test_an_import_after_one_that_went_without_genres_has_them(beet, imports):
    assert imports({"threshold": 2}, {"threshold": 0.6}) == [f"genres: tagged 1; {IN_LIBRARY}"]
    assert beet.errors.count("no genres in this import") == 1
    assert beet.genres() == {"Jazz 0": "", "Jazz 1": "Jazz"}


def test_an_import_after_one_that_was_broken_off_begins_anew(beet, imports):
    assert imports({"breaks": True}, {}) == ["broken off", f"genres: tagged 1; {IN_LIBRARY}"]


@pytest.mark.parametrize("section", [None, [], "yes"])
def test_a_section_of_lastgenre_without_keys_is_none(beet, tone, tmp_path, section):
    """As if everything below it were commented out; the plugin is not loaded."""
    beet.config["cnngenre"]["parents"] = "after"
    beet.config["lastgenre"] = section
    tone("Jazz")
    beet("import", "-A", tmp_path / "music")
    assert beet.genres() == {"Jazz": "Jazz"}
    assert "respelled 0, kept 1" in beet("cnnspelling")


def test_lastgenre_style_order_fills_only_what_is_left(beet, tone, tmp_path):
    """A plugin before ours that sets genres in its own import stage takes precedence."""
    beet.config["plugins"] = ["firstgenre", "cnngenre", "selfmatch"]
    tone("Jazz", "known")
    tone("Rock", "gap")
    beet("import", tmp_path / "music")
    assert beet.genres() == {"known": "From Elsewhere", "gap": "Rock"}


def digest(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_heavy_libraries_are_never_imported(beet, tone, tmp_path):
    beet.config["plugins"] = ["cnngenre", "selfmatch", "heavywatch"]
    tone("Rock")
    output = beet("import", tmp_path / "music")
    assert "heavy: none" in output
    beet.config["plugins"] = ["cnngenre", "selfmatch"]
    assert beet.genres() == {"Rock": "Rock"}


def test_an_empty_genre_tag_is_no_genre(beet, tone, tmp_path):
    path = tone("Rock", kind="wavpack", genres=[""])
    assert mediafile.MediaFile(path).genres == [""]
    beet("import", tmp_path / "music")
    assert beet.genres() == {"Rock": "Rock"}
    assert file_genres(beet.paths()["Rock"]) == ["Rock"]


@pytest.mark.parametrize("again", [False, True])
@pytest.mark.parametrize("options", [["--set", "genres=Mine"], ["--from-scratch"]])
def test_an_undo_gives_the_file_what_the_import_would_have_written(
    beet, tone, tmp_path, options, again
):
    """Not what the file had before the import: the user has replaced that."""
    beet.config["cnngenre"]["force"] = True
    tone("Jazz", genres=["Junk"])
    if again:
        beet("import", tmp_path / "music")
        beet("import", *options, "-L")
    else:
        beet("import", *options, tmp_path / "music")
    assert file_genres(beet.paths()["Jazz"]) == ["Jazz"]
    output = beet("cnnundo")
    mine = ["Mine"] if "--set" in options else []
    assert f"Jazz -> {'; '.join(mine) or 'no genre'} (undo)" in output
    assert file_genres(beet.paths()["Jazz"]) == mine
    beet("update")
    assert beet.genres() == {"Jazz": "; ".join(mine)}


def test_an_undo_after_two_imports_gives_the_file_its_first_genre(beet, tone, tmp_path):
    """The second import replaces only a genre of ours."""
    beet.config["cnngenre"]["force"] = True
    tone("Ambient", genres=["Junk"])
    beet("import", tmp_path / "music")
    beet.config["cnngenre"]["parents"] = "before"
    beet("import", "-L")
    assert file_genres(beet.paths()["Ambient"]) == ["Electronic", "Ambient"]
    beet("cnnundo")
    assert file_genres(beet.paths()["Ambient"]) == ["Junk"]


@pytest.mark.parametrize("beets_writes", [True, False])
def test_files_that_an_import_left_are_written_later_also_beside_importadded(
    beet, tone, tmp_path, beets_writes
):
    """The plugin stores the files' times, as if beets had written the files."""
    beet.config["plugins"] = [*beet.config["plugins"], "importadded"]
    beet.config["importadded"] = {"preserve_mtimes": True}
    beet.config["import"]["write"] = beets_writes
    tone("Jazz")
    output = beet("import", *(["-A"] if beets_writes else []), tmp_path / "music")
    assert (IN_LIBRARY in output) == beets_writes  # without, `beet cnngenre` writes no files either
    assert file_genres(beet.paths()["Jazz"]) == []
    assert "Jazz (was in the library only)" in beet("cnngenre", "-w")
    assert file_genres(beet.paths()["Jazz"]) == ["Jazz"]


@pytest.mark.parametrize("write_asis", [False, True])
def test_an_import_of_the_library_leaves_a_genre_that_was_changed_outside(
    beet, tone, tmp_path, write_asis
):
    tone("Jazz")
    beet("import", tmp_path / "music")
    [path] = beet.paths().values()
    tag(path, None)
    make_newer(path)
    beet.config["cnngenre"]["write_asis"] = write_asis
    beet("import", "-L", "-A")
    assert ("run `beet update` first" in beet.errors) == write_asis
    assert "tagged 0, kept 1" in beet("cnngenre")
    assert file_genres(path) == []


def test_write_asis_also_writes_what_an_earlier_import_left(beet, tone, tmp_path):
    tone("Jazz")
    beet("import", "-A", tmp_path / "music")
    beet.config["cnngenre"]["write_asis"] = True
    assert beet("import", "-A", "-L").splitlines()[0] == "genres: kept 1"
    assert file_genres(beet.paths()["Jazz"]) == ["Jazz"]


@pytest.mark.parametrize("threaded", [True, False])
def test_an_import_that_is_aborted_says_what_it_left(beet, tone, tmp_path, threaded):
    """beets moves no more files then, but sends the same events as at a good end."""
    beet.config["threaded"] = threaded
    beet.config["plugins"] = ["cnngenre", "selfmatch", "aborts"]
    tone("Jazz")
    tone("Unsure")
    output = beet("import", tmp_path / "music")
    assert "genres: tagged 1, unsure 1; 2 not imported to the end: import them again" in output
    assert json.loads(beet("cnnstats", "--run", "last", "--json"))["state"] == "interrupted"
    beet.config["plugins"] = ["cnngenre", "selfmatch"]
    output = beet("import", tmp_path / "music")
    assert "not imported to the end" not in output
    assert all(path.is_relative_to(tmp_path / "library") for path in beet.paths().values())
    assert file_genres(beet.paths()["Jazz"]) == ["Jazz"]


def test_an_import_with_a_model_of_another_field_says_nothing_of_genres(
    beet, tone, tmp_path, pitch_bundle
):
    shutil.copytree(pitch_bundle, tmp_path / "mood")
    manifest = json.loads((pitch_bundle / "manifest.json").read_text()) | {"target": "mood"}
    (tmp_path / "mood" / "manifest.json").write_text(json.dumps(manifest))
    beet.config["cnngenre"]["model"] = str(tmp_path / "mood")
    tone("Jazz", genres=["Polka"])
    tone("Rock")
    assert beet("import", "-A", tmp_path / "music").endswith("mood: tagged 2\n")
    assert beet("import", "-A", "-L").startswith("mood: kept 2\n")
    assert beet("cnngenre").startswith("tagged 0, kept 2")


@pytest.mark.parametrize("others", [["scrub"], ["scrub", "importadded"], ["fetchart", "embedart"]])
def test_what_another_plugin_writes_in_an_import_is_in_the_files(beet, tone, tmp_path, others):
    """These plugins write all tags, even in an as-is import."""
    beet.config["plugins"] = [*beet.config["plugins"], *others]
    beet.config["fetchart"] = {"sources": ["filesystem"]}
    beet.config["importadded"] = {"preserve_mtimes": True}
    tone("Jazz", kind="mp3")
    Image.new("RGB", (8, 8)).save(tmp_path / "music" / "cover.jpg")
    assert "genres: tagged 1\n" in beet("import", "-A", tmp_path / "music")
    assert file_genres(beet.paths()["Jazz"]) == ["Jazz"]
    [(_, mtime)] = beet.fields("mtime")
    assert mtime.startswith("1970") == ("importadded" not in others)  # only importadded stores it
    assert "tagged 0, kept 1" in beet("cnngenre")


def test_an_album_that_is_imported_again_loses_our_genre_with_its_tracks(beet, tone, tmp_path):
    """beets copies the first track's genre to the new album, which has the notes of the old one."""
    for number, genre in enumerate(["Jazz", "Rock", "Rock", "Rock"], start=1):
        tone(genre, f"{genre} {number}", album="One", track=number)
    beet("import", "-A", tmp_path / "music")
    assert beet("ls", "-a", "-f", "$album: $genres") == "One: Rock\n"
    beet("import", "-A", "-L", "album:One")
    beet("cnnundo")
    assert beet("ls", "-a", "-f", "$album: $genres") == "One: \n"
    assert set(beet.genres().values()) == {""}


def test_an_album_of_tracks_that_were_tagged_before_loses_our_genre_with_them(beet, tone, tmp_path):
    """beets copies the first track's genres to a new album."""
    beet.config["import"]["copy"] = False
    for number in (1, 2):
        tone("Jazz", f"Jazz {number}", album="One")
    beet("import", "-s", tmp_path / "music")
    beet("import", tmp_path / "music")
    assert beet("ls", "-a", "-f", "$album: $genres").split("\n")[0] == "One: Jazz"
    beet("cnnundo")
    assert beet("ls", "-a", "-f", "$album: $genres").split("\n")[0] == "One: "
