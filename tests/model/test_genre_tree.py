"""How a genre tree arranges a track's genres, and how genres get one spelling."""

from itertools import permutations

from hypothesis import given
from hypothesis import strategies as st

from genre_model.data.genre_names import canonical
from genre_model.data.genre_tree import Arrangement, make_tree, node_of, spare_finer
from genre_model.data.spelling import preferred_spellings, respelled, spelling_key

PARENTS = {
    "trip hop": "downtempo",
    "downtempo": "electronic",
    "hard bop": "jazz",
    "black metal": "heavy metal",
    "heavy metal": "rock",
    "circle": "round",
    "round": "circle",
}
TREE = make_tree(PARENTS, [["Metal", "Rock"], ["Ambient", "Electronic"]], ["Metal", "R&B"])
GENRES = (
    *("Trip Hop", "trip-hop", "Electronic", "Downtempo", "Jazz", "Hard Bop", "Black Metal"),
    *("Metal", "Heavy Metal", "Rock", "Polka", "Ambient"),
)
SPELLINGS = (
    *("Hip-Hop", "hip hop", "HipHop", "Drum & Bass", "drum and bass", "Drum 'n' Bass", "Country"),
    *("country", "R&B", "RnB", "r & b", "!!!", "???", "Música", "música", "K-Pop", "Kpop", "日本"),
)
names = st.lists(st.sampled_from(GENRES), max_size=4, unique_by=node_of).map(tuple)
unrelated = names.filter(
    lambda found: not any(TREE.is_within(a, b) for a, b in permutations(found, 2))
)
spellings = st.sampled_from(SPELLINGS)


def test_finer_genres_stay_and_parents_come_where_they_are_wanted():
    assert spare_finer(["Trip Hop"], ["Electronic"], TREE) == ("Trip Hop",)
    assert spare_finer(["Electronic", "Trip-Hop"], ["Electronic"], TREE) == (
        "Electronic",
        "Trip-Hop",
    )
    assert spare_finer(["Heavy Metal"], ["Metal"], TREE) == ("Heavy Metal",)
    assert spare_finer(["jazz", "Polka"], ["Jazz"], TREE) == ("Jazz",)  # only another spelling
    assert spare_finer(["Electronic"], ["Ambient"], TREE) == ("Ambient",)
    after = Arrangement(TREE, "after")
    assert after.genres([], ["Hard Bop"]) == ("Hard Bop", "Jazz")
    assert after.genres([], ["Black Metal"]) == ("Black Metal", "Metal", "Rock")
    assert after.genres(["Trip Hop"], ["Electronic"]) == ("Trip Hop", "Downtempo", "Electronic")
    before = Arrangement(TREE, "before", written={"jazz"})
    assert before.genres([], ["Hard Bop", "Metal"]) == ("Jazz", "Hard Bop", "Metal")
    assert after.genres([], ["Rock", "Metal"]) == ("Rock", "Metal")  # the likeliest stays first
    assert after.genres([], ["Circle"]) == ("Circle", "Round")  # a cycle ends
    assert Arrangement(TREE, "after", ignored={"jazz"}).genres([], ["Hard Bop"]) == ("Hard Bop",)


@given(names, unrelated, st.sampled_from([None, "before", "after"]))
def test_nothing_is_coarser_than_it_was_and_a_second_time_changes_nothing(before, answered, order):
    arrangement = Arrangement(TREE, order)
    found = arrangement.genres(before, answered)
    for genre in answered:
        assert any(TREE.is_within(name, genre) for name in found)
    for name in before:  # a subgenre of an answered genre is kept
        if any(TREE.is_within(name, g) and node_of(name) != node_of(g) for g in answered):
            assert name in found
    assert arrangement.genres(found, answered) == found


def test_a_spelling_with_controls_or_spaces_is_not_taken_over():
    counts = {"\0Rock\0": 9, "\u202ejazz": 9, " Pop ": 9, "pop": 1}
    spellings = preferred_spellings(counts)
    assert spellings == {"pop": "pop"}
    assert respelled(["\0Rock\0", " Pop "], spellings) == ("\0Rock\0", "pop")


def test_the_most_frequent_spelling_wins_and_the_tree_decides_ties_or_all():
    counts = {
        "Country": 2,
        "country": 5,
        "Hip-Hop": 3,
        "hip hop": 3,
        "Polka": 1,
        "RnB": 1,
        "R&B": 1,
    }
    usage = preferred_spellings(counts, ["country", "hip hop", "r&b"])
    assert respelled(["Country", "Hip-Hop", "polka", "RnB"], usage) == (
        *("country", "hip hop", "Polka"),
        "R&B",
    )
    tree = preferred_spellings(counts, ["country", "hip hop", "r&b"], by_tree=True)
    assert respelled(["country", "Country", "Hip-Hop", "RnB", "New"], tree) == (
        *("Country", "Hip Hop", "R&B"),
        "New",
    )


@given(st.dictionaries(spellings, st.integers(1, 9)), st.lists(spellings), st.booleans())
def test_a_spelling_never_changes_the_genre_and_is_the_same_again(counts, genres, by_tree):
    tree = [canonical(name) for name in ("Hip Hop", "drum and bass", "r&b", "country")]
    chosen = preferred_spellings(counts, tree, by_tree=by_tree)
    found = respelled(genres, chosen)
    assert {spelling_key(name) for name in found} == {spelling_key(name) for name in genres}
    assert respelled(found, chosen) == found
    again = preferred_spellings({chosen[spelling_key(n)]: c for n, c in counts.items()}, tree)
    assert all(again[key] == name for key, name in chosen.items())
