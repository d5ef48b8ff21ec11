"""The options of ``beet cnntrain``, as a real command on a labelled library."""

import hashlib
import json
import sqlite3
from dataclasses import replace

import audio_files
import numpy as np
import pytest
from labelled_library import HZ, bundles, models, row, sqlite

from genre_model.model.bundle.store import load_bundle


def label(beet, changes, field="genres"):
    """Change the labels of the labelled tracks that match queries, in the database only."""
    for query, value in changes.items():
        beet("modify", "-y", "-M", "-W", query, "title::[0-7]$", f"{field}={value}")


def train(beet, *arguments, **settings):
    """Run ``cnntrain`` with ``settings`` in the section ``train``; its output and new bundle."""
    configure(beet, settings)
    before = set(bundles(beet))
    output = beet("cnntrain", *arguments)
    [made] = set(bundles(beet)) - before
    return output, load_bundle(made)


def configure(beet, settings):
    section = beet.config["cnngenre"].get("train", {})
    beet.config["cnngenre"]["train"] = section | settings


def report_of(bundle):
    return json.loads((bundle.directory / "report.json").read_bytes())


def file_hashes(beet):
    return {
        title: hashlib.sha256(path.read_bytes()).hexdigest() for title, path in beet.paths().items()
    }


def write_everything(beet):
    """Configure beets and the plugin to write as much as they can."""
    beet.config["import"]["write"] = True
    beet.config["cnngenre"] |= {"write": True, "force": True}


def test_a_model_of_another_field_writes_a_field_of_its_own_and_no_genres_or_files(labelled):
    label(labelled, {"title:Murk": "calm", "title:Hum": "calm", "title:Glint": "bright"}, "mood")
    write_everything(labelled)
    files, genres = file_hashes(labelled), labelled.genres()
    output, bundle = train(labelled, "--field", "mood")
    assert [row(output, mood)[0] for mood in ("calm", "bright")] == ["16", "8"]
    assert output.splitlines()[-1] == (
        f"beet cnngenre --model {bundle.manifest.bundle_id} writes the field cnngenre_mood, "
        "and no genres"
    )
    assert (bundle.manifest.target, bundle.manifest.genres) == ("mood", ("bright", "calm"))
    labelled("genre", "-q", "--model", bundle.manifest.bundle_id, "--threshold", "0.5")
    moods = dict(labelled.fields("cnngenre_mood"))
    assert moods == {t: "bright" if t.startswith("Glint") else "calm" for t in genres}
    for _, probability in labelled.fields("cnngenre_mood_probability"):
        assert 0.5 <= float(probability) <= 1
    assert labelled.genres() == genres
    assert file_hashes(labelled) == files
    assert dict(labelled.fields("mood"))["Hum 8"] == "$mood"


def test_a_model_of_another_field_is_used_only_where_it_is_named(labelled):
    label(labelled, {"title:Murk": "calm", "title:Hum": "calm", "title:Glint": "bright"}, "mood")
    train(labelled, "--field", "mood")
    labelled("genre", "-q", "--threshold", "0", "title:Hum 8")
    assert labelled.fields("cnngenre_mood", query=["cnngenre_mood::."]) == []
    [(_, genre)] = labelled.fields("genres", query=["title:Hum 8"])
    assert genre not in ("calm", "bright")  # and to the shipped model, a tone is not music


@pytest.mark.parametrize("genres", ["paper", ["Rock"], {"Hip Hop": "Rap"}])
def test_the_configured_genres_are_not_for_a_model_of_another_field(labelled, genres):
    label(labelled, {"title:Murk": "calm", "title:Hum": "calm", "title:Glint": "bright"}, "mood")
    labelled.config["cnngenre"] |= {"genres": genres, "ignore": ["calm"]}
    train(labelled, "--field", "mood", "--name", "moody")
    labelled("cnngenre", "-q", "--model", "moody", "--threshold", "0")
    moods = dict(labelled.fields("cnngenre_mood"))
    assert (moods["Glint 8"], moods["Hum 8"]) == ("bright", "calm")


def test_what_a_field_has_where_nothing_is_known_is_no_label(labelled):
    for query, year in (("title:Murk", 1960), ("title:Hum", 1990)):
        labelled("modify", "-y", query, f"year={year}")
    output = labelled("cnntrain", "-p", "--field", "year")
    assert [line.split()[0] for line in output.splitlines()[1:]] == ["1990", "1960"]


def test_a_field_that_no_track_has_is_one_sentence(labelled):
    assert labelled("cnntrain", "--field", "moood", status=1) == ""
    assert labelled.errors.strip().endswith("cnntrain: no track has a field moood")
    assert not models(labelled).exists()


def rate(beet):
    """Rate the labelled tracks as a user would who likes low tones."""
    beet.config |= {"plugins": ["cnngenre", "types"], "types": {"rating": "float"}}
    label(beet, {"title:Murk": "0.9", "title:Hum": "0.4", "title:Glint": "0.1"}, "rating")


def test_what_the_user_likes_is_learned_from_a_query(labelled):
    rate(labelled)
    write_everything(labelled)
    files, genres = file_hashes(labelled), labelled.genres()
    query = "title::[0-7]$"
    output, bundle = train(labelled, "--positive", "rating:0.8..", query)
    assert [row(output, answer)[0] for answer in ("yes", "no")] == ["8", "16"]
    assert (bundle.manifest.target, bundle.manifest.genres) == ("like", ("no", "yes"))
    labelled("genre", "-q", "--model", bundle.manifest.bundle_id, "--threshold", "0.5")
    likes = dict(labelled.fields("cnngenre_like"))
    assert likes == {t: "yes" if t.startswith("Murk") else "no" for t in genres}
    assert labelled.genres() == genres
    assert file_hashes(labelled) == files


def test_a_query_of_several_alternatives_does_not_make_all_its_tracks_positive(labelled):
    rate(labelled)
    query = ["title:Murk 1", ",", "title::Hum [0-7]", ",", "title::Murk [2-7]"]
    output = labelled("cnntrain", "-p", "--positive", "rating:0.8.. artist:Murk", *query)
    assert [row(output, answer)[0] for answer in ("yes", "no")] == ["7", "8"]


def test_the_answers_of_a_query_can_have_a_name_of_their_own(labelled):
    rate(labelled)
    _, bundle = train(labelled, "--positive", "rating:0.8..", "--field", "deep")
    assert bundle.manifest.target == "deep"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--positive", "rating:7.."], 'cnntrain: no track matches "rating:7.."'),
        (["--positive", "title::."], "only yes has 4 tracks or more: nothing to tell apart"),
        (["--positive", "artist:'Murk"], "No closing quotation"),
        (["--positive", "rating:high"], "'rating:high': 'high' is not"),
        (
            ["--positive", "rating:0.8..", "--field", "genres"],
            "genres cannot be the name of the model's field",
        ),
        (
            ["--positive", "rating:0.8..", "--field", "a b"],
            "a b cannot be the name of the model's field",
        ),
    ],
)
def test_a_query_that_tells_nothing_apart_is_one_sentence(labelled, arguments, sentence):
    labelled.config |= {"plugins": ["cnngenre", "types"], "types": {"rating": "float"}}
    assert labelled("cnntrain", *arguments, status=1) == ""
    assert sentence in labelled.errors
    assert len(labelled.errors.strip().splitlines()) == 1
    assert not models(labelled).exists()


KINDS = {"title::Murk [0-3]": "Bebop", "title::Murk [4-7]": "Swing", "title:Hum": "Ambient"}


def test_kinds_join_their_parent_in_the_tree_where_they_have_too_few_tracks(labelled):
    label(labelled, KINDS)
    plain = labelled("cnntrain", "-p")
    assert [row(plain, kind)[0] for kind in ("Ambient", "Glint", "Bebop", "Swing")] == list("8844")
    joined = labelled("cnntrain", "-p", "--min-tracks", "5")
    assert [row(joined, genre)[0] for genre in ("Jazz", "Ambient", "Glint")] == ["8", "8", "8"]
    assert "Bebop" not in joined
    _, bundle = train(labelled, "--min-tracks", "5", others=False)
    assert bundle.manifest.genres == ("Ambient", "Glint", "Jazz")


def test_consolidation_lifts_every_genre_to_the_root_of_the_tree(labelled):
    label(labelled, KINDS)
    output, bundle = train(labelled, "--consolidate", "roots", others=False)
    assert bundle.manifest.genres == ("Electronic", "Glint", "Jazz")
    assert [row(output, genre)[0] for genre in bundle.manifest.genres] == ["8", "8", "8"]


def test_consolidation_to_the_papers_seven_names_what_belongs_to_none(labelled):
    label(labelled, {"title::Murk [0-3]": "Dubstep", "title::Murk [4-7]": "Death Metal"})
    shown = labelled("cnntrain", "-p", "--consolidate", "paper", "--min-tracks", "2")
    assert [row(shown, genre)[0] for genre in ("Electronic", "Rock")] == ["4", "4"]
    assert row(shown, "Glint") == ["8", "not used: none of the paper's seven genres"]
    labelled("cnntrain", "-p", "--consolidate", "seven", status=1)
    assert "consolidate must be roots, paper or no, not seven" in labelled.errors


def test_the_wanted_genres_alone_are_learned_and_take_in_their_kinds(labelled):
    label(labelled, KINDS)
    output, bundle = train(labelled, "--genres", "jazz, AMBIENT")
    assert bundle.manifest.genres == ("AMBIENT", "jazz")
    assert row(output, "jazz")[0] == "8"
    assert row(output, "Glint") == ["8", "not used: not wanted"]


def test_any_of_several_genres_may_be_right(labelled):
    label(labelled, {"title::Murk [0-3]": "Murk; Deep", "title::Murk [4-7]": "Deep; Murk"})
    first = labelled("cnntrain", "-p")
    assert [row(first, genre)[0] for genre in ("Murk", "Deep", "Hum")] == ["4", "4", "8"]
    output, bundle = train(labelled, "--labels", "any")
    assert [row(output, genre) for genre in ("Murk", "Deep", "Hum")] == [["8", "4"]] * 3
    assert bundle.manifest.genres == ("Deep", "Glint", "Hum", "Murk")
    report = report_of(bundle)
    assert report["song_accuracy"]["value"] > 0.9
    assert report["majority_baseline"] == pytest.approx(1 / 3)
    right = sum(report["confusion"][k][k] for k in range(4))
    assert right / 24 == pytest.approx(report["song_accuracy"]["value"])
    assert sum(genre["n_tracks"] for genre in report["per_genre"]) == 24
    assert report["settings"]["tracks of several genres"].startswith("8; ")
    page = (bundle.directory / "report.html").read_text(encoding="utf-8")
    assert "each counts under the one answered" in page


def test_a_genre_that_only_ever_comes_second_counts_with_any_and_not_with_first(labelled):
    label(labelled, {"title:Murk": "Murk; Deep"})
    assert "Deep" not in labelled("cnntrain", "-p")
    assert row(labelled("cnntrain", "-p", "--labels", "any"), "Deep")[0] == "8"


# --- Slices, and how they are aggregated ---------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "slices"),
    [
        ({"band": "no-low"}, {"band": "no-low"}),
        ({"position": "end"}, {"position": "end"}),
        ({"slices_per_song": 1}, {"max_slices": 1}),
    ],
)
def test_the_slices_may_be_others_and_the_bundle_classifies_with_those(trained, settings, slices):
    [before] = bundles(trained)
    size = cache_size(trained)
    output, bundle = train(trained, **settings)
    why = "it was not compared with the shipped model, which uses other slices of a song"
    assert f"cnngenre goes on with {before.name}: {why}. " in output
    plain = load_bundle(before).manifest
    assert bundle.manifest.slices == replace(plain.slices, **slices)
    assert cache_size(trained) == size + 24  # all were extracted again, with keys of their own
    trained("genre", "-q", "--threshold", "0", "--model", bundle.manifest.bundle_id, "title:Hum 8")
    assert trained.fields("cnngenre_model", query=["title:Hum 8"]) == [
        ("Hum 8", bundle.directory.name)
    ]
    assert cache_size(trained) == size + 25


def cache_size(beet):
    with sqlite3.connect(beet.home / "cnngenre" / "features.db") as connection:
        [(n,)] = connection.execute("SELECT COUNT(*) FROM features")
    connection.close()
    return n


def test_a_band_is_all_that_is_analysed(labelled):
    """The genres of the tones differ in pitch; without the lowest band, two of them are noise."""
    _, low = train(labelled, band="low")
    _, high = train(labelled, band="high")
    assert low.manifest.files["head.npz"] != high.manifest.files["head.npz"]
    accuracies = [report_of(bundle)["song_accuracy"]["value"] for bundle in (low, high)]
    assert accuracies[0] > accuracies[1]


@pytest.mark.parametrize("rule", ["mean", "product", "majority", "max", "confidence"])
def test_slices_become_a_song_as_the_user_says(trained, rule):
    _, bundle = train(trained, aggregation=rule)
    assert bundle.manifest.aggregation.rule == rule
    trained("genre", "-q", "--threshold", "0", "--model", bundle.manifest.bundle_id, "title:Hum 8")
    assert dict(trained.fields("genres"))["Hum 8"] == "Hum"


@pytest.fixture
def long(labelled, tmp_path):
    """The labelled library with songs of three slices: one of the tone, then two of noise."""
    for seed, title in enumerate(labelled.paths()):
        genre, _, n = title.partition(" ")
        tone = audio_files.tone(3, HZ[genre] * (1 + 0.02 * int(n)), 16_000, 1)
        noise = np.random.default_rng(seed).standard_normal((2 * len(tone), 1))
        longer = tmp_path / f"{title}.wav"
        audio_files.write_audio(longer, np.concatenate([tone, 0.1 * noise]), 16_000)
        sqlite(labelled, "UPDATE items SET path = ? WHERE title = ?", bytes(longer), title)
    return labelled


def test_the_easiest_slices_may_be_all_that_is_learned_from(long):
    (_, everything), (_, easiest) = train(long), train(long, select_instances=0.4)
    assert everything.manifest.slices == easiest.manifest.slices
    assert everything.manifest.files["head.npz"] != easiest.manifest.files["head.npz"]
    name = easiest.manifest.bundle_id
    long("genre", "-q", "--threshold", "0", "--model", name, "title:Hum 8")
    [(_, genre, model)] = long.fields("genres", "cnngenre_model", query=["title:Hum 8"])
    assert (genre in HZ, model) == (True, name)


def test_a_model_gets_the_part_of_a_track_that_it_was_trained_on(long):
    models = {part: train(long, position=part)[1] for part in ("beginning", "end")}
    right = {part: report_of(bundle)["song_accuracy"]["value"] for part, bundle in models.items()}
    assert right["beginning"] > 0.9
    assert right["end"] < 0.6
    name = models["beginning"].manifest.bundle_id
    long("genre", "-q", "--threshold", "0", "--model", name, "title::8$")
    gaps = dict(long.fields("genres", query=["title::8$"]))
    assert gaps == {f"{genre} 8": genre for genre in HZ}


def test_the_settings_of_the_configuration_go_together(labelled):
    labelled.config["cnngenre"]["train"] |= {
        "aggregation": "max", "band": "mid", "position": "ends", "slices_per_song": 1,
        "select_instances": 0.9, "slice_seconds": None,
    }  # fmt: skip
    _, bundle = train(labelled)
    assert bundle.manifest.aggregation.rule == "max"
    slices = bundle.manifest.slices
    assert (slices.band, slices.position, slices.max_slices) == ("mid", "ends", 1)


@pytest.mark.parametrize(
    ("arguments", "settings", "sentence"),
    [
        ([], {"aggregation": "median"}, "aggregation must be one of mean, product, "),
        ([], {"band": "highest"}, "band must be one of all, low, mid, high, no-low, "),
        ([], {"position": "chorus"}, "position must be one of spread, beginning, middle, "),
        ([], {"select_instances": 1.5}, "select_instances must be from 0 to 1, not 1.5"),
        ([], {"select_instances": 0}, "select_instances must be above 0"),
        ([], {"slices_per_song": 0}, "slices_per_song must be at least 1, not 0"),
        ([], {"slices_per_song": 10001}, "at most 10000 slices can be used of a song"),
        ([], {"slice_seconds": 5}, "cannot have another length"),
        (["--architecture", "crnn"], {"slice_seconds": float("nan")}, "must be a finite number"),
        (["--architecture", "pelchat2019"], {"slice_seconds": 0.01}, "slices must be from "),
        (["--architecture", "midi-rnn"], {"slice_seconds": 3}, "counted in notes, not in second"),
        (["--architecture", "midi-rnn"], {"band": "low"}, "notes have no frequency bands"),
        (["--architecture", "resnet"], {}, "no such architecture: resnet (there are: embeddings"),
        (["--field", "rating"], {"play_history": True}, "rating cannot be learned from itself"),
        (["--positive", "play_count:9.."], {"play_history": True}, "play_count cannot be learned"),
        (["--positive", "my_rating:9.."], {"play_history": True}, "no track matches"),
    ],
)  # fmt: skip
def test_what_a_system_cannot_use_is_one_sentence(labelled, arguments, settings, sentence):
    configure(labelled, settings)
    assert sentence in one_sentence(labelled, *arguments)


@pytest.mark.parametrize(
    ("key", "value"),
    [("band", 7), ("band", ["low"]), ("slice_seconds", "long"), ("slices_per_song", "all"),
     ("select_instances", "half"), ("play_history", "perhaps"), ("aggregation", {"mean": 1}),
     ("classes", 5)],
)  # fmt: skip
def test_a_value_of_the_wrong_kind_is_one_sentence(labelled, key, value):
    labelled.config["cnngenre"]["train"][key] = value
    assert key in one_sentence(labelled)


# --- Play histories ------------------------------------------------------------------------------


def play(beet):
    """Set genres that the audio does not tell: tracks played often are Fire, the others Water."""
    tracks = "title::[0-7]$"
    beet("modify", "-y", "-M", "-W", tracks, "genres=Water", "play_count=2", "rating=0.4")
    odd = "title::[1357]$"
    beet("modify", "-y", "-M", "-W", odd, "genres=Fire", "play_count=250", "rating=0.5")
    # Each artist has one genre; otherwise folds by artist would ask for what cannot be known.
    sqlite(beet, "UPDATE items SET artist = title")


def test_what_the_user_played_counts_beside_the_sound(labelled):
    play(labelled)
    output, bundle = train(labelled, play_history=True)
    report = report_of(bundle)
    assert report["accuracy_without_play_history"] < 0.7
    assert report["song_accuracy"]["value"] > 0.9
    assert (
        f"right, without the play history: {report['accuracy_without_play_history']:.1%}" in output
    )
    assert report["settings"]["play history is a feature"] == "yes"
    spec = bundle.manifest.play_history
    assert spec.threshold == report["threshold"]

    gaps = "title::8$"
    labelled("modify", "-y", "-M", "-W", gaps, "play_count=2", "rating=0.4")
    labelled("modify", "-y", "-M", "-W", "title:Hum 8", "play_count=250", "rating=0.5")
    labelled("genre", "-q", "--threshold", "0.5", gaps)
    found = dict(labelled.fields("genres", query=[gaps]))
    assert found == {"Murk 8": "Water", "Hum 8": "Fire", "Glint 8": "Water"}

    # Features are cached; later plays and ratings count without a new extraction.
    labelled.config["plugins"] = ["cnngenre", "noextraction"]
    sound = labelled.fields("cnngenre_all", query=[gaps])
    labelled("cnnundo", "-q", gaps)
    labelled("modify", "-y", "-M", "-W", "title:Murk 8", "play_count=250", "rating=0.5")
    labelled("genre", "-q", "--threshold", "0.5", gaps)
    assert dict(labelled.fields("genres", query=[gaps]))["Murk 8"] == "Fire"
    assert labelled.fields("cnngenre_all", query=[gaps]) == sound


def test_what_the_user_played_counts_for_nothing_where_nobody_wishes_that(labelled):
    _, before = train(labelled)
    labelled("modify", "-y", "-M", "-W", "title:Hum", "play_count=250", "rating=****")
    _, after = train(labelled)
    assert before.manifest.play_history is after.manifest.play_history is None
    assert before.manifest.files["head.npz"] == after.manifest.files["head.npz"]
    reports = [report_of(bundle) for bundle in (before, after)]
    for report in reports:
        del report["bundle_id"], report["created_utc"]
        del report["models"]  # the second is compared with the first
    assert reports[0] == reports[1]


def test_what_no_number_is_counts_as_missing(labelled):
    labelled("modify", "-y", "-M", "-W", "title:Hum", "play_count=often", "rating=****")
    labelled("modify", "-y", "-M", "-W", "title:Murk", "play_count=1e999", "rating=-1e300")
    sqlite(labelled, "UPDATE items SET added = 0")
    configure(labelled, {"play_history": True})
    beet_says = one_sentence(labelled)
    assert beet_says.endswith("how it was rated or when it was added")


# --- Hardly anything to learn from ----------------------------------------------------------------


def one_sentence(beet, *arguments):
    """The error line of an impossible training; checks that no model was written."""
    beet("cnntrain", *arguments, status=1)
    [line] = beet.errors.strip().splitlines()
    assert not models(beet).exists()
    return line


def test_a_library_of_one_artist_is_learned_from_and_the_report_says_what_it_is_worth(labelled):
    sqlite(labelled, "UPDATE items SET artist = 'Solo', album = ''")
    output, bundle = train(labelled)
    assert "split by song: the figures flatter the model" in output
    report = report_of(bundle)
    assert (report["n_artists"], report["group_by"]) == (1, "song")


def test_a_class_of_two_tracks_is_not_learned_unless_that_is_wished(labelled):
    sqlite(labelled, "DELETE FROM items WHERE title LIKE 'Hum %' AND title NOT LIKE '% 0' "
           "AND title NOT LIKE '% 2'")  # fmt: skip
    assert row(labelled("cnntrain", "-p"), "Hum") == ["2", "not used: fewer than 4 tracks"]
    _, bundle = train(labelled, "--min-tracks", "2")
    assert bundle.manifest.genres == ("Glint", "Hum", "Murk")


def test_two_classes_of_two_tracks_are_too_few(labelled):
    query = ["title::(Hum|Murk) [02]"]
    assert one_sentence(labelled, *query).endswith(
        "no genre has 4 tracks or more: nothing to tell apart"
    )


def test_two_tracks_of_two_artists_are_too_few_whatever_is_wished(labelled):
    line = one_sentence(labelled, "--min-tracks", "1", "title::(Hum|Murk) 0")
    assert line.endswith("too few tracks with sound are left: nothing to tell apart")


def test_one_class_is_nothing_to_tell_apart(labelled):
    sqlite(labelled, "UPDATE items SET genres = 'Hum'")
    assert one_sentence(labelled).endswith("only Hum has 4 tracks or more: nothing to tell apart")


def test_no_labels_are_nothing_to_learn_from(labelled):
    sqlite(labelled, "UPDATE items SET genres = ''")
    assert one_sentence(labelled).endswith("no genre has 4 tracks or more: nothing to tell apart")


def test_the_same_recording_over_and_over_can_be_learned(labelled, tmp_path):
    """Hardly anything varies within a genre, so the covariance cannot be inverted."""
    paths = labelled.paths()
    for genre in HZ:
        sound = paths[f"{genre} 0"].read_bytes()
        for n in range(8):
            copy = tmp_path / f"{genre} {n}.wav"
            copy.write_bytes(sound[:1000] + bytes([n]) + sound[1001:])  # one sample differs
            sqlite(
                labelled, "UPDATE items SET path = ? WHERE title = ?", bytes(copy), f"{genre} {n}"
            )
    output, bundle = train(labelled)
    assert "24 tracks of 12 artists" in output
    assert bundle.manifest.genres == ("Glint", "Hum", "Murk")
