"""Tracks of one artist inform each other, also where the artist has guests."""

from dataclasses import replace

import pytest

from genre_model.core.specs import ContextSpec
from genre_model.model.bundle.store import load_bundle, write_bundle


@pytest.fixture
def social(beet, tone, tmp_path, pitch_bundle):
    """A ``beet`` whose model weighs an artist's tracks together; ``social(title=artist)``."""
    pitch = load_bundle(pitch_bundle)
    contents = {name: pitch.read(name) for name in pitch.manifest.files}
    manifest = replace(pitch.manifest, bundle_id="social-1", context=ContextSpec(0.75, 3.0, 0.6))
    write_bundle(tmp_path / "social", manifest, contents)
    beet.config["cnngenre"] |= {"model": str(tmp_path / "social"), "auto": False}

    def make(**artists):
        for title, artist in artists.items():
            tone(title.partition("_")[0], title, artist=artist)
        beet("import", "-A", tmp_path / "music")
        return beet

    return make


@pytest.mark.parametrize("credit", ["low", "Low feat. Y", "LOW (ft. Y)"])
def test_an_artists_tracks_inform_one_that_is_named_with_a_guest(social, credit):
    beet = social(Rock_1="Low", Rock_2="Low", Unsure=credit)
    beet("genre")
    assert beet.genres()["Unsure"] == "Rock"


def test_what_was_heard_of_them_before_counts_too(social):
    """SQLite does not know that the first letter is a capital of another."""
    artists = {"Rock_1": "Ólafur", "Rock_2": "Ólafur feat. Y", "Rock_3": "Ólafur (Featuring Z)"}
    beet = social(**artists, Unsure="Ólafur [ft. Y & Z]")
    beet("genre", "title:Rock")
    beet("genre", "title:Unsure")
    assert beet.genres()["Unsure"] == "Rock"


def test_guests_and_partners_are_other_artists(social):
    beet = social(Rock_1="Y", Rock_2="X & Y", Rock_3="Xavier feat. Y", Unsure="X feat. Y")
    beet("genre")
    assert beet.genres()["Unsure"] == ""
