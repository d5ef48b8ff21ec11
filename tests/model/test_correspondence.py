"""Which genres of a model match which genres of another."""

import pytest

from genre_model.training.head.correspondence import correspond, left_out

# Part of a tree like beets': child -> parent, canonical.
TREE = {"heavy metal": "rock", "death metal": "heavy metal", "indie rock": "alternative rock",
        "alternative rock": "rock", "funk": "r&b", "bebop": "jazz"}  # fmt: skip


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
