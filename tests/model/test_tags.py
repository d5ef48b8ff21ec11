"""Which genres and moods follow from the shipped network's tags."""

from hypothesis import given
from hypothesis import strategies as st

from genre_model.data.genre_tree import node_of
from genre_model.model.tags import (
    DECADES,
    GENRE_CUTS,
    MOODS,
    VOICES,
    further_genres,
    moods,
)
from genre_model.model.vocabulary import GenreScore, SongGenre, make_vocabulary

GENRES = ("Rock", "Metal", "Alternative", "Electronic", "Ambient", "Jazz")
WORDS = make_vocabulary(GENRES, {"Metal": "Rock", "Alternative": "Rock"}, {}, None)
values = st.dictionaries(st.sampled_from([*GENRE_CUTS, *MOODS, *VOICES, *DECADES]), st.floats(0, 1))


def song(*genres):
    return SongGenre(genres, GenreScore("Rock", 0.9), (), "0.90")


@given(values, st.lists(st.sampled_from(GENRES), max_size=2, unique=True), st.integers(1, 5))
def test_further_genres_come_after_the_answer_each_once_and_not_too_many(tags, answered, count):
    found = further_genres(song(*answered), tags, WORDS, count=count, ignored=["hard-rock"])
    assert found.genres[: len(answered)] == tuple(answered)
    assert len(found.genres) <= max(count, len(answered))
    assert len(set(map(node_of, found.genres))) == len(found.genres)
    assert "Hard Rock" not in found.genres
    assert answered or not found.genres
    only = further_genres(song(*answered), tags, WORDS, count=count, may_add=False)
    assert set(only.genres) <= set(GENRES)


def test_further_genres_are_spelled_as_the_library_and_the_model_spell_them():
    tags = {tag: 1.0 for tag, cut in GENRE_CUTS.items() if cut.name in ("House", "Hip Hop")}
    spellings = {"house": "house", "hiphop": "hip hop"}
    found = further_genres(song("Rock"), tags, WORDS, count=9, spellings=spellings)
    assert set(found.genres) == {"Rock", "house", "hip hop"}
    own = make_vocabulary(("Rock", "Hip-Hop"), {}, {}, None)
    found = further_genres(song("Rock"), tags, own, count=9, may_add=False)
    assert found.genres == ("Rock", "Hip-Hop")


@given(values)
def test_a_song_has_one_voice_and_one_decade_at_most_and_more_value_loses_no_mood(tags):
    found = moods(tags)
    for group in (VOICES, DECADES):
        assert len({cut.name for cut in group.values()} & set(found)) <= 1
    calm = {tag: 1.0 if tag in ("chill", "sad") else value for tag, value in tags.items()}
    assert set(found) <= set(moods(calm))


def test_the_cuts_hold_at_their_borders():
    assert moods({"Mellow": 0.04, "80s": 0.1073, "instrumental": 0.2, "male vocalists": 0.021}) == (
        "mellow",
        "instrumental",
    )
    tags = {"hard rock": 0.08, "House": 0.065, "metal": 0.0369}
    assert further_genres(song("Rock"), tags, WORDS, count=3).genres == (
        "Rock",
        "Hard Rock",
        "House",
    )
