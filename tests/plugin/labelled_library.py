"""A library of labelled tones, for ``beet cnntrain`` and the shipped network."""

import shutil
import sqlite3

import audio_files
import numpy as np
import pytest
from plugin_files import tag

HZ = {"Murk": 110, "Hum": 900, "Glint": 4_000}  # the user's own genres: low, middle and high tones
N_TRACKS = 8
MADE = {}  # libraries that tests copy, by name


def write_music(folder):
    """Write eight labelled tones per genre, by four artists, and one tone without a label."""
    for genre, hz in HZ.items():
        for n in range(N_TRACKS + 1):
            path = folder / f"{genre} {n}.wav"
            noise = np.random.default_rng(n).standard_normal((49_600, 1))
            tone = audio_files.tone(3.1, hz * (1 + 0.02 * n), 16_000, 1)
            folder.mkdir(exist_ok=True)
            audio_files.write_audio(path, tone * 0.9 + 0.01 * noise, 16_000)
            gap = n == N_TRACKS
            tag(path, [] if gap else [genre], title=path.stem, artist=f"{genre} {n // 2}")


def configured(beet, home):
    """A ``beet`` with another home folder and the plugin's default model."""
    config = {
        **beet.config,
        "directory": str(home.parent / "library"),
        "library": str(home / "library.db"),
        "import": {"copy": False, "write": False, "quiet": True},
        "cnngenre": {"threads": 1, "auto": False, "write": False, "train": {"min_tracks": 4}},
    }
    return type(beet)(home, config)


@pytest.fixture
def made(beet, tmp_path_factory, monkeypatch):
    """Makes a library once, and copies it: ``made("labelled")`` or ``made("trained")``.

    Linear algebra uses one thread: that is as fast, and other processes slow it down less.
    """
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "1")

    def build(name):
        home = tmp_path_factory.mktemp(name) / "home"
        if name == "labelled":
            home.mkdir()
            write_music(home.parent / "music")
            beet_there = configured(beet, home)
            output = beet_there("import", "-A", home.parent / "music")
        else:
            labelled, _ = copy("labelled", home)
            output = labelled("cnntrain")
        MADE[name] = home, output

    def copy(name, home):
        if name not in MADE:
            build(name)
        original, output = MADE[name]
        shutil.copytree(original, home)
        return configured(beet, home), output

    return copy


@pytest.fixture
def labelled(made, tmp_path):
    """A labelled library without a model of its own."""
    return made("labelled", tmp_path / "copy")[0]


@pytest.fixture
def trained(made, tmp_path):
    """The labelled library after ``beet cnntrain``."""
    return made("trained", tmp_path / "copy")[0]


def models(beet):
    return beet.home / "cnngenre" / "models"


def bundles(beet):
    """The folders of whole bundles, oldest first."""
    return sorted(path.parent for path in models(beet).glob("[!.]*/manifest.json"))


def row(output, name):
    """The numbers or words after a name in a printed table."""
    [line] = [line for line in output.splitlines() if line.startswith(f"{name} ")]
    return line.removeprefix(name).split(maxsplit=1)


def sqlite(beet, statement, *values):
    with sqlite3.connect(beet.home / "library.db") as connection:
        connection.execute(statement, values)
    connection.close()
