"""Bad files in a library: each has its named outcome, and the other tracks get their genres."""

import os

import audio_files
import numpy as np
import pytest
from plugin_files import file_genres, tag
from test_command import summary

NAN, INFINITY = float("nan"), float("inf")


def noise(seconds, rate_hz=16_000, n_channels=1):
    """Quiet white noise, in which the pitch model finds no genre."""
    rng = np.random.default_rng(0)
    return 0.1 * rng.standard_normal((int(seconds * rate_hz), n_channels))


BAD = {
    "empty": (lambda path: path.write_bytes(b""), "not readable as audio"),
    "text": (lambda path: path.write_text("not music at all\n" * 100), "not readable as audio"),
    "vanished": (lambda path: path.unlink(), "no such file"),
    "folder": (lambda path: (path.unlink(), path.mkdir()), "not a regular file"),
    "one sample": (
        lambda path: audio_files.write_audio(path, noise(1 / 16_000), 16_000),
        "too short",
    ),
    "0.1 s": (lambda path: audio_files.write_audio(path, noise(0.1), 16_000), "too short: 0.10 s"),
    "NaN": (lambda path: audio_files.write_poisoned(path, NAN), "not all numbers"),
    "infinite": (lambda path: audio_files.write_poisoned(path, INFINITY), "not all numbers"),
    "header only": (lambda path: path.write_bytes(path.read_bytes()[:44]), "not readable as audio"),
}

ODD = {
    "silent": (lambda path: audio_files.write_silence(path), "silent"),
    "8 kHz": (lambda path: audio_files.write_audio(path, noise(5, 8_000), 8_000), "below"),
    "192 kHz": (lambda path: audio_files.write_audio(path, noise(4, 192_000), 192_000), "below"),
    "5.1": (lambda path: audio_files.write_audio(path, noise(4, 48_000, 6), 48_000), "below"),
    "2 s": (lambda path: audio_files.write_audio(path, noise(2), 16_000), "below"),
    "truncated": (lambda path: path.write_bytes(path.read_bytes()[:200_000]), "0."),
}


def one_line(printed, title):
    """The only line that is printed about a track."""
    [line] = [line for line in printed.splitlines() if f" {title}:" in line]
    return line


def test_a_file_that_cannot_be_decoded_is_one_line_and_the_others_are_tagged(library):
    titles = {name: f"Jazz_{number}" for number, name in enumerate(BAD)}
    beet = library(Rock_1=None, **dict.fromkeys(titles.values()), Rock_2=None)
    paths = beet.paths()
    for name, (spoil, _) in BAD.items():
        spoil(paths[titles[name]])
    output = beet("genre")
    assert summary(output) == f"tagged 2, kept 0, unsure 0, failed {len(BAD)}"
    for name, (_, sentence) in BAD.items():
        assert sentence in one_line(beet.errors, titles[name]), name
    genres = {"Rock_1": "Rock", "Rock_2": "Rock"}
    assert beet.genres() == genres | dict.fromkeys(titles.values(), "")


def test_an_odd_file_is_decoded(library):
    titles = {name: f"Unsure_{number}" for number, name in enumerate(ODD)}
    beet = library(Rock=None, **dict.fromkeys(titles.values()))
    paths = beet.paths()
    for name, (make, _) in ODD.items():
        make(paths[titles[name]])
    output = beet("genre", "-p")
    assert summary(output) == f"pretended: tagged 1, kept 0, unsure {len(ODD)}, failed 0"
    for name, (_, reason) in ODD.items():
        line = one_line(output, titles[name])
        assert "unsure (" in line, name
        assert reason in line, name


def test_odd_file_names(beet, tone, tmp_path):
    beet.config["import"] |= {"copy": False}
    expected = {}
    for number, name in enumerate(audio_files.odd_names()):
        path = tone("Jazz", f"Jazz_{number}")
        odd = os.path.join(os.fsencode(path.parent), os.fsencode(f"{name}.wav"))  # noqa: PTH118
        try:
            os.rename(path, odd)  # noqa: PTH104
        except OSError:
            path.unlink()  # this file system does not take the name
        else:
            expected[f"Jazz_{number}"] = "Jazz"
    if not expected:
        pytest.skip("this file system takes none of the names")
    beet("import", tmp_path / "music")
    assert beet.genres() == expected


def test_an_import_is_stopped_by_none_of_them(beet, tone, tmp_path):
    for name, (spoil, _) in {**BAD, **ODD}.items():
        spoil(tone("Jazz", name, folder=f"music/{name}", album=name))
    good = tone("Rock", folder="music/zz", album="zz")
    beet("import", tmp_path / "music")
    assert beet.genres()["Rock"] == "Rock"
    assert good.exists()


def test_an_hour_is_decoded_at_a_few_places(library):
    beet = library(Rock=None)
    rate = 16_000
    time_s = np.arange(3_600 * rate) / rate
    samples = (0.5 * np.sin(2 * np.pi * 200 * time_s))[:, None]
    path = beet.paths()["Rock"]
    audio_files.write_audio(path, samples, rate)
    tag(path, title="Rock")
    assert summary(beet("genre")) == "tagged 1, kept 0, unsure 0, failed 0"
    assert file_genres(path) == ["Rock"]


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_file_fails_and_changes_nothing(library):
    beet = library(Rock=None)
    path = beet.paths()["Rock"]
    path.chmod(0o444)
    assert summary(beet("genre")) == "tagged 0, kept 0, unsure 0, failed 1"
    assert beet.genres() == {"Rock": ""}


def test_the_home_of_nobody_is_a_sentence(library, tmp_path):
    beet = library(Rock=["Jazz"])
    beet("genre", "--model", "~nobody-here/x", status=1)
    assert beet.errors.startswith("error: cnngenre: there is no model ~nobody-here/x; there are:")
    beet("cnnerrors", "--playlist", "~nobody-here/x.m3u", status=1)
    assert beet.errors == "error: cnngenre: there is no folder ~nobody-here\n"


@pytest.mark.parametrize("command", ["cnnerrors", "cnnsimilar"])
def test_a_query_that_finds_nothing_empties_no_playlist(library, tmp_path, command):
    beet = library(Rock=["Rock"])
    playlist = tmp_path / "mine.m3u"
    playlist.write_text("one.mp3\n")
    beet(command, "--playlist", playlist, "title:Nothing")
    assert beet.errors == "cnngenre: no track matches the query\n"
    assert playlist.read_text() == "one.mp3\n"
    beet("cnnerrors", "--playlist", playlist)  # there is no error, so the list has no track
    assert playlist.read_text() == ""
