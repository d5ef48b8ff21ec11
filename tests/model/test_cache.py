"""The feature cache: keyed by audio, limited in size, and robust if its file is damaged."""

import itertools
import os
import random
import shutil
import sqlite3
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import audio_files
import damaged_cache
import mediafile
import numpy as np
import pytest
from bundle_files import write_tiny_bundle

import genre_model.extraction.cache
from genre_model.core.errors import AudioError, GenreModelError
from genre_model.core.specs import AggregationSpec, SliceSpec, SpectrogramSpec
from genre_model.extraction.cache import (
    FORMAT,
    USED_WITHIN_S,
    Cache,
    front_end_hash,
    pack,
    unpack,
)
from genre_model.extraction.extractor import Effort, Extractor
from genre_model.model.classifier import load_classifier
from genre_model.model.song_features import SongFeatures


def extracted(seed=0, n=3, n_features=5, n_tags=2):
    rng = np.random.default_rng(seed)
    return SongFeatures(
        rng.standard_normal((n, n_features), np.float32),
        np.arange(n) * 3.0,
        rng.random((n, n_tags), np.float32),
    )


def key(number):
    return b"%032d" % number


@pytest.fixture
def cache(tmp_path):
    store = Cache(tmp_path / "folder" / "features.db")
    yield store
    store.close()


def test_a_file_that_is_replaced_while_others_extract_it_gives_no_song_its_features(
    cache, tiny_bundle, tmp_path
):
    """This can happen on a Dask cluster, where the features come back much later."""
    extractor = Extractor(load_classifier(tiny_bundle), cache, Effort())
    path, other = (
        audio_files.write_audio(tmp_path / f"{hz}.wav", audio_files.tone(3, hz), 44_100)
        for hz in (220, 3_000)
    )
    before, features = extractor.fingerprint(path), extracted()
    content = path.read_bytes()
    shutil.copy(other, path)
    assert extractor.keep(path, before, features).fingerprint is None
    path.unlink()
    assert extractor.keep(path, before, features).fingerprint is None
    assert cache.keys() == set()
    path.write_bytes(content)
    assert extractor.keep(path, before, features).fingerprint == before
    assert len(cache.keys()) == 1


@pytest.mark.parametrize(("n", "n_features", "n_tags"), [(3, 5, 2), (1, 753, 50), (2, 4, 0)])
def test_what_is_put_is_got_with_the_precision_of_half_floats(cache, n, n_features, n_tags):
    sound = extracted(1, n, n_features, n_tags)
    cache.put(key(1), pack(sound))
    found = cache.get(key(1))
    assert found.features == pytest.approx(sound.features, rel=1e-3, abs=1e-4)
    assert found.tags == pytest.approx(sound.tags, rel=1e-3, abs=1e-4)
    assert found.tags.shape == sound.tags.shape
    assert found.starts_s.tolist() == sound.starts_s.tolist()
    assert found.features.dtype == found.tags.dtype == np.float32
    assert cache.get(key(2)) is None


def test_silence_is_kept_too(cache):
    silent = SongFeatures(np.zeros((0, 1), np.float32), np.zeros(0), np.zeros((0, 0), np.float32))
    cache.put(key(1), pack(silent))
    found = cache.get(key(1))
    assert (found.features.shape, found.tags.shape, found.starts_s.shape) == ((0, 1), (0, 0), (0,))


def test_it_is_still_there_after_closing(tmp_path):
    first = Cache(tmp_path / "features.db")
    first.put(key(1), pack(extracted()))
    first.close()
    second = Cache(tmp_path / "features.db")
    assert second.get(key(1)) is not None
    second.close()


def test_a_closed_cache_has_nothing_and_takes_nothing(cache):
    cache.put(key(1), pack(extracted()))
    cache.close()
    cache.put(key(2), pack(extracted()))
    assert cache.get(key(1)) is None


# --- With a classifier ---------------------------------------------------------------------------


class Counting:
    """A classifier that counts its extractions."""

    def __init__(self, directory):
        self.classifier = load_classifier(directory)
        self.manifest = self.classifier.manifest
        self.paths = []

    def extract(self, path, **options):
        self.paths.append(path)
        return self.classifier.extract(path, **options)


@pytest.mark.parametrize("kind", ["mp3", "flac", "aac", "vorbis", "wav16"])
def test_moved_and_retagged_files_are_found_again(tiny_bundle, tmp_path, cache, kind):
    classifier = Counting(tiny_bundle)
    extract = Extractor(classifier, cache, Effort()).extract
    path, _ = audio_files.write_song(tmp_path, kind, seconds=4)
    first = extract(path)
    tagged = mediafile.MediaFile(path)
    tagged.title, tagged.genres, tagged.lyrics = "Title", ["Polka"], "la " * 5_000
    tagged.save()
    moved = path.rename(tmp_path / f"another name{path.suffix}")
    second = extract(moved)
    assert len(classifier.paths) == 1
    assert (second.features == first.features).all()
    assert (second.starts_s == first.starts_s).all()


def test_another_song_under_the_same_name_is_another(tiny_bundle, tmp_path, cache):
    classifier = Counting(tiny_bundle)
    extract = Extractor(classifier, cache, Effort()).extract
    path = tmp_path / "song.wav"
    for hz in (200, 5_000):
        extract(audio_files.write_audio(path, audio_files.tone(3.1, hz), 44_100))
    assert len(classifier.paths) == 2


def test_the_first_extraction_equals_the_second(tiny_bundle, tmp_path, cache):
    path, _ = audio_files.write_song(tmp_path, seconds=6)
    extract = Extractor(Counting(tiny_bundle), cache, Effort()).extract
    assert (extract(path).features == extract(path).features).all()


def test_without_a_cache_every_extraction_is_one(tiny_bundle, tmp_path):
    classifier = Counting(tiny_bundle)
    extract = Extractor(classifier, None, Effort()).extract
    path, _ = audio_files.write_song(tmp_path)
    extract(path), extract(path)
    assert len(classifier.paths) == 2


def test_what_cannot_be_decoded_is_not_kept(tiny_bundle, tmp_path, cache):
    extract = Extractor(Counting(tiny_bundle), cache, Effort()).extract
    path = tmp_path / "broken.mp3"
    path.write_bytes(b"nothing")
    for _ in range(2):
        with pytest.raises(AudioError):
            extract(path)


def test_thorough_extraction_is_kept_apart(tiny_bundle, tmp_path, cache):
    classifier = Counting(tiny_bundle)
    path, _ = audio_files.write_song(tmp_path, seconds=20)
    few = Extractor(classifier, cache, Effort()).extract(path)
    all_of_it = Extractor(classifier, cache, Effort(thorough=True)).extract(path)
    assert len(few.features) < len(all_of_it.features)


@pytest.mark.parametrize(
    ("change", "same"),
    [
        ({"slices": SliceSpec(max_slices=5)}, False),
        ({"spectrogram": SpectrogramSpec(gain=1.0)}, False),
        ({"files": {"network.onnx": "0" * 64}}, False),
        ({"genres": ("A", "B"), "bundle_id": "other", "parents": {}, "presets": {}}, True),
        ({"aggregation": AggregationSpec(inverse_temperature=9.0)}, True),
    ],
)
def test_the_key_changes_with_the_front_end_and_with_nothing_else(tmp_path, change, same):
    manifest = load_classifier(write_tiny_bundle(tmp_path / "bundle")).manifest
    first = front_end_hash(manifest, thorough=False)
    assert (front_end_hash(replace(manifest, **change), thorough=False) == first) is same
    assert front_end_hash(manifest, thorough=True) != first


# --- Limited size --------------------------------------------------------------------------------


def pass_over(path, numbers, bound):
    """A run that needs the features of some songs, and stores those that it lacks.

    Returns the share that was found.
    """
    cache = Cache(path, max_bytes=bound)
    content, n_found = pack(extracted(n_features=1_000)), 0
    for number in numbers:
        if cache.get(key(number)) is None:
            cache.put(key(number), content)
        else:
            n_found += 1
    cache.close()
    return n_found / len(numbers)


@pytest.fixture
def hours(monkeypatch):
    """Each look at the clock is two hours after the last one."""
    times = itertools.count(0, 2 * USED_WITHIN_S)
    clock = SimpleNamespace(time=lambda: next(times))
    monkeypatch.setattr(genre_model.extraction.cache, "time", clock)


def test_it_stays_within_its_bounds_and_forgets_what_was_not_used_for_long(tmp_path, hours):
    path, bound = tmp_path / "features.db", 200_000
    for number in range(1, 150):
        pass_over(path, [number, 0], bound)  # 0 is always among the most recently used
    cache = Cache(path)
    found = [number for number in range(150) if cache.get(key(number)) is not None]
    cache.close()
    assert found[0] == 0
    assert found[-1] == 149
    assert found[len(found) // 2] > 100
    assert path.stat().st_size < 1.2 * bound


def test_a_smaller_bound_is_reached_at_once(tmp_path):
    path = tmp_path / "features.db"
    pass_over(path, range(100), 2**20)
    pass_over(path, [100], 100_000)
    small = Cache(path)
    found = [number for number in range(101) if small.get(key(number))]
    small.close()
    assert len(found) < 20
    assert found[-1] == 100
    assert found[len(found) // 2] > 60


def test_a_lowered_bound_is_reached_where_one_run_has_used_most_of_the_entries(tmp_path):
    path = tmp_path / "features.db"
    pass_over(path, range(100), 2**20)
    small = Cache(path, max_bytes=300_000)
    used = [number for number in range(60) if small.get(key(number))]
    assert len(used) == 60
    small.put(key(100), pack(extracted(n_features=1_000)))
    assert len(small.keys()) == 60  # the unused ones are gone, and there is no room for a new one
    assert small.is_full()
    small.close()


@pytest.mark.parametrize("n_songs", [60, 70, 130])
def test_runs_over_more_songs_than_it_has_room_for_find_as_many_as_it_holds(tmp_path, n_songs):
    path, bound = tmp_path / "features.db", 400_000
    pass_over(path, range(n_songs), bound)
    cache = Cache(path)
    share = len(cache.keys()) / n_songs
    cache.close()
    assert 0.4 < share <= 1
    assert [pass_over(path, range(n_songs), bound) for _ in range(3)] == [share] * 3


def test_a_few_new_songs_in_between_cost_few_of_the_others(tmp_path):
    path, songs = tmp_path / "features.db", [*range(600)]
    cache = Cache(path)
    shares = [pass_over(path, songs, 3_000_000)]
    for number in range(1_000, 1_005):
        songs.insert(number % 7, number)
        pass_over(path, [number], 3_000_000)
        shares.append(pass_over(path, songs, 3_000_000))
    n_kept = len(cache.keys())
    cache.close()
    assert 400 < n_kept < 590
    assert min(shares[1:]) > 0.8 * n_kept / 600


def test_other_workers_of_a_run_keep_what_it_has_used(tmp_path):
    """One that starts later, because another has died, belongs to the same run."""
    path, bound, content = tmp_path / "features.db", 100_000, pack(extracted(n_features=1_000))
    first = Cache(path, bound)
    first.put(key(0), content)
    assert first.get(key(0)) is not None
    assert not first.is_full()
    second = first.spec.open()
    for number in range(1, 100):
        second.put(key(number), content)
    assert first.is_full()
    assert first.get(key(0)) is not None
    assert first.get(key(1)) is not None
    assert first.get(key(99)) is None
    later = Cache(path, bound)  # the next run
    assert not later.is_full()
    later.put(key(99), content)
    assert later.get(key(99)) is not None
    for cache in (first, second, later):
        cache.close()


def test_entries_of_the_future_make_room_too(tmp_path, monkeypatch):
    """They were used while the clock was wrong."""
    path, now = tmp_path / "features.db", genre_model.extraction.cache.time.time()
    with monkeypatch.context() as ahead:
        clock = SimpleNamespace(time=lambda: now + 100 * USED_WITHIN_S)
        ahead.setattr(genre_model.extraction.cache, "time", clock)
        pass_over(path, range(100), 100_000)
    assert pass_over(path, [100], 100_000) == 0
    assert pass_over(path, [100], 100_000) == 1


def test_what_is_larger_than_the_bound_does_no_harm(tmp_path):
    cache = Cache(tmp_path / "features.db", max_bytes=50_000)
    cache.put(key(1), pack(extracted(n_features=50_000)))
    cache.put(key(2), pack(extracted()))
    assert cache.get(key(2)) is not None
    cache.close()


# --- Concurrent use ------------------------------------------------------------------------------


def test_threads_may_share_it(cache):
    contents = [pack(extracted(number)) for number in range(20)]

    def work(seed):
        order = list(range(20)) * 3
        random.Random(seed).shuffle(order)
        for number in order:
            cache.put(key(number), contents[number])
            assert cache.get(key(number)).features[0, 0] == unpack(contents[number]).features[0, 0]

    with ThreadPoolExecutor(8) as executor:
        list(executor.map(work, range(8)))
    assert all(cache.get(key(number)) for number in range(20))


def test_closing_while_others_read_is_no_error(tmp_path):
    cache = Cache(tmp_path / "features.db")
    for number in range(20):
        cache.put(key(number), pack(extracted(number)))
    failures = []

    def work():
        try:
            for number in range(2_000):
                cache.get(key(number % 20))
        except (sqlite3.Error, RuntimeError) as error:
            failures.append(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    cache.close()
    for thread in threads:
        thread.join()
    assert failures == []


WRITER = """
import sys, pathlib
from genre_model.extraction.cache import Cache, pack
from test_cache import extracted, key
cache = Cache(pathlib.Path(sys.argv[1]))
print("ready", flush=True)
sys.stdin.readline()
for number in range(100):
    cache.put(key(int(sys.argv[2]) + number), pack(extracted(number)))
    assert cache.get(key(int(sys.argv[2]) + number)) is not None
"""


def test_two_processes_may_write_at_once(tmp_path):
    path = tmp_path / "features.db"
    tests = Path(__file__).parent
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(map(str, (tests, tests.parent, tests.parents[1]))),
    }
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, str(path), str(start)],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for start in (0, 1_000)
    ]
    for process in processes:
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        process.communicate("go\n", timeout=60)
        assert process.returncode == 0
    cache = Cache(path)
    assert all(cache.get(key(start + n)) for start in (0, 1_000) for n in range(100))
    cache.close()


# --- Damage --------------------------------------------------------------------------------------


def filled(path, n=200):
    cache = Cache(path)
    for number in range(n):
        cache.put(key(number), pack(extracted(number, n_features=500)))
    cache.close()
    return path


def test_a_value_that_was_changed_is_extracted_again(tmp_path):
    path = filled(tmp_path / "features.db", 3)
    with sqlite3.connect(path) as connection:
        (content,) = connection.execute(
            "SELECT value FROM features WHERE key = ?", (key(0),)
        ).fetchone()
        damaged = content[:-1] + bytes([content[-1] ^ 1])
        connection.execute("UPDATE features SET value = ? WHERE key = ?", (damaged, key(0)))
        connection.execute("UPDATE features SET value = ? WHERE key = ?", (b"", key(1)))
    connection.close()
    cache = Cache(path)
    assert cache.get(key(2)) is not None
    assert cache.get(key(0)) is None  # and the damaged file is set aside
    assert cache.get(key(2)) is None
    cache.close()
    assert Path(f"{path}.damaged").exists()


def test_an_entry_under_another_key_is_not_trusted(tmp_path):
    path = filled(tmp_path / "features.db", 3)
    with sqlite3.connect(path) as connection:
        connection.execute("DELETE FROM features WHERE key = ?", (key(0),))
        connection.execute("UPDATE features SET key = ? WHERE key = ?", (key(0), key(1)))
    connection.close()
    cache = Cache(path)
    assert cache.get(key(0)) is None
    cache.close()


@pytest.mark.parametrize("share", [0.0, 0.05, 0.3, 0.7, 0.99])
def test_a_truncated_file_is_begun_anew_when_that_is_noticed(tmp_path, share):
    path = filled(tmp_path / "features.db")
    with path.open("r+b") as file:
        file.truncate(int(path.stat().st_size * share))
    works_again(path)


@pytest.mark.parametrize("seed", range(12))
def test_damage_of_any_kind_gives_the_old_answer_or_none(tmp_path, seed, caplog):
    damaged_cache.losses(tmp_path, seed, 12)


@pytest.mark.parametrize("seed", range(8))
def test_a_file_with_garbage_in_its_middle_works_again(tmp_path, seed):
    path = filled(tmp_path / "features.db")
    rng = np.random.default_rng(seed)
    content = bytearray(path.read_bytes())
    for start in rng.integers(4_096, len(content), 40).tolist():
        content[start : start + 2_000] = rng.bytes(len(content[start : start + 2_000]))
    path.write_bytes(content)
    works_again(path)


def works_again(path):
    """Check that the cache keeps all entries after they have been put at most twice."""
    cache = Cache(path)
    for _ in range(2):
        for number in range(200):
            if cache.get(key(number)) is None:
                cache.put(key(number), pack(extracted(number, n_features=500)))
    missing = [number for number in range(200) if cache.get(key(number)) is None]
    cache.close()
    assert missing == []


@pytest.mark.parametrize("what", ["garbage", "folder", "no folder"])
def test_a_file_that_is_no_cache_is_one_sentence_and_left_alone(tmp_path, what):
    path = tmp_path / "features.db"
    if what == "garbage":
        path.write_bytes(b"a song, perhaps" * 1_000)
    elif what == "folder":
        path.mkdir()
    else:
        path.write_bytes(b"")
        path = path / "features.db"
    with pytest.raises(GenreModelError) as caught:
        Cache(path)
    assert str(caught.value).startswith(f"the cache {path} cannot be used: ")
    if what == "garbage":
        assert path.read_bytes() == b"a song, perhaps" * 1_000


def test_a_full_disk_does_not_stop_the_extraction(tiny_bundle, tmp_path, cache):
    cache._connection.execute("PRAGMA max_page_count = 1")  # SQLite then says that the disk is full
    path, _ = audio_files.write_song(tmp_path, seconds=4)
    extract = Extractor(Counting(tiny_bundle), cache, Effort()).extract
    assert len(extract(path).features) > 0
    big = pack(extracted(n_features=20_000))
    cache.put(key(1), big)
    assert cache.get(key(1)) is None


def test_a_cache_that_vanishes_does_not_stop_the_extraction(tiny_bundle, tmp_path, cache):
    path, _ = audio_files.write_song(tmp_path, seconds=4)
    extract = Extractor(Counting(tiny_bundle), cache, Effort()).extract
    extract(path)
    shutil.rmtree(cache.path.parent)
    assert len(extract(path).features) > 0


@pytest.mark.parametrize("version", [1, 99])
def test_a_cache_of_another_version_is_set_aside(tmp_path, version):
    path = tmp_path / "features.db"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE features (something TEXT)")
        connection.execute(f"PRAGMA user_version = {version}")
    connection.close()
    cache = Cache(path)
    cache.put(key(1), pack(extracted()))
    assert cache.get(key(1)) is not None
    cache.close()
    aside = sqlite3.connect(f"{path}.other-version")
    assert aside.execute("PRAGMA user_version").fetchone() == (version,)
    aside.close()


def test_a_cache_from_before_there_was_a_version_is_used(tmp_path):
    path = tmp_path / "features.db"
    cache = Cache(path)
    cache.put(key(1), pack(extracted()))
    cache.close()
    with sqlite3.connect(path) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (FORMAT,)
        connection.execute("PRAGMA user_version = 0")
    connection.close()
    again = Cache(path)
    assert again.get(key(1)) is not None
    again.close()
    assert [file.name for file in tmp_path.iterdir() if "other" in file.name] == []


@pytest.mark.parametrize("n", [0, 16, 100, 4_096, 8_192])
def test_a_cache_whose_beginning_is_gone_is_set_aside_where_it_is_our_own(tmp_path, n, caplog):
    path = filled(tmp_path / "features.db")
    with path.open("r+b") as file:
        file.write(bytes(n))
    cache = Cache(path, own=True)
    assert (cache.get(key(1)) is None) == (n > 0)
    cache.put(key(1), pack(extracted(1)))
    assert cache.get(key(1)) is not None
    cache.close()
    assert len(caplog.records) == (n > 0)
    assert all("is damaged: set aside" in record.getMessage() for record in caplog.records)


def test_a_lock_that_is_never_given_is_waited_for_once(tmp_path, monkeypatch):
    monkeypatch.setattr(genre_model.extraction.cache, "BUSY_S", 0.5)
    cache = Cache(tmp_path / "features.db")
    with sqlite3.connect(tmp_path / "features.db", isolation_level=None) as other:
        other.execute("BEGIN EXCLUSIVE")
        began = time.monotonic()
        for number in range(20):
            cache.put(bytes([number]), b"")
        assert 0.4 < time.monotonic() - began < 3
        other.execute("ROLLBACK")
    other.close()
    cache.close()


def test_entries_are_read_while_another_process_writes_for_long(tmp_path, monkeypatch):
    monkeypatch.setattr(genre_model.extraction.cache, "BUSY_S", 0.2)
    path = tmp_path / "features.db"
    cache = Cache(path)
    for number in range(2):
        cache.put(key(number), pack(extracted(number)))
    with sqlite3.connect(path) as old:
        old.execute("UPDATE features SET used = used - ?", (2 * USED_WITHIN_S,))
    old.close()
    writer = sqlite3.connect(path, isolation_level=None)
    writer.execute("BEGIN IMMEDIATE")
    assert all(cache.get(key(number)) is not None for number in range(2))
    writer.close()
    cache.close()


@pytest.mark.parametrize("words", ["locking protocol", "access permission denied"])
def test_what_a_file_system_refuses_is_no_damage(tmp_path, words):
    path = tmp_path / "features.db"
    cache = Cache(path, own=True)
    cache.put(key(0), pack(extracted()))

    def refused(_):
        raise sqlite3.OperationalError(words)

    assert cache._transact(refused) is None
    cache.close()
    again = Cache(path)
    assert again.keys() == {key(0)}
    again.close()
    assert [file.name for file in tmp_path.glob("*.damaged")] == []


def test_values_beyond_half_precision_are_its_largest():
    large = replace(extracted(), features=np.full((3, 5), [7e4, -7e4, 1, 0, 2], np.float32))
    values = unpack(pack(large)).features
    np.testing.assert_array_equal(values[0], [65_504, -65_504, 1, 0, 2])
