"""``beet cnngenre``: the genres of tracks that are in the library already."""

import json
import os
import re
import signal
import subprocess
import time

import mutagen
import numpy as np
import pytest
from audio_files import write_audio, write_silence
from plugin_files import file_genres, make_newer, n_transactions, tag, with_bug
from real_beet import HZ, write_tone

from beetsplug.cnngenre.tagging.fields import as_stored


def summary(output):
    """The counts of the last line, without the time."""
    return re.sub(r" in \d+:\d\d(;.*)?$", "", output.splitlines()[-1])


def files(beet):
    return {title: file_genres(path) for title, path in beet.paths().items()}


@pytest.mark.parametrize("name", ["cnngenre", "genre"])
def test_fills_gaps_in_database_and_files(library, name):
    beet = library(Rock=None, Jazz=None, Electronic=["Polka"], Unsure=None)
    output = beet(name)
    assert summary(output) == "tagged 2, kept 1, unsure 1, failed 0"
    assert "Artist - Album - Jazz: no genre -> Jazz" in output
    assert beet.genres() == {"Rock": "Rock", "Jazz": "Jazz", "Electronic": "Polka", "Unsure": ""}
    assert files(beet) == {
        "Rock": ["Rock"],
        "Jazz": ["Jazz"],
        "Electronic": ["Polka"],
        "Unsure": [],
    }


def test_the_query_limits_it(library):
    beet = library(Rock=None, Jazz=None)
    assert summary(beet("genre", "title:Jazz")) == "tagged 1, kept 0, unsure 0, failed 0"
    assert beet.genres() == {"Rock": "", "Jazz": "Jazz"}


def test_a_query_without_matches_is_no_error(library):
    beet = library(Rock=None)
    assert summary(beet("genre", "title:Nothing")) == "tagged 0, kept 0, unsure 0, failed 0"
    assert beet.errors == "cnngenre: no track matches the query\n"


def test_a_second_run_does_nothing_and_extracts_nothing(library):
    beet = library(Rock=None, Unsure=None)
    beet("genre")
    state = beet.fields("genres", "cnngenre_all", "mtime", "cnngenre_probability")
    for path in beet.paths().values():
        path.unlink()  # another extraction would fail
    assert summary(beet("genre")) == "tagged 0, kept 1, unsure 1, failed 0"
    assert beet.fields("genres", "cnngenre_all", "mtime", "cnngenre_probability") == state


def test_a_lower_threshold_is_applied_to_cached_features(library):
    beet = library(Unsure=None)
    beet("genre")
    beet("genre", "-W", "--threshold", "0.2")
    assert beet.genres() != {"Unsure": ""}


def test_genres_of_a_lower_threshold_that_only_the_library_has_get_to_the_files(library):
    beet = library(Rock=None, Unsure=None)
    beet("genre", "-W", "--threshold", "0.2")
    given = beet.genres()
    assert given["Unsure"]
    assert summary(beet("genre", "-p")) == f"pretended: {summary(beet('genre'))}"
    assert files(beet) == {title: [genre] for title, genre in given.items()} != {}
    assert summary(beet("genre")) == "tagged 0, kept 2, unsure 0, failed 0"


def test_genres_that_were_respelled_in_the_library_get_to_the_files(library):
    beet = library(Rock=["Pop"], Jazz=["pop"], Electronic=["Pop"])
    beet("cnnspelling", "-W")
    assert beet.genres()["Jazz"] == "Pop"
    assert summary(beet("genre", "-w")) == "tagged 1, kept 2, unsure 0, failed 0"
    assert files(beet)["Jazz"] == ["Pop"]
    beet("cnnundo")
    assert files(beet)["Jazz"] == ["pop"]


def test_the_review_that_a_run_proposes_asks_about_the_same_tracks(library):
    beet = library(Rock=None, Unsure=None)
    proposed = "2 unsure: beet cnnreview --threshold 1.0"
    assert proposed in beet("genre", "--threshold", "1")
    assert "beet cnnreview" not in beet("genre", "--genres", "Jazz", "--threshold", "1")
    assert "left 2," in beet("cnnreview", "--pretend", "--threshold", "1")
    assert "left 1," in beet("cnnreview", "--pretend")


def test_pretend_shows_the_plan_and_changes_nothing(library):
    beet = library(Rock=None, Jazz=["Polka"], Unsure=None)
    before = beet.fields("genres", "mtime")
    output = beet("genre", "--pretend")
    assert summary(output) == "pretended: tagged 1, kept 1, unsure 1, failed 0"
    assert "Rock: no genre -> Rock (" in output
    assert "kept (" not in output
    assert re.search(r"Unsure: unsure \(\w+ 0\.\d\d, below 0\.60\)", output)
    assert beet.fields("genres", "mtime") == before
    assert beet("ls", "cnngenre_model::.") == ""
    assert files(beet) == {"Rock": [], "Jazz": ["Polka"], "Unsure": []}


def test_force_replaces_and_keep_existing_adds(library):
    beet = library(Rock=["Polka"], Jazz=["jazz", "Ska"])
    beet("genre", "--force", "--keep-existing")
    assert beet.genres() == {"Rock": "Polka; Rock", "Jazz": "jazz; Ska"}
    beet("genre", "--force")
    assert beet.genres() == {"Rock": "Rock", "Jazz": "jazz"}  # as the library spells it
    assert files(beet) == {"Rock": ["Rock"], "Jazz": ["jazz"]}


def test_force_never_wipes_the_genres_of_a_doubtful_track(library):
    beet = library(Unsure=["Polka"])
    assert summary(beet("genre", "-f")) == "tagged 0, kept 0, unsure 1, failed 0"
    assert beet.genres() == {"Unsure": "Polka"}
    assert files(beet) == {"Unsure": ["Polka"]}


def test_nowrite_changes_the_database_only_and_write_overrides_the_configuration(library):
    beet = library(Rock=None)
    beet("genre", "-W")
    assert (beet.genres(), files(beet)) == ({"Rock": "Rock"}, {"Rock": []})
    beet("cnnundo", "-W")
    beet.config["import"]["write"] = False
    beet("genre")
    assert files(beet) == {"Rock": []}
    beet("cnnundo", "-W")
    beet("genre", "-w")
    assert files(beet) == {"Rock": ["Rock"]}


def test_album_queries_and_the_albums_own_genre(library):
    beet = library(Jazz_1=None, Jazz_2=None, Jazz_3=None, Rock=None)
    beet("genre", "-a", "album:Album")
    assert beet("ls", "-a", "-f", "$genres") == "Jazz\n"
    assert beet.genres() == {"Jazz_1": "Jazz", "Jazz_2": "Jazz", "Jazz_3": "Jazz", "Rock": "Rock"}
    beet("cnnundo")
    assert beet("ls", "-a", "-f", "[$genres]") == "[]\n"


ALBUM = "$genres | $cnngenre_album_previous"


@pytest.mark.parametrize(("flags", "genres"), [("-f", "Jazz"), ("-fk", "Tango; Jazz")])
def test_a_change_of_an_albums_own_genre_is_shown_and_can_keep_it(library, flags, genres):
    beet = library(Jazz=["Tango"])
    line = rf"(?m)^album .*Album: Tango -> {genres} \(1\.00\)$"
    assert re.search(line, beet("genre", flags, "-p"))
    assert beet("ls", "-a", "-f", "$genres") == "Tango\n"
    assert re.search(line, beet("genre", flags))
    assert beet("ls", "-a", "-f", ALBUM) == f"{genres} | Tango\n"
    assert "album" not in beet("genre", flags)  # nothing changes
    line = rf"(?m)^album .*Album: {genres} -> Tango \(undo\)$"
    assert re.search(line, beet("cnnundo", "-p"))
    assert beet("ls", "-a", "-f", "$genres") == f"{genres}\n"
    assert re.search(line, beet("cnnundo"))
    assert beet("ls", "-a", "-f", "$genres") == "Tango\n"


def test_an_albums_own_genre_alone_is_replaced_with_a_line(library):
    beet = library(Jazz=None)
    beet("genre")
    beet("modify", "-a", "-y", "-I", "genres=Tango")
    assert "album" not in beet("genre")
    assert "Album: Tango -> Jazz" in beet("genre", "-f")
    assert "Album: Jazz -> Tango" in beet("cnnundo")


def test_what_an_album_keeps_stays_without_force(library):
    beet = library(Jazz_1=["Tango"])
    beet("genre", "-fk")
    beet("modify", "-y", "genres=")
    beet("genre", "--genres", "Rock", "--threshold", "0")
    assert beet("ls", "-a", "-f", "$genres") == "Tango; Rock\n"


def test_a_pretended_run_shows_what_albums_without_genres_get(library):
    beet = library(Jazz=None)
    lines = [beet("genre", *pretend).splitlines()[:2] for pretend in (["-p"], [])]
    assert lines[0] == lines[1]
    assert lines[0][1].startswith("album ")
    assert "no genre -> Jazz" in lines[0][1]


def test_the_spelling_of_an_albums_genre_is_shown(library):
    beet = library(Jazz_1=["Tango"], Jazz_2=["Tango"], Jazz_3=["tango"])
    beet("modify", "-a", "-y", "-I", "genres=tango")
    for pretend in (["-p"], []):
        assert "Album: tango -> Tango (spelling)" in beet("cnnspelling", *pretend)
    assert "Album: Tango -> tango (undo)" in beet("cnnundo")


def test_a_track_with_an_empty_genre_among_others_is_like_any(library):
    beet = library(Rock=["Polka"])
    beet("modify", "-y", "-W", "genres=Polka; ")
    assert beet("ls", "-f", "$genres") == "Polka; \n"
    assert summary(beet("genre", "-f")) == "tagged 1, kept 0, unsure 0, failed 0"
    assert files(beet) == {"Rock": ["Rock"]}


def test_albums_that_have_lost_a_field_of_ours_are_undone_too(library):
    beet = library(Rock=None)
    beet("modify", "-a", "-y", "-I", "genres=Tango", "cnngenre_album_previous=Polka")
    beet("cnnundo")
    assert (
        beet("ls", "-a", "-f", "$genres $cnngenre_album_previous")
        == "Tango $cnngenre_album_previous\n"
    )


def test_an_albums_genre_counts_what_the_user_labelled(library):
    beet = library(Jazz_1=["Polka"], Jazz_2=["Polka"], Jazz_3=["Polka"], Rock=None)
    beet("modify", "-y", "-a", "-I", "genres=")
    beet("genre")
    assert beet("ls", "-a", "-f", "$genres") == "Polka\n"


def test_several_genres_and_the_threshold(library, pitch_bundle):
    beet = library(Unsure=None)
    output = beet("genre", "-p", "--threshold", "0.1", "--count", "3")
    assert re.search(r"Unsure: no genre -> \w+(; \w+)*", output)
    beet.config["cnngenre"] |= {"second_threshold": 0.01}
    output = beet("genre", "-p", "--threshold", "0.1", "--count", "3")
    genres = re.search(r"no genre -> (.*) \(", output)[1].split("; ")
    assert len(genres) == 3


def test_a_kind_of_a_genre_is_named_where_it_is_sure_and_credited_to_its_parent(library):
    beet = library(Ambient=None)
    beet("genre")
    assert beet.genres() == {"Ambient": "Ambient"}
    beet.config["cnngenre"]["genres"] = ["Rock", "Electronic"]
    beet("genre", "-f")
    assert beet.genres() == {"Ambient": "Electronic"}


def test_genres_can_be_renamed_and_dropped(library):
    beet = library(Rock=None, Jazz=None)
    beet.config["cnngenre"]["genres"] = {"rock": "Rock & Roll", "Jazz": None}
    beet("genre")
    assert beet.genres() == {"Rock": "Rock & Roll", "Jazz": ""}


def test_results_can_be_queried(library):
    beet = library(Rock=None, Unsure=None)
    beet("genre")
    assert beet("ls", "-f", "$title", "cnngenre_probability:..0.6") == "Unsure\n"
    assert beet("ls", "-f", "$title", "cnngenre_probability:0.6..") == "Rock\n"
    assert beet("ls", "-f", "$title", "cnngenre_label:Rock", "cnngenre_model:pitch") == "Rock\n"
    [(_, everything, written)] = beet.fields("cnngenre_all", "cnngenre_written", query=["Rock"])
    assert re.match(r"Rock [01]\.\d{4}", everything)
    assert written == "Rock"


def test_quiet_prints_the_summary_only(library):
    beet = library(Rock=None)
    assert len(beet("genre", "-q").splitlines()) == 1


def test_undo_restores_database_and_files(library):
    beet = library(Rock=None, Jazz=["Polka", "Ska"], Unsure=None)
    beet("genre", "-f")
    beet("genre", "-f", "--count", "2", "--threshold", "0.3")
    output = beet("cnnundo")
    assert "restored" in summary(output)
    assert beet.genres() == {"Rock": "", "Jazz": "Polka; Ska", "Unsure": ""}
    assert files(beet) == {"Rock": [], "Jazz": ["Polka", "Ska"], "Unsure": []}
    assert beet("ls", "cnngenre_model::.", "title:Rock") == ""
    assert summary(beet("cnnundo")) == "restored 0, kept 0, failed 0"


def test_undo_leaves_alone_what_the_user_edited_since(library):
    beet = library(Rock=None, Jazz=None)
    beet("genre")
    beet("modify", "-y", "title:Rock", "genres=Stoner Rock")
    assert summary(beet("cnnundo")) == "restored 1, kept 1, failed 0"
    assert beet.genres() == {"Rock": "Stoner Rock", "Jazz": ""}


def test_an_edit_that_is_taken_back_can_still_be_undone(library):
    beet = library(Rock=["Polka"])
    beet("genre", "-f")
    noted = beet.fields("cnngenre_previous", "cnngenre_file", "cnngenre_probability")
    for kind in ([], ["-a", "-I"]):
        beet("modify", "-y", *kind, "genres=Ska")
    for flag in ("-w", "-W"):
        output = beet("cnnundo", flag)
        assert summary(output) == "restored 0, kept 1, failed 0"
        assert "in the library only" not in output
    assert beet.fields("cnngenre_previous", "cnngenre_file", "cnngenre_probability") == noted
    assert json.loads(beet("cnnstats", "--json"))["edited_since"] == 1
    for kind in ([], ["-a", "-I"]):
        beet("modify", "-y", *kind, "genres=Rock")
    assert summary(beet("cnnundo")) == "restored 1, kept 0, failed 0"
    assert (beet.genres(), files(beet)) == ({"Rock": "Polka"}, {"Rock": ["Polka"]})
    assert beet("ls", "-a", "-f", "$genres") == "Polka\n"
    assert beet("ls", "cnngenre_previous::.") == ""


def test_of_an_edit_that_gave_back_what_was_before_nothing_is_remembered(library):
    beet = library(Rock=["Polka"])
    beet("genre", "-f")
    beet("modify", "-y", "genres=Polka")
    assert summary(beet("cnnundo")) == "restored 0, kept 1, failed 0"
    assert beet("ls", "cnngenre_previous::.") == ""
    assert summary(beet("cnnundo")) == "restored 0, kept 0, failed 0"


def test_after_an_edit_that_was_kept_another_run_remembers_the_edit(library):
    beet = library(Rock=["Polka"])
    beet("genre", "-f")
    beet("modify", "-y", "genres=Ska")
    beet("cnnundo")
    beet("genre", "-f")
    assert summary(beet("cnnundo")) == "restored 1, kept 0, failed 0"
    assert (beet.genres(), files(beet)) == ({"Rock": "Ska"}, {"Rock": ["Ska"]})


def test_undo_can_be_pretended(library):
    beet = library(Rock=None)
    beet("genre")
    assert "Rock: Rock -> no genre (undo)" in beet("cnnundo", "-p")
    assert beet.genres() == {"Rock": "Rock"}


def test_undo_after_an_import(beet, tone, tmp_path):
    tone("Jazz")
    beet("import", tmp_path / "music")
    beet("cnnundo")
    assert (beet.genres(), files(beet)) == ({"Jazz": ""}, {"Jazz": []})


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--model", "/nowhere"], "there is no model /nowhere"),
        (["--threshold", "1.5"], "threshold must be from 0 to 1, not 1.5"),
        (["--count", "0"], "count must be at least 1, not 0"),
        (["-t", "0"], "threads must be at least 1, not 0"),
    ],
)
def test_a_broken_set_up_is_one_sentence_and_status_1(library, arguments, sentence):
    beet = library(Rock=None)
    beet("genre", *arguments, status=1)
    assert sentence in beet.errors
    assert len(beet.errors.strip().splitlines()) == 1
    assert beet.genres() == {"Rock": ""}


def test_a_model_can_be_named_and_shipped_is_one(library, pitch_bundle):
    beet = library(Rock=None)
    models = beet.home / "cnngenre" / "models"
    models.mkdir(parents=True)
    (models / "mine").symlink_to(pitch_bundle)
    beet("genre", "--model", "mine")
    assert beet.fields("cnngenre_model") == [("Rock", "pitch-1")]
    beet("genre", "-f", "--model", "shipped")
    assert beet.fields("cnngenre_model")[0][1].startswith("musicnn-")


def test_thorough_gives_the_same(library):
    beet = library(Rock=None)
    beet("genre", "--thorough")
    assert beet.genres() == {"Rock": "Rock"}


def test_a_write_that_fails_changes_nothing_and_is_counted(library):
    beet = library(Rock=None, Jazz=None)
    beet.config["plugins"] = ["cnngenre", "unwritable"]
    output = beet("genre")
    assert summary(output) == "tagged 1, kept 0, unsure 0, failed 1"
    assert "the file cannot be written" in beet.errors
    assert beet.genres() == {"Rock": "Rock", "Jazz": ""}
    beet.config["plugins"] = ["cnngenre"]
    assert summary(beet("genre")) == "tagged 1, kept 1, unsure 0, failed 0"


def test_a_bug_at_one_track_is_logged_with_its_traceback_and_does_not_end_the_run(
    library, tmp_path
):
    beet = library(Rock=None, Jazz=None)
    environment = beet.environment() | with_bug(tmp_path)
    done = subprocess.run(
        [*beet.command(), "genre"], env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0
    assert "tagged 1, kept 0, unsure 0, failed 1" in done.stdout
    assert "ZeroDivisionError" in done.stderr


@pytest.mark.skipif(os.name == "nt", reason="nothing sends Ctrl-C there")
def test_ctrl_c_keeps_what_is_done_and_the_next_run_finishes(library):
    titles = {f"Rock_{index}": None for index in range(12)}
    beet = library(**titles)
    beet.config["plugins"] = ["cnngenre", "slow"]
    beet.config["cnngenre"]["threads"] = 1
    process = beet.start("genre")
    first = process.stdout.readline()
    assert "-> Rock" in first
    start = time.monotonic()
    os.kill(process.pid, signal.SIGINT)
    rest, _ = process.communicate(timeout=30)
    assert time.monotonic() - start < 10
    assert rest.splitlines()[-1].startswith("interrupted: tagged ")
    done = [title for title, genres in beet.genres().items() if genres]
    assert 0 < len(done) < 12
    assert sorted(t for t, genres in files(beet).items() if genres) == sorted(done)
    beet.config["plugins"] = ["cnngenre"]
    beet("genre")
    assert set(beet.genres().values()) == {"Rock"}


def test_what_comes_at_once_is_stored_at_once_but_each_file_for_itself(library):
    beet = library(**{f"Rock_{number:02}": None for number in range(12)})
    beet("genre", "-p")
    of_database = []
    for _ in range(3):  # on a busy machine, tracks may not arrive together
        start = n_transactions(beet)
        beet("genre", "-W")
        of_database.append(n_transactions(beet) - start)
        assert set(beet.genres().values()) == {"Rock"}
        beet("cnnundo", "-W")
        if of_database[-1] < 12:
            break
    start = n_transactions(beet)
    beet("genre")
    assert min(of_database) < 12 <= n_transactions(beet) - start


def test_what_an_undo_keeps_is_stored_at_once_too(library):
    titles = [f"Rock_{number:02}" for number in range(12)]
    beet = library(**dict.fromkeys(titles))
    commits = []
    for _ in range(3):  # on a busy machine, this may take long
        beet("genre")
        beet("modify", "-y", "genres=")
        start = n_transactions(beet)
        assert "restored 0, kept 12" in beet("cnnundo")  # nothing is left to restore
        commits.append(n_transactions(beet) - start)
        if commits[-1] < len(titles):
            break
    assert min(commits) < len(titles)


@pytest.mark.skipif(os.name == "nt", reason="nothing sends Ctrl-C there")
def test_ctrl_c_keeps_what_waits_to_be_stored(library):
    beet = library(Rock_1=None, Rock_2=None, Rock_3=None, Jazz=None)
    beet("genre", "-p", "title:Rock")
    beet.config["plugins"] = ["cnngenre", "ctrlclater"]
    output = beet("genre", "-W", "title-")
    assert "interrupted: tagged 3, kept 0, unsure 0, failed 0" in output
    assert sorted(beet.genres().values()) == ["", "Rock", "Rock", "Rock"]
    assert re.search(r"tagged +3 +100%", beet("cnnstats", "--run", "last"))


@pytest.mark.skipif(os.name == "nt", reason="nothing sends Ctrl-C there")
@pytest.mark.parametrize("in_place", [False, True])
@pytest.mark.parametrize(("command", "ends"), [("genre", "Rock"), ("cnnundo", "")])
def test_ctrl_c_does_not_come_between_a_file_and_the_library(library, command, ends, in_place):
    beet = library(Rock=None, Rock_2=None)
    beet.config["cnngenre"]["write_in_place"] = in_place
    if not ends:
        beet("genre")
    beet.config["plugins"] = ["cnngenre", "ctrlc"]
    assert re.search(r"interrupted: (tagged|restored) 1, kept 0", beet(*command.split()))
    assert re.search(r"(tagged|restored) +1 +100%", beet("cnnstats", "--run", "last"))
    both = [("; ".join(files(beet)[title]), genre) for title, genre in beet.genres().items()]
    other = "" if ends else "Rock"
    assert sorted(both) == sorted([(ends, ends), (other, other)])
    beet.config["plugins"] = ["cnngenre"]
    beet(*command.split())
    assert set(beet.genres().values()) == {ends}


def test_heavy_libraries_are_never_imported(library):
    beet = library(Rock=None)
    beet.config["plugins"] = ["cnngenre", "heavywatch"]
    assert "heavy: none" in beet("genre", "-f")


def test_other_tags_are_as_they_were(library):
    beet = library(kind="flac", Rock=None)
    path = beet.paths()["Rock"]
    before = dict(mutagen.File(path))
    beet("genre")
    after = dict(mutagen.File(path))
    assert after["genre"] == ["Rock"]
    assert {key: after[key] for key in before} == before


def test_retagged_outside_and_updated_counts_as_the_users_own(library):
    beet = library(Rock=None)
    beet("genre")
    path = beet.paths()["Rock"]
    tag(path, title="Rock", genres=["Stoner"])
    os.utime(path, (time.time() + 100,) * 2)
    beet("update")
    assert summary(beet("cnnundo")) == "restored 0, kept 1, failed 0"
    assert beet.genres() == {"Rock": "Stoner"}


def test_a_review_of_tracks_that_have_genres_is_recommended_as_it_asks_about_them(library):
    beet = library(Unsure=["Polka"], Rock=["Ska"], Jazz=None)
    assert beet("genre", "-f").rstrip().endswith("; 1 unsure: beet cnnreview -f")
    assert beet("cnnreview", "-p").startswith("pretended: ")
    [question, last] = beet("cnnreview", "-p", "-f").splitlines()
    assert question.startswith("Artist - Album - Unsure: 1. ")
    assert "left 1" in last
    assert "sure of" not in last  # Rock and Jazz now have genres, which beet cnngenre keeps


def test_no_review_is_recommended_for_tracks_without_sound(library, tmp_path):
    (tmp_path / "music").mkdir()
    path = write_silence(tmp_path / "music" / "silent.wav")
    tag(path, title="silent")
    beet = library()
    for _ in range(2):
        assert re.search(r"unsure 1, failed 0 in [\d:]+$", beet("genre").rstrip())
    assert beet("cnnreview", "-p").startswith("pretended: ")


def test_a_sound_that_is_like_no_genre_is_not_noted_as_silent():
    assert as_stored({"Rock": 1e-9, "Jazz": 2e-9}) == {"Jazz": 0.0001}
    assert as_stored({"Rock": 0.00012, "Jazz": 1e-9}) == {"Rock": 0.0001}
    assert as_stored({}) == {}


def test_a_silent_track_is_analysed_again_as_its_file_may_have_been_replaced(library):
    beet = library(Rock=None)
    path = beet.paths()["Rock"]
    tag(write_silence(path), title="Rock")
    beet("update")
    assert summary(beet("genre")) == "tagged 0, kept 0, unsure 1, failed 0"
    make_newer(write_tone(path.parent, "Unsure", path.stem, title="Rock"))
    beet("update")
    assert "left 1" in beet("cnnreview", "-p")
    assert beet("genre").rstrip().endswith("; 1 unsure: beet cnnreview")


def write_changing_tone(path):
    """Write a file of two minutes that is Jazz and Rock in turn, so that samples of it differ."""
    rate = 16_000
    time_s = np.arange(120 * rate) / rate
    hz = np.where(time_s % 19 < 9, HZ["Jazz"], HZ["Rock"])
    write_audio(path, 0.5 * np.sin(2 * np.pi * np.cumsum(hz) / rate)[:, None], rate)


@pytest.mark.parametrize("configured", [False, True])
def test_a_thorough_run_analyses_the_unsure_tracks_again(library, configured):
    beet = library(Rock=None)
    write_changing_tone(beet.paths()["Rock"])
    beet.config["cnngenre"]["threshold"] = 1
    beet("genre")
    of_sample = beet.fields("cnngenre_all")
    thorough = [] if configured else ["--thorough"]
    beet.config["cnngenre"]["thorough"] = configured
    assert summary(beet("genre", *thorough)) == "tagged 0, kept 0, unsure 1, failed 0"
    of_all = beet.fields("cnngenre_all")
    assert of_all != of_sample
    beet("genre", "-f", *thorough)
    assert beet.fields("cnngenre_all") == of_all


def test_an_unsure_line_names_the_guess_and_the_end_what_to_do_next(library):
    beet = library(Unsure=None, Rock=None, Jazz=["Polka"])
    output = beet("genre", "-p")
    guess, probability = re.search(
        r"Unsure: unsure \((\w+) (0\.\d+), below 0\.60\)", output
    ).groups()
    assert output.splitlines()[-1].endswith("; 1 unsure: beet cnnreview")
    output = beet("genre", "-p", "--threshold", str(float(probability) + 0.003))
    shown, threshold = re.search(rf"\({guess} (0\.\d+), below (0\.\d+)\)", output).groups()
    assert float(shown) < float(threshold)
    assert "Jazz: kept (has genres)" in verbose(beet, "genre", "-p")


def verbose(beet, *arguments):
    """What ``beet -v`` prints and logs."""
    return beet("-v", *arguments) + beet.errors


def test_the_first_run_says_what_it_found(library):
    beet = library(Rock=None, Jazz=["Polka"], Electronic=["Drone"])
    first = "2 tracks have genres; 1 does not; to compare: beet cnncompare"
    assert beet("genre").splitlines()[0] == first
    assert first not in beet("genre")


def test_the_first_run_leaves_out_what_the_plugin_tagged(library):
    beet = library(Rock=None, Jazz=["Polka"], Unsure=None)
    beet("genre", "-W")
    runs = beet.home / "cnngenre" / "runs"
    for path in runs.iterdir():
        path.unlink()
    first = (
        "2 tracks have genres, 1 of them from the plugin; 1 does not; to compare: beet cnncompare"
    )
    assert beet("genre").splitlines()[0] == first
    for path in runs.iterdir():
        path.unlink()
    assert "to compare" not in beet("genre", "title:Rock")


def test_a_track_without_an_album_is_named_by_what_it_has(beet, tone, tmp_path):
    tone("Rock", album="")
    beet.config["cnngenre"]["auto"] = False
    beet("import", "-A", "-s", tmp_path / "music")
    assert "Artist - Rock: no genre -> Rock (" in beet("genre")


def test_an_answer_of_a_review_outlasts_force_and_undo_unless_told(library):
    beet = library(Rock=None)
    beet("genre")
    beet("modify", "-y", "title:Rock", "genres=Drone", "cnngenre_reviewed=Drone")
    assert summary(beet("genre", "-f")) == "tagged 0, kept 1, unsure 0, failed 0"
    output = beet("cnnundo")
    assert summary(output) == "restored 0, kept 1, failed 0"
    assert output.rstrip().endswith("; 1 decided in a review: cnnundo --reviewed takes those back")
    assert beet.genres() == {"Rock": "Drone"}
    assert summary(beet("cnnundo", "-p", "--reviewed")) == "pretended: restored 1, kept 0, failed 0"
    assert summary(beet("genre", "-f", "--reviewed")) == "tagged 1, kept 0, unsure 0, failed 0"
    assert beet.genres() == {"Rock": "Rock"}


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"thresold": 0.5}, "cnngenre: there is no key thresold; is it threshold?"),
        ({"zzz": 1}, "cnngenre: there is no key zzz"),
        ({"train": {"eposhs": 3}}, "cnngenre.train: there is no key eposhs; is it epochs?"),
        ({"ignore": 5}, "cnngenre: ignore must be a list of genres, not 5"),
        ({"write_in_place": "yes"}, "cnngenre.write_in_place: must be a bool, not str"),
        ({"auto": "maybe"}, "cnngenre: auto must be yes or no, not maybe"),
        ({"model": "nosuch"}, "there is no model nosuch; there are: shipped"),
    ],
)
def test_a_setting_that_is_wrong_is_one_sentence(library, settings, sentence):
    beet = library(Rock=None)
    beet.config["cnngenre"] |= settings
    beet("genre", status=1)
    assert sentence in beet.errors.splitlines()[-1]
    assert beet.genres() == {"Rock": ""}


@pytest.mark.parametrize("section", [True, "yes", ["auto"]])
def test_a_section_without_keys_is_one_sentence(library, section):
    beet = library(Rock=None)
    beet.config["cnngenre"] = section
    sentence = "cnngenre: the section must have keys, such as auto: yes"
    assert beet.genres() == {"Rock": ""}  # other commands work as usual
    assert beet.errors == f"{sentence}; tracks are imported without genres\n"
    for command in ("cnngenre", "cnntrain", "cnnmodels"):
        beet(command, status=1)
        assert beet.errors.splitlines()[1:] == [f"error: {sentence}"]


@pytest.mark.parametrize("names", ["", " , "])
def test_a_restriction_to_no_genre_is_one_sentence(library, names):
    beet = library(Rock=None)
    for command, key in (("cnngenre", "--genres"), ("cnntrain", "train.classes")):
        beet(command, "-p", "--genres", names, status=1)
        assert beet.errors.endswith(f"cnngenre: {key} names no genre\n")


@pytest.mark.parametrize(("names", "warned"), [("Jaz,rock", True), ("jazz,Hip-Hop", False)])
def test_a_genre_to_ignore_that_nobody_knows_is_named(library, names, warned):
    beet = library(Ambient=None)
    beet("genre", "-p", "--ignore", names)
    assert ("ignore: no genre is called Jaz" in beet.errors) is warned


@pytest.mark.parametrize("section", [None, {"train": None}, {"threshold": None, "count": None}])
def test_what_is_commented_out_is_the_default(library, section):
    beet = library(Rock=None)
    model = beet.config["cnngenre"]["model"]
    beet.config["cnngenre"] = section
    assert summary(beet("genre", "--model", model)) == "tagged 1, kept 0, unsure 0, failed 0"


def test_an_empty_key_of_a_training_is_the_default(library):
    beet = library(Rock_1=["Rock"], Rock_2=["Rock"], Jazz_1=["Jazz"], Jazz_2=["Jazz"], Jazz=["Ska"])
    beet.config["cnngenre"]["train"] = {"min_tracks": None, "target_precision": None}
    assert "Ska         1  not used: fewer than 2 tracks" in beet("cnntrain", "-p")


COMMANDS = [
    "cnngenre",
    "cnnundo",
    "cnnexplain",
    "cnnreview",
    "cnncompare",
    "cnnerrors",
    "cnnstats",
    "cnnmodels",
]


@pytest.mark.parametrize("command", [*COMMANDS, "cnntrain"])
def test_the_help_of_each_command_fits_a_screen(beet, monkeypatch, command):
    monkeypatch.setenv("COLUMNS", "80")
    lines = beet(command, "--help").splitlines()
    assert len(lines) < 24
    assert max(map(len, lines)) <= 80


def test_the_models_are_listed_with_the_one_in_use(beet):
    del beet.config["cnngenre"]["model"]
    heading, shipped, how = beet("cnnmodels").splitlines()
    words = ["model", "for", "genres", "tracks", "right", "answered", "right", "of", "those"]
    assert heading.split() == words
    assert shipped.split()[:4] == ["*", "shipped", "genres", "17"]
    assert "is the one in use" in how


def test_warnings_stand_above_the_progress_bar(library):
    terminal = pytest.importorskip("terminal", reason="a pseudo-terminal is POSIX")
    beet = library(Rock=["Rock"], Jazz=["Jazz"])
    for path in beet.paths().values():
        path.write_bytes(b"no audio")
    environment = beet.environment()
    command = [*beet.stand_in(environment), "cnncompare"]
    lines = terminal.lines_at_terminal(command, environment)
    said = [line for line in lines if "not readable as audio" in line]
    assert len(said) == 2
    assert all(line.startswith("cnngenre: ") for line in said)
