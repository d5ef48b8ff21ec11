"""The default training on random embeddings: nothing leaks, and the figures are correct."""

from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import pytest

from genre_model.core.errors import GenreModelError
from genre_model.core.specs import UNREACHED_THRESHOLD
from genre_model.data.play_history import SECONDS_PER_YEAR, PlayHistory
from genre_model.data.tracks import LabelledTrack
from genre_model.evaluation.page.render import render_html
from genre_model.evaluation.page.sentences import summary
from genre_model.evaluation.report import Report
from genre_model.model.head import Head, StartingModel
from genre_model.model.song_features import SongFeatures
from genre_model.model.vocabulary import Policy, judge, make_vocabulary
from genre_model.training import calibration
from genre_model.training.calibration import choose_threshold
from genre_model.training.flow import TrainingOptions, plan_training
from genre_model.training.head import cross_validation as training
from genre_model.training.head import play_history
from genre_model.training.head import report as assess
from genre_model.training.head.correction import Examples, fit_correction
from genre_model.training.head.cross_validation import evaluate_out_of_fold, fit
from genre_model.training.head.report import make_report
from genre_model.training.training_set import (
    HeadOptions,
    is_right,
    make_training_set,
    with_start,
)

GENRES = ("Classical", "Jazz", "Rock")
N_FEATURES = 12


@pytest.fixture(autouse=True)
def fewer_resamples(monkeypatch):
    monkeypatch.setattr("genre_model.evaluation.metrics.N_RESAMPLES", 100)


def library(n_artists=8, n_songs=4, distance=2.0, artist=0.7, seed=0, genres=GENRES):
    """Tracks and their features: each genre, artist and slice has its own offset."""
    rng = np.random.default_rng(seed)
    tracks, extracted = [], []
    for index, genre in enumerate(genres):
        centre = distance * np.eye(N_FEATURES)[index]
        for n in range(n_artists):
            own = centre + artist * rng.standard_normal(N_FEATURES)
            for song in range(n_songs):
                name = f"{genre} artist {n}"
                path = Path(f"{name} {song}.mp3")
                tracks.append(LabelledTrack(path, (genre,), name, f"{name} album", f"{song}"))
                slices = own + 0.5 * rng.standard_normal((3, N_FEATURES))
                extracted.append(song_features(slices))
    return tracks, extracted


def song_features(slices):
    return SongFeatures(
        slices.astype(np.float32), np.arange(len(slices)) * 3.0, np.zeros((len(slices), 0))
    )


def material_of(**options):
    return make_training_set(*library(**options))


def relabelled(tracks, labels):
    return [
        LabelledTrack(t.path, (label,), t.artist, t.album, t.title)
        for t, label in zip(tracks, labels, strict=True)
    ]


def accuracy(training_set, cross_validated):
    return (cross_validated.probabilities.argmax(axis=1) == training_set.truth).mean()


def test_it_learns_what_there_is_to_learn():
    training_set = material_of(distance=4.0)
    cross_validated = evaluate_out_of_fold(training_set, HeadOptions())
    assert accuracy(training_set, cross_validated) > 0.9
    assert cross_validated.probabilities.sum(axis=1) == pytest.approx(1)
    assert cross_validated.split.group_by == "artist"


@pytest.mark.parametrize("seed", [0, 1])
def test_labels_that_mean_nothing_give_chance(seed):
    tracks, extracted = library(n_artists=20, distance=4.0)
    rng = np.random.default_rng(seed)
    artists = sorted({track.artist for track in tracks})
    drawn = dict(zip(artists, rng.choice(GENRES, len(artists)), strict=True))
    training_set = make_training_set(
        relabelled(tracks, [drawn[t.artist] for t in tracks]), extracted
    )
    cross_validated = evaluate_out_of_fold(training_set, HeadOptions())
    assert accuracy(training_set, cross_validated) < 0.5
    assert cross_validated.slice_accuracy < 0.5


def test_artists_that_are_all_there_is_to_learn_give_chance():
    """Features depend on the artist only, so a leak of artists would give a high accuracy."""
    training_set = material_of(n_artists=10, distance=0.0, artist=5.0)
    assert accuracy(training_set, evaluate_out_of_fold(training_set, HeadOptions())) < 0.55


def test_a_head_never_learns_from_the_artists_that_it_is_measured_on(monkeypatch):
    training_set = material_of()
    fitted = []
    real = training.fit_corrections

    def spy(training_set, tracks, options, strengths):
        fitted.append(set(tracks.tolist()))
        return real(training_set, tracks, options, strengths)

    monkeypatch.setattr(training, "fit_corrections", spy)
    cross_validated = evaluate_out_of_fold(training_set, HeadOptions())
    folds = cross_validated.split.fold
    assert len(fitted) == cross_validated.split.n_folds == 5
    for fold, used in enumerate(fitted):
        inside = set(np.flatnonzero(folds == fold).tolist())
        assert used.isdisjoint(inside)
        assert used | inside == set(range(len(training_set.tracks)))
        artists = {training_set.tracks[index].artist for index in inside}
        assert artists.isdisjoint(training_set.tracks[index].artist for index in used)


def test_a_calibration_never_sees_the_artists_that_it_is_measured_on(monkeypatch):
    training_set = material_of()
    used_by = []
    real = training.Calibration.choose

    def spy(songs, options, use, *, with_context):
        used_by.append(use.copy())
        return real(songs, options, use, with_context=with_context)

    monkeypatch.setattr(training.Calibration, "choose", staticmethod(spy))
    cross_validated = evaluate_out_of_fold(training_set, HeadOptions())
    *by_fold, final = used_by
    assert final.all()
    for fold, use in enumerate(by_fold):
        assert (use == (cross_validated.split.fold != fold)).all()


def test_what_is_said_of_a_track_does_not_depend_on_its_own_label():
    """If an artist's tracks get another label, the head that classifies them stays the same."""
    tracks, extracted = library(distance=3.0)
    changed = [t.label if t.artist != "Rock artist 0" else "Jazz" for t in tracks]
    index = [k for k, t in enumerate(tracks) if t.artist == "Rock artist 0"]
    first = make_training_set(tracks, extracted)
    second = make_training_set(relabelled(tracks, changed), extracted)
    split = training.split_tracks(first.tracks, 0)
    outside = np.flatnonzero(split.fold != split.fold[index[0]])
    heads = [fit(training_set, outside, HeadOptions(), 30.0) for training_set in (first, second)]
    corrections = [head.correction for head in heads]
    assert (corrections[0].weights == corrections[1].weights).all()


def test_the_same_seed_gives_the_same_and_another_does_not():
    training_set = material_of(distance=1.0)
    first, again, other = (
        evaluate_out_of_fold(training_set, HeadOptions(seed=seed)) for seed in (1, 1, 2)
    )
    assert (first.probabilities == again.probabilities).all()
    assert (first.accepted == again.accepted).all()
    assert (first.aggregation, first.context) == (again.aggregation, again.context)
    assert (first.probabilities != other.probabilities).any()


def test_any_whole_number_is_a_seed():
    for seed in (-1, 2**70):
        evaluate_out_of_fold(material_of(n_artists=3, n_songs=2), HeadOptions(seed=seed))


def test_a_target_that_cannot_be_reached_gives_the_strictest_threshold():
    training_set = material_of(distance=0.0, n_artists=10)
    cross_validated = evaluate_out_of_fold(training_set, HeadOptions(target_precision=0.99))
    chosen = cross_validated.context or cross_validated.aggregation
    assert chosen.threshold == UNREACHED_THRESHOLD
    assert not cross_validated.accepted.any()


def test_a_target_of_nothing_accepts_everything():
    training_set = material_of(distance=0.5)
    cross_validated = evaluate_out_of_fold(training_set, HeadOptions(target_precision=0.0))
    assert cross_validated.accepted.mean() > 0.95


def one_against_one(confidences):
    """Probabilities of two genres, (n_tracks, 2); the first genre has the confidences."""
    return np.array([[c, 1 - c] for c in confidences])


def test_a_threshold_is_the_lowest_that_reaches_the_target():
    confidences = [0.6 + 0.01 * index for index in range(30)]
    candidates = np.array([[index >= 10, index < 10] for index in range(30)])
    names = [f"artist {index}" for index in range(30)]
    rows = one_against_one(confidences)
    assert choose_threshold(rows, candidates, names, 1.0) == pytest.approx(0.7, abs=0.0011)
    assert choose_threshold(rows, candidates, names, 0.5) == pytest.approx(0.6, abs=0.0011)


def test_an_unreached_threshold_accepts_not_even_certainty_and_certain_answers_can_be_reached():
    """A unanimous vote, or saturated logits, give a probability of exactly 1."""
    vocabulary = make_vocabulary(("Jazz", "Rock"), {}, {}, None)
    song = judge({"Jazz": 0.0, "Rock": 1.0}, vocabulary, Policy(UNREACHED_THRESHOLD))
    assert not song.accepted
    assert song.reason == "Rock 1.00, and a threshold of 1 accepts nothing"
    rows = one_against_one([1.0] * 20 + [0.66] * 20)
    candidates = np.array([[True, False]] * 20 + [[False, True]] * 20)
    names = [f"artist {index}" for index in range(40)]
    assert choose_threshold(rows, candidates, names, 0.9) < 1


def test_a_threshold_never_lies_above_the_confidences_that_it_is_made_of():
    rows = one_against_one([0.99996] * 20)
    candidates = np.array([[True, False]] * 20)
    threshold = choose_threshold(rows, candidates, [str(k) for k in range(20)], 0.9)
    assert 0.99 < threshold <= 0.99996


def test_mistakes_of_one_artist_make_it_more_careful_than_the_same_of_many():
    rng = np.random.default_rng(0)
    rows = one_against_one(0.6 + 0.39 * rng.random(200))
    wrong = np.argsort(rows[:, 0])[:30]
    candidates = np.array([[index not in wrong, index in wrong] for index in range(200)])
    many = [f"artist {index}" for index in range(200)]
    few = [f"artist {'x' if index in wrong else index // 10}" for index in range(200)]
    thresholds = [choose_threshold(rows, candidates, names, 0.9) for names in (many, few)]
    assert thresholds[0] < thresholds[1]


def test_an_artist_of_many_tracks_has_one_voice_and_the_tracks_have_theirs():
    rows = one_against_one([0.9] * 60)
    names = ["prolific"] * 20 + [f"artist {index}" for index in range(40)]
    wrong_once = np.array([[index != 59, index == 59] for index in range(60)])
    wrong_throughout = np.array([[index >= 20, index < 20] for index in range(60)])
    assert choose_threshold(rows, wrong_once, names, 0.9) == pytest.approx(0.9)
    assert choose_threshold(rows, wrong_throughout, names, 0.9) == UNREACHED_THRESHOLD
    many_wrong = np.array([[index < 55, index >= 55] for index in range(60)])
    assert many_wrong[:, 0].mean() > 0.9
    assert choose_threshold(rows, many_wrong, names, 0.9) == UNREACHED_THRESHOLD


@pytest.mark.parametrize(
    ("choices", "labels", "sentence"),
    [
        ({"aggregation": "foo"}, ["Rock"], "there is no aggregation foo"),
        ({"split_by": "foo"}, ["Rock"], "there is no split by foo"),
        ({"select_instances": 0.0}, ["Rock"], "select_instances must be above 0 and at most 1"),
        ({"target_precision": 2.0}, ["Rock"], "target_precision must be from 0 to 1"),
        ({}, [], "it has no label"),
        ({}, ["Rock\nand Roll"], "cannot be kept"),
        ({}, ["Rock" * 251], "its label has more than 1000 letters"),
        ({}, [f"genre {n}" for n in range(2_001)], "more than 2000 genres cannot be learned"),
        ({"seed": -1}, ["Rock"], "seed must be from 0 to 4294967295"),
        ({"seed": 5_000_000_000}, ["Rock"], "seed must be from 0 to 4294967295"),
    ],
)
def test_what_a_caller_may_not_choose_is_one_sentence(choices, labels, sentence):
    track = LabelledTrack(Path("a.flac"), tuple(labels))
    with pytest.raises(GenreModelError, match=sentence):
        plan_training([track], TrainingOptions(**choices))


def test_slices_of_a_single_track_cannot_be_selected_and_it_is_said():
    tracks, extracted = library(n_artists=2, n_songs=1, genres=("Jazz", "Rock"))
    artists = [replace(t, artist=name) for t, name in zip(tracks, "AAAB", strict=True)]
    training_set = make_training_set(artists, extracted)
    with pytest.raises(GenreModelError, match="too few tracks to select slices from"):
        evaluate_out_of_fold(training_set, HeadOptions(split_by="artist", select=0.5))


def test_few_answers_are_no_evidence():
    rows = one_against_one([0.9] * 9)
    candidates = np.array([[True, False]] * 9)
    assert choose_threshold(rows, candidates, list("abcdefghi"), 0.5) == UNREACHED_THRESHOLD


def test_a_class_that_a_fold_has_no_track_of_is_hardly_answered_there():
    tracks, extracted = library(distance=4.0)
    extra = [LabelledTrack(Path(f"polka {n}"), ("Polka",), f"P{n}") for n in range(2)]
    sounds = [song_features(np.full((2, N_FEATURES), 3.0 + n)) for n in range(2)]
    training_set = make_training_set(tracks + extra, extracted + sounds)
    polka = training_set.genres.index("Polka")
    rock = np.flatnonzero(training_set.truth != polka)
    head = fit(training_set, rock, HeadOptions(), 30.0)
    logits = head.logits(training_set.means.astype(np.float32))
    known = logits[rock].argmax(axis=1)
    assert (known == training_set.truth[rock]).mean() > 0.9
    assert np.isfinite(logits).all()
    cross_validated = evaluate_out_of_fold(training_set, HeadOptions())
    assert np.isfinite(cross_validated.probabilities).all()


def test_tracks_without_sound_are_left_out():
    tracks, extracted = library(n_artists=3)
    silent = SongFeatures(np.zeros((0, 1), np.float32), np.zeros(0), np.zeros((0, 0), np.float32))
    training_set = make_training_set(
        [*tracks, LabelledTrack(Path("x"), ("Polka",))], [*extracted, silent]
    )
    assert len(training_set.tracks) == len(tracks)
    assert training_set.genres == GENRES


def test_context_is_used_where_artists_have_a_style_of_their_own():
    tracks, extracted = library(n_artists=12, n_songs=8, distance=1.5, artist=0.1)
    rng = np.random.default_rng(5)
    noisy = [song_features(h.features + 1.5 * rng.standard_normal(N_FEATURES)) for h in extracted]
    training_set = make_training_set(tracks, noisy)
    with_it = evaluate_out_of_fold(training_set, HeadOptions())
    without = evaluate_out_of_fold(training_set, HeadOptions(context=False))
    assert with_it.context is not None
    assert without.context is None
    assert accuracy(training_set, with_it) > accuracy(training_set, without)


def test_context_is_not_that_of_various_artists(monkeypatch):
    tracks, extracted = library()
    various = [
        LabelledTrack(t.path, t.labels, t.artist if k % 2 else "Various Artists")
        for k, t in enumerate(tracks)
    ]
    seen = []
    real = calibration.mixed_logs

    def spy(probabilities, groups, weight):
        seen.append(set(groups))
        return real(probabilities, groups, weight)

    monkeypatch.setattr(calibration, "mixed_logs", spy)
    cross_validated = evaluate_out_of_fold(make_training_set(various, extracted), HeadOptions())
    assert cross_validated.split.group_by == "artist"
    assert len(set(cross_validated.split.fold[::2].tolist())) == 1  # still all in one fold
    assert seen
    assert all("artist:various artists" not in groups for groups in seen)


def test_context_is_not_used_where_artists_are_unknown():
    tracks, extracted = library(n_artists=12, n_songs=8, distance=1.5, artist=0.1)
    nameless = [LabelledTrack(t.path, t.labels) for t in tracks]
    cross_validated = evaluate_out_of_fold(make_training_set(nameless, extracted), HeadOptions())
    assert cross_validated.split.group_by == "song"
    assert cross_validated.context is None


def test_labels_that_leave_several_open_teach_both_and_forgive_either():
    tracks, extracted = library(distance=4.0)
    loose = [
        LabelledTrack(
            t.path,
            ("Jazz", "Rock") if k % 4 == 0 and t.label == "Jazz" else t.labels,
            t.artist,
            t.album,
        )
        for k, t in enumerate(tracks)
    ]
    training_set = make_training_set(loose, extracted)
    cross_validated = evaluate_out_of_fold(training_set, HeadOptions())
    assert accuracy(training_set, cross_validated) > 0.9


@pytest.mark.parametrize("n_songs", [1, 2])
def test_hardly_any_tracks_or_the_same_ones_over_and_over_are_no_crash(n_songs):
    tracks = [
        LabelledTrack(Path(f"{genre} {n}"), (genre,), f"{genre} {n}")
        for genre in GENRES[:2]
        for n in range(n_songs)
    ]
    extracted = [song_features(np.full((2, N_FEATURES), float(t.label == "Jazz"))) for t in tracks]
    cross_validated = evaluate_out_of_fold(make_training_set(tracks, extracted), HeadOptions())
    assert np.isfinite(cross_validated.probabilities).all()


def test_a_genre_without_labels_is_as_sure_as_it_is_with_its_subgenres():
    """An answer needs a root that is likely enough, so the figures are those of the roots."""
    training_set = material_of(genres=("Jazz", "Rock"))
    genres = ("Jazz", "Rock", "Noise", "Drone", "Hum")
    shares = np.array([[0.2, 0.2, 0.2, 0.2, 0.2], [0] * 5], np.float32)
    unsure = Head(np.zeros((N_FEATURES, 1), np.float32), np.zeros(1, np.float32))
    parents = {"Drone": "Noise", "Hum": "Drone"}
    start = StartingModel(unsure, None, shares)
    training_set = with_start(training_set, genres, start, parents, closed=False)
    cross_validated = evaluate_out_of_fold(
        training_set, HeadOptions(strengths=(np.inf,), context=False, target_precision=0.0)
    )
    single = cross_validated.probabilities.max()
    by_root = training_set.by_root(cross_validated.probabilities)
    assert by_root.max(axis=0) == pytest.approx([single, single, 3 * single, 0, 0])
    assert cross_validated.threshold > 2 * single
    assert cross_validated.accepted.all()
    report, _ = report_of(training_set, strengths=(np.inf,), context=False)
    assert report.genres == ("Jazz", "Rock", "Noise")
    assert report.song_accuracy.value == report.slice_accuracy == 0
    assert {mistake.answer for mistake in report.mistakes} == {"Noise"}


# --- The report ----------------------------------------------------------------------------------


def report_of(training_set, **options):
    settings = HeadOptions(**options)
    cross_validated = evaluate_out_of_fold(training_set, settings)
    dropped = {"Polka": (3, "fewer than 10 tracks")}
    return make_report(
        training_set,
        cross_validated,
        settings,
        bundle_id="x",
        created_utc="2026-01-01",
        dropped=dropped,
    ), cross_validated


def test_the_figures_of_a_report_belong_together():
    training_set = material_of(distance=1.5)
    report, cross_validated = report_of(training_set)
    n = len(training_set.tracks)
    confusion = np.array(report.confusion)
    assert report.n_tracks == confusion.sum() == n
    assert report.n_artists == 24
    assert report.song_accuracy.value == pytest.approx(np.trace(confusion) / n)
    assert report.song_accuracy.low <= report.song_accuracy.value <= report.song_accuracy.high
    assert report.coverage == cross_validated.accepted.mean()
    assert report.majority_baseline == pytest.approx(1 / 3)
    for row, figures in zip(confusion, report.per_genre, strict=True):
        assert figures.n_tracks == row.sum()
        assert figures.n_artists == 8
    assert sum(entry.n_tracks for entry in report.reliability) == n
    assert all(m.truth != m.answer for m in report.mistakes)
    confidences = [m.confidence for m in report.mistakes]
    assert confidences == sorted(confidences, reverse=True)
    assert report.learning_curve[-1].n_tracks == n
    assert report.learning_curve[0].n_tracks == pytest.approx(n / 4, abs=3)


def test_artists_that_are_not_tagged_are_not_counted():
    tracks, extracted = library(n_artists=3)
    nameless = [LabelledTrack(t.path, t.labels) for t in tracks]
    report, _ = report_of(make_training_set(nameless, extracted))
    assert report.n_artists == 0
    assert [figures.n_artists for figures in report.per_genre] == [0, 0, 0]
    assert "flatter" in report.split_reason


@pytest.mark.parametrize("distance", [0.0, 9.0])
def test_a_report_can_be_written_and_drawn_whatever_its_figures(distance):
    report, _ = report_of(material_of(distance=distance, n_artists=2, n_songs=2))
    content = msgspec.json.encode(report)
    assert msgspec.json.decode(content)["n_tracks"] == 12
    assert isinstance(report, Report)
    assert "<html" in render_html(report)


def test_file_names_that_are_no_text_can_be_reported():
    tracks, extracted = library(distance=0.0)
    odd = [LabelledTrack(Path(f"caf\udce9 {k}.mp3"), t.labels, t.artist)
           for k, t in enumerate(tracks)]  # fmt: skip
    report, _ = report_of(make_training_set(odd, extracted))
    assert report.mistakes[0].path.startswith("caf\\udce9")
    msgspec.json.encode(report)
    render_html(report).encode()


def test_the_shares_of_the_learning_curve_are_thinned_within_each_genre(monkeypatch):
    training_set = material_of()
    sizes = []
    real = assess.right_out_of_fold

    def spy(part, options, aggregation):
        sizes.append(np.bincount(part.truth).tolist())
        return real(part, options, aggregation)

    monkeypatch.setattr(assess, "right_out_of_fold", spy)
    cross_validated = evaluate_out_of_fold(training_set, HeadOptions(context=False))
    points = assess.learning_curve(training_set, HeadOptions(), cross_validated)
    assert sizes == [[8] * 3, [16] * 3, [24] * 3, [32] * 3]
    right = is_right(cross_validated.probabilities, training_set.candidates)
    assert points[-1].accuracy == pytest.approx(right.mean(), abs=0.05)


def test_all_points_of_a_learning_curve_keep_the_same_apart():
    """If one of a genre's two artists has most tracks, only one may be left after thinning."""
    rng = np.random.default_rng(0)
    tracks, extracted = [], []
    for genre in range(6):
        for artist, n_tracks in enumerate((9, 2)):
            sound = rng.normal(size=16) * 4  # depends on the artist only: genres cannot be learned
            for track in range(n_tracks):
                who, album = f"artist {genre} {artist}", f"album {genre} {artist} {track % 3}"
                path = Path(f"{genre} {artist} {track}.mp3")
                tracks.append(LabelledTrack(path, (f"Genre {genre}",), who, album))
                extracted.append(song_features(sound + rng.normal(size=(8, 16)) / 2))
    training_set = make_training_set(tracks, extracted)
    for seed in range(3):
        options = HeadOptions(strengths=(100.0, 30.0), seed=seed)
        cross_validated = evaluate_out_of_fold(training_set, options)
        assert cross_validated.split.group_by == "artist"
        points = assess.learning_curve(training_set, options, cross_validated)
        assert max(point.accuracy for point in points) < 0.5


def test_what_the_detector_of_music_takes_from_a_song_counts_in_its_test():
    training_set = material_of(distance=4.0)
    shares = np.where(np.arange(len(training_set.tracks)) % 10, 1.0, 0.2)
    rejecting = replace(training_set, music_shares=shares)
    kept = evaluate_out_of_fold(training_set, HeadOptions(context=False)).probabilities
    found = evaluate_out_of_fold(rejecting, HeadOptions(context=False)).probabilities
    assert found.max(axis=1) == pytest.approx(kept.max(axis=1) * shares, abs=0.05)


def test_a_track_that_may_be_several_genres_counts_under_the_one_answered():
    """Otherwise an answer could be wrong in a genre's figures but right in the song accuracy."""
    tracks, extracted = library(distance=4.0)
    loose = [
        replace(t, labels=("Rock", "Jazz") if t.label == "Jazz" and k % 2 else t.labels)
        for k, t in enumerate(tracks)
    ]
    training_set = make_training_set(loose, extracted)
    report, cross_validated = report_of(training_set)
    confusion = np.array(report.confusion)
    n = len(tracks)
    assert confusion.sum() == n
    assert np.trace(confusion) / n == pytest.approx(report.song_accuracy.value)
    assert [figures.n_tracks for figures in report.per_genre] == confusion.sum(axis=1).tolist()
    recalls = [figures.recall for figures in report.per_genre]
    assert min(recalls) > 0.8
    assert report.balanced_accuracy.value == pytest.approx(np.mean(recalls))
    n_rock = sum("Rock" in t.labels for t in loose)
    assert report.majority_baseline == pytest.approx(n_rock / n)
    assert report.settings["tracks of several genres"].startswith("16; each counts under the one")
    wrong = np.flatnonzero(~is_right(cross_validated.probabilities, training_set.candidates))
    assert {m.truth for m in report.mistakes} == {" or ".join(loose[k].labels) for k in wrong}


def test_a_genre_that_is_never_a_tracks_first_has_a_learning_curve_all_the_same():
    tracks, extracted = library(distance=4.0, n_songs=6)
    loose = [replace(t, labels=("Rock", "Loud") if t.label == "Rock" else t.labels) for t in tracks]
    report, _ = report_of(make_training_set(loose, extracted))
    assert report.genres == ("Classical", "Jazz", "Loud", "Rock")
    assert [point.n_tracks for point in report.learning_curve][-1] == len(tracks)


def test_without_such_tracks_the_report_says_nothing_of_them():
    report, _ = report_of(material_of(n_artists=3))
    assert "tracks of several genres" not in report.settings


def test_a_report_counts_artists_without_their_guests():
    tracks, extracted = library(n_artists=3)
    guests = [replace(t, artist=f"{t.artist} feat. {k}") for k, t in enumerate(tracks)]
    report, cross_validated = report_of(make_training_set(guests, extracted))
    assert report.n_artists == 9
    assert [figures.n_artists for figures in report.per_genre] == [3, 3, 3]
    assert len(set(cross_validated.split.groups)) == 9


# --- Play histories -----------------------------------------------------------------------------

NOW_S = 1.7e9
PLAYS = {"Classical": 3, "Jazz": 3, "Rock": 300}
RATINGS = {"Classical": 0.2, "Jazz": 0.8, "Rock": 0.5}


def played(tracks):
    """The tracks with plays and ratings that largely determine their label."""
    rng = np.random.default_rng(7)
    added_s = NOW_S - 3 * SECONDS_PER_YEAR
    return [
        replace(t, play_history=PlayHistory(PLAYS[t.label] + k, RATINGS[t.label] + k / 50, added_s))
        for t, k in zip(tracks, rng.integers(3, size=len(tracks)).tolist(), strict=True)
    ]


def soundless(n_artists=12, play_history=played):
    """A training set whose sound says nothing about the genre."""
    tracks, extracted = library(distance=0.0, n_artists=n_artists)
    return make_training_set(play_history(tracks), extracted, now_s=NOW_S)


def test_plays_tell_the_genre_where_the_sound_does_not():
    training_set = soundless()
    alone, alone_evaluated = report_of(training_set)
    report, cross_validated = report_of(training_set, play_history=True)
    assert alone.song_accuracy.value < 0.5
    assert report.song_accuracy.value > 0.9
    assert report.coverage > alone.coverage + 0.5
    assert report.precision.value > 0.85
    assert report.accuracy_without_play_history == alone.song_accuracy.value
    assert report.settings["play history is a feature"] == "yes"
    assert alone.settings["play history is a feature"] == "no"
    assert report.threshold == cross_validated.play_history.threshold != alone.threshold
    line = f"right, without the play history: {alone.song_accuracy.value:.1%}"
    assert line in summary(report)
    assert line not in summary(alone)
    assert (cross_validated.without_play_history == alone_evaluated.probabilities).all()
    assert "play history is a feature" in render_html(report)


def test_nothing_changes_where_plays_are_not_to_count():
    with_plays, without = soundless(), soundless(play_history=lambda tracks: tracks)
    first, second = (evaluate_out_of_fold(m, HeadOptions()) for m in (with_plays, without))
    assert first.play_history is second.play_history is None
    assert (first.probabilities == second.probabilities).all()
    assert (first.accepted == second.accepted).all()
    assert (first.aggregation, first.context) == (second.aggregation, second.context)
    everything = np.arange(len(with_plays.tracks))
    heads = [
        fit(m, everything, HeadOptions(play_history=counts), 100.0)
        for m, counts in ((with_plays, False), (without, True))
    ]
    assert (heads[0].correction.weights == heads[1].correction.weights).all()
    reports = [repr(report_of(training_set)[0]) for training_set in (with_plays, without)]
    assert reports[0] == reports[1]


def test_a_play_history_is_learned_from_other_folds_and_finally_from_all(monkeypatch):
    training_set = soundless()
    fitted = []
    real = play_history.fit_play_history

    def spy(probabilities, features, candidates):
        fitted.append(candidates)
        return real(probabilities, features, candidates)

    monkeypatch.setattr(play_history, "fit_play_history", spy)
    cross_validated = evaluate_out_of_fold(training_set, HeadOptions(play_history=True))
    folds = cross_validated.split.fold
    *by_fold, final = fitted
    assert (final == training_set.candidates).all()
    assert len(by_fold) == cross_validated.split.n_folds
    for fold, candidates in enumerate(by_fold):
        assert (candidates == training_set.candidates[folds != fold]).all()


def test_plays_that_say_nothing_give_what_the_sound_gives():
    tracks, extracted = library(distance=1.5, n_artists=20)
    rng = np.random.default_rng(3)
    drawn = [replace(t, play_history=PlayHistory(float(rng.integers(100)))) for t in tracks]
    training_set = make_training_set(drawn, extracted, now_s=NOW_S)
    report, _ = report_of(training_set, play_history=True)
    assert report.song_accuracy.value == pytest.approx(
        report.accuracy_without_play_history, abs=0.05
    )


def test_a_library_without_any_plays_is_judged_by_its_audio():
    training_set = soundless(play_history=lambda tracks: tracks)
    cross_validated = evaluate_out_of_fold(training_set, HeadOptions(play_history=True))
    assert cross_validated.probabilities == pytest.approx(cross_validated.without_play_history)


def test_the_time_of_the_training_is_kept():
    cross_validated = evaluate_out_of_fold(soundless(n_artists=4), HeadOptions(play_history=True))
    assert cross_validated.play_history.now_s == NOW_S
    assert cross_validated.play_history.means[2] == pytest.approx(3.0)


def test_a_starting_model_that_misleads_is_not_trusted_less_than_not_at_all():
    """A negative trust would be a model that cannot be loaded."""
    rng = np.random.default_rng(0)
    n = 8
    truth = np.arange(n) % 2
    candidates = np.eye(2, dtype=bool)[truth]
    start = np.where(candidates, -3.0, 3.0)  # always the other genre
    examples = Examples(rng.normal(size=(n, 3)), start, candidates, np.ones(n), closed=True)
    strong, weak = fit_correction(examples, [1e4, 1.0])
    assert 0 < strong.trust < 1
    assert weak.trust == 0
