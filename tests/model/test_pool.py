"""Many at once: in order, bounded, and nothing is swallowed."""

import pickle
import sys
import threading
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from audio_files import write_audio
from hypothesis import given
from hypothesis import strategies as st

from genre_model.audio.decode import open_audio
from genre_model.core.deadline import time_limit
from genre_model.core.errors import AudioError, BundleError
from genre_model.extraction.cache import Cache
from genre_model.extraction.extractor import Effort
from genre_model.extraction.tasks import attempted, guarded, log_bug, map_bounded
from genre_model.extraction.workers import (
    MANY_FILES,
    ProcessExtractorPool,
    ThreadExtractorPool,
    extract_many,
    local_pool,
)
from genre_model.model.bundle.store import load_bundle
from genre_model.model.classifier import Classifier, SongFeatures


class LazyExecutor(Executor):
    """Runs a task only when its result is wanted; remembers what happened."""

    def __init__(self):
        self.submitted, self.futures = [], []

    def submit(self, function, task):
        self.submitted.append(task)

        class LazyFuture(Future):
            def result(self, timeout=None):
                if not self.done():
                    try:
                        self.set_result(function(task))
                    except ValueError as error:
                        self.set_exception(error)
                return super().result(timeout)

        self.futures.append(LazyFuture())
        return self.futures[-1]


@given(st.lists(st.integers()), st.integers(1, 10))
def test_results_come_with_their_tasks_in_order(tasks, in_flight):
    pairs = list(map_bounded(LazyExecutor(), lambda task: task * 2, tasks, in_flight))
    assert pairs == [(task, task * 2) for task in tasks]


def test_results_come_in_order_even_if_a_later_task_is_done_first():
    second_is_done = threading.Event()

    def work(task):
        if task == 0:
            assert second_is_done.wait(10)
        if task == 1:
            second_is_done.set()
        return task

    with ThreadPoolExecutor(2) as executor:
        assert list(map_bounded(executor, work, range(4), 3)) == [(n, n) for n in range(4)]


@given(st.integers(0, 30), st.integers(1, 8))
def test_no_more_than_in_flight_are_submitted_and_unclaimed(n_tasks, in_flight):
    executor = LazyExecutor()
    most = 0
    for n_claimed, _ in enumerate(map_bounded(executor, str, range(n_tasks), in_flight)):
        most = max(most, len(executor.submitted) - n_claimed)
    assert len(executor.submitted) == n_tasks
    assert most == min(in_flight, n_tasks)


def test_tasks_are_taken_as_they_are_needed():
    def endless():
        task = 0
        while True:
            yield task
            task += 1

    executor = LazyExecutor()
    results = map_bounded(executor, str, endless(), 3)
    assert [next(results) for _ in range(5)] == [(n, str(n)) for n in range(5)]
    assert len(executor.submitted) == 7
    results.close()


def test_an_exception_surfaces_where_its_result_is_claimed_and_the_rest_is_cancelled():
    def fail_at_two(task):
        if task == 2:
            raise ValueError("task 2")
        return task

    executor = LazyExecutor()
    results = map_bounded(executor, fail_at_two, range(9), 3)
    assert [next(results), next(results)] == [(0, 0), (1, 1)]
    with pytest.raises(ValueError, match="task 2"):
        next(results)
    assert [future.cancelled() for future in executor.futures] == [False] * 3 + [True] * 2


def test_an_exception_of_the_tasks_themselves_surfaces():
    def tasks():
        yield 1
        raise RuntimeError("no more tasks")

    executor = LazyExecutor()
    with pytest.raises(RuntimeError, match="no more tasks"):
        list(map_bounded(executor, str, tasks(), 5))
    assert executor.futures[0].cancelled()


def test_stopping_early_cancels_what_has_not_begun():
    executor = LazyExecutor()
    results = map_bounded(executor, str, range(100), 4)
    next(results)
    results.close()
    assert len(executor.submitted) == 4
    assert [future.cancelled() for future in executor.futures] == [False, True, True, True]


def test_a_file_that_cannot_be_heard_and_a_bug_are_told_apart():
    def extract(path):
        if path.name == "bad":
            raise AudioError("not readable as audio")
        return 1 / 0 if path.name == "bug" else 7

    bugs = []
    attempt = guarded(extract, lambda path, trace: bugs.append((path.name, trace)))
    answers = [attempt(Path(name)) for name in ("good", "bad", "bug")]
    assert answers == [7, "not readable as audio", "internal error, see the log"]
    ((name, trace),) = bugs
    assert name == "bug"
    assert trace.startswith("Traceback")
    assert "ZeroDivisionError" in trace


def test_why_a_file_failed_can_be_sent_to_another_process():
    def extract(path):
        raise AudioError("too short") if path.name == "bad" else KeyError("x")

    for name in ("bad", "bug"):
        failure = attempted(extract)(Path(name))
        assert pickle.loads(pickle.dumps(failure)) == failure


def test_a_bug_is_logged_with_its_traceback(caplog):
    assert guarded(lambda path: 1 / 0, log_bug)(Path("a.mp3")) == "internal error, see the log"
    assert "a.mp3: internal error" in caplog.text
    assert "ZeroDivisionError" in caplog.text


def test_an_interrupt_is_no_bug():
    def interrupted(path):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        guarded(interrupted, log_bug)(Path("a.mp3"))


# --- Whoever hears -------------------------------------------------------------------------------


@pytest.fixture
def songs(tmp_path):
    """As many files as processes hear, and one that is none."""
    rng = np.random.default_rng(0)
    paths = []
    for number in range(MANY_FILES):
        paths.append(tmp_path / f"{number}.wav")
        write_audio(paths[-1], 0.1 * rng.standard_normal((2 * 16_000, 1)), 16_000, "wav16")
    paths[3].write_bytes(b"no audio at all")
    return paths


def heard_by(pool, paths):
    with closing(pool):
        pool.check()
        return [extracted for _, extracted in extract_many(pool, paths, lambda path: path, log_bug)]


def test_processes_hear_what_threads_hear(tiny_bundle, songs, tmp_path):
    bundle = load_bundle(tiny_bundle)
    answers = []
    for n_workers in (1, 2):
        cache = Cache(tmp_path / f"{n_workers}.db")
        classifier = Classifier(bundle, lazily=True)
        pool = local_pool(classifier, cache, Effort(), n_workers=n_workers, n_files=len(songs))
        assert isinstance(pool, ProcessExtractorPool if n_workers > 1 else ThreadExtractorPool)
        answers.append(heard_by(pool, songs))
        cache.close()
    for thread, process in zip(*answers, strict=True):
        if isinstance(thread, str):
            assert process == thread
        else:
            np.testing.assert_array_equal(process.features, thread.features)
    assert isinstance(answers[0][3], str)


def test_what_processes_have_heard_nobody_hears_again(tiny_bundle, songs, tmp_path):
    bundle = load_bundle(tiny_bundle)
    cache = Cache(tmp_path / "features.db")
    classifier = Classifier(bundle, lazily=True)
    heard_by(local_pool(classifier, cache, Effort(), n_workers=2, n_files=len(songs)), songs)

    class Deaf(Classifier):
        def extract(self, path, **wishes):
            raise AssertionError(f"{path} is heard again")

    answers = heard_by(
        local_pool(Deaf(bundle), cache, Effort(), n_workers=1, n_files=len(songs)), songs
    )
    cache.close()
    assert [type(answer) for answer in answers].count(SongFeatures) == len(songs) - 1


def test_few_files_start_no_process(tiny_bundle):
    classifier = Classifier(load_bundle(tiny_bundle), lazily=True)
    pool = local_pool(classifier, None, Effort(), n_workers=8, n_files=MANY_FILES - 1)
    assert isinstance(pool, ThreadExtractorPool)
    pool.close()


@pytest.mark.parametrize("limit_s", [None, 60.0])
def test_closed_threads_give_up_what_they_are_at(songs, limit_s):
    begun = threading.Event()

    def hear_for_ever(path):
        with time_limit(limit_s):
            while True:
                with open_audio(path, 16_000) as audio:
                    begun.set()
                    list(audio.blocks())

    pool = ThreadExtractorPool(lambda: hear_for_ever, 1)
    with closing(pool):
        futures = [pool.submit(songs[0]) for _ in range(2)]
        assert begun.wait(30)
    assert str(futures[0].exception(30)) == "given up"
    assert futures[1].cancelled()


def test_closed_processes_leave_no_thread(tiny_bundle, songs):
    """At Python's end, one that is left could be in the way of whoever waits for it (in 3.10)."""
    before = set(threading.enumerate())
    classifier = Classifier(load_bundle(tiny_bundle), lazily=True)
    with closing(local_pool(classifier, None, Effort(), n_workers=2, n_files=MANY_FILES)) as pool:
        pool.check()
        for path in songs:
            pool.submit(path)
    assert before >= set(threading.enumerate())


def test_tasks_without_a_file_are_passed_through(tiny_bundle, songs):
    classifier = Classifier(load_bundle(tiny_bundle), lazily=True)
    tasks = [None, songs[0], None, songs[1], None]
    with closing(local_pool(classifier, None, Effort(), n_workers=2, n_files=2)) as pool:
        pairs = list(extract_many(pool, tasks, lambda task: task, log_bug))
    assert [task for task, _ in pairs] == tasks
    assert [extracted is None for _, extracted in pairs] == [True, False, True, False, True]


def test_a_network_that_is_no_network_comes_out_of_a_worker(tiny_bundle, songs):
    classifier = Classifier(load_bundle(tiny_bundle), lazily=True)
    (tiny_bundle / "network.onnx").write_bytes(b"")
    for n_files in (1, MANY_FILES):
        pool = local_pool(classifier, None, Effort(), n_workers=2, n_files=n_files)
        with closing(pool), pytest.raises(BundleError, match=r"network\.onnx is damaged"):
            pool.check()


def test_the_main_module_comes_back(tiny_bundle, songs):
    main = sys.modules["__main__"]
    classifier = Classifier(load_bundle(tiny_bundle), lazily=True)
    heard_by(local_pool(classifier, None, Effort(), n_workers=2, n_files=MANY_FILES), songs)
    assert sys.modules["__main__"] is main
