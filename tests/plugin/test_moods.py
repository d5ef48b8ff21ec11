"""Further genres and moods from the shipped network's tags, with the real command and network."""

import os
import subprocess

import mutagen
import pytest
from audio_files import write_audio
from plugin_files import file_genres, make_newer, n_transactions, tag
from real_beet import only_import

from demo.make_music import RATE, beat_tape, club


@pytest.fixture
def electronic(beet, tmp_path):
    """Makes a ``beet`` with the shipped model and music: ``electronic(club(), "mp3", "flac")``."""

    def make(sound, *kinds, genres=None, **tags):
        beet.config["cnngenre"] = {"threads": 1}
        for kind in kinds:
            path = tmp_path / "music" / f"{kind}.{kind}"
            path.parent.mkdir(exist_ok=True)
            write_audio(path, sound.T, RATE, kind)
            tag(path, genres, title=kind, **tags)
        beet("-c", only_import(beet), "import", "-A", tmp_path / "music")
        return beet

    return make


def test_several_genres_by_the_networks_tags(electronic):
    beet = electronic(club(), "flac")
    beet("cnngenre", "-W")  # this run notes no tags
    beet("cnngenre", "-f", "--count", "3")
    [(_, genres, tags)] = beet.fields("genres", "cnngenre_tags")
    assert genres == "Electronic; House; Electro"
    assert file_genres(beet.paths()["flac"]) == ["Electronic", "House", "Electro"]
    assert "; electro 0." in tags
    beet("cnngenre", "-f", "--count", "3", "--parents", "before", "--ignore", "House")
    assert beet.genres() == {"flac": "Electronic; Electro"}
    beet.config["cnngenre"]["genres"] = {"Electronic": "Dance", "Jazz": None}  # others stay as well
    beet("cnngenre", "-f", "--count", "3")
    assert beet.genres() == {"flac": "Dance; House; Electro"}


def test_moods_are_noted_and_go_to_a_tag_and_come_back(electronic):
    beet = electronic(beat_tape(), "mp3", "flac", genres=["Polka"], comments="mine")
    assert "mp3: none -> chill" in beet("cnnmoods", "--pretend")
    assert "changed 2, kept 0, failed 0" in beet("cnnmoods", "--tag", "grouping")
    [(_, moods, grouping), _] = beet.fields("cnngenre_moods", "grouping")
    assert moods == grouping != ""
    files = {kind: mutagen.File(path) for kind, path in beet.paths().items()}
    assert files["flac"]["grouping"] == [moods]
    assert files["mp3"]["TIT1"].text == [moods]
    assert file_genres(beet.paths()["mp3"]) == ["Polka"]
    assert "changed 0, kept 2" in beet("cnnmoods", "--tag", "comments")  # the user has set a value
    for path in beet.paths().values():  # no file is opened if there is nothing to do
        path.rename(path.with_suffix(".away"))
    assert "changed 0, kept 2, failed 0" in beet("cnnmoods", "--tag", "grouping")
    assert "changed 0, kept 2, failed 0" in beet("cnnmoods")
    assert "changed 0, kept 0, failed 2" in beet("cnnmoods", "--force")
    for path in beet.paths().values():
        path.with_suffix(".away").rename(path)
    assert mutagen.File(beet.paths()["flac"])["comment"] == ["mine"]
    beet("modify", "-y", "title:mp3", "grouping=edited")
    assert "removed 2, failed 0" in beet("cnnmoods", "--undo")
    assert beet("ls", "cnngenre_moods::.") == beet("ls", "cnngenre_mood_tag::.") == ""
    assert "grouping" not in mutagen.File(beet.paths()["flac"])
    assert dict(beet.fields("grouping"))["mp3"] == "edited"
    beet("cnnmoods", "--tag", "title", status=1)
    assert "moods_tag must be one of mood, grouping, comments, not title" in beet.errors


def test_moods_that_go_to_no_tag_are_stored_together(electronic):
    kinds = ("mp3", "flac", "aiff", "wma")
    beet = electronic(beat_tape(), *kinds)
    beet("cnnmoods", "--pretend")  # fills the cache
    commits = []
    for _ in range(3):  # on a busy machine, tracks may not arrive together
        start = n_transactions(beet)
        assert "changed 4, kept 0, failed 0" in beet("cnnmoods")
        middle = n_transactions(beet)
        assert "removed 4, failed 0" in beet("cnnmoods", "--undo")
        commits.append((middle - start, n_transactions(beet) - middle))
    assert min(given for given, _ in commits) < len(kinds)
    assert min(removed for _, removed in commits) < len(kinds)


def test_a_tag_that_beets_did_not_know_is_the_users(electronic):
    """beets knows ``mood`` only if the key or the option names it, so it has not read it before."""
    beet = electronic(beat_tape(), "mp3", "flac")
    paths = beet.paths()
    flac = mutagen.File(paths["flac"])
    flac["mood"] = "Sad"
    flac.save()
    beet("update")
    assert "changed 2, kept 0, failed 0" in beet("cnnmoods", "--tag", "mood")
    assert mutagen.File(paths["flac"])["mood"] == ["Sad"]
    assert mutagen.File(paths["mp3"])["TMOO"].text[0].startswith("chill")
    assert "changed 0, kept 2, failed 0" in beet("cnnmoods", "--tag", "mood")
    beet("cnnmoods", "--undo")
    assert mutagen.File(paths["flac"])["mood"] == ["Sad"]
    assert "TMOO" not in mutagen.File(paths["mp3"])


def test_moods_that_go_to_another_tag_leave_the_first(electronic):
    beet = electronic(beat_tape(), "flac")
    beet("cnnmoods", "--tag", "grouping")
    assert "changed 1, kept 0, failed 0" in beet("cnnmoods", "--tag", "comments")
    file = mutagen.File(beet.paths()["flac"])
    assert "grouping" not in file
    assert file["comment"][0].startswith("chill")
    beet("cnnmoods", "--undo")
    assert "comment" not in mutagen.File(beet.paths()["flac"])


def test_an_import_notes_moods_where_it_is_told_to(electronic):
    beet = electronic(beat_tape(), "mp3")
    beet.config["cnngenre"] |= {"moods": True, "moods_tag": "mood"}
    beet.config["import"]["copy"] = False
    beet("import", beet.paths()["mp3"].parent)
    [(_, moods, mood, genres)] = beet.fields("cnngenre_moods", "mood", "genres")
    assert moods == mood != ""
    assert genres == "Electronic"
    file = mutagen.File(beet.paths()["mp3"])
    assert file["TMOO"].text == file["TXXX:MOOD"].text == [moods]
    for pretend in (["--pretend"], []):  # beets wrote the file
        assert "changed 0, kept 1, failed 0" in beet("cnnmoods", *pretend)


def test_pretend_shows_tags_that_would_change(electronic):
    beet = electronic(beat_tape(), "mp3", "flac")
    beet("cnnmoods")
    beet("modify", "-y", "title:flac", "grouping=mine")
    shown = beet("cnnmoods", "--tag", "grouping", "--pretend")
    assert "pretended: changed 1, kept 1, failed 0" in shown
    assert "changed 1, kept 1, failed 0" in beet("cnnmoods", "--tag", "grouping")
    assert "changed 0, kept 2, failed 0" in beet("cnnmoods", "--tag", "grouping", "--pretend")


def test_an_import_of_several_albums_notes_the_moods_of_each(electronic, tmp_path):
    beet = electronic(beat_tape(), "mp3")
    for number in range(3):
        path = tmp_path / "more" / str(number) / "song.flac"
        path.parent.mkdir(parents=True)
        write_audio(path, beat_tape().T * (1 - number / 10), RATE, "flac")
        tag(path, None, title=f"{number}", artist="One", album=f"Album {number}")
    beet.config["cnngenre"] |= {"moods": True}
    beet("import", "-A", tmp_path / "more")
    assert len(beet.fields("cnngenre_moods", query=["cnngenre_moods::."])) == 3


@pytest.mark.parametrize("genres", [None, ["Polka"]])
def test_an_as_is_import_writes_moods_where_it_writes_genres(electronic, genres):
    beet = electronic(beat_tape(), "flac", genres=genres)
    beet.config["cnngenre"] |= {"moods": True, "moods_tag": "grouping", "write_asis": True}
    beet.config["import"]["copy"] = False
    beet("import", "-A", beet.paths()["flac"].parent)
    [(_, moods)] = beet.fields("cnngenre_moods")
    file = mutagen.File(beet.paths()["flac"])
    assert file["grouping"] == [moods]
    assert file["genre"] == (genres or ["Electronic"])
    assert "changed 0, kept 1" in beet("cnnmoods", "--tag", "grouping")
    beet("cnnmoods", "--undo")
    assert "grouping" not in mutagen.File(beet.paths()["flac"])


def test_moods_that_are_removed_from_the_library_alone_can_be_removed_from_the_file_later(
    electronic,
):
    beet = electronic(beat_tape(), "flac")
    beet("cnnmoods", "--tag", "grouping")
    assert "removed 1, failed 0" in beet("cnnmoods", "--undo", "-W")
    assert "grouping" in mutagen.File(beet.paths()["flac"])
    beet("cnnmoods", "--undo")
    assert "grouping" not in mutagen.File(beet.paths()["flac"])


@pytest.mark.parametrize("options", [["--undo"], ["--force", "--tag", "mood"]])
def test_a_mood_that_was_changed_outside_is_not_written_over(electronic, options):
    """The configuration does not name the tag ``mood``, so `beet update` does not read it."""
    beet = electronic(beat_tape(), "flac")
    path = beet.paths()["flac"]
    beet("cnnmoods", "--tag", "mood")
    file = mutagen.File(path)
    assert file["mood"][0].startswith("chill")
    file["mood"] = ["mine"]
    file.save()
    make_newer(path)
    beet("update")
    assert "failed 0" in beet("cnnmoods", *options)
    assert mutagen.File(path)["mood"] == ["mine"]
    assert "failed 0" in beet("cnnmoods", "--undo")
    assert mutagen.File(path)["mood"] == ["mine"]


def test_beets_still_reads_a_mood_that_was_changed_outside_after_a_genre_was_written(library):
    beet = library("flac", Rock=None)
    beet.config["cnngenre"]["moods_tag"] = "mood"
    [path] = beet.paths().values()
    file = mutagen.File(path)
    file["mood"] = ["mine"]
    file.save()
    make_newer(path)
    assert "tagged 1" in beet("cnngenre")
    assert "mine" in beet("update", "-p")  # beets 2.7.0 cannot store it: "no such column: mood"


def test_moods_are_removed_from_the_library_while_the_file_is_away(electronic):
    beet = electronic(beat_tape(), "flac")
    path = beet.paths()["flac"]
    beet("cnnmoods", "--tag", "grouping")
    path.rename(path.with_suffix(".away"))
    assert "failed 1" in beet("cnnmoods", "--undo")
    assert "flac: No such file or directory\n" in beet.errors
    assert "removed 1, failed 0" in beet("cnnmoods", "--undo", "-W")
    assert beet("ls", "cnngenre_moods::.") == beet("ls", "grouping::.") == ""
    path.with_suffix(".away").rename(path)
    beet("cnnmoods", "--undo")
    assert "grouping" not in mutagen.File(path)
    assert beet("ls", "cnngenre_mood_tag::.") == ""


def test_moods_do_not_move_to_another_tag_while_the_file_keeps_them(electronic):
    beet = electronic(beat_tape(), "flac")
    path = beet.paths()["flac"]
    beet("cnnmoods", "--tag", "grouping")
    beet("cnnmoods", "-W", "--tag", "comments")
    assert beet.fields("comments", query=["comments::."]) == []
    assert "removed 1" in beet("cnnmoods", "--undo")
    assert "grouping" not in mutagen.File(path)


DEATH = """
import os, sys
from beetsplug.cnngenre.tagging import mood_tag
mood_tag.write_file = lambda *_, **__: os._exit(9)
from beets.ui import main
main(sys.argv[1:])
"""


DEATH_AFTERWARDS = """
import os, sys
from beetsplug.cnngenre.beyond_genres import moods
from beetsplug.cnngenre.tagging import mood_tag
write_file = mood_tag.write_file
def write_and_die(*some, **more):
    write_file(*some, **more)
    os._exit(9)
mood_tag.write_file = write_and_die
moods.moods = lambda _: ("new", "mood")
from beets.ui import main
main(sys.argv[1:])
"""


def die(beet, tmp_path, script, *arguments):
    (tmp_path / "death.py").write_text(script)
    python, *_ = beet.command()
    command = [python, tmp_path / "death.py", "cnnmoods", *arguments]
    done = subprocess.run(command, env=beet.environment(), capture_output=True, text=True)
    assert done.returncode == 9


@pytest.mark.parametrize("killed", [["--undo"], ["--tag", "comments"]])
def test_moods_are_still_known_after_a_run_that_died_at_the_file(electronic, tmp_path, killed):
    beet = electronic(beat_tape(), "flac")
    path = beet.paths()["flac"]
    before = dict(mutagen.File(path))
    beet("cnnmoods", "--tag", "grouping")
    die(beet, tmp_path, DEATH, *killed)
    beet("cnnmoods", "--undo")
    assert dict(mutagen.File(path)) == before
    assert beet("ls", "-f", "[$grouping$cnngenre_mood_tag]") == "[$cnngenre_mood_tag]\n"


@pytest.mark.parametrize("newer", [True, False])
@pytest.mark.parametrize("then", ["again", "undo"])
def test_a_tag_that_was_changed_outside_is_not_written_over(electronic, then, newer):
    beet = electronic(beat_tape(), "flac")
    path = beet.paths()["flac"]
    beet("cnnmoods", "--tag", "grouping")
    times = path.stat()
    file = mutagen.File(path)
    file["grouping"] = ["mine"]
    file.save()
    if newer:
        make_newer(path)
    else:  # a tagger that keeps the times of files
        os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    options = ["-f", "--tag", "grouping"] if then == "again" else ["--undo"]
    assert "failed 0" in beet("cnnmoods", *options)
    assert mutagen.File(path)["grouping"] == ["mine"]
    assert beet.fields("grouping") == [("flac", "mine")]


@pytest.mark.parametrize("tag", ["grouping", "mood"])
@pytest.mark.parametrize("then", [["--undo"], ["--tag", "comments"]])
def test_moods_leave_a_file_whose_run_died_right_after_writing_it(electronic, tmp_path, tag, then):
    beet = electronic(beat_tape(), "flac")
    path = beet.paths()["flac"]
    before = dict(mutagen.File(path))
    die(beet, tmp_path, DEATH_AFTERWARDS, "--tag", tag)
    assert mutagen.File(path)[tag] == ["new; mood"]
    assert beet.fields("cnngenre_moods", query=["cnngenre_moods::."]) == []
    assert ("removed 1" if then == ["--undo"] else "changed 1") in beet("cnnmoods", *then)
    assert tag not in mutagen.File(path)
    beet("cnnmoods", "--undo")
    assert dict(mutagen.File(path)) == before
    assert "removed 0" in beet("cnnmoods", "--undo")


def test_new_moods_leave_a_file_whose_run_died_right_after_writing_them(electronic, tmp_path):
    beet = electronic(beat_tape(), "flac")
    path = beet.paths()["flac"]
    before = dict(mutagen.File(path))
    beet("cnnmoods", "--tag", "grouping")
    die(beet, tmp_path, DEATH_AFTERWARDS, "--force", "--tag", "grouping")
    assert mutagen.File(path)["grouping"] == ["new; mood"]
    make_newer(path)
    assert "removed 1, failed 0" in beet("cnnmoods", "--undo")
    assert dict(mutagen.File(path)) == before


@pytest.mark.parametrize("tag", ["grouping", "mood"])
def test_genres_that_only_the_library_has_get_to_files_that_got_moods_first(electronic, tag):
    beet = electronic(beat_tape(), "flac", "mp3")
    beet("cnngenre", "-W")
    assert "changed 2" in beet("cnnmoods", "--tag", tag)
    assert "tagged 2, kept 0" in beet("cnngenre")
    for path in beet.paths().values():
        assert file_genres(path) == ["Electronic"]
    assert "tagged 0, kept 2" in beet("cnngenre")
    assert "changed 0, kept 2" in beet("cnnmoods", "--tag", tag)
    assert beet("update") == ""


def test_genres_get_to_a_file_that_got_moods_from_an_as_is_import_of_the_library(electronic):
    beet = electronic(beat_tape(), "flac")
    beet("cnngenre", "-W")
    beet.config["cnngenre"] |= {"moods": True, "moods_tag": "grouping", "write_asis": True}
    beet("import", "-L", "-A")
    path = beet.paths()["flac"]
    assert mutagen.File(path)["grouping"][0].startswith("chill")
    beet("cnngenre")
    assert file_genres(path) == ["Electronic"]


@pytest.mark.parametrize("tag", ["grouping", "mood"])
def test_moods_that_only_the_library_has_get_to_files_that_got_genres_first(electronic, tag):
    """The configuration does not name the tag ``mood``, so beets does not write it."""
    beet = electronic(beat_tape(), "flac", "mp3")
    beet("cnnmoods", "-W", "--tag", tag)
    assert "tagged 2" in beet("cnngenre")
    for path in beet.paths().values():
        assert file_genres(path) == ["Electronic"]
    assert "tagged 0, kept 2" in beet("cnngenre")
    assert "changed 0, kept 2" in beet("cnnmoods", "-W", "--tag", tag)
    for pretend in (["--pretend"], []):
        assert "changed 2, kept 0, failed 0" in beet("cnnmoods", "--tag", tag, *pretend)
    [(_, moods), _] = beet.fields("cnngenre_moods")
    assert mutagen.File(beet.paths()["flac"])[tag] == [moods]
    assert "changed 0, kept 2" in beet("cnnmoods", "--tag", tag)
    assert "tagged 0, kept 2" in beet("cnngenre")


def test_an_import_says_which_command_writes_its_moods(electronic):
    beet = electronic(beat_tape(), "flac")
    beet.config["cnngenre"] |= {"moods": True, "moods_tag": "grouping"}
    beet.config["import"]["copy"] = False
    path = beet.paths()["flac"]
    output = beet("import", "-A", path.parent)
    assert "; 1 in the library only: beet cnngenre writes the files" in output
    assert "; moods of 1 in the library only: beet cnnmoods writes them" in output
    beet("cnngenre")
    assert "changed 1, kept 0" in beet("cnnmoods")
    assert mutagen.File(path)["grouping"][0].startswith("chill")


def test_an_import_counts_no_moods_that_the_files_have(electronic):
    """The files got them from `cnnmoods`, or from a plugin that writes all tags in an import."""
    beet = electronic(beat_tape(), "flac")
    path = beet.paths()["flac"]
    beet("cnnmoods", "--tag", "grouping")
    beet.config["cnngenre"] |= {"moods": True, "moods_tag": "grouping"}
    assert "moods of" not in beet("import", "-L", "-A")
    beet("cnnmoods", "--undo")
    beet.config["plugins"] = [*beet.config["plugins"], "scrub"]
    beet.config["import"]["copy"] = False
    assert "moods of" not in beet("import", "-A", path.parent)
    assert mutagen.File(path)["grouping"][0].startswith("chill")


@pytest.mark.parametrize(
    ("field", "options"), [("comments", ["--from-scratch"]), ("mood", ["--set", "mood=%if{,x}"])]
)
def test_moods_replace_a_tag_that_the_same_import_has_emptied(electronic, field, options):
    beet = electronic(beat_tape(), "flac", comments="ripped by somebody")
    path = beet.paths()["flac"]
    file = mutagen.File(path)
    file["mood"] = "Sad"
    file.save()
    beet.config["cnngenre"] |= {"moods": True, "moods_tag": field}
    beet.config["import"]["copy"] = False
    beet("import", *options, path.parent)
    [(_, moods, value)] = beet.fields("cnngenre_moods", field)
    assert moods == value != ""
    assert mutagen.File(path)[field.removesuffix("s")] == [moods]


def test_moods_do_not_replace_a_tag_that_beets_did_not_know_when_it_was_imported(electronic):
    beet = electronic(beat_tape(), "flac")
    path = beet.paths()["flac"]
    file = mutagen.File(path)
    file["mood"] = "Sad"
    file.save()
    beet("update")
    beet.config["cnngenre"] |= {"moods": True, "moods_tag": "mood"}
    beet.config["import"]["copy"] = False
    beet("import", "-L")
    [(_, moods)] = beet.fields("cnngenre_moods")
    assert moods.startswith("chill")
    assert mutagen.File(path)["mood"] == ["Sad"]


def test_files_that_get_moods_are_counted_as_changed_as_pretend_says(electronic):
    beet = electronic(beat_tape(), "flac", "mp3")
    beet("cnnmoods", "-W", "--tag", "grouping")
    expected = "changed 2, kept 0, failed 0"
    assert f"pretended: {expected}" in beet("cnnmoods", "--tag", "grouping", "--pretend")
    assert expected in beet("cnnmoods", "--tag", "grouping")
    assert all("grouping" in mutagen.File(path, easy=True) for path in beet.paths().values())
    beet("modify", "-y", "-W", "title=Other")
    for pretend in (["--pretend"], []):  # the files have the moods
        assert "changed 0, kept 2, failed 0" in beet("cnnmoods", "--tag", "grouping", *pretend)


def test_noted_moods_get_to_a_tag_without_another_analysis(electronic):
    beet = electronic(beat_tape(), "flac")
    beet("modify", "-y", "-W", "cnngenre_moods=noted; before")
    assert "changed 1, kept 0, failed 0" in beet("cnnmoods", "--tag", "grouping")
    assert mutagen.File(beet.paths()["flac"])["grouping"] == ["noted; before"]


def test_a_genre_that_an_undo_left_in_the_file_is_still_known_after_moods(electronic):
    beet = electronic(beat_tape(), "flac", "mp3", genres=["Polka"])
    beet("cnngenre", "--force")
    for path in beet.paths().values():  # so that the time changes when the file is written
        os.utime(path, (1_000_000_000, 1_000_000_000))
    beet("cnnundo", "-W")
    assert "changed 2" in beet("cnnmoods", "--tag", "comments")
    beet("update")
    assert set(beet.genres().values()) == {"Electronic"}  # beets has read it from the files
    assert "restored 2, kept 0, failed 0" in beet("cnnundo")
    assert set(beet.genres().values()) == {"Polka"}
    assert all(file_genres(path) == ["Polka"] for path in beet.paths().values())
