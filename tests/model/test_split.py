"""Folds: no group is in two of them, and every class is in as many as its groups allow."""

import unicodedata
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from genre_model.data.artists import lead_artist
from genre_model.data.folds import context_group, group_of, split_tracks
from genre_model.data.names import folded
from genre_model.data.tracks import LabelledTrack, overview


def tracks_of(*rows):
    """Tracks from rows of (label, artist, album), each with its own path."""
    return [
        LabelledTrack(Path(f"{index}.mp3"), (label,), artist, album)
        for index, (label, artist, album) in enumerate(rows)
    ]


TEXTS = st.sampled_from(["", "A", "a ", "B", "C", "D", "E", "F", "G"])
ROWS = st.lists(st.tuples(st.sampled_from("XYZ"), TEXTS, TEXTS), min_size=2, max_size=60)


@given(ROWS, st.integers(-3, 2**40), st.integers(2, 7))
def test_no_group_is_in_two_folds(rows, seed, n_folds):
    tracks = tracks_of(*rows)
    split = split_tracks(tracks, seed, n_folds)
    folds = {}
    for group, fold in zip(split.groups, split.fold.tolist(), strict=True):
        folds.setdefault(group, set()).add(fold)
    assert all(len(found) == 1 for found in folds.values())
    assert set(split.fold.tolist()) == set(range(min(n_folds, len(folds))))
    assert split.n_folds == min(n_folds, len(folds))
    if split.group_by == "artist":
        artists = {}
        for track, fold in zip(tracks, split.fold.tolist(), strict=True):
            if track.artist:
                artists.setdefault(track.artist.strip().casefold(), set()).add(fold)
        assert all(len(found) == 1 for found in artists.values())


@given(st.lists(st.integers(2, 9), min_size=2, max_size=4), st.integers(0, 99), st.data())
def test_every_class_is_in_as_many_folds_as_its_artists_allow(sizes, seed, data):
    rows = [
        (f"class {label}", f"artist {label} {artist}", "")
        for label, n_artists in enumerate(sizes)
        for artist in range(n_artists)
        for _ in range(data.draw(st.integers(1, 5)))
    ]
    split = split_tracks(tracks_of(*rows), seed)
    assert split.group_by == "artist"
    for label, n_artists in enumerate(sizes):
        found = {
            fold
            for (name, *_), fold in zip(rows, split.fold.tolist(), strict=True)
            if name == f"class {label}"
        }
        assert len(found) == min(5, n_artists, split.n_folds)


@given(st.integers(0, 500))
def test_a_class_of_two_artists_who_also_play_another_is_never_all_in_one_fold(seed):
    rows = [(label, artist, "") for artist in "AB" for label in ("Rock", "Rock", "Jazz")]
    rows += [("Rock", artist, "") for artist in "CDEF" for _ in range(20)]
    split = split_tracks(tracks_of(*rows), seed)
    jazz = [fold for row, fold in zip(rows, split.fold.tolist(), strict=True) if row[0] == "Jazz"]
    assert len(set(jazz)) == 2


def test_folds_are_of_about_one_size():
    rows = [("Rock", f"r{i // 3}", "") for i in range(60)] + [
        ("Jazz", f"j{i}", "") for i in range(20)
    ]
    sizes = np.bincount(split_tracks(tracks_of(*rows), 0).fold)
    assert sizes.max() - sizes.min() <= 3


def test_the_seed_decides():
    tracks = tracks_of(*[("Rock" if i % 2 else "Jazz", f"artist {i}", "") for i in range(40)])
    first, again, other = (split_tracks(tracks, seed).fold.tolist() for seed in (3, 3, 4))
    assert first == again
    assert first != other


def test_a_class_of_one_artist_makes_it_go_by_album_and_says_so():
    rows = [("Rock", f"A{i}", "x") for i in range(4)] + [
        ("Jazz", "B", f"album {i}") for i in (1, 2)
    ]
    split = split_tracks(tracks_of(*rows), 0)
    assert split.group_by == "album"
    assert split.reason == "Jazz has too few artists; split by album"


def test_a_class_of_one_album_makes_it_go_by_song_and_says_what_that_means():
    rows = [("Rock", f"A{i}", f"{i}") for i in range(4)] + [("Jazz", "B", "album")] * 3
    split = split_tracks(tracks_of(*rows), 0)
    assert split.group_by == "song"
    assert split.reason == (
        "Jazz has too few artists; Jazz has too few albums; "
        "split by song: the figures flatter the model"
    )


def test_tracks_without_any_tags_are_not_said_to_be_split_by_artist():
    split = split_tracks(tracks_of(*[("Rock", "", ""), ("Jazz", "", "")] * 5), 0)
    assert split.group_by == "song"
    assert "flatter" in split.reason


def test_some_tracks_without_artist_are_told_of():
    rows = [("Rock", "A", ""), ("Jazz", "B", ""), ("Rock", "C", ""), ("Jazz", "", "")]
    split = split_tracks(tracks_of(*rows), 0)
    assert split.reason == "split by artist, 1 untagged tracks each for itself"


def test_albums_of_one_name_by_two_artists_are_two():
    first, second = tracks_of(("Rock", "A", "Greatest Hits"), ("Rock", "B", "Greatest Hits"))
    assert group_of(first, "album") != group_of(second, "album")
    assert group_of(first, "artist") == "artist:a"


def test_nobody_in_particular_informs_nobody():
    rows = [
        ("Rock", artist, "x") for artist in ("Various Artists ", "VA", "", "Valerie", "valerie")
    ]
    groups = [context_group(track) for track in tracks_of(*rows)]
    assert groups[:3] == ["song:0.mp3", "song:1.mp3", "song:2.mp3"]
    assert groups[3:] == ["artist:valerie"] * 2


@pytest.mark.parametrize("n", [0, 1])
def test_fewer_than_two_tracks_are_refused(n):
    with pytest.raises(ValueError, match="fewer than two"):
        split_tracks(tracks_of(*[("Rock", "A", "")] * n), 0)


# --- Artists with guests --------------------------------------------------------------------------

NAMES = (
    st.text("aäZ &,.()[]'-/1", min_size=1, max_size=12)
    .map(str.strip)
    .filter(lambda n: n.strip(" ,"))
)
WITH = ["{} feat. {}", "{} Ft. {}", "{} featuring {}", "{} (feat. {})", "{} [ft {}]", "{}, feat {}"]


@given(
    NAMES.filter(lambda name: not name.endswith(",")),
    NAMES.filter(lambda name: not name.startswith("&")),
    st.sampled_from(WITH),
)
def test_an_artist_with_a_guest_is_the_artist(name, guest, credit):
    tracks = tracks_of(("Rock", name, "Album"), ("Rock", credit.format(name, guest), "Album"))
    for group in ("artist", "album"):
        assert len({group_of(track, group) for track in tracks}) == 1
    assert len({context_group(track) for track in tracks}) == 1


@given(NAMES, NAMES)
def test_names_without_guests_stay_apart(name, other):
    assert lead_artist(name) == " ".join(name.casefold().split())
    both = f"{name} & {other}"
    assert lead_artist(both) == " ".join(both.casefold().split())


@pytest.mark.parametrize(
    "name",
    [
        "Simon & Garfunkel",
        "Little Feat",
        "Little Feat & Friends",
        "Ft. Worth",
        "feat. X",
        "Daft Y",
        "Feats of Y",
        "X and Y",
        "X with Y",
        "X vs. Y",
        "X, Y",
    ],
)
def test_a_name_that_only_looks_like_one_with_a_guest_stays(name):
    assert lead_artist(name) == name.casefold()


@pytest.mark.parametrize(
    ("name", "lead"),
    [
        ("Little Feat feat. Y", "little feat"),
        ("X feat. Y feat. Z", "x"),
        ("X (ft. Y) & Z", "x"),
        ("X Feat.Y", "x"),
        ("X\u00a0feat. Y", "x"),
        ("Simon & Garfunkel feat. Y", "simon & garfunkel"),
    ],
)
def test_who_leads(name, lead):
    assert lead_artist(name) == lead


@pytest.mark.parametrize(
    "spellings",
    [
        ("Sigur R\u00f3s", "Sigur Ro\u0301s"),
        ("a-ha", "a\u2010ha", "a\u2011ha", "A\u2013HA"),
        ("Guns N' Roses", "Guns N\u2019 Roses", "Guns N\u00b4 Roses", "Guns N` Roses"),
        ("Die \u00c4rzte", "Die A\u0308rzte", "DIE \u00c4RZTE"),
        ("AC/DC", "\uff21\uff23\uff0f\uff24\uff23"),
    ],
)
def test_spellings_of_one_artist_are_never_on_both_sides(spellings):
    tracks = tracks_of(*[("Rock", name, name) for name in spellings])
    for group in ("artist", "album"):
        assert len({group_of(track, group) for track in tracks}) == 1


@given(st.text(max_size=8))
def test_a_name_is_compared_alike_however_it_is_encoded(name):
    assert folded(folded(name)) == folded(name)
    for form in ("NFC", "NFD"):
        assert folded(unicodedata.normalize(form, name)) == folded(name)


@pytest.mark.parametrize(
    ("artist", "group"),
    [
        ("Various Artists feat. X", "song:0.mp3"),
        ("V.A.", "song:0.mp3"),
        ("[unknown]", "song:0.mp3"),
        ("Some Label Compilation", "song:0.mp3"),
        ("[Amatory]", "artist:[amatory]"),
        ("The Various", "artist:the various"),
    ],
)
def test_nobody_in_particular_informs_no_track(artist, group):
    [track] = tracks_of(("Rock", artist, ""))
    assert context_group(track) == group


def test_an_overview_counts_artists_without_their_guests_and_every_class_of_a_track():
    tracks = tracks_of(("Rock", "X", ""), ("Rock", "X feat. Y", ""), ("Jazz", "x", ""))
    both = LabelledTrack(Path("9.mp3"), ("Rock", "Jazz"), "Z")
    lines = overview([*tracks, both], {})
    assert [line.split() for line in lines[1:]] == [["Rock", "3", "2"], ["Jazz", "2", "2"]]
