"""The order in which a person reviews tracks."""

from genre_model.evaluation.active_learning import review_order


def test_artists_take_turns_and_the_least_likely_comes_first():
    confidences = [0.5, 0.1, 0.2, 0.3, 0.4]
    assert review_order(confidences, ["a", "b", "b", "b", "c"]) == [1, 4, 0, 2, 3]
    assert review_order(confidences, [""] * 5) == [1, 2, 3, 4, 0]
    assert review_order([], []) == []
