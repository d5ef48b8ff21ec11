"""``beet cnnreview``, answered at a terminal."""

import ctypes.util
import json
import os
import re
import select
import shutil
import signal
import sqlite3
import subprocess
import sys
import time

import pytest
from plugin_files import file_genres

from beetsplug.cnngenre.review.uncertain import named_genres

pty = pytest.importorskip("pty", reason="there are no such terminals on Windows")

# Another program with readline's functions; the readline of macOS is this one.
LIBEDIT = ctypes.util.find_library("edit") if sys.platform == "linux" else None
QUESTION = "Quit?"
AT_THE_END = "Enter to finish, or Undo?"
QUESTION_OR_END = (QUESTION, AT_THE_END)
# Stands in for a player or a viewer: writes its arguments to a file.
NOTES = "import sys; open({file!r}, 'a').write(repr(sys.argv[1:]) + '\\n')"


class Session:
    """A real ``beet`` at a pseudo-terminal; ``say`` answers the next question."""

    def __init__(self, beet, *arguments, **environment):
        self.master, slave = pty.openpty()
        variables = beet.environment() | environment
        self.process = subprocess.Popen(
            [*beet.stand_in(variables), *arguments],
            env=variables,
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
        )
        os.close(slave)
        self.output = ""
        self.seen = 0

    def read(self, seconds=0.2):
        if not select.select([self.master], [], [], seconds)[0]:
            return True
        try:
            piece = os.read(self.master, 65536)
        except OSError:  # raised on Linux when the other end is closed
            return False
        self.output += piece.decode("utf-8", "replace").replace("\r\n", "\n")
        return bool(piece)

    def wait_for(self, text, seconds=60):
        """Read until a text, or one of several, appears after the last one that was found."""
        end = time.monotonic() + seconds
        texts = re.compile("|".join(map(re.escape, [text] if isinstance(text, str) else text)))
        while not (found := texts.search(self.output, self.seen)):
            assert time.monotonic() < end, self.output
            assert self.read(), self.output
        self.seen = found.end()

    def say(self, *answers, question=QUESTION):
        for answer in answers:
            self.wait_for(question)
            os.write(self.master, f"{answer}\n".encode())
        return self

    def interrupt(self):
        """Send Ctrl-C until beet ends: CPython misses one between a prompt and its reading."""
        while self.process.poll() is None:
            os.kill(self.process.pid, signal.SIGINT)
            end = time.monotonic() + 10
            while self.process.poll() is None and time.monotonic() < end:
                self.read()

    def end(self, status=0):
        """Wait for the end; returns the last line."""
        end, ended = time.monotonic() + 60, False
        while self.read():
            if AT_THE_END in self.output[self.seen :]:
                self.seen = len(self.output)
                os.write(self.master, b"\n")
            assert time.monotonic() < end, self.output
            if self.process.poll() is not None and not ended:  # its workers end soon after it
                end, ended = time.monotonic() + 10, True
        assert self.process.wait(60) == status, self.output
        os.close(self.master)
        assert "Traceback" not in self.output, self.output
        return self.output.rstrip().splitlines()[-1]


@pytest.fixture
def doubtful(doubtful):
    """Makes a ``beet`` with doubtful tracks, two by default."""

    def make(**genres_by_title):
        beet = doubtful(**genres_by_title or {"Unsure_1": None, "Unsure_2": None, "Rock": None})
        beet.config["ui"] = {"color": False}
        return beet

    return make


def leading(beet, title):
    return dict(beet.fields("cnngenre_label"))[title]


def test_accepting_and_correcting_write_database_and_files(doubtful):
    beet = doubtful()
    first = leading(beet, "Unsure_1")
    session = Session(beet, "cnnreview").say("a", "2")
    assert session.end().startswith("accepted 1, corrected 1, skipped 0, left 0, failed 0 in 0:")
    assert "1/2  Artist" in session.output
    assert "2/2  Artist" in session.output
    genres = beet.genres()
    assert genres["Rock"] == "Rock"
    assert genres["Unsure_1"] == first != genres["Unsure_2"] != ""
    written = {title: [genre] for title, genre in genres.items()} | {"Rock": []}  # as imported
    assert {t: file_genres(p) for t, p in beet.paths().items()} == written


def test_nothing_that_was_decided_is_asked_or_overwritten_again(doubtful):
    beet = doubtful(Unsure=None)
    Session(beet, "cnnreview").say("3").end()
    decided = beet.genres()["Unsure"]
    assert Session(beet, "cnnreview").end().startswith("accepted 0, corrected 0, skipped 0")
    beet("genre", "--threshold", "0.1")
    assert beet.genres() == {"Unsure": decided}


def test_what_was_decided_is_the_users_label_and_can_be_taken_back(doubtful):
    beet = doubtful(Unsure=None, Rock=None)
    assert "Rock" not in beet("cnntrain", "-p", "--min-tracks", "1")
    Session(beet, "cnnreview").say("a").end()
    [(_, written, reviewed)] = beet.fields(
        "cnngenre_written", "cnngenre_reviewed", query=["Unsure"]
    )
    assert written in ("", "$cnngenre_written")
    assert reviewed == beet.genres()["Unsure"]
    assert f"{reviewed} " in beet("cnntrain", "-p", "--min-tracks", "1")
    assert "restored 1, kept 1" in beet("cnnundo")
    assert beet.genres() == {"Unsure": reviewed, "Rock": ""}
    assert "restored 1" in beet("cnnundo", "--reviewed")
    assert beet.genres() == {"Unsure": "", "Rock": ""}
    assert file_genres(beet.paths()["Unsure"]) == []


def test_an_edit_after_the_review_is_not_undone(doubtful):
    beet = doubtful(Unsure=None)
    Session(beet, "cnnreview").say("a").end()
    beet("modify", "-y", "genres=Noise")
    assert "kept 1" in beet("cnnundo")
    assert beet.genres() == {"Unsure": "Noise"}


def test_forced_over_a_review_undo_gives_back_what_the_user_decided(doubtful):
    beet = doubtful(Unsure=None)
    Session(beet, "cnnreview").say("4").end()
    decided = beet.genres()["Unsure"]
    beet("genre", "-f", "--threshold", "0.1")
    assert beet.genres()["Unsure"] == decided
    beet("genre", "-f", "--reviewed", "--threshold", "0.1")
    assert beet.genres()["Unsure"] != decided
    beet("cnnundo")
    assert beet.genres() == {"Unsure": decided}


def test_choosing_takes_numbers_names_and_new_names_that_are_meant(doubtful):
    beet = doubtful(Unsure_1=None, Unsure_2=None, Unsure_3=None)
    session = Session(beet, "cnnreview").say("c")
    session.say("99", "jAzZ; rock", question="nothing goes back:").say("c")
    session.say("Drone Doom", question="nothing goes back:")
    session.say("n", question="(y/n)?").say("c").say("Drone Doom", question="nothing goes back:")
    session.say("y", question="(y/n)?").say("c").say("", question="nothing goes back:").say("s")
    assert session.end().startswith("accepted 0, corrected 2, skipped 1, left 0")
    assert "there is no number 99" in session.output
    assert beet.genres() == {"Unsure_1": "Jazz; Rock", "Unsure_2": "Drone Doom", "Unsure_3": ""}
    assert file_genres(beet.paths()["Unsure_1"]) == ["Jazz", "Rock"]


def test_enter_skips_and_strange_answers_are_asked_again(doubtful):
    beet = doubtful(Unsure=None)
    session = Session(beet, "cnnreview").say("\u00b2", "x", "99", "No Such Genre")
    session.say("n", question="(y/n)?").say("")
    assert "x is no choice" in session.output
    assert "there is no number 99" in session.output
    assert "accepted 0, corrected 0, skipped 1" in session.end()
    assert beet.genres() == {"Unsure": ""}


def test_a_choice_may_be_typed_as_the_word_that_the_question_shows(doubtful):
    beet = doubtful()
    session = Session(beet, "cnnreview").say("Accept", "Skip")
    assert session.end().startswith("accepted 1, corrected 0, skipped 1")
    assert "Neither the model" not in session.output


def test_quitting_keeps_what_was_decided(doubtful):
    beet = doubtful()
    session = Session(beet, "cnnreview").say("a", "q")
    assert session.end().startswith("accepted 1, corrected 0, skipped 0, left 1")
    assert [bool(g) for _, g in beet.fields("genres", query=["Unsure"])] == [True, False]


@pytest.mark.parametrize("how", ["end of input", "Ctrl-C"])
def test_an_interruption_is_one_line_and_keeps_what_was_decided(doubtful, how):
    beet = doubtful()
    session = Session(beet, "cnnreview").say("a")
    session.wait_for(QUESTION)
    if how == "Ctrl-C":
        session.interrupt()
    else:
        os.write(session.master, b"\x04")
    last = session.end()
    assert last.startswith("interrupted: accepted 1, corrected 0, skipped 0, left 1")
    assert session.output.rstrip().splitlines()[-2].rstrip("^DC\b ").endswith(QUESTION)
    assert [bool(g) for _, g in beet.fields("genres", query=["Unsure"])] == [True, False]


@pytest.mark.parametrize("closed", [False, True])
def test_without_a_terminal_it_is_one_sentence(doubtful, closed):
    beet = doubtful(Unsure=None)
    shell = ["sh", "-c", '"$@" <&-' if closed else 'echo a | "$@"', "sh"]
    done = subprocess.run(
        [*shell, *beet.command(), "cnnreview"],
        env=beet.environment(),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    [line] = done.stderr.splitlines()
    assert line.endswith("cnnreview: it needs a terminal to ask its questions")
    assert beet.genres() == {"Unsure": ""}


def test_tracks_that_were_never_classified_are_classified_first(library):
    beet = library(Unsure=None, Rock=None, Jazz=["Polka"])
    beet.config["ui"] = {"color": False}
    last = Session(beet, "cnnreview").say("s").end()
    assert "skipped 1" in last
    assert last.endswith("; sure of 1: beet cnngenre writes those")
    assert beet.genres() == {"Unsure": "", "Rock": "", "Jazz": "Polka"}
    assert "pitch-1" in dict(beet.fields("cnngenre_model"))["Rock"]


def test_pretending_shows_the_order_without_asking_or_noting(library):
    beet = library(Unsure=None, Rock=None)
    output = beet("cnnreview", "-p")
    assert "Artist - Album - Unsure: 1. " in output
    assert output.splitlines()[-1].startswith("pretended: accepted 0")
    assert beet("ls", "cnngenre_model::.") == ""


def test_a_file_that_cannot_be_written_changes_nothing(doubtful):
    beet = doubtful(Unsure=None)
    beet("modify", "-y", "title=Jazz")  # the plugin unwritable refuses to write this track
    beet.config["plugins"] = ["cnngenre", "unwritable"]
    last = Session(beet, "cnnreview").say("a").end()
    assert last.startswith("accepted 0, corrected 0, skipped 0, left 0, failed 1")
    assert beet.genres() == {"Jazz": ""}
    assert beet("ls", "cnngenre_reviewed::.") == ""


def test_what_was_labelled_meanwhile_is_left_alone(doubtful):
    beet = doubtful(Unsure_1=None, Unsure_2=None)
    session = Session(beet, "cnnreview")
    session.wait_for(QUESTION)
    beet("modify", "-y", "title:Unsure_2", "genres=Noise")
    os.write(session.master, b"s\n")
    assert session.end().startswith("accepted 0, corrected 0, skipped 1, left 0")
    assert beet.genres() == {"Unsure_1": "", "Unsure_2": "Noise"}


def test_a_track_that_is_removed_while_it_is_extracted_leaves_nothing(library):
    beet = library(Unsure=None, Rock=None)
    beet.config["plugins"] = ["cnngenre", "meanwhile"]
    removal = {"Unsure": ["remove", "-f", "title:Unsure"]}
    wish = {"at": "extracted", "commands": removal, "program": beet.command()}
    session = Session(beet, "cnnreview", MEANWHILE=json.dumps(wish))
    assert session.end().startswith("accepted 0, corrected 0, skipped 0, left 0")
    assert beet.genres() == {"Rock": ""}
    assert beet.orphans() == []


def test_a_library_that_is_locked_while_it_extracts_is_one_sentence(library):
    beet = library(Unsure=None)
    beet.config["timeout"] = 0.2
    lock = sqlite3.connect(beet.config["library"], isolation_level=None)
    lock.execute("BEGIN IMMEDIATE")
    line = Session(beet, "cnnreview").end(status=1)
    lock.close()
    assert line == "error: cnngenre: the library cannot be used: database is locked"


def test_ctrl_c_does_not_come_between_a_file_and_the_library(doubtful):
    beet = doubtful(Unsure=None)
    beet.config["plugins"] = ["cnngenre", "ctrlc"]
    session = Session(beet, "cnnreview").say("a")
    assert session.end().startswith("interrupted: accepted 1")
    assert [beet.genres()["Unsure"]] == file_genres(beet.paths()["Unsure"]) != [""]


def test_a_model_of_another_field_is_refused(doubtful, pitch_bundle, tmp_path):
    beet = doubtful(Unsure=None)
    mood = tmp_path / "mood"
    shutil.copytree(pitch_bundle, mood)
    manifest = json.loads((mood / "manifest.json").read_text())
    (mood / "manifest.json").write_text(json.dumps(manifest | {"target": "mood"}))
    beet("cnnreview", "-p", "--model", mood, status=1)
    assert "a review is for genres; the model is for mood" in beet.errors


def test_the_album_follows(doubtful):
    beet = doubtful(Unsure_1=None, Unsure_2=None)
    beet.config["cnngenre"] |= {"album_genre": True}
    session = Session(beet, "cnnreview")
    for _ in range(2):
        session.say("c").say("Jazz", question="nothing goes back:")
    session.end()
    assert beet("ls", "-a", "-f", "$genres") == "Jazz\n"


def test_playing_uses_the_command_of_beet_play(doubtful, tmp_path):
    beet = doubtful(Unsure=None)
    log = tmp_path / "played"
    player = tmp_path / "player.py"
    player.write_text(NOTES.format(file=str(log)))
    beet.config["play"] = {"command": f"{sys.executable} {player} --loud $args"}
    Session(beet, "cnnreview").say("p", "s").end()
    assert log.read_text() == f"{['--loud', str(beet.paths()['Unsure'])]!r}\n"
    beet.config["play"] = {"command": "/nowhere/player"}
    session = Session(beet, "cnnreview").say("p", "s")
    session.end()
    assert "cannot play" in session.output


@pytest.mark.skipif(sys.platform != "linux", reason="opened by another program there")
@pytest.mark.parametrize("section", [None, "vlc", {"command": None}, {"command": ["vlc"]}])
def test_without_a_command_of_beet_play_another_player_is_used(doubtful, tmp_path, section):
    beet = doubtful(Unsure=None)
    beet.config["play"] = section
    opener, log = tmp_path / "bin" / "xdg-open", tmp_path / "opened"
    opener.parent.mkdir()
    opener.write_text(f"#!{sys.executable}\n{NOTES.format(file=str(log))}")
    opener.chmod(0o755)
    path = f"{opener.parent}{os.pathsep}{os.environ['PATH']}"
    assert Session(beet, "cnnreview", PATH=path).say("p", "s").end().startswith("accepted 0")


def test_ctrl_c_ends_a_player_alone(doubtful, tmp_path):
    beet = doubtful(Unsure=None)
    player = tmp_path / "player.py"
    player.write_text(
        "import signal, time; signal.signal(signal.SIGINT, signal.SIG_DFL)\n"
        "print('la la', flush=True); time.sleep(60)"
    )
    beet.config["play"] = {"command": f"{sys.executable} {player}"}
    session = Session(beet, "cnnreview").say("p")
    session.wait_for("la la")
    os.killpg(session.process.pid, signal.SIGINT)
    assert session.say("a").end().startswith("accepted 1")


@pytest.mark.skipif(sys.platform != "linux", reason="opened by another program there")
def test_the_picture_is_shown(doubtful, tmp_path):
    beet = doubtful(Unsure=None)
    opener = tmp_path / "bin" / "xdg-open"
    opener.parent.mkdir()
    log = tmp_path / "shown"
    opener.write_text(f"#!{sys.executable}\n{NOTES.format(file=str(log))}\n")
    opener.chmod(0o755)
    session = Session(
        beet, "cnnreview", PATH=f"{opener.parent}{os.pathsep}{os.environ['PATH']}"
    ).say("i", "s")
    session.end()
    end = time.monotonic() + 20
    while not log.exists() and time.monotonic() < end:  # beet does not wait for a viewer
        time.sleep(0.1)
    assert "Unsure.png" in log.read_text()
    assert beet.genres() == {"Unsure": ""}


def test_a_genre_that_is_typed_is_taken_for_what_it_says(doubtful):
    """Even if it begins with the letter of a choice, as Alternative, Pop and Soul do."""
    beet = doubtful(Unsure_1=None, Unsure_2=None, Unsure_3=None, Jazz=["Soul"])
    session = Session(beet, "cnnreview").say("ambient", "soul", "Pop")
    session.say("y", question="(y/n)?")
    assert session.end().startswith("accepted 0, corrected 3")
    genres = {genre for title, genre in beet.genres().items() if title != "Jazz"}
    assert genres == {"Ambient", "Soul", "Pop"}


def test_a_typed_genre_is_spelled_as_the_library_has_it():
    assert named_genres("mu\u0301sica; R\u2019n\u2019B", ["M\u00fasica", "R'n'B"]) == (
        *("M\u00fasica", "R'n'B"),
    )


def test_one_decision_after_the_other_is_undone_also_after_the_last_track(doubtful):
    beet = doubtful(Unsure_1=None, Unsure_2=None)
    answers = ("u", "Rock", "Jazz", "u", "u", "Jazz", "Electronic", "u", "s")
    session = Session(beet, "cnnreview").say(*answers, question=QUESTION_OR_END)
    assert "accepted 0, corrected 1, skipped 1" in session.end()
    assert "There is no decision to undo." in session.output
    assert session.output.count("undone: ") == 3
    assert sorted(beet.genres().values()) == ["", "Jazz"]
    assert sorted(map(tuple, (file_genres(p) for p in beet.paths().values()))) == [(), ("Jazz",)]


def test_a_decision_is_for_the_album_or_the_artist_where_that_is_asked(library, tone, tmp_path):
    tone("Unsure", "Other", folder="music/b", album="B")
    tone("Unsure", "Alone", folder="music/c", album="C", artist="Somebody")
    beet = library(Unsure_1=None, Unsure_2=None)
    beet.config |= {"ui": {"color": False}}
    session = Session(beet, "cnnreview", "title:Unsure_").say("l", "l", "l", "Jazz")
    session.say("u", "r", "Rock", question=QUESTION_OR_END)
    assert session.end().startswith("accepted 0, corrected 2, skipped 0, left 0")
    for line in (
        "The decision is for 2 undecided tracks of this album.",
        "The decision is for this track.",
        "-> Jazz (2 tracks)",
        "undone: Artist - Album - Unsure_",
        " and 1 more\n",
        "The decision is for 2 undecided tracks of this artist.",
    ):
        assert line in session.output
    assert beet.genres() == {"Unsure_1": "Rock", "Unsure_2": "Rock", "Other": "", "Alone": ""}
    opener = tmp_path / "bin" / "xdg-open"
    opener.parent.mkdir()
    opener.write_text("#!/bin/sh\nexit 3\n")
    opener.chmod(0o755)
    (opener.parent / "open").symlink_to(opener)
    path = f"{opener.parent}{os.pathsep}{os.environ['PATH']}"
    session = Session(beet, "cnnreview", PATH=path).say("p", "l", "r", "s", "s")
    assert "skipped 2" in session.end()
    assert re.search(r"open finds no program for .*\.wav", session.output)
    assert "No other undecided track has this album." in session.output
    assert "No other undecided track has this artist." in session.output


@pytest.mark.parametrize("how", ["gone", "failed"])
def test_undoing_for_an_album_says_and_asks_again_what_it_can_undo(doubtful, how):
    beet = doubtful(Unsure_1=None, Unsure_2=None, Unsure_3=None)
    session = Session(beet, "cnnreview").say("l", "Jazz")
    session.wait_for("(3 tracks)")
    first = re.search(r"1/3  Artist - Album - (Unsure_\d)", session.output)[1]
    if how == "gone":
        beet("modify", "-y", f"title:{first}", "genres=Noise")
    else:
        beet.paths()[first].unlink()
    session.say("u", question=AT_THE_END).say("a", "s")
    assert session.end().startswith("accepted 1, corrected 1, skipped 1, left 0")
    assert re.search(r"undone: Artist - Album - Unsure_\d and 1 more\n", session.output)
    of_first = {"gone": "left alone, changed elsewhere", "failed": "No such file"}[how]
    assert re.search(f"{first}: .*{of_first}", session.output)
    genres = beet.genres()
    assert genres.pop(first) == {"gone": "Noise", "failed": "Jazz"}[how]
    assert sorted(map(bool, genres.values())) == [False, True]


def test_the_tab_key_completes_the_genres_of_the_library(doubtful):
    beet = doubtful(Unsure=None, Jazz=["Zydeco"])
    Session(beet, "cnnreview").say("zyd\t").end()
    assert beet.genres()["Unsure"] == "Zydeco"


@pytest.mark.skipif(not LIBEDIT, reason="no libedit")
def test_the_tab_key_completes_them_with_libedit_in_place_of_readline(doubtful):
    beet = doubtful(Unsure=None, Jazz=["Zydeco"])
    beet.stand_in = lambda _: beet.command()  # a fork would not load it
    Session(beet, "cnnreview", LD_PRELOAD=LIBEDIT).say("zyd\t").end()
    assert beet.genres()["Unsure"] == "Zydeco"
