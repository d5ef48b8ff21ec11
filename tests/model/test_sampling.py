"""A long song is extracted only until its answer is stable."""

from dataclasses import replace
from itertools import islice

import audio_files
import numpy as np
import pytest
from bundle_files import TONES_HZ, write_tiny_bundle
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from genre_model.audio.stored.compare import stored_audio
from genre_model.core.errors import AudioError
from genre_model.core.specs import (
    AggregationSpec,
    NetworkSpec,
    SamplingSpec,
    SliceSpec,
    SoxSpec,
)
from genre_model.extraction.cache import Cache, front_end_hash, pack, unpack
from genre_model.extraction.classify import classify
from genre_model.extraction.extractor import Effort, Extractor
from genre_model.extraction.workers import local_pool
from genre_model.features import slices as slicing
from genre_model.features.slices import order
from genre_model.model.aggregation import aggregate, can_be_sampled, influence
from genre_model.model.classifier import is_sampled, load_classifier
from genre_model.model.song_features import by_place, in_order_of_time
from genre_model.model.stop_rule import StopRule, stop_rule
from genre_model.model.vocabulary import Policy

GENRES = ("Rock", "Metal", "Jazz")
PARENTS = {"Metal": "Rock"}
RATE_HZ = 16_000
SLICE_S = 187 * 256 / RATE_HZ
N_SLICES = 20
SAMPLING = SamplingSpec(min_slices=4, max_slices=10, z=3.0, min_gain=0.02)


# --- The order -----------------------------------------------------------------------------------


@given(st.integers(0, 2_000))
@settings(max_examples=60)
def test_the_order_is_one_of_all_slices(n_available):
    assert sorted(order(n_available)) == list(range(n_available))


@given(n_available=st.integers(1, 3_000), share=st.floats(0.001, 1))
def test_any_beginning_of_the_order_is_spread_over_the_song(n_available, share):
    n_extracted = max(1, round(share * n_available))
    extracted = sorted(islice(order(n_available), n_extracted))
    gaps = np.diff([-0.5, *extracted, n_available - 0.5])
    assert gaps.max() <= 2.7 * n_available / n_extracted + 2


def test_the_order_begins_in_the_middle():
    assert list(islice(order(100), 4)) == [50, 11, 73, 35]


# --- The rule ------------------------------------------------------------------------------------


def rule(**aggregation):
    spec = AggregationSpec(**{"threshold": 0.6, **aggregation})
    return stop_rule(GENRES, PARENTS, SAMPLING, spec)


def is_stable(rule, logits, n_available):
    """Whether the rule stops after these slices, which are in the order of time."""
    return rule.is_stable(logits, np.arange(len(logits)) * SLICE_S, n_available)


def slices_of(means, n, deviation, seed=0):
    return np.random.default_rng(seed).normal(means, deviation, (n, len(means)))


@pytest.mark.parametrize("name", ["product", "mean"])
def test_a_song_of_one_genre_is_settled_at_once_and_one_between_two_is_not(name):
    for n in (4, 6, 9):
        assert is_stable(rule(rule=name), slices_of([6, 0, 0], n, 0.1), 60)
        assert not is_stable(rule(rule=name), slices_of([1, 0, 1.4], n, 2.0), 60)


def test_it_is_never_settled_below_the_least_number_of_slices():
    same = np.tile([9.0, 0.0, 0.0], (3, 1))
    assert not is_stable(rule(), same, 60)
    assert is_stable(rule(), np.tile(same[:1], (4, 1)), 60)


def test_an_answer_that_is_surely_unknown_is_settled():
    unsure = slices_of([0.2, -2, -1], 8, 0.05)
    assert aggregate(unsure, rule(other_logit=2.0).aggregation).max() < 0.2
    assert is_stable(rule(other_logit=2.0), unsure, 60)


def test_a_song_at_the_threshold_is_not_settled():
    near = slices_of([1.1, -3, 0], 8, 0.5)
    assert 0.6 < aggregate(near, AggregationSpec())[0] < 0.9
    assert not is_stable(rule(threshold=0.74), near, 60)
    assert is_stable(rule(threshold=0.2), slices_of([3.0, -3, 0], 8, 0.5), 60)


def test_a_song_at_the_threshold_that_is_asked_for_is_not_settled():
    near = slices_of([1.1, -3, 0], 8, 0.5)
    assert is_stable(rule(threshold=0.2), near, 60)
    assert not is_stable(rule(threshold=0.2).at(0.74), near, 60)
    assert is_stable(rule(threshold=0.74).at(0.2), near, 60)


def test_a_kind_at_the_threshold_is_not_settled_though_its_family_is():
    kinds = slices_of([1, 1.3, -6], 8, 0.6)
    assert not is_stable(rule(threshold=0.57), kinds, 60)
    assert is_stable(rule(threshold=0.9), kinds, 60)


def test_a_tree_of_one_family_has_no_runner_up():
    one = stop_rule(("Rock", "Metal"), PARENTS, SAMPLING, AggregationSpec(threshold=0.5))
    assert is_stable(one, slices_of([-5, 5], 6, 0.1), 60)


def test_it_goes_on_while_another_slice_brings_the_probabilities_nearer_to_the_whole_songs():
    sure = slices_of([4.0, -3, 0], 8, 1.5)
    strict = replace(SAMPLING, min_gain=0.0005)
    assert is_stable(rule(threshold=0.2), sure, 60)
    assert not is_stable(replace(rule(threshold=0.2), sampling=strict), sure, 60)


def test_what_changes_slowly_is_known_better_than_what_changes_from_slice_to_slice():
    """The order of the slices in the song matters, but not the order in which they are given."""
    slowly = np.linspace([2.2, -6, 0], [0.6, -6, 0], 10)
    mixed = slowly[[0, 5, 1, 6, 2, 7, 3, 8, 4, 9]]
    undecided = rule(threshold=0.76)
    assert is_stable(undecided, slowly, 60)
    assert not is_stable(undecided, mixed, 60)
    by_chance = np.random.default_rng(1).permutation(10)
    assert undecided.is_stable(slowly[by_chance], by_chance * 3.0, 60)


values = arrays(np.float64, (10, 3), elements=st.floats(-8, 8))


@given(logits=values, name=st.sampled_from(["product", "mean"]))
def test_of_a_song_that_was_extracted_whole_nothing_is_left_open(logits, name):
    spec = rule(rule=name).aggregation
    scores = aggregate(logits, spec) @ rule().families
    leaders = np.sort(scores[[0, 2]])
    if np.diff(leaders) > 1e-9 and np.abs(scores - spec.threshold).min() > 1e-9:
        assert is_stable(rule(rule=name), logits, len(logits))


@given(logits=values, name=st.sampled_from(["product", "mean"]))
def test_influences_are_what_one_slice_more_would_do(logits, name):
    spec = AggregationSpec(rule=name, inverse_temperature=0.7, other_logit=0.5)
    moves = influence(logits, spec)
    assert np.abs(moves.sum(axis=0)).max() < 1e-9
    if name == "product":
        step = 1e-6
        for piece, move in zip(logits, moves, strict=True):
            nudged = logits + step * (piece - logits.mean(axis=0))
            difference = (aggregate(nudged, spec) - aggregate(logits, spec)) / step
            assert difference == pytest.approx(move, abs=1e-4)


@pytest.mark.parametrize("name", ["majority", "max", "confidence"])
def test_other_rules_extract_as_many_as_always(name):
    assert not can_be_sampled(AggregationSpec(rule=name))


# --- Songs ---------------------------------------------------------------------------------------


@pytest.fixture
def classifier(tmp_path):
    return load_classifier(
        write_tiny_bundle(
            tmp_path / "sampled",
            slices=SliceSpec(max_slices=6),
            sampling=SAMPLING,
            aggregation=AggregationSpec(threshold=0.5, inverse_temperature=2.0),
        )
    )


def write_tones(path, names, kind="flac"):
    """Write a song of ``N_SLICES`` slices, with one tone after the other for the named genres."""
    seconds = (N_SLICES + 0.5) * SLICE_S / len(names)
    parts = [audio_files.tone(seconds, TONES_HZ[name], RATE_HZ, 1) for name in names]
    return audio_files.write_audio(path, np.concatenate(parts), RATE_HZ, kind)


@pytest.fixture
def settled(tmp_path):
    return write_tones(tmp_path / "settled.flac", ["Dub"])


@pytest.fixture
def undecided(tmp_path):
    return write_tones(tmp_path / "undecided.flac", ["Dub", "Jazz"])


@pytest.fixture
def decoded(monkeypatch):
    """A list that collects the indices of the slices that are made."""
    indices = []
    make_slice = slicing.make_slice

    def watched(samples, index, *settings):
        indices.append(index)
        return make_slice(samples, index, *settings)

    monkeypatch.setattr(slicing, "make_slice", watched)
    return indices


def test_a_song_of_one_genre_is_extracted_no_longer_than_needed(classifier, settled, decoded):
    extracted = classifier.extract(settled, until_stable=True)
    assert decoded == list(islice(order(N_SLICES), SAMPLING.min_slices))
    assert extracted.sample.n_extracted == SAMPLING.min_slices
    assert list(extracted.starts_s) == sorted(index * SLICE_S for index in decoded)
    assert (
        max(classifier.probabilities(extracted), key=classifier.probabilities(extracted).get)
        == "Dub"
    )


def test_a_song_between_two_is_extracted_up_to_the_most(classifier, undecided, decoded):
    classifier.extract(undecided, until_stable=True)
    assert decoded == list(islice(order(N_SLICES), SAMPLING.max_slices))


def test_the_rule_is_at_the_threshold_that_is_asked_for(classifier, settled, monkeypatch):
    asked = []

    def is_stable(rule, *_):
        asked.append(rule.aggregation.threshold)
        return True

    monkeypatch.setattr(StopRule, "is_stable", is_stable)
    for threshold in (None, 0.9):
        Extractor(classifier, None, Effort(until_stable=True, threshold=threshold)).extract(settled)
    assert asked == [0.5, 0.9]


def test_classify_passes_on_the_threshold_that_is_asked_for(classifier, settled, monkeypatch):
    efforts = []

    def pool_for(classifier, cache, effort, **options):
        efforts.append(effort)
        return local_pool(classifier, cache, effort, n_workers=1, n_files=1)

    monkeypatch.setattr("genre_model.extraction.classify.pool_for", pool_for)
    for policy in (None, Policy(0.9)):
        [found] = classify(settled, classifier, policy=policy)
        assert found.features.sample.n_extracted == SAMPLING.min_slices
    assert [effort.threshold for effort in efforts] == [0.5, 0.9]


def test_a_training_extracts_as_many_of_every_song(classifier, settled, decoded):
    classifier.extract(settled)
    assert decoded == list(islice(order(N_SLICES), 6))


def test_thorough_extracts_everything(classifier, settled, decoded):
    extracted = classifier.extract(settled, thorough=True, until_stable=True)
    assert decoded == list(range(N_SLICES))
    assert extracted.sample is None


def test_a_short_song_is_extracted_whole(classifier, tmp_path, decoded):
    path = audio_files.write_audio(
        tmp_path / "short.flac", audio_files.tone(6.5 * SLICE_S, 200, RATE_HZ, 1), RATE_HZ, "flac"
    )
    extracted = classifier.extract(path, until_stable=True)
    assert decoded == list(range(6))
    assert extracted.sample is None


@pytest.mark.parametrize("kind", ["wav16", "flac", "mp3", "vorbis", "aac"])
def test_slices_in_order_are_those_of_the_whole_song(tmp_path, kind):
    suffix = audio_files.FORMATS[kind].suffix
    path, _ = audio_files.write_song(tmp_path, kind, 40.0)
    assert path.suffix == suffix
    every = load_classifier(
        write_tiny_bundle(
            tmp_path / "every",
            slices=SliceSpec(max_slices=6),
            sampling=SamplingSpec(2, 1_000, z=1e6),
        )
    )
    whole = every.extract(path, thorough=True)
    extracted = every.extract(path, until_stable=True)
    if kind == "vorbis":  # FFmpeg's time stamps are wrong on an Ogg file's last page
        n = len(whole.starts_s) - 2
        assert extracted.features[:n] == pytest.approx(whole.features[:n], rel=0.02)
    else:
        assert list(extracted.starts_s) == list(whole.starts_s)
        assert extracted.features == pytest.approx(whole.features, rel=0.02)


def test_silent_slices_count_for_nothing(classifier, tmp_path):
    tone = audio_files.tone(10 * SLICE_S, 200, RATE_HZ, 1)
    path = audio_files.write_audio(
        tmp_path / "half.flac", np.concatenate([tone, 0 * tone]), RATE_HZ, "flac"
    )
    extracted = classifier.extract(path, until_stable=True)
    assert len(extracted.features) == SAMPLING.min_slices
    assert extracted.sample.n_extracted > SAMPLING.min_slices
    assert (extracted.starts_s < 10.5 * SLICE_S).all()


def test_a_silent_song_is_silent(classifier, tmp_path):
    path = audio_files.write_silence(tmp_path / "silence.wav", 20 * SLICE_S)
    extracted = classifier.extract(path, until_stable=True)
    assert extracted.sample.n_extracted == SAMPLING.max_slices
    assert classifier.probabilities(extracted) == {}
    again = unpack(pack(extracted))
    assert classifier.extract(path, until_stable=True, known=again).sample.n_extracted == 10


def test_a_song_that_ends_before_its_header_says_is_decoded_from_its_start(classifier, tmp_path):
    path = audio_files.write_truncated(tmp_path / "song.flac", "flac", 0.5, 60.0)
    extracted = classifier.extract(path, until_stable=True)
    assert extracted.sample is None
    assert len(extracted.features) == 6


@pytest.mark.parametrize("kind", ["aac", "alac"])
def test_a_song_whose_end_is_damaged_is_decoded_from_its_start(classifier, tmp_path, kind):
    """The third window is at 70 % of the song, and all its packets are damaged."""
    path, _ = audio_files.write_song(tmp_path, kind, 60.0)
    content = path.read_bytes()
    with path.open("rb") as file:
        start, end = stored_audio(file).ranges[-1]

    def damage(share):
        first = end - int(share * (end - start))
        path.write_bytes(content[:first] + bytes(end - first) + content[end:])

    for share, n_slices in ((0.3, 14), (0.4, 12)):
        damage(share)
        extracted = classifier.extract(path, until_stable=True)
        assert extracted.sample is None
        assert 1 < len(extracted.features) <= n_slices
        thorough = classifier.extract(path, thorough=True)
        assert len(thorough.features) == pytest.approx(n_slices, abs=1)
    damage(0.6)
    for thorough in (False, True):
        with pytest.raises(AudioError, match="packets are damaged"):
            classifier.extract(path, thorough=thorough, until_stable=True)


@pytest.mark.parametrize(
    ("change", "sampled"),
    [
        ({}, True),
        ({"sampling": None}, False),
        ({"slices": SliceSpec(position="middle")}, False),
        ({"slices": SliceSpec(transform="glcm")}, False),
        ({"spectrogram": SoxSpec()}, False),
        ({"network": NetworkSpec(whole_song=True)}, False),
        ({"aggregation": AggregationSpec(rule="majority")}, False),
    ],
)
def test_models_that_say_nothing_of_it_extract_as_many_as_always(classifier, change, sampled):
    assert is_sampled(replace(classifier.manifest, **change)) is sampled


# --- The cache -----------------------------------------------------------------------------------


@pytest.fixture
def cache(tmp_path):
    store = Cache(tmp_path / "features.db")
    yield store
    store.close()


def same(first, second):
    return (
        np.array_equal(first.features, second.features)
        and np.array_equal(first.starts_s, second.starts_s)
        and np.array_equal(first.tags, second.tags)
        and np.array_equal(first.sample.places, second.sample.places)
    )


@pytest.mark.parametrize("name", ["settled", "undecided"])
def test_whatever_was_extracted_before_the_answer_is_the_same(
    classifier, request, tmp_path, name, decoded
):
    path = request.getfixturevalue(name)
    alone = Extractor(classifier, None, Effort(until_stable=True)).extract(path)
    for number, wishes in enumerate(
        ([True], [True, True], [False, True], [True, False, True], [False, True, False, True])
    ):
        store = Cache(tmp_path / f"{number}.db")
        decoded.clear()
        for until_stable in wishes:
            found = Extractor(classifier, store, Effort(until_stable=until_stable)).extract(path)
        assert same(found, alone)
        assert len(decoded) == len(set(decoded))  # nothing is extracted twice
        store.close()


def test_a_training_adds_what_lacks_and_then_nothing_is_extracted(
    classifier, settled, cache, decoded
):
    few = Extractor(classifier, cache, Effort(until_stable=True)).extract
    all_of_them = Extractor(classifier, cache, Effort()).extract
    few(settled)
    assert all_of_them(settled).sample.n_extracted == 6
    assert len(decoded) == 6
    settled.rename(settled.with_name("moved.flac"))
    moved = settled.with_name("moved.flac")
    assert all_of_them(moved).sample.n_extracted == 6
    assert few(moved).sample.n_extracted == SAMPLING.min_slices
    assert len(decoded) == 6


def test_another_head_extracts_only_what_it_lacks(classifier, undecided, tmp_path, cache, decoded):
    other = load_classifier(
        write_tiny_bundle(
            tmp_path / "sure",
            slices=SliceSpec(max_slices=6),
            sampling=SAMPLING,
            aggregation=AggregationSpec(threshold=0.999, inverse_temperature=0.01),
        )
    )
    first = Extractor(other, cache, Effort(until_stable=True)).extract(undecided)
    assert first.sample.n_extracted < SAMPLING.max_slices
    second = Extractor(classifier, cache, Effort(until_stable=True)).extract(undecided)
    assert second.sample.n_extracted == SAMPLING.max_slices == len(decoded)
    assert same(Extractor(other, cache, Effort(until_stable=True)).extract(undecided), first)


def test_threads_and_one_thread_say_the_same(classifier, tmp_path):
    from concurrent.futures import ThreadPoolExecutor

    songs = [
        write_tones(tmp_path / f"{number}.mp3", ["Dub", "Jazz", "Bebop"][: 1 + number % 3], "mp3")
        for number in range(6)
    ]
    extract = Extractor(classifier, None, Effort(until_stable=True)).extract
    with ThreadPoolExecutor(4) as executor:
        together = list(executor.map(extract, songs))
    assert all(
        same(extracted, extract(path)) for path, extracted in zip(songs, together, strict=True)
    )


def test_a_sample_survives_being_packed_and_taken_apart(classifier, undecided):
    extracted = classifier.extract(undecided, until_stable=True)
    again = unpack(pack(extracted))
    assert same(again, extracted)
    assert same(in_order_of_time(by_place(again), again.sample.n_available), extracted)


def test_the_key_does_not_depend_on_when_a_model_stops(classifier):
    manifest = classifier.manifest
    key = front_end_hash(manifest, thorough=False)
    later = replace(manifest, sampling=SamplingSpec(20, 30, 2.0))
    never = replace(manifest, sampling=None)
    assert front_end_hash(later, thorough=False) == key
    assert front_end_hash(never, thorough=False) != key
    assert front_end_hash(never, thorough=True) == front_end_hash(manifest, thorough=True)


def test_a_silent_song_has_no_slices(tmp_path):
    classifier = load_classifier()
    features = classifier.extract(audio_files.write_silence(tmp_path / "silent.wav"))
    n_genres = len(classifier.manifest.genres)
    assert classifier.slice_logits(features).shape == (0, n_genres)
    assert classifier.slice_probabilities(features).shape == (0, n_genres)
    assert classifier.probabilities(features) == {}
