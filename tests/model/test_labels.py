"""From genres as people write them to classes: spelling, maps, trees, small genres."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genre_model.core.errors import GenreModelError
from genre_model.data.genre_names import canonical
from genre_model.data.genre_tree import tree_parents
from genre_model.data.labels import LabelPolicy, read_labels
from genre_model.data.paper_genres import PAPER_GENRES
from genre_model.model.bundle.audit import is_plain

TREE = tree_parents(
    ["classical", {"rock": ["punk", {"metal": ["death metal", "doom metal"]}]}, {"jazz": ["bebop"]}]
)


def read(genres, **policy):
    """The labelling of ``"Rock*3, Jazz*2"``, or of lists of genres; ``min_tracks`` is usually 1."""
    if isinstance(genres, str):
        pairs = [part.rpartition("*") for part in genres.split(", ")]
        genres = [[name] for name, _, n in pairs for _ in range(int(n))]
    return read_labels(genres, LabelPolicy(**{"min_tracks": 1, **policy}))


def counts(labelling):
    names = [labels[0] for labels in labelling.labels if labels]
    return {name: names.count(name) for name in labelling.classes}


def test_spellings_of_one_genre_are_one_class_under_the_commonest_spelling():
    labelling = read("hip hop*1, Hip-Hop*3, HIP_HOP*2, hip  hop *1, Jazz*1")
    assert counts(labelling) == {"Hip-Hop": 7, "Jazz": 1}


def test_a_genre_is_one_class_however_its_accents_and_hyphens_are_encoded():
    labelling = read("M\u00fasica*3, Mu\u0301sica*2, hip\u2010hop*1, Hip-Hop*2")
    assert counts(labelling) == {"M\u00fasica": 5, "Hip-Hop": 3}


def test_aliases_are_resolved():
    labelling = read("Rap*2, RnB*1, R and B*1, Electronica*1, Jazz*1")
    assert counts(labelling) == {"Hip Hop": 2, "R&B": 2, "Electronic": 1, "Jazz": 1}


def test_the_spelling_of_an_alias_is_not_that_of_the_class():
    assert counts(read("Rap*5, hiphop*5, Hip-Hop*1, Jazz*1")) == {"Hip-Hop": 11, "Jazz": 1}


def test_ties_in_spelling_go_by_the_alphabet():
    assert read("trip hop*1, Trip Hop*1, Jazz*1").classes == ("Jazz", "Trip Hop")


@pytest.mark.parametrize("order", [1, -1])
def test_the_order_of_tracks_does_not_matter(order):
    tracks = [["Rap"], ["Hip Hop"], ["hip hop"], ["Jazz"], ["Bebop", "Jazz"]][::order]
    labelling = read(tracks, parents=TREE, min_tracks=2)
    assert labelling.classes == ("Hip Hop", "Jazz")


def test_the_first_of_several_genres_counts_or_any_may_be_right():
    tracks = [["Rock", "Jazz"], ["Jazz"], ["Rock"], []]
    assert read(tracks).labels == (("Rock",), ("Jazz",), ("Rock",), ())
    assert read(tracks, which="any").labels == (("Rock", "Jazz"), ("Jazz",), ("Rock",), ())


def test_any_names_a_class_once():
    assert read([["Rap", "Hip-Hop"], ["Jazz"]], which="any").labels[0] == ("Hip-Hop",)


def test_the_users_map_renames_and_drops():
    renamed = {"grindcore": "Metal", "Audiobook": None, "Nothing": ""}
    labelling = read("Grindcore*2, metal*1, Audiobook*3, nothing*1, Jazz*1", renamed=renamed)
    assert counts(labelling) == {"Metal": 3, "Jazz": 1}
    assert labelling.dropped == {
        "Audiobook": (3, "dropped by your map"),
        "nothing": (1, "dropped by your map"),
    }


def test_the_users_map_decides_the_spelling():
    assert counts(read("edm*3, Techno*1, Jazz*1", renamed={"techno": "EDM"})) == {
        "EDM": 4,
        "Jazz": 1,
    }


def test_the_users_map_comes_before_the_aliases():
    assert counts(read("Rap*1, Hip Hop*2, Jazz*1", renamed={"Rap": "Rap"})) == {
        "Rap": 1,
        "Hip Hop": 2,
        "Jazz": 1,
    }
    assert counts(read("Rap*1, Hip Hop*2, Jazz*1", renamed={"Rap": None})) == {
        "Hip Hop": 2,
        "Jazz": 1,
    }
    assert counts(read("hiphop*1, Hip Hop*2, Jazz*1", renamed={"hip hop": "Beats"})) == {
        "Beats": 3,
        "Jazz": 1,
    }


@pytest.mark.parametrize(("genre", "new"), [("Hip Hop", "Rap"), ("Soul", "RnB"), ("EDM", "Techno")])
def test_the_users_name_for_a_genre_may_be_another_genres_alias(genre, new):
    assert counts(read(f"{genre}*2, Jazz*1", renamed={genre: new})) == {new: 2, "Jazz": 1}


def test_a_track_counts_once_for_a_genre_that_it_names_twice():
    tracks = [["Hip Hop", "Rap"], ["Bebop", "Hard Bop"], ["Zydeco", "zydeco"], ["Rock"], ["Rock"]]
    parents = {"bebop": "jazz", "hard bop": "jazz"}
    labelling = read([*tracks, ["Pop"], ["Pop"]], which="any", min_tracks=2, parents=parents)
    assert labelling.classes == ("Pop", "Rock")
    assert {n for n, _ in labelling.dropped.values()} == {1}


@pytest.mark.parametrize("consolidate", [None, "roots"])
def test_the_users_map_holds_for_ancestors_too(consolidate):
    parents = {"dubstep": "electronic", "trance": "electronic"}
    labels = "Electronic*8, Dubstep*1, Trance*1, Jazz*6, Rock*6"
    wishes = {"parents": parents, "min_tracks": 2, "consolidate": consolidate}
    dropped = read(labels, renamed={"Electronic": None}, **wishes)
    assert "Electronic" not in dropped.classes
    renamed = read(labels, renamed={"Electronic": "Electro"}, **wishes)
    assert renamed.classes == ("Electro", "Jazz", "Rock")


def test_a_small_genre_joins_its_nearest_ancestor_that_has_enough():
    labelling = read("Death Metal*2, Doom Metal*2, Bebop*4, Rock*1", parents=TREE, min_tracks=4)
    assert counts(labelling) == {"Metal": 4, "Bebop": 4}
    assert labelling.dropped == {"Rock": (1, "fewer than 4 tracks")}


def test_kinds_join_their_parents_before_those_join_theirs():
    labelling = read("Death Metal*2, Metal*2, Rock*4", parents=TREE, min_tracks=4)
    assert counts(labelling) == {"Metal": 4, "Rock": 4}
    labelling = read("Death Metal*1, Metal*1, Rock*1, Jazz*3", parents=TREE, min_tracks=3)
    assert counts(labelling) == {"Rock": 3, "Jazz": 3}


def test_a_small_genre_without_ancestors_is_dropped_with_the_reason():
    labelling = read("Polka*2, Rock*3, Jazz*3", parents=TREE, min_tracks=3)
    assert labelling.dropped == {"Polka": (2, "fewer than 3 tracks")}


def test_consolidate_lifts_everything_to_the_roots():
    labelling = read("Death Metal*9, Punk*9, Bebop*9", parents=TREE, consolidate="roots")
    assert counts(labelling) == {"Rock": 18, "Jazz": 9}


TYPICAL = (
    "Alternative, Ambient, Blues, Country, Dance, Disco, Drum & Bass, Dubstep, Electronic, Folk, "
    "Funk, Hip-Hop, House, Indie, Jazz, Latin, Metal, Pop, Punk, R&B, Reggae, Rock, Soul, Techno, "
    "Trap, World, Singer/Songwriter"
)


@pytest.mark.parametrize("parents", [{}, {"dubstep": "uk garage", "uk garage": "electronic"}])
def test_twenty_seven_genres_become_the_papers_seven(parents):
    genres = [[name] for name in TYPICAL.split(", ") for _ in range(3)]
    labelling = read_labels(genres, LabelPolicy(consolidate="paper", parents=parents, min_tracks=3))
    assert labelling.classes == tuple(sorted(PAPER_GENRES))
    assert labelling.dropped == {}
    became = {name: label for (name,), (label,) in zip(genres, labelling.labels, strict=True)}
    assert became["Dubstep"] == became["House"] == "Electronic"
    assert (became["Trap"], became["Metal"], became["Hip-Hop"]) == ("Hip Hop", "Rock", "Hip Hop")


def test_what_is_none_of_the_papers_genres_is_dropped_and_the_users_map_comes_first():
    labelling = read(
        "Opera*2, Sludge*2, Melodic Death Metal*2, Pop*2, Mine*2, Uk Bass*2",
        consolidate="paper",
        renamed={"Mine": "Country", "Uk Bass": "Rap"},
        parents={"sludge": "heavy metal"},
        min_tracks=2,
    )
    assert counts(labelling) == {"Rock": 4, "Pop": 2, "Country": 2, "Hip Hop": 2}
    assert labelling.dropped == {"Opera": (2, "none of the paper's seven genres")}


def test_wanted_genres_are_the_only_ones_in_the_users_spelling_whatever_their_size():
    labelling = read("Bebop*2, Punk*1, Death Metal*1, Polka*9", parents=TREE, min_tracks=5,
                     wanted=("JAZZ", " metal "))  # fmt: skip
    assert counts(labelling) == {"JAZZ": 2, "metal": 1}
    assert labelling.dropped == {"Punk": (1, "not wanted"), "Polka": (9, "not wanted")}


@pytest.mark.parametrize(
    ("genres", "policy", "sentence"),
    [
        ("Rock*3", {}, "only Rock has 1 tracks or more: nothing to tell apart"),
        ("Rock*3, Jazz*2", {"min_tracks": 3}, "only Rock has 3 tracks or more"),
        ("Rock*3, Jazz*2", {"min_tracks": 9}, "no genre has 9 tracks or more"),
        ("Rock*3, Jazz*2", {"wanted": ("rock",)}, "only rock: nothing to tell apart"),
        ("Rock*3, Jazz*2", {"wanted": ("Rock", "Polka", "Ska")}, "no tracks are labelled Polka, S"),
        ("Rock*3, Jazz*2", {"renamed": {"jazz": "Rock"}}, "only Rock has"),
        ([], {}, "no genre has"),
    ],
)
def test_too_few_classes_are_one_sentence(genres, policy, sentence):
    with pytest.raises(GenreModelError) as caught:
        read(genres, **policy)
    assert str(caught.value).startswith(sentence)


@pytest.mark.parametrize(
    ("genre", "name"),
    [
        ("Ro\nck", "Ro ck"),
        (" Rock; Pop ", "Rock, Pop"),
        ("Rock\x00", "Rock"),
        ("caf\udce9", "caf"),
        ("\u202eR&B", "R&B"),
    ],
)
def test_a_class_has_a_name_that_a_bundle_can_hold(genre, name):
    assert read([[genre], ["Jazz"]]).labels[0] == (name,)


def test_a_genre_of_nothing_is_none():
    assert read([["", "Rock"], ["\x00 \n"], ["Jazz"]]).labels == (("Rock",), (), ("Jazz",))


def test_a_tree_may_be_odd():
    parents = tree_parents({"Rock": [None, 1980, {"Punk": None}, ["Ska", ["Two-Tone"]]], "A": "A"})
    assert parents == {"1980": "rock", "punk": "rock", "ska": "rock", "two tone": "rock"}
    for nothing in (None, [], {}, "Rock", [[]]):
        assert tree_parents(nothing) == {}


def test_a_tree_that_bites_its_tail_ends():
    loop = {"rock": "jazz", "jazz": "rock"}
    labelling = read("Rock*2, Jazz*2, Ska*3, Pop*3", parents=loop, min_tracks=3)
    assert {"Pop", "Ska"} <= set(labelling.classes)


NAMES = st.sampled_from(["Rock", "rock", "Rap", "Hip-Hop", "Punk", "Death Metal", "; ", "\x00"])
TRACKS = st.lists(st.lists(NAMES | st.text(max_size=6), max_size=3), max_size=20)


@given(
    TRACKS,
    st.dictionaries(NAMES | st.text(max_size=6), st.none() | NAMES | st.text(max_size=6)),
    st.sampled_from(["first", "any"]),
    st.sampled_from([None, "roots", "paper"]),
    st.integers(1, 4),
    st.none() | st.lists(NAMES, min_size=1).map(tuple),
)
def test_whatever_people_write_gives_classes_or_a_sentence(
    genres, renamed, which, consolidate, min_tracks, wanted
):
    policy = LabelPolicy(which, renamed, TREE, wanted, consolidate, min_tracks)
    try:
        labelling = read_labels(genres, policy)
    except GenreModelError:
        return
    used = {name for labels in labelling.labels for name in labels}
    assert used == set(labelling.classes)
    assert len(labelling.classes) >= 2
    assert len(labelling.labels) == len(genres)
    assert all(is_plain(name) and name for name in labelling.classes)
    if not wanted:
        assert len({canonical(name, labelling.classes) for name in used}) == len(used)
        n_used = [name for labels in labelling.labels for name in labels[:1]]
        if which == "first":
            assert min(n_used.count(name) for name in used) >= min_tracks
