"""The experiments' protocol, figures and files; what needs no training."""

import csv
import io
import json
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genre_model.core.errors import GenreModelError
from genre_model.data.tracks import LabelledTrack
from genre_model.evaluation.metrics import Interval, label_figures, macro_f1
from genre_model.training.experiments.catalogue import EXPERIMENTS
from genre_model.training.experiments.conditions import SWEPT
from genre_model.training.experiments.division import divide, relabelled, share_of, shuffled
from genre_model.training.experiments.figures import (
    area_under_curve,
    brier_score,
    figures_of,
    fitted_inverse_temperature,
    paired_difference,
    top_two,
)
from genre_model.training.experiments.protocol import (
    Answers,
    Condition,
    Facts,
    Outcome,
    packed,
    read_outcome,
)
from genre_model.training.experiments.tables import compared, side_by_side, votes
from genre_model.training.experiments.write import Music, as_svg, write_results
from genre_model.training.scratch.slice_store import StoredTrack

GENRES = ("Folk", "Jazz", "Rock")
FACTS = Facts(GENRES, 1_234, 60, 12, 5, 3, 1.5, 0.1, 0)


def stored_song(number, n_slices=7):
    genre = number % len(GENRES)
    track = LabelledTrack(
        Path(f"{number}.flac"), (GENRES[genre],), f"Artist {number // 6} {genre}", f"Album {number}"
    )
    return StoredTrack(track, track.path, np.arange(n_slices), np.arange(len(GENRES)) == genre)


SONGS = [stored_song(number) for number in range(90)]


def places(tracks):
    return {(track.file, index) for track in tracks for index in track.indices.tolist()}


@pytest.mark.parametrize("by", ["slice", "song", "album", "artist"])
@given(seed=st.integers(0, 1000))
@settings(max_examples=10, deadline=None)
def test_every_slice_has_one_purpose_and_nothing_is_on_two_sides(by, seed):
    division = divide(SONGS, by, seed)
    parts = [division.training, division.validation, division.test]
    found = [places(part) for part in parts]
    assert sum(map(len, found)) == len(set.union(*found)) == len(places(SONGS))
    shares = np.array([len(part) for part in found]) / len(places(SONGS))
    np.testing.assert_allclose(shares, [0.7, 0.1, 0.2], atol=0.12)
    if by == "slice":
        return
    sides = [{getattr(t.track, "path" if by == "song" else by) for t in part} for part in parts]
    assert not sides[0] & sides[1] | sides[0] & sides[2] | sides[1] & sides[2]


def test_slices_that_are_split_leave_songs_on_all_sides():
    division = divide(SONGS, "slice", 0)
    shared = {t.file for t in division.training} & {t.file for t in division.test}
    assert len(shared) > 60


def test_a_share_is_of_each_genre():
    half = share_of(SONGS, 0.5, 0)
    assert [sum(t.track.label == genre for t in half) for genre in GENRES] == [15, 15, 15]
    assert len(share_of(SONGS, 0.001, 0)) == len(GENRES)


def test_shuffled_songs_have_the_same_slices_in_another_order():
    division = divide(SONGS, "song", 0)
    mixed = shuffled(division, 0)
    assert places(mixed.test) == places(division.test)
    assert any(np.diff(track.indices).min() < 0 for track in mixed.training)


def test_a_user_likes_one_genre():
    tracks = relabelled([track.track for track in SONGS], "Jazz")
    assert [track.label for track in tracks[:3]] == ["dislike", "like", "dislike"]


def answers(n_songs=40, n_votes=5, skill=1.5, seed=0):
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, len(GENRES), n_songs)
    song = np.repeat(np.arange(n_songs), n_votes)
    logits = rng.standard_normal((len(song), len(GENRES)))
    logits[np.arange(len(song)), truth[song]] += skill
    groups = tuple(f"artist {number // 2}" for number in range(n_songs))
    return Answers(logits.astype(np.float32), song, truth, groups)


def outcome(skill=1.5, seed=0):
    return Outcome(FACTS, answers(skill=skill, seed=seed + 100), answers(skill=skill, seed=seed))


def test_outcomes_survive_the_disk(tmp_path):
    file = tmp_path / "x.npz"
    file.write_bytes(packed(outcome()))
    back = read_outcome(file)
    assert back.facts == FACTS
    np.testing.assert_array_equal(back.test.logits, outcome().test.logits)
    assert back.validation.group == outcome().validation.group


def test_figures_are_what_they_say():
    certain = answers(skill=100.0)
    figures = figures_of([Outcome(FACTS, certain, certain)])
    assert (figures.song.value, figures.slices.value, figures.macro_f1) == (1, 1, 1)
    wrong = replace(certain, truth=(certain.truth + 1) % 3)
    assert figures_of([Outcome(FACTS, wrong, wrong)]).song.value == 0
    weak = figures_of([outcome(seed=1), outcome(seed=2)])
    assert weak.slices.value < weak.song.value
    assert weak.song.low < weak.song.value < weak.song.high
    assert len(weak.songs_by_seed) == 2
    assert weak.n_songs == 80


def test_pairs_have_to_be_of_the_same_songs():
    with pytest.raises(GenreModelError, match="cannot be compared"):
        paired_difference([outcome(seed=0)], [outcome(seed=1)])
    same = paired_difference([outcome()], [outcome()])
    assert (same.value, same.low, same.high) == (0, 0, 0)


def test_scores_by_hand():
    truth, given_ = np.array([0, 1, 1, 0]), np.array([0, 1, 0, 0])
    assert macro_f1(label_figures(truth.tolist(), given_.tolist())) == pytest.approx(
        (4 / 5 + 2 / 3) / 2
    )
    probabilities = np.array([[0.8, 0.1, 0.1], [0.3, 0.2, 0.5]])
    assert brier_score(probabilities, np.array([0, 1])) == pytest.approx(
        (0.04 + 0.01 + 0.01 + 0.09 + 0.64 + 0.25) / 2
    )
    assert top_two(probabilities, np.array([0, 1])) == 0.5
    scores, positive = np.array([0.9, 0.5, 0.5, 0.1]), np.array([True, True, False, False])
    assert area_under_curve(scores, positive) == pytest.approx(3.5 / 4)


def test_overconfidence_is_mended_by_a_sharpness_below_one():
    modest = answers(skill=1.0)
    boastful = replace(modest, logits=5 * modest.logits)
    assert fitted_inverse_temperature(boastful) < fitted_inverse_temperature(modest)


def test_a_table_says_what_differs():
    table = compared({"bad": [outcome(skill=0.0)], "good": [outcome(skill=3.0)]})
    assert "song accuracy differs with good (+" in table.conclusion
    assert table.rows[0][-1] == ""
    assert table.rows[1][-1].startswith("+")
    same = compared({"one": [outcome()], "two": [outcome()]})
    assert same.conclusion == "Nothing differs from “one” beyond chance in song accuracy."


def test_more_votes_are_better():
    bars = dict(votes({"x": [outcome(skill=1.0)]}).bars)
    assert bars["all slices, mean"].value > bars["1 slice, mean"].value


def test_results_are_written_in_four_ways(tmp_path):
    experiment = replace(EXPERIMENTS["activation"], tabulate=side_by_side)
    music = Music("songs <&>", 90, 30, GENRES, (0, 1))
    outcomes = {"<ELU>": [outcome(0.3), outcome(0.3)], "ReLU": [outcome(2.0), outcome(2.0)]}
    paths = write_results(experiment, music, outcomes, "genre-model experiment x y", tmp_path)
    assert [path.suffix for path in paths] == [".json", ".csv", ".svg", ".md"]
    record = json.loads(paths[0].read_text())
    assert record["figures"]["ReLU"]["song"]["value"] > record["figures"]["<ELU>"]["song"]["value"]
    rows = list(csv.reader(io.StringIO(paths[1].read_text())))
    assert [row[0] for row in rows] == ["condition", "<ELU>", "ReLU"]
    ElementTree.fromstring(paths[2].read_text())
    assert "| ReLU |" in paths[3].read_text()
    assert "2 seeds" in paths[3].read_text()


def test_the_picture_marks_shares():
    drawing = ElementTree.fromstring(as_svg("Title", [("one", Interval(0.5, 0.25, 0.75))]))
    circle = drawing.find("{*}circle")
    assert circle.find("{*}title").text == "50.0 %"


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_conditions_have_names_and_keys_of_their_own(name):
    conditions = EXPERIMENTS[name].conditions(GENRES)
    tracks = [track.track for track in SONGS]
    assert len({c.name for c in conditions}) == len(conditions)
    assert len({c.key(0, tracks) for c in conditions}) == len(conditions)
    assert EXPERIMENTS[name].question.endswith("?")


def test_a_key_knows_what_matters():
    tracks = [track.track for track in SONGS]
    base = Condition("x", SWEPT)
    assert base.key(0, tracks) == replace(base, name="y").key(0, tracks)
    assert base.key(0, tracks) != base.key(1, tracks)
    assert base.key(0, tracks) != base.key(0, tracks[1:])
    extracted = replace(base, extracted=replace(SWEPT.slices, max_slices=9))
    assert extracted.key(0, tracks) != base.key(0, tracks)
    assert extracted.training_key(0, tracks) == base.training_key(0, tracks)
