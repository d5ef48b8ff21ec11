"""The experiments' protocol, figures and files, as far as they need no training."""

import csv
import io
import json
import os
import re
import shutil
import sys
import tracemalloc
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import mutagen
import numpy as np
import pytest
from audio_files import tone, write_audio, write_song
from hypothesis import given, settings
from hypothesis import strategies as st

from genre_model.cli import main as cli
from genre_model.cli.experiment import check_replaceable, labelled
from genre_model.core.errors import GenreModelError
from genre_model.data.tracks import LabelledTrack
from genre_model.evaluation.metrics import Interval, label_figures, macro_f1
from genre_model.training.experiments import protocol
from genre_model.training.experiments.catalogue import EXPERIMENTS, conditions_of
from genre_model.training.experiments.condition import Condition
from genre_model.training.experiments.conditions import SWEPT
from genre_model.training.experiments.division import (
    AS_IN_THE_PAPER,
    FOR_SWEEPS,
    HERE,
    divide,
    share_of,
    shuffled,
)
from genre_model.training.experiments.duration import FAST_GAIN, expected_s
from genre_model.training.experiments.fusion import fusion
from genre_model.training.experiments.protocol import BroaderClasses, answers_to, check_divisions
from genre_model.training.experiments.relabel import relabelled
from genre_model.training.experiments.results.figures import (
    area_under_curve,
    brier_score,
    detectable_effect,
    figures_of,
    fitted_inverse_temperature,
    paired_difference,
    top_two,
)
from genre_model.training.experiments.results.markdown import as_text
from genre_model.training.experiments.results.outcome import (
    Answers,
    Facts,
    Outcome,
    packed,
    read_outcome,
)
from genre_model.training.experiments.results.tables import (
    compared,
    probabilities,
    side_by_side,
    votes,
)
from genre_model.training.experiments.wishes import Wishes
from genre_model.training.experiments.write import Music, as_svg, paths_of, write_results
from genre_model.training.scratch.slice_store import StoredTrack

GENRES = ("Folk", "Jazz", "Rock")
FACTS = Facts(GENRES, 1_234, 60, 12, 5, 3, 3, 0.9, 1.5, 0.1, 0, "a machine")


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
@pytest.mark.parametrize("shares", [HERE, AS_IN_THE_PAPER, FOR_SWEEPS])
@given(turn=st.integers(0, 100))
@settings(max_examples=5, deadline=None)
def test_every_slice_has_one_purpose_and_the_seeds_of_a_turn_test_all_songs(by, shares, turn):
    tested = []
    for place in range(shares.seeds_of_a_turn):
        division = divide(SONGS, by, turn * shares.seeds_of_a_turn + place, shares)
        parts = [division.training, division.validation, division.test, division.untouched]
        found = [places(part) for part in parts]
        assert sum(map(len, found)) == len(set.union(*found)) == len(places(SONGS))
        rest = 5 / 6 if shares.untouched else 1.0
        held_out = shares.test + shares.validation
        expected = [10 - held_out, shares.validation, shares.test, 10 / rest - 10]
        n = np.array([len(part) for part in found]) / len(places(SONGS))
        np.testing.assert_allclose(n, np.array(expected) * rest / 10, atol=0.12)
        tested.append(found[2])
        if by != "slice":
            name = "path" if by == "song" else by
            sides = [{getattr(t.track, name) for t in part} for part in parts]
            assert sum(map(len, sides)) == len(set.union(*sides))
    aside = places(divide(SONGS, by, 0, shares).untouched)
    assert sum(map(len, tested)) == len(set.union(*tested))
    assert set.union(*tested) == places(SONGS) - aside


def test_slices_that_are_split_leave_songs_on_all_sides():
    division = divide(SONGS, "slice", 0)
    shared = {t.file for t in division.training} & {t.file for t in division.test}
    assert len(shared) > 60


@pytest.mark.parametrize(
    ("artists", "why"),
    [
        (range(24), None),
        ([n % 8 for n in range(24)], "with seed 2, no validation track can be used"),
        ([0] * 23 + [1], "with seed 0, fewer than two songs can be used"),
    ],
)
def test_music_that_a_seed_cannot_divide_is_found_before_the_first_training(
    artists, why, tmp_path, monkeypatch, capsys
):
    rows = [f"{n}.flac,{GENRES[n % 2]},artist {artist}" for n, artist in enumerate(artists)]
    music, results = tmp_path / "music.csv", tmp_path / "results"
    music.write_text("\n".join(["path,genre,artist", *rows]))
    monkeypatch.setattr(protocol, "train_and_test", fails_with("this is the first training"))
    assert cli.main(["experiment", "songs", str(music), "-o", str(results)]) == 1
    too_few = f"too few artists to train, validate and test: {why}"
    expected = too_few if why else "this is the first training"
    assert capsys.readouterr().err.splitlines()[-1] == f"genre-model: {expected}"


def fails_with(sentence):
    def fail(*_):
        raise GenreModelError(sentence)

    return fail


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
    tracks = relabelled([track.track for track in SONGS], liked="Jazz")
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


def test_answers_name_a_song_by_its_artist_or_else_by_its_music(tmp_path):
    path = write_song(tmp_path, "flac")[0]
    np.save(tmp_path / "slices.npy", np.zeros((2, 3), np.float32))
    classes = {name: name for name in GENRES}

    def group(path, artist=""):
        track = LabelledTrack(path, ("Jazz",), artist)
        stored = StoredTrack(track, tmp_path / "slices.npy", np.arange(2), np.eye(3)[1] > 0)
        found = answers_to(lambda x: x, [stored], BroaderClasses(GENRES, {path: "Jazz"}, classes))
        return found.group

    moved = shutil.copy(path, tmp_path / "moved.flac")
    assert group(path) == group(moved) != group(tmp_path / "missing.flac")
    assert group(path, "Miles Davis") == ("artist:miles davis",)


def music_folder(folder, genres, n_songs):
    """A folder of songs of the genres in turn."""
    for number in range(n_songs):
        genre = folder / genres[number % len(genres)]
        genre.mkdir(parents=True, exist_ok=True)
        write_audio(genre / f"{number}.wav", tone(0.1, 200 + number, 16_000, 1), 16_000)
    return folder


@pytest.mark.skipif(sys.platform != "linux", reason="such names are refused by the file system")
def test_an_experiment_takes_folders_whose_names_are_not_utf_8(tmp_path, monkeypatch, capsys):
    names = [os.fsdecode(name) for name in (b"Caf\xe9", b"Rock")]
    music = music_folder(tmp_path / os.fsdecode(b"m\xfcsic"), names, 24)
    monkeypatch.setattr(protocol, "train_and_test", lambda *_: outcome())
    command = ["experiment", "votes", str(music), "--split", "song", "-o", str(tmp_path / "out")]
    assert cli.main(command) == 0
    record = json.loads((tmp_path / "out" / "votes.json").read_text())
    assert record["music"]["name"] == r"m\udcfcsic"
    assert record["music"]["genres"] == ["Caf", "Rock"]
    capsys.readouterr()
    assert cli.main(command) == 0  # its own result may be replaced
    assert "5 trainings, 5 of them done before" in capsys.readouterr().err


def test_spellings_of_a_genre_are_one_genre_as_in_a_training(tmp_path):
    def tracks(*rows):
        lines = (f"{number}.flac,{row}" for number, row in enumerate(rows))
        (tmp_path / "music.csv").write_text("\n".join(["path,genre,style", *lines]))
        return [(*track.labels, track.style) for track in labelled(tmp_path / "music.csv")]

    assert tracks("Hip-Hop,Old  School", "hip hop,old school", "Hip-Hop,old school", "Rap,") == [
        ("Hip-Hop", "old school"),
        ("Hip-Hop", "old school"),
        ("Hip-Hop", "old school"),
        ("Rap", ""),
    ]
    assert tracks("R&B,Soul", "Rock;Pop,") == [("R&B", "Soul"), ("Rock", "Pop", "")]


@given(st.lists(st.tuples(st.integers(0, 5), st.booleans()), min_size=2))
def test_the_area_is_the_share_of_pairs_in_order(songs):
    scores, positive = np.array([s / 5 for s, _ in songs]), np.array([p for _, p in songs])
    if positive.any() and not positive.all():
        above = scores[positive][:, None] - scores[~positive][None, :]
        assert area_under_curve(scores, positive) == ((above > 0) + 0.5 * (above == 0)).mean()


def test_the_area_needs_no_memory_for_all_pairs():
    scores = np.random.default_rng(0).random(4_000)
    tracemalloc.start()
    area_under_curve(scores, scores < 0.3)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2e6


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
    assert same.conclusion.startswith("Nothing differs from “one” beyond chance in song accuracy.")
    assert "would have been found" not in same.conclusion  # no song differs at all
    alike = compared({"one": [outcome()], "two": [outcome(1.0)], "three": [outcome()]})
    assert re.search(r"difference of [1-9]\d* points would have been found", alike.conclusion)


def test_a_sweep_compares_within_a_split_and_tells_of_songs_put_aside():
    def with_aside(skill, by):
        found = [replace(outcome(skill, seed), untouched=answers(skill=skill)) for seed in (0, 1)]
        return [replace(one, facts=replace(one.facts, split_by=by)) for one in found]

    found = {
        f"{name}, split by {by}": with_aside(skill, by)
        for by in ("slice", "artist")
        for name, skill in (("weak", 0.3), ("strong", 3.0))
    }
    table = compared(found)
    assert [bool(row[-1]) for row in table.rows] == [False, True, False, True]
    assert table.conclusion.startswith("Against “weak, split by slice” and “weak, split by artist”")
    assert "On the slices of 40 songs that nothing was chosen by, “weak" in table.conclusion
    assert "On the 40 songs that nothing was chosen by, “weak, split by artist”" in table.conclusion
    assert "“strong, split by slice”, the best of the folds" in table.conclusion
    alone = compared({"ELU": with_aside(0.3, "slice"), "ReLU": with_aside(3.0, "slice")})
    assert "On the slices of 40 songs that nothing was chosen by, “ELU”" in alone.conclusion


def test_an_interval_is_as_wide_as_the_seeds_differ():
    same = figures_of([outcome(1.0, 0), outcome(1.0, 0)]).song
    apart = figures_of([outcome(0.0, 0), outcome(3.0, 0)]).song
    assert apart.high - apart.low > 1.5 * (same.high - same.low)
    assert detectable_effect(Interval(0.0, -0.1, 0.1)) == pytest.approx(0.143, abs=1e-3)


def test_segments_and_rules_are_compared_on_long_songs_alone():
    long, short = answers(n_songs=20, n_votes=30, skill=0.5), answers(n_songs=9, n_votes=10)
    table = fusion({"x": [Outcome(FACTS, long, long), Outcome(FACTS, short, short)]})
    assert "Of 20 songs of 90 s and more" in table.conclusion
    assert "the best of 16 ways (+" in table.conclusion
    cells = {row[0]: float(row[1].split()[0]) for row in table.rows}
    assert cells["all three"] > cells["beginning"] > 40
    with pytest.raises(GenreModelError, match="as long as three segments"):
        fusion({"x": [Outcome(FACTS, short, short)]})


def test_songs_that_several_turns_test_are_counted_once():
    tests = [answers(n_songs=4, n_votes=30, seed=seed) for seed in range(7)]
    facts = replace(FACTS, n_training_songs=4)
    found = [Outcome(facts, tests[0], test) for test in tests]  # three seeds test all 12 songs
    assert fusion({"x": found}).conclusion.startswith("Of 12 songs of 90 s and more")
    assert fusion({"x": found[:2]}).conclusion.startswith("Of 8 songs of 90 s and more")


def test_broad_genres_are_judged_by_the_sums_of_what_was_learned():
    paths = [Path("a"), Path("b")]
    judge = BroaderClasses(
        ("Bebop", "Swing", "Punk"),
        {paths[0]: "Jazz", paths[1]: "Rock"},
        {"Bebop": "Jazz", "Swing": "Jazz", "Punk": "Rock"},
    )
    logits = np.log(np.array([[0.3, 0.3, 0.4]], np.float32))
    np.testing.assert_allclose(np.exp(judge.logits(logits)), [[0.6, 0.4]], rtol=1e-6)


def test_one_condition_has_a_name_and_no_range():
    [condition] = conditions_of(EXPERIMENTS["split"], TRACKS, Wishes(splits=("slice",)))
    assert condition.name == "split by slice"
    table = side_by_side({condition.name: [outcome(1.0)]})
    assert table.conclusion.startswith("Songs right: ")
    assert table.conclusion.endswith(" % (split by slice).")


def low_and_high(conclusion):
    return [float(end) for end in re.search(r"\[(\S+), (\S+)\]", conclusion).groups()]


def test_more_votes_are_better_and_the_interval_says_whether_by_chance():
    table = votes({"x": [outcome(skill=1.0)]})
    bars = dict(table.bars)
    assert bars["all slices, mean"].value > bars["1 slice, mean"].value
    assert low_and_high(table.conclusion)[0] > 0


@pytest.mark.parametrize("skill", [1.0, 0.0])
def test_being_sure_helps_only_who_knows_something(skill):
    table = probabilities({"x": [outcome(skill, seed) for seed in range(5)]})
    assert (low_and_high(table.conclusion)[0] > 0) == (skill > 0)


def test_results_are_written_in_four_ways(tmp_path):
    experiment = replace(EXPERIMENTS["activation"], tabulate=side_by_side)
    music = Music("songs <&>", 90, 30, GENRES, (0, 1))
    outcomes = {"<ELU>": [outcome(0.3), outcome(0.3)], "ReLU": [outcome(2.0), outcome(2.0)]}
    of_suffix = paths_of(experiment, tmp_path / "results")
    write_results(experiment, music, outcomes, "genre-model experiment x y", of_suffix)
    paths = [of_suffix[suffix] for suffix in ("json", "csv", "svg", "md")]
    record = json.loads(paths[0].read_text())
    assert record["figures"]["ReLU"]["song"]["value"] > record["figures"]["<ELU>"]["song"]["value"]
    rows = list(csv.reader(io.StringIO(paths[1].read_text())))
    assert [row[0] for row in rows] == ["condition", "<ELU>", "ReLU"]
    ElementTree.fromstring(paths[2].read_text())
    assert "| ReLU |" in paths[3].read_text()
    assert "2 seeds" in paths[3].read_text()
    assert record["machines"] == ["a machine"]
    assert np.sum(record["figures"]["ReLU"]["confusion"]) == 80
    assert len(record["figures"]["ReLU"]["slices_by_seed"]) == 2
    text = as_text(record)
    assert all(cell in text for row in record["rows"] for cell in row)
    others = paths_of(experiment, tmp_path, "crnn").values()
    assert [path.stem for path in others] == ["activation-crnn"] * 4


def test_the_picture_marks_shares():
    drawing = ElementTree.fromstring(as_svg("Title", [("one", Interval(0.5, 0.25, 0.75))], "right"))
    circle = drawing.find("{*}circle")
    assert circle.find("{*}title").text == "50.0 %"
    assert "right" in [words.text for words in drawing.iterfind("{*}text")]


TRACKS = [track.track for track in SONGS]


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_conditions_have_names_and_keys_of_their_own(name):
    conditions = conditions_of(EXPERIMENTS[name], TRACKS)
    assert len({c.name for c in conditions}) == len(conditions)
    assert len({c.key(0, TRACKS) for c in conditions}) == len(conditions)
    assert EXPERIMENTS[name].question.endswith("?")


@pytest.mark.parametrize(
    ("name", "wishes", "sentence"),
    [
        ("length", Wishes(splits=("slice",)), "length varies the slices: they cannot be split"),
        ("slices", Wishes(splits=("slice",)), "slices varies the slices: they cannot be split"),
        ("fusion", Wishes(epochs=3), "--epochs changes nothing in fusion"),
        ("fusion", Wishes(batch=3), "--batch changes nothing in fusion"),
        ("fusion", Wishes(fast=True), "--fast changes nothing in fusion"),
        ("fusion", Wishes(slices=3), "--slices changes nothing in fusion"),
        ("slices", Wishes(slices=3), "--slices changes nothing in slices"),
        ("position", Wishes(slices=3), "--slices changes nothing in position"),
        ("band", Wishes(architecture="midi-rnn"), "midi-rnn takes notes, which have no frequency"),
        ("votes", Wishes(splits=("song", "artist")), "votes is about one split"),
        ("fusion", Wishes(architecture="crnn"), "fusion has systems of its own"),
        ("midi", Wishes(architecture="crnn"), "midi has systems of its own"),
        ("midi", Wishes(architecture="midi-rnn"), "midi has systems of its own"),
        ("systems", Wishes(architecture="crnn"), "systems has systems of its own"),
        ("finetuning", Wishes(architecture="finetune"), "finetuning has systems of its own"),
    ],
)
def test_wishes_that_have_no_effect_or_no_meaning_are_refused(name, wishes, sentence):
    with pytest.raises(GenreModelError, match=sentence):
        conditions_of(EXPERIMENTS[name], TRACKS, wishes)


def test_wishes_that_are_what_would_be_done_anyway_are_no_mistake():
    [own] = conditions_of(EXPERIMENTS["votes"], TRACKS)
    slices, spec = own.architecture.slices.max_slices, own.architecture.learner.training
    wishes = Wishes(slices, spec.epochs, spec.batch_size, splits=(own.split_by,))
    assert conditions_of(EXPERIMENTS["votes"], TRACKS, wishes) == [own]


def test_lengths_of_slices_are_in_seconds_of_the_networks_own_frames_or_in_notes():
    def names(architecture):
        wishes = Wishes(architecture=architecture)
        return [c.name for c in conditions_of(EXPERIMENTS["length"], TRACKS, wishes)]

    assert names(None) == ["2.56 s", "1.28 s", "5.12 s", "10.24 s"]
    assert names("finetune")[0] == "2.05 s"
    assert names("midi-rnn")[0] == "128 notes"


def test_all_slices_are_all():
    for name in ("slices", "selection", "activation"):
        first = conditions_of(EXPERIMENTS[name], TRACKS)[0]
        assert first.architecture.slices.max_slices == 10_000


def test_a_test_without_any_song_that_is_judged_is_refused_before_the_trainings():
    names = ["Tango", "Polka", "Waltz"]
    tracks = [replace(t, labels=(names[n % 3] if n else "Rock",)) for n, t in enumerate(TRACKS)]
    conditions = [Condition("x", SWEPT, split_by="song", judged="paper")]
    with pytest.raises(GenreModelError, match="has a genre that is judged"):
        check_divisions(conditions, tracks, range(5))
    check_divisions([replace(conditions[0], judged=None)], tracks, range(5))


def test_segments_that_overlap_do_not_become_more():
    [wished] = conditions_of(EXPERIMENTS["fusion"], TRACKS, Wishes(as_in_the_paper=True))
    [own] = conditions_of(EXPERIMENTS["fusion"], TRACKS)
    assert wished.architecture.slices == own.architecture.slices


def test_a_result_with_other_options_is_not_replaced_and_one_of_fewer_seeds_is(tmp_path):
    file = tmp_path / "split.json"
    check_replaceable(file, "genre-model experiment split a.csv --seeds 5", 8)
    former = "genre-model experiment split a.csv --seeds 1 --fast"
    file.write_text(json.dumps({"command": former, "music": {"n_songs": 8}}))
    check_replaceable(file, "genre-model experiment split a.csv --seeds 5 --fast", 8)
    with pytest.raises(GenreModelError, match="of 8 songs, not of these 9: name another folder"):
        check_replaceable(file, former, 9)
    for command in ("split b.csv --seeds 1 --fast", "split a.csv --seeds 1"):
        with pytest.raises(GenreModelError, match="name another folder with -o"):
            check_replaceable(file, f"genre-model experiment {command}", 8)
    for other in ("{}", "[]", '{"command": 5}', '{"command": "ls \'"}', '{"command": "ls"}', "no"):
        file.write_text(other)
        with pytest.raises(GenreModelError, match="is no result of an experiment"):
            check_replaceable(file, "genre-model experiment split a.csv --seeds 5", 8)


def test_the_papers_three_runs_are_trained_as_in_the_paper():
    tracks = [replace(track, style=f"{track.label} {n % 2}") for n, track in enumerate(TRACKS)]
    conditions = conditions_of(EXPERIMENTS["paper"], tracks, Wishes(as_in_the_paper=True))
    assert [c.name for c in conditions[:3]] == [
        "6 styles, ELU, split by slice",
        "3 genres, ELU, split by slice",
        "3 genres, ReLU, split by slice",
    ]
    assert [c.labels for c in conditions[:3]] == ["style", "given", "given"]
    for condition in conditions:
        spec = condition.architecture.learner.training
        assert (spec.batch_size, spec.epochs, spec.patience, spec.keep) == (128, 20, 20, "last")
        assert condition.architecture.slices.max_slices == 10_000
        assert (condition.shares.validation, condition.shares.test) == (2, 1)


def test_a_user_may_want_another_network_splits_slices_and_batches():
    wishes = Wishes(4, 3, 8, "pelchat2019", ("song", "album"), fast=True)
    conditions = conditions_of(EXPERIMENTS["initialisation"], TRACKS, wishes)
    assert {c.split_by for c in conditions} == {"song", "album"}
    assert len(conditions) == 6
    for condition in conditions:
        assert condition.architecture.name.startswith("pelchat2019")
        assert "strided" not in condition.architecture.name
        assert condition.architecture.slices.max_slices == 4
        spec = condition.architecture.learner.training
        assert (spec.batch_size, spec.epochs) == (8, 3)
        assert spec.microbatch <= 8
        assert not spec.exact
    with pytest.raises(GenreModelError, match="no such architecture: other"):
        conditions_of(EXPERIMENTS["songs"], TRACKS, Wishes(architecture="other"))
    with pytest.raises(GenreModelError, match="only the paper's network"):
        conditions_of(EXPERIMENTS["activation"], TRACKS, Wishes(architecture="crnn"))


def test_a_key_knows_what_matters():
    tracks = [track.track for track in SONGS]
    base = Condition("x", SWEPT)
    assert base.key(0, tracks) == replace(base, name="y").key(0, tracks)
    assert base.key(0, tracks) != base.key(1, tracks)
    assert base.key(0, tracks) != base.key(0, tracks[1:])
    tested_on_few = replace(base, test_slices=replace(SWEPT.slices, max_slices=9))
    assert tested_on_few.key(0, tracks) != base.key(0, tracks)
    assert tested_on_few.training_key(0, tracks) == base.training_key(0, tracks)


def test_a_training_is_known_again_where_its_music_was_moved_or_tagged(tmp_path):
    path, other = (write_song(tmp_path, "flac", seed=seed)[0] for seed in (0, 1))
    moved = shutil.copy(path, tmp_path / "moved.flac")
    tags = mutagen.File(moved)
    tags["TITLE"] = ["Another"]
    tags.save()
    base = Condition("x", SWEPT)
    first, same, different = (
        base.key(0, [LabelledTrack(file, ("Rock",))]) for file in (path, moved, other)
    )
    assert first == same != different


@pytest.mark.parametrize(("flags", "gain"), [("fpu avx512_bf16", FAST_GAIN), ("fpu avx2", 1.0)])
def test_the_expected_time_knows_of_fast(tmp_path, monkeypatch, flags, gain):
    monkeypatch.setattr("genre_model.core.processor.CPU_LIST", tmp_path / "cpuinfo")
    (tmp_path / "cpuinfo").write_text(f"flags\t\t: {flags}\n", encoding="utf-8")
    exact, fast = (
        expected_s(conditions_of(EXPERIMENTS["paper"], TRACKS, Wishes(fast=fast))[0], 400) - 10
        for fast in (False, True)
    )
    assert exact / fast == pytest.approx(gain)
