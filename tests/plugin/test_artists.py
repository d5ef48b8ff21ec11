"""Tracks by one artist inform each other, even if the artist has guests."""

import os
from dataclasses import replace

import pytest
from audio_files import write_silence

from beetsplug.cnngenre.classify.context import agreed_genre, filled
from beetsplug.cnngenre.classify.judge import Judge, Known
from genre_model.core.specs import ContextSpec
from genre_model.model.artist_context import informed_songs
from genre_model.model.bundle.store import load_bundle, write_bundle
from genre_model.model.vocabulary import Policy, judge, make_vocabulary


@pytest.fixture
def social(beet, tone, tmp_path, pitch_bundle):
    """Makes a ``beet`` whose model uses the context of artists: ``social(title=artist)``."""

    def make(weight=0.75, common=None, *, by_album=False, **artists):
        pitch = load_bundle(pitch_bundle)
        contents = {name: pitch.read(name) for name in pitch.manifest.files}
        context = ContextSpec(weight, 3.0 if weight > 0.5 else 1.0, 0.6)
        manifest = replace(pitch.manifest, bundle_id="social-1", context=context)
        write_bundle(tmp_path / "social", manifest, contents)
        beet.config["cnngenre"] |= {"model": str(tmp_path / "social"), "auto": False}
        for title, artist in artists.items():
            tags = {"artist": artist, "albumartist": artist} | (common or {})
            tone(title.partition("_")[0], title, **tags)
        beet("import", "-A", *(["-g"] if by_album else []), tmp_path / "music")
        return beet

    return make


@pytest.mark.parametrize(
    "credit",
    [
        *("low", "Low feat. Y", "LOW (ft. Y)"),
        "\uff2cow",  # a full-width letter, as in Japanese tags
    ],
)
def test_an_artists_tracks_inform_one_that_is_named_with_a_guest(social, credit):
    beet = social(Rock_1="Low", Rock_2="Low", Unsure=credit)
    beet("genre")
    assert beet.genres()["Unsure"] == "Rock"


def test_what_was_classified_before_counts_too(social):
    """SQLite ignores case only for ASCII letters, so not for the first letter here."""
    artists = {"Rock_1": "Ólafur", "Rock_2": "Ólafur feat. Y", "Rock_3": "Ólafur (Featuring Z)"}
    beet = social(**artists, Unsure="Ólafur [ft. Y & Z]")
    beet("genre", "title:Rock")
    beet("genre", "title:Unsure")
    assert beet.genres()["Unsure"] == "Rock"


def test_one_artist_is_one_whatever_wrote_the_tags(social):
    """MusicBrainz uses other apostrophes and hyphens than keyboards, and macOS other accents."""
    names = ["D\u2019A\u2010\u00f3", "d'a-\u00f3", "D\u02bcA\u2011o\u0301"]
    beet = social(Rock_1=names[0], Rock_2=names[1], Unsure=names[2])
    beet("genre")
    assert beet.genres()["Unsure"] == "Rock"


def test_tracks_that_are_imported_again_inform_those_of_their_album(social):
    """A re-import gives them new ids; the ids read at the first album do not include them."""
    beet = social(by_album=True, Jazz_1="Aaa", Rock_1="Low", Rock_2="Low", Unsure="Low")
    beet("genre", "title::^(Rock|Jazz)")
    beet.config["cnngenre"]["auto"] = True
    beet.config["threaded"] = False
    beet("import", "-A", "-L")
    assert beet.genres()["Unsure"] == "Rock"


def events(output):
    """What the plugin ``progresswatch`` has printed."""
    return [line for line in output.splitlines() if line in ("file", "bar")]


@pytest.mark.parametrize("command", ["genre", "cnnreview -p", "cnncompare"])
def test_the_bar_moves_with_each_file_of_an_artist_and_once_for_each_track(social, command):
    beet = social(common={"genres": ["Rock"]}, Rock_1="Low", Rock_2="Low", Jazz_1="Low")
    if command != "cnncompare":
        beet("modify", "-y", "genres=")
    beet.config["plugins"] = ["cnngenre", "progresswatch"]
    assert events(beet(*command.split())) == ["file", "bar"] * 3


def test_the_bar_also_counts_the_tracks_of_an_artist_that_were_classified_before(social):
    beet = social(Rock_1="Low", Rock_2="Low", Unsure="Low")
    beet("genre", "title:Unsure")
    beet.config["plugins"] = ["cnngenre", "progresswatch"]
    assert sorted(events(beet("genre"))) == ["bar"] * 3 + ["file"] * 2


@pytest.mark.parametrize("asked", [None, 0.9])
def test_a_song_is_analysed_until_it_is_sure_by_the_threshold_that_judges_it(social, asked):
    """With a context, that is the context's threshold, not the one for audio alone."""
    beet = social(Rock="Low")
    beet.config["plugins"] = ["cnngenre", "thresholdwatch"]
    options = [] if asked is None else ["--threshold", str(asked)]
    assert f"threshold {asked or 0.6}\n" in beet("genre", *options)


@pytest.mark.skipif(os.name == "nt", reason="nothing sends Ctrl-C there")
@pytest.mark.parametrize(
    ("command", "says"), [("genre -f", "tagged 0"), ("cnnreview -p", "accepted")]
)
def test_an_interruption_before_the_first_verdict_is_a_line_too(social, command, says):
    beet = social(Rock_1="Low", Rock_2="Low", Rock_Jazz="Low")
    beet.config["plugins"] = ["cnngenre", "ctrlclater"]
    last = beet(*command.split()).splitlines()[-1]
    assert last.startswith("interrupted: ")
    assert says in last


def test_only_the_albums_of_the_wanted_tracks_are_judged(pitch_bundle):
    """An import asks for one track after the other, of an artist who may have thousands."""
    pitch = load_bundle(pitch_bundle).manifest
    manifest = replace(pitch, context=ContextSpec(0.3, 1.0, 0.6))
    judges = Judge(None, manifest, make_vocabulary(pitch.genres, {}, {}, None), Policy(0.6))
    rows = [{"Rock": 0.9}, {"Rock": 0.9}, {"Rock": 0.4, "Jazz": 0.2}, {"Jazz": 0.9}, {"Rock": 0.5}]
    tracks = {n: Known(row, "low", [1, 1, 1, 2, None][n]) for n, row in enumerate(rows)}
    songs = judges.in_context(tracks, tracks)
    assert songs[2].genres == ("Rock",)  # as the rest of its album
    for wanted, judged in (([2], [0, 1, 2]), ([3], [3]), ([4], [4]), ([0, 4], [0, 1, 2, 4])):
        assert judges.in_context(tracks, wanted) == {key: songs[key] for key in judged}


def test_guests_and_partners_are_other_artists(social):
    beet = social(Rock_1="Y", Rock_2="X & Y", Rock_3="Xavier feat. Y", Unsure="X feat. Y")
    beet("genre")
    assert beet.genres()["Unsure"] == ""


ALBUM = {"albumartist": "Low", "album": "One"}


def test_the_tracks_of_an_album_inform_each_other_whoever_plays(social):
    beet = social(common=ALBUM, Rock_1="A", Rock_2="B", Rock_3="C", Unsure="D")
    beet("genre")
    assert beet.genres()["Unsure"] == "Rock"


def test_the_tracks_of_a_mixed_album_do_not(social):
    beet = social(0.9, common=ALBUM, Rock_1="A", Rock_2="B", Jazz_1="C", Jazz_2="D")
    beet("genre")
    assert beet.genres() == {"Rock_1": "Rock", "Rock_2": "Rock", "Jazz_1": "Jazz", "Jazz_2": "Jazz"}


@pytest.mark.parametrize("changed", [("albumartist=Various Artists",), ("comp=True",)])
def test_the_tracks_of_a_compilation_do_not(social, changed):
    beet = social(common=ALBUM, Rock_1="A", Rock_2="B", Rock_3="C", Unsure="D")
    beet("modify", "-y", *changed)
    beet("genre")
    assert beet.genres()["Unsure"] == ""


def test_an_album_whose_sure_tracks_agree_has_no_holes(social):
    beet = social(weight=0.3, common=ALBUM, Rock_1="Low", Rock_2="Low", Unsure="Low")
    output = beet("genre")
    assert beet.genres() == {"Rock_1": "Rock", "Rock_2": "Rock", "Unsure": "Rock"}
    assert "as the rest of the album" in output


def test_an_album_gets_the_genre_that_other_albums_of_the_artist_gave_its_tracks(
    social, tone, tmp_path
):
    beet = social(Rock_1="Low", Rock_2="Low", by_album=True)
    for title in ("Unsure_1", "Unsure_2"):
        tone("Unsure", title, folder="more", album="Two", artist="Low", albumartist="Low")
    beet("import", "-A", tmp_path / "more")
    beet("genre")
    assert beet.genres()["Unsure_1"] == "Rock"
    assert "Two: Rock" in beet("ls", "-a", "-f", "$album: $genres")


def test_sure_tracks_of_an_artist_with_two_genres_keep_their_own(social):
    titles = ("Rock_1", "Rock_2", "Rock_3", "Jazz_1", "Jazz_2")
    own = {title: title.partition("_")[0] for title in titles}
    beet = social(0.9, **dict.fromkeys(own, "Low"))
    beet("genre")
    assert beet.genres() == own


GENRES, PARENTS = ("Rock", "Metal", "Jazz"), {"Metal": "Rock"}


def test_where_tracks_differ_the_unsure_are_informed_and_of_two_both():
    context = ContextSpec(0.9, 1.0, 0.6)
    sure, unsure = {"Rock": 0.95, "Jazz": 0.05}, {"Rock": 0.45, "Jazz": 0.55}
    odd = {"Rock": 0.05, "Jazz": 0.95}
    several = informed_songs(dict(enumerate([sure, sure, odd, unsure])), context, VOCABULARY)
    assert [several[0], several[2]] == [sure, odd]
    assert several[3]["Rock"] > unsure["Rock"]
    two = informed_songs({0: sure, 1: odd}, context, VOCABULARY)
    assert two[1]["Rock"] > odd["Rock"]


def song(*scores):
    """A song with these scores, accepted from 0.6 on: ``song(("Rock", 0.7), ("Jazz", 0.2))``."""
    vocabulary = make_vocabulary(GENRES, PARENTS, {}, None)
    return judge(dict(scores), vocabulary, Policy(0.6))


ROCK, METAL, JAZZ = song(("Rock", 0.9)), song(("Metal", 0.8)), song(("Jazz", 0.9))
HOLE, ODD = song(("Rock", 0.4), ("Jazz", 0.2)), song(("Rock", 0.3), ("Jazz", 0.4))
VOCABULARY = make_vocabulary(GENRES, PARENTS, {}, None)


@pytest.mark.parametrize(
    ("songs", "genre"),
    [
        ([ROCK, METAL], "Rock"),
        ([ROCK, ROCK, HOLE, HOLE], "Rock"),
        ([ROCK, ROCK, HOLE, HOLE, HOLE], "Rock"),
        ([ROCK, ROCK, HOLE, ODD, ODD], None),
        ([ROCK, HOLE], None),
        ([ROCK, ROCK, JAZZ], None),
        ([HOLE, HOLE], None),
    ],
)
def test_an_album_agrees_where_two_or_more_are_sure_and_nearly_all_lead(songs, genre):
    assert agreed_genre(songs, VOCABULARY, one_artist=True) == genre


def test_of_several_artists_at_least_half_have_to_be_sure():
    assert agreed_genre([ROCK, ROCK, HOLE, HOLE], VOCABULARY, one_artist=False) == "Rock"
    assert agreed_genre([ROCK, ROCK, HOLE, HOLE, HOLE], VOCABULARY, one_artist=False) is None


def test_a_hole_is_filled_only_with_what_is_probable_for_it():
    def genres(song, genre, own=HOLE):
        return filled(song, genre, own, VOCABULARY).genres

    assert genres(HOLE, "Rock") == genres(HOLE, "Rock", METAL) == ("Rock",)
    assert genres(HOLE, "Rock", JAZZ) == ()  # an odd track
    assert genres(HOLE, "Jazz") == genres(HOLE, None) == ()
    assert genres(JAZZ, "Rock") == ("Jazz",)


def test_an_odd_track_of_an_album_keeps_its_own_genre(social):
    beet = social(weight=0.3, common=ALBUM, **dict.fromkeys(("Rock_1", "Rock_2", "Jazz_1"), "Low"))
    beet("genre")
    assert beet.genres()["Jazz_1"] == "Jazz"


def test_tracks_that_come_later_see_what_the_album_had(social):
    beet = social(weight=0.3, common=ALBUM, Rock_1="Low", Rock_2="Low", Unsure="Low")
    beet("genre", "title:Rock")
    beet("genre", "title:Unsure")
    assert beet.genres()["Unsure"] == "Rock"


def test_a_silent_track_whose_file_was_replaced_informs_the_others(social):
    beet = social(weight=0.3, common=ALBUM, Rock_1="Low", Rock_2="Low", Unsure="Low")
    path = beet.paths()["Rock_2"]
    content, known = path.read_bytes(), path.stat()
    write_silence(path)
    beet("genre")
    assert beet.genres() == {"Rock_1": "Rock", "Rock_2": "", "Unsure": ""}
    path.write_bytes(content)
    os.utime(path, ns=(known.st_atime_ns, known.st_mtime_ns))
    beet("genre")
    assert beet.genres() == {"Rock_1": "Rock", "Rock_2": "Rock", "Unsure": "Rock"}
