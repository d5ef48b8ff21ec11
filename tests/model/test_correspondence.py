"""Which genres of a model match which genres of another."""

import pytest

from genre_model.model.bundle.store import SHIPPED, load_bundle
from genre_model.training.head.correspondence import correspond, left_out

# Part of a tree like beets': child -> parent, canonical.
TREE = {"heavy metal": "rock", "death metal": "heavy metal", "indie rock": "alternative rock",
        "alternative rock": "rock", "funk": "r&b", "bebop": "jazz",
        "house": "electronic"}  # fmt: skip


@pytest.mark.parametrize(
    ("genre", "above"),
    [
        ("Heavy Metal", "Rock"),
        ("Metal", "Rock"),
        ("Death Metal", "Rock"),
        ("Alternative Rock", "Rock"),
        ("Indie", "Rock"),
        ("Funk", "R&B"),
        ("Bebop", "Jazz"),
    ],
)
def test_a_genre_that_the_user_has_no_label_for_belongs_to_the_one_above_it(genre, above):
    labelled = ["Jazz", "R&B", "Rock"]
    found = correspond(labelled, [genre], {}, TREE, others=True)
    assert found.genres == tuple(labelled)
    assert found.answers[0].tolist() == [name == above for name in labelled]
    assert left_out(labelled, [genre], {}, TREE) == []


def test_a_models_own_tree_goes_before_another_and_circles_end():
    own = {"Death Metal": "Noise", "Bebop": "Swing", "Swing": "Bebop"}
    genres = ["Death Metal", "Bebop"]
    assert left_out(["Rock", "Jazz"], genres, own, TREE) == genres
    assert left_out(["Noise", "Swing"], genres, own, TREE) == []


@pytest.mark.parametrize(
    ("labelled", "gone"),
    [
        (["Jazz", "Classical"], []),
        (["Rock"], ["Alternative", "Metal", "Punk Rock"]),
        (["Metal"], ["Metal"]),
        (["Death Metal"], ["Metal"]),
        (["House"], ["Ambient"]),
        (["Soul", "Ambient"], ["Soul", "Ambient"]),
    ],
)
def test_genres_without_labels_keep_their_tree_and_labelled_ones_are_beside_it(labelled, gone):
    shipped = load_bundle(SHIPPED).manifest
    found = correspond(labelled, shipped.genres, shipped.parents, TREE, others=True)
    assert found.parents == {c: p for c, p in shipped.parents.items() if c not in gone}


def test_a_label_wins_over_an_equally_likely_genre_without_one():
    found = correspond(
        ["Swing", "Bebop"], ["Jazz"], {}, {"swing": "jazz", "bebop": "jazz"}, others=True
    )
    assert found.genres == ("Swing", "Bebop", "Jazz")
    swing, bebop, jazz = found.shares[0]
    assert swing == bebop == pytest.approx(1 / 3)
    assert jazz == pytest.approx(swing, abs=0.01)
    assert jazz < swing
