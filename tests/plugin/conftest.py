"""The fixtures of the plugin's tests: a real ``beet``, and tones whose genres its model knows."""

import shutil
from copy import deepcopy

import pytest
from labelled_library import labelled, made, trained  # noqa: F401  # fixtures
from real_beet import beet_in, only_import, write_pitch_bundle, write_tone
from served import copy_library, doubtful_library, move_paths


@pytest.fixture(scope="session")
def pitch_bundle(tmp_path_factory):
    """The folder of a bundle that names tones by their pitch."""
    return write_pitch_bundle(tmp_path_factory.mktemp("models") / "pitch")


@pytest.fixture
def tone(tmp_path):
    """Makes a tagged file whose genre the pitch model knows: ``tone("Rock", kind="mp3")``."""

    def make(genre, name=None, kind="wav16", folder="music", **tags):
        return write_tone(tmp_path / folder, genre, name, kind, **tags)

    return make


@pytest.fixture
def beet(tmp_path, pitch_bundle):
    """A ``beet`` with the plugin and the pitch model, which matches albums with themselves."""
    return beet_in(tmp_path / "home", pitch_bundle)


IMPORTED = {}  # folders of libraries that tests copy, by their tracks


@pytest.fixture
def library(beet, tone, tmp_path, tmp_path_factory):
    """Imports tones unclassified, returns the ``beet``: ``library(Rock=None, Jazz=["Polka"])``.

    With the usual configuration, the same tones are imported only once, and then copied.
    """
    config = deepcopy(beet.config)

    def make(kind="wav16", **genres_by_title):
        as_always = beet.config == config and not (tmp_path / "music").exists()
        key = repr((kind, genres_by_title))
        if as_always and key in IMPORTED:
            copy_library(IMPORTED[key], tmp_path)
            only_import(beet)
            return beet
        for title, genres in genres_by_title.items():
            tone(title.partition("_")[0], title, kind=kind, genres=genres)
        beet("-c", only_import(beet), "import", "-A", tmp_path / "music")
        if as_always:
            IMPORTED[key] = tmp_path_factory.mktemp("imported")
            for name in ("home", "library", "music"):
                shutil.copytree(tmp_path / name, IMPORTED[key] / name)
            move_paths(IMPORTED[key] / "home" / "library.db", tmp_path, IMPORTED[key])
        return beet

    return make


@pytest.fixture
def doubtful(tmp_path, pitch_bundle, tmp_path_factory):
    """Makes a ``beet`` whose tracks were classified, some unsure: ``doubtful(Unsure=None)``."""

    def make(**genres_by_title):
        return doubtful_library(
            tmp_path / "copy", pitch_bundle, tmp_path_factory.mktemp, **genres_by_title
        )

    return make


@pytest.fixture
def in_place(beet, tmp_path):
    """Imports the files of the music folder in place, without extracting; returns the ``beet``."""

    def make(**config):
        beet.config["directory"] = str(tmp_path / "music")
        beet.config["import"] = {"copy": False, "quiet": True, "duplicate_action": "keep"}
        beet.config["cnngenre"] |= {"auto": False, "force": True, "threshold": 0, **config}
        beet("import", "-A", "-s", tmp_path / "music")
        return beet

    return make
