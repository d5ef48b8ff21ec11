"""Disagreement with a track's genres, and the out-of-fold probabilities that a bundle stores."""

import numpy as np
import pytest
from audio_files import tone, write_audio

from genre_model.core.errors import BundleError
from genre_model.core.specs import AggregationSpec, NetworkSpec, SliceSpec, SpectrogramSpec
from genre_model.data.genre_tree import make_tree
from genre_model.evaluation.label_errors import disagreement_of, known_genres, related_by_tree
from genre_model.evaluation.out_of_fold import (
    fingerprint_of,
    pack_out_of_fold,
    read_out_of_fold,
    track_key,
)
from genre_model.model.bundle.manifest import Manifest
from genre_model.model.bundle.store import OUT_OF_FOLD, Bundle, write_bundle
from genre_model.model.vocabulary import Policy, Vocabulary, judge, make_vocabulary

VOCABULARY = Vocabulary(
    {"Rock": "Rock", "Metal": "Heavy Metal", "Jazz": "Jazz", "Pop": "Pop"}, {"Metal": "Rock"}
)


def disagreement(probabilities, *genres):
    return disagreement_of(judge(probabilities, VOCABULARY, Policy(0.6)), genres, VOCABULARY, {})


def test_a_doubt_says_what_is_left_and_what_is_suggested():
    found = disagreement({"Rock": 0.9, "Metal": 0.06, "Jazz": 0.01, "Pop": 0.03}, "Jazz")
    assert found.suggestion == "Rock"
    assert found.probability == pytest.approx(0.96)
    assert found.firmness == pytest.approx(0.99)


def test_any_of_a_tracks_genres_is_enough():
    assert disagreement({"Rock": 0.9, "Jazz": 0.1}, "Jazz", "Rock") is None


def test_kinds_count_as_their_family():
    assert disagreement({"Rock": 0.95, "Pop": 0.05}, "Heavy Metal") is None
    assert disagreement({"Metal": 0.95, "Pop": 0.05}, "Rock") is None
    assert disagreement({"Metal": 0.05, "Pop": 0.95}, "Rock").suggestion == "Pop"


def test_labelled_kinds_count_as_the_genres_above_and_below_them_but_not_as_their_siblings():
    """A trained model has no tree of the genres that the user has labelled."""
    words = make_vocabulary(("Jazz", "Metal", "Punk", "Rock"), {}, {}, None)
    tree = make_tree({"rock": "music", "punk rock": "rock"}, [("Metal", "Rock")], ())
    related = related_by_tree(words, tree)
    assert related == {
        "Metal": {"Rock"},
        "Punk": {"Rock"},
        "Rock": {"Metal", "Punk"},
        "Jazz": set(),
    }
    surely = {
        genre: judge({genre: 0.98, "Jazz": 0.02}, words, Policy(0.6))
        for genre in ("Metal", "Punk", "Rock")
    }
    assert disagreement_of(surely["Metal"], ["Rock"], words, related) is None
    assert disagreement_of(surely["Rock"], ["Metal"], words, related) is None
    assert disagreement_of(surely["Metal"], ["Punk"], words, related).suggestion == "Metal"
    assert disagreement_of(surely["Metal"], ["Jazz"], words, related).suggestion == "Metal"


def test_where_something_else_is_likeliest_nothing_is_suggested():
    assert disagreement({"Rock": 0.3, "Jazz": 0.01}, "Jazz") is None


@pytest.mark.parametrize("renamed", [{}, {"Rap": "Rap"}])
def test_a_model_that_has_two_names_of_the_same_music_knows_both(renamed):
    words = make_vocabulary(("Hip Hop", "Jazz", "Rap"), {}, {}, None)
    for genre in ("Hip Hop", "Rap"):
        assert known_genres([genre.lower()], words, renamed, {}) == (genre,)


def test_a_silent_song_and_unknown_genres_are_no_doubt():
    assert disagreement({}, "Jazz") is None
    assert disagreement({"Rock": 0.99}, "Polka") is None


@pytest.mark.parametrize(
    ("genres", "known"),
    [
        (["rock"], ("Rock",)),
        (["Stoner Rock", "Swing"], ("Rock", "Jazz")),
        (["HEAVY metal"], ("Heavy Metal",)),
        (["Metal"], ("Heavy Metal",)),
        (["Schlager"], ("Pop",)),
        (["Audiobook", "Polka", ""], ()),
        (["Loop"], ()),
        (["Harsh Noise"], ("Rock",)),
        (["News"], ()),
        (["Pop-Rock"], ("Pop", "Rock")),
        (["Rock / Jazz", "Folk, World"], ("Rock", "Jazz")),
        (["Rock & Jazz", "Pop and Dance"], ("Rock", "Jazz", "Pop")),
        (["Christian Rock", "Synth-Pop"], ("Rock", "Pop")),
    ],
)
def test_genres_are_known_by_name_map_or_ancestor(genres, known):
    parents = {
        "stoner rock": "hard rock",
        "hard rock": "rock",
        "swing": "jazz",
        "loop": "ring",
        "ring": "loop",
        "harsh noise": "noise",
        "news": "speech",
        "speech": "rock",
    }
    renamed = {"Schlager": "Pop", "Audiobook": None, "Noise": "Rock", "Speech": None}
    assert known_genres(genres, VOCABULARY, renamed, parents) == known


@pytest.fixture
def songs(tmp_path):
    return [write_audio(tmp_path / f"{hz}.wav", tone(1, hz), 44_100) for hz in (200, 400, 800)]


def prints(paths):
    return [fingerprint_of(path) for path in paths]


def bundle_of(folder, **contents):
    manifest = Manifest(
        "b", ("Rock", "Jazz"), SpectrogramSpec(), SliceSpec(), NetworkSpec(), AggregationSpec()
    )
    return write_bundle(folder, manifest, contents)


def test_probabilities_are_found_again(tmp_path, songs):
    values = np.array([[0.25, 0.75], [0.999, 0.0001]])
    content = pack_out_of_fold(prints(songs[:2]), values, "b")
    learned = read_out_of_fold(bundle_of(tmp_path / "b", **{OUT_OF_FOLD: content}))
    found = [learned.find_audio(one) for one in prints(songs)]
    assert found[0] == {"Rock": 0.25, "Jazz": 0.75}
    assert found[1] == pytest.approx({"Rock": 0.999, "Jazz": 0.0001}, abs=1e-3)
    assert found[2] is None


def test_tracks_without_an_honest_verdict_are_known_as_such(tmp_path, songs):
    content = pack_out_of_fold(prints(songs[:1]), np.array([[0.5, 0.5]]), "b", prints(songs[:2]))
    learned = read_out_of_fold(bundle_of(tmp_path / "b", **{OUT_OF_FOLD: content}))
    found = [learned.find_audio(one) for one in prints(songs[:2])]
    assert found == [{"Rock": 0.5, "Jazz": 0.5}, {}]


def test_a_track_that_has_gone_is_left_out(tmp_path, songs):
    content = pack_out_of_fold(prints([tmp_path / "gone.wav"]), np.array([[0.5, 0.5]]), "b")
    assert read_out_of_fold(bundle_of(tmp_path / "b", **{OUT_OF_FOLD: content})).rows == {}


def test_keys_of_two_bundles_have_nothing_in_common():
    assert track_key(b"song", "a") != track_key(b"song", "b")


def test_a_bundle_without_or_with_damaged_probabilities(tmp_path):
    assert read_out_of_fold(bundle_of(tmp_path / "a")) is None
    from genre_model.model.bundle.arrays import npz

    content = npz(keys=np.zeros(2, np.uint64), probabilities=np.zeros((2, 3)))
    bundle: Bundle = bundle_of(tmp_path / "b", **{OUT_OF_FOLD: content})
    with pytest.raises(BundleError, match="does not fit its genres"):
        read_out_of_fold(bundle)
