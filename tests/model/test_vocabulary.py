"""Which genres may be answered, and which of them a song gets."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from genre_model.core.errors import GenreModelError
from genre_model.model.vocabulary import (
    MIN_SUBGENRE_SHARE,
    Policy,
    Vocabulary,
    find_genre,
    judge,
    make_vocabulary,
)

GENRES = ("Rock", "Metal", "Doom", "Punk", "Jazz", "Pop", "Electronic", "Ambient")
PARENTS = {"Metal": "Rock", "Doom": "Metal", "Punk": "Rock", "Ambient": "Electronic"}
PRESETS = {"default": GENRES, "few": ("Rock", "Jazz", "Pop")}
EVERYTHING = Vocabulary({genre: genre for genre in GENRES}, PARENTS)

songs = st.lists(st.floats(0, 1), min_size=len(GENRES) + 1, max_size=len(GENRES) + 1).map(
    lambda shares: dict(zip(GENRES, (s / (sum(shares) or 1) for s in shares), strict=False))
)
selections = st.lists(st.sampled_from(GENRES), min_size=1, unique=True)
policies = st.builds(
    Policy, st.floats(0.05, 1), count=st.integers(1, 4), second_threshold=st.floats(0.05, 1)
)


def vocabulary(wish=None):
    return make_vocabulary(GENRES, PARENTS, PRESETS, wish)


def answer(probabilities, threshold=0.6, wish=None, **policy):
    song = dict.fromkeys(GENRES, 0.0) | probabilities
    return judge(song, vocabulary(wish), Policy(threshold, **policy))


# --- Credits -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wish", "probabilities", "expected"),
    [
        (("Rock", "Jazz"), {"Doom": 0.5, "Rock": 0.2, "Jazz": 0.1}, {"Rock": 0.7, "Jazz": 0.1}),
        (("Rock", "Metal"), {"Doom": 0.5, "Punk": 0.25}, {"Rock": 0.75, "Metal": 0.5}),
        (("Doom",), {"Doom": 0.5, "Metal": 0.25, "Rock": 0.125}, {"Doom": 0.5}),
        (("Pop",), {"Rock": 1.0}, {"Pop": 0.0}),
        ({"Metal": None}, {"Doom": 0.5, "Metal": 0.25}, {"Doom": 0.5, "Rock": 0.75}),
        ({"Metal": "Rock"}, {"Doom": 0.5, "Rock": 0.25}, {"Doom": 0.5, "Rock": 0.75}),
        ({"Jazz": "Other", "Pop": "Other"}, {"Jazz": 0.5, "Pop": 0.25}, {"Other": 0.75}),
    ],
)
def test_probability_is_credited_to_every_ancestor_that_may_be_answered(
    wish, probabilities, expected
):
    scores = vocabulary(wish).scores(probabilities)
    assert {name: score for name, score in scores.items() if name in expected} == expected
    assert not any(score for name, score in scores.items() if name not in expected)


@given(songs, selections)
def test_restricting_never_makes_probability(probabilities, selection):
    words = vocabulary(selection)
    scores = words.scores(probabilities)
    total = sum(probabilities.values())
    assert set(scores) == set(selection)
    assert sum(scores[name] for name in words.roots()) <= total + 1e-9


@given(songs, selections)
def test_a_parent_has_at_least_the_probability_of_its_child(probabilities, selection):
    scores = vocabulary(selection).scores(probabilities)
    for child, parent in PARENTS.items():
        if child in scores and parent in scores:
            assert scores[parent] >= scores[child] - 1e-12


@given(songs, policies, st.permutations(GENRES))
def test_renaming_genres_renames_the_verdict(probabilities, policy, order):
    new_names = {genre: f"x{index}" for index, genre in enumerate(order)}
    scores = EVERYTHING.scores(probabilities)
    assume(len(set(scores.values())) == len(scores))  # ties are resolved alphabetically
    plain = judge(probabilities, EVERYTHING, policy)
    renamed = judge(probabilities, vocabulary(new_names), policy)
    assert renamed.genres == tuple(new_names[genre] for genre in plain.genres)
    assert renamed.best.genre == new_names[plain.best.genre]
    assert [score.genre for score in renamed.ranked] == [
        new_names[score.genre] for score in plain.ranked
    ]


@given(songs, policies, st.permutations(GENRES))
def test_the_order_of_the_models_genres_does_not_matter(probabilities, policy, order):
    shuffled = {genre: probabilities[genre] for genre in order}
    words = make_vocabulary(order, PARENTS, {}, None)
    plain, other = judge(probabilities, EVERYTHING, policy), judge(shuffled, words, policy)
    assume(len({round(s.probability, 9) for s in plain.ranked}) == len(GENRES))
    assert other.genres == plain.genres


# --- The verdict ---------------------------------------------------------------------------------


@given(songs, selections, policies)
def test_a_verdict_keeps_its_promises(probabilities, selection, policy):
    words = vocabulary(selection)
    verdict = judge(probabilities, words, policy)
    scores = words.scores(probabilities)
    assert [score.probability for score in verdict.ranked] == sorted(scores.values(), reverse=True)
    assert verdict.accepted == bool(verdict.genres)
    assert len(verdict.genres) <= policy.count
    assert len(set(verdict.genres)) == len(verdict.genres)
    assert verdict.accepted == (max(scores.values()) >= policy.threshold < 1)
    if verdict.accepted:
        assert verdict.genres[0] == verdict.best.genre
        assert scores[verdict.genres[0]] >= policy.threshold
        assert all(scores[name] >= policy.second_threshold for name in verdict.genres[1:])
    for first in verdict.genres:
        for second in verdict.genres:
            assert first == second or not words.related(first, second)


@given(songs, policies)
def test_no_kind_of_the_answer_would_have_been_sure_enough_too(probabilities, policy):
    verdict = judge(probabilities, EVERYTHING, policy)
    scores = EVERYTHING.scores(probabilities)
    if verdict.accepted:
        kinds = [genre for genre, parent in PARENTS.items() if parent == verdict.genres[0]]
        root = max(scores[name] for name in EVERYTHING.roots())
        enough = max(policy.threshold, MIN_SUBGENRE_SHARE * root)
        assert all(scores[kind] < enough for kind in kinds)


def test_with_a_low_threshold_an_unlikely_kind_is_not_answered():
    probabilities = {"Rock": 0.8, "Metal": 0.15, "Jazz": 0.05}
    assert judge(probabilities, EVERYTHING, Policy(0.1)).genres == ("Rock",)
    assert judge({"Rock": 0.3, "Metal": 0.6}, EVERYTHING, Policy(0.1)).genres == ("Metal",)


@pytest.mark.parametrize(
    ("probabilities", "genres"),
    [
        ({"Doom": 0.7, "Metal": 0.1, "Rock": 0.1}, ("Doom",)),
        ({"Doom": 0.4, "Metal": 0.3, "Rock": 0.1}, ("Metal",)),
        ({"Metal": 0.3, "Punk": 0.25, "Rock": 0.1}, ("Rock",)),
        ({"Metal": 0.3, "Jazz": 0.3, "Rock": 0.1}, ()),
        ({"Jazz": 0.9}, ("Jazz",)),
        ({}, ()),
    ],
)
def test_the_most_specific_genre_that_is_sure_wins(probabilities, genres):
    assert answer(probabilities).genres == genres


@pytest.mark.parametrize(
    ("probability", "accepted"), [(0.6, True), (0.6 - 1e-9, False), (0.6 + 1e-9, True)]
)
def test_the_threshold_itself_is_enough(probability, accepted):
    verdict = answer({"Jazz": probability})
    assert verdict.accepted is accepted
    assert verdict.best.genre == "Jazz"
    assert ("below 0.60" in verdict.reason) is not accepted


def test_what_is_like_no_genre_is_no_guess():
    assert answer({"Jazz": 0.009}).reason == "no music, or none of the model's genres"
    assert answer({"Jazz": 0.05}).reason == "Jazz 0.05, below 0.60"


@pytest.mark.parametrize(
    ("count", "genres"),
    [(1, ("Jazz",)), (2, ("Jazz", "Pop")), (3, ("Jazz", "Pop")), (9, ("Jazz", "Pop"))],
)
def test_count_limits_the_genres_and_the_second_threshold_the_rest(count, genres):
    song = {"Jazz": 0.5, "Pop": 0.3, "Rock": 0.2}
    assert answer(song, 0.4, count=count).genres == genres


def test_a_second_genre_is_not_a_relative_of_the_first():
    song = {"Metal": 0.6, "Rock": 0.1, "Pop": 0.3}
    assert answer(song, 0.5, count=3).genres == ("Metal", "Pop")


def test_a_song_without_probabilities_is_silent():
    verdict = judge({}, EVERYTHING, Policy(0.5))
    assert (verdict.genres, verdict.best, verdict.ranked) == ((), None, ())
    assert verdict.reason == "silent"


def test_ties_go_to_the_first_in_the_alphabet():
    assert answer({"Pop": 0.5, "Jazz": 0.5}, 0.5).genres == ("Jazz",)


def test_restricting_can_only_make_a_wrong_answer_a_coarser_or_no_answer():
    assert answer({"Doom": 0.9}, wish=("Rock", "Jazz")).genres == ("Rock",)
    assert answer({"Doom": 0.9}, wish=("Pop", "Jazz")).genres == ()


# --- Wishes --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wish", "names"),
    [
        (None, {genre: genre for genre in GENRES}),
        ("few", {"Rock": "Rock", "Jazz": "Jazz", "Pop": "Pop"}),
        (["jazz", " POP "], {"Jazz": "Jazz", "Pop": "Pop"}),
        (
            {"jazz": "Improvised", "pop": None, "Doom": ""},
            {g: g for g in GENRES if g not in ("Pop", "Doom")} | {"Jazz": "Improvised"},
        ),
    ],
    ids=["default", "preset", "list", "mapping"],
)
def test_a_wish_selects_and_renames(wish, names):
    assert vocabulary(wish).names == names


BOTH = ("Hip Hop", "Jazz", "Rap")


@pytest.mark.parametrize(
    ("wishes", "names"),
    [
        ({"wish": ["Rap"]}, ["Rap"]),
        ({"wish": ["rap", "hip-hop"]}, ["Rap", "Hip Hop"]),
        ({"wish": {"Rap": None}}, ["Hip Hop", "Jazz"]),
        ({"wish": {"Rap": "Trap"}}, ["Hip Hop", "Jazz", "Trap"]),
        ({"wish": None, "only": ["Rap"]}, ["Rap"]),
        ({"wish": None, "ignored": ["Rap"]}, ["Hip Hop", "Jazz"]),
    ],
)
def test_a_model_may_have_two_names_of_the_same_music(wishes, names):
    assert [*make_vocabulary(BOTH, {}, {}, **wishes).names.values()] == names


def test_another_name_of_the_same_music_is_found_where_there_is_one_genre():
    words = make_vocabulary(BOTH[:2], {}, {}, None, only=["Rap"], ignored=["Electronica"])
    assert [*words.names] == ["Hip Hop"]


def test_a_mapping_may_bring_back_what_the_default_leaves_out():
    words = make_vocabulary(GENRES, PARENTS, {"default": ("Jazz",)}, {"Pop": "Pop"})
    assert words.names == {"Jazz": "Jazz", "Pop": "Pop"}


@pytest.mark.parametrize(
    ("wish", "message"),
    [
        ("many", r"no such selection: many \(there are: default, few\)"),
        (["Polka"], r"the model has no Polka \(it has: Rock, Metal"),
        ({"Polka": "Dance"}, "the model has no Polka"),
        (["Jazz", ""], "the model has no "),
        ([], "nothing is left"),
        (dict.fromkeys(GENRES), "nothing is left"),
    ],
)
def test_a_wish_that_cannot_be_granted_says_why(wish, message):
    with pytest.raises(GenreModelError, match=message):
        vocabulary(wish)


@given(st.sampled_from(GENRES), st.sampled_from([str.upper, str.lower, str.title, "  {} ".format]))
def test_genres_are_found_whatever_the_case(genre, change):
    assert find_genre(change(genre), GENRES) == genre
