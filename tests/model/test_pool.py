"""Concurrent extraction: in order, bounded, no error is lost, and a crash fails only its call."""

import concurrent.futures.process
import os
import pickle
import platform
import signal
import sys
import threading
import time
from concurrent.futures import Future
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from audio_files import write_audio
from hypothesis import given
from hypothesis import strategies as st

from genre_model.audio.fingerprint import audio_fingerprint
from genre_model.core import deadline, processes
from genre_model.core.deadline import time_limit
from genre_model.core.errors import AudioError, BundleError, GenreModelError
from genre_model.core.ordered import in_order
from genre_model.core.processes import CRASHED, CrashedError, WorkerPool, call_in_worker
from genre_model.core.safe_path import SAFE_PATH
from genre_model.extraction.cache import Cache
from genre_model.extraction.extractor import Effort
from genre_model.extraction.tasks import Failure, attempt, log_bug, reported
from genre_model.extraction.workers import extract_many, local_pool
from genre_model.model.bundle.store import load_bundle
from genre_model.model.classifier import Classifier
from genre_model.model.song_features import SongFeatures

N_SONGS = 6


class Submitted:
    """Records the tasks that are submitted; their futures are never done."""

    def __init__(self):
        self.tasks, self.futures = [], []

    def __call__(self, task):
        self.tasks.append(task)
        self.futures.append(Future())
        return self.futures[-1]


def test_a_relative_path_is_that_of_the_current_folder(tmp_path, monkeypatch):
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").write_text(name)
        monkeypatch.chdir(tmp_path / name)
        assert call_in_worker(Path.read_text, Path("file")) == name


@given(st.lists(st.integers()), st.integers(1, 10))
def test_futures_come_with_their_tasks_in_order(tasks, in_flight):
    submitted = Submitted()
    pairs = list(in_order(submitted, tasks, in_flight))
    assert pairs == list(zip(tasks, submitted.futures, strict=True))


@given(st.integers(0, 30), st.integers(1, 8))
def test_no_more_than_in_flight_are_submitted_and_unclaimed(n_tasks, in_flight):
    submitted = Submitted()
    most = 0
    for n_claimed, _ in enumerate(in_order(submitted, range(n_tasks), in_flight)):
        most = max(most, len(submitted.tasks) - n_claimed)
    assert len(submitted.tasks) == n_tasks
    assert most == min(in_flight, n_tasks)


def test_tasks_are_taken_as_they_are_needed():
    def endless():
        task = 0
        while True:
            yield task
            task += 1

    submitted = Submitted()
    pairs = in_order(submitted, endless(), 3)
    assert [next(pairs)[0] for _ in range(5)] == list(range(5))
    assert len(submitted.tasks) == 7
    pairs.close()


def test_an_exception_of_the_tasks_themselves_surfaces():
    def tasks():
        yield 1
        raise RuntimeError("no more tasks")

    submitted = Submitted()
    with pytest.raises(RuntimeError, match="no more tasks"):
        list(in_order(submitted, tasks(), 5))
    assert submitted.futures[0].cancelled()


def test_stopping_early_cancels_what_has_not_begun():
    submitted = Submitted()
    pairs = in_order(submitted, range(100), 4)
    next(pairs)
    pairs.close()
    assert [future.cancelled() for future in submitted.futures] == [False, True, True, True]


def fails(path):
    if path.name == "bad":
        raise AudioError("not readable as audio")
    return 1 / 0 if path.name == "bug" else 7


def test_a_file_without_features_and_a_bug_are_told_apart():
    bugs = []
    answers = [
        reported(path, attempt(fails, path), lambda path, trace: bugs.append((path.name, trace)))
        for path in map(Path, ("good", "bad", "bug"))
    ]
    assert answers == [7, "not readable as audio", "internal error, see the log"]
    ((name, trace),) = bugs
    assert name == "bug"
    assert trace.startswith("Traceback")
    assert "ZeroDivisionError" in trace


@pytest.mark.parametrize("name", ["bad", "bug"])
def test_why_a_file_failed_can_be_sent_to_another_process(name):
    failure = attempt(fails, Path(name))
    assert isinstance(failure, Failure)
    assert pickle.loads(pickle.dumps(failure)) == failure


def test_a_bug_is_logged_with_its_traceback(caplog):
    path = Path("bug")
    assert reported(path, attempt(fails, path), log_bug) == "internal error, see the log"
    assert "bug: internal error" in caplog.text
    assert "ZeroDivisionError" in caplog.text


def test_an_interrupt_is_no_bug():
    def interrupted(path):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        attempt(interrupted, Path("a.mp3"))


# --- Worker processes ----------------------------------------------------------------------------


def test_windows_gets_as_many_workers_as_it_can_wait_for(monkeypatch):
    windows = SimpleNamespace(**{**vars(sys), "platform": "win32"})
    for module in (processes, concurrent.futures.process):
        monkeypatch.setattr(module, "sys", windows)
    processes.Executor(64).close()  # no worker is started before its first call


def alone(monkeypatch, n_workers):
    """A pool that takes this process to have one thread; xdist and others start more."""
    monkeypatch.setattr(processes.threading, "active_count", lambda: 1)
    return WorkerPool(n_workers)


@pytest.mark.parametrize("n_workers", [1, 2])
def test_a_call_that_crashes_fails_alone(monkeypatch, n_workers):
    with closing(alone(monkeypatch, n_workers)) as pool:
        calls = [(os.path.basename, "/a/b"), (os.abort,), (os.path.basename, "/c/d"), (os.getpid,)]
        futures = [pool.submit(*call) for call in calls]
        assert pool.result(futures[0], *calls[0]) == "b"
        with pytest.raises(CrashedError, match=CRASHED):
            pool.result(futures[1], *calls[1])
        assert pool.result(futures[2], *calls[2]) == "d"
        assert pool.result(futures[3], *calls[3]) != os.getpid()
        assert pool.call(os.path.basename, "/e/f") == "f"


def test_what_a_call_raises_comes_back():
    with pytest.raises(FileNotFoundError):
        call_in_worker(os.stat, "/there is no such file")
    with pytest.raises(CrashedError):
        call_in_worker(os.abort)
    assert call_in_worker(os.path.basename, "/a/b") == "b"


@pytest.mark.parametrize(
    "error",
    [OSError(24, "Too many open files"), EOFError(), RuntimeError("can't start new thread")],
)
@pytest.mark.parametrize("step", ["__init__", "submit"])
def test_a_worker_that_cannot_be_started_is_a_sentence(monkeypatch, step, error):
    def fail(*_):
        raise error

    before = os.environ.get(SAFE_PATH)
    monkeypatch.setattr(processes.ProcessPoolExecutor, step, fail)
    with closing(WorkerPool(2)) as pool:
        for call in (pool.check, pool.call):
            with pytest.raises(GenreModelError, match="worker processes cannot be started"):
                call(os.getpid)
    assert os.environ.get(SAFE_PATH) == before


@pytest.mark.skipif(sys.platform != "linux", reason="nothing is forked elsewhere")
def test_a_forked_worker_does_not_inherit_a_time_limit(monkeypatch, tmp_path):
    with closing(alone(monkeypatch, 1)) as pool:
        with time_limit(1e-9):
            pool.call(os.getpid)
        with pytest.raises(AudioError, match="no such file"):
            pool.call(audio_fingerprint, tmp_path / "none")


def never_looks_at_the_time():
    """Ignore the time limit, as FFmpeg does for a file with tens of thousands of tags."""
    deadline.GRACE_S = 0.2
    with time_limit(0.1):
        time.sleep(60)


def has_no_limit():
    deadline.GRACE_S = 0.2
    with time_limit(0.1):
        pass
    with time_limit(None):
        time.sleep(2.5)
    return "there"


def test_a_worker_that_is_hopelessly_late_is_ended():
    """Its call fails as if it had crashed, and the calls of other workers go on."""
    with closing(WorkerPool(2)) as pool:
        late, other = pool.submit(never_looks_at_the_time), pool.submit(has_no_limit)
        began_s = time.monotonic()
        with pytest.raises(CrashedError):
            pool.result(late, never_looks_at_the_time)
        assert pool.result(other, has_no_limit) == "there"
        assert time.monotonic() - began_s < 30


def pages_of_many_arrays():
    """The number of page faults when a hundred arrays of 2 MB are made one after the other."""
    import resource

    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(100):
        np.ones(2**18)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="an option of glibc's")
def test_a_worker_keeps_the_memory_that_it_frees():
    with closing(WorkerPool(1)) as pool:
        assert pool.call(pages_of_many_arrays) < 5_000  # 51,200 if the freed memory were given back


@pytest.mark.skipif(sys.platform != "linux", reason="nothing is forked elsewhere")
def test_a_forked_worker_ends_with_its_pool_although_another_lives(monkeypatch):
    first, second = (alone(monkeypatch, 1) for _ in range(2))
    with closing(second):
        with closing(first):
            pid = first.call(os.getpid)
            assert second.call(os.getpid) != pid
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)
        assert second.call(os.path.basename, "/a/b") == "b"


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="there is no SIGKILL")
def test_a_worker_that_is_killed_takes_no_call_with_it(monkeypatch):
    with closing(alone(monkeypatch, 1)) as pool:
        os.kill(pool.call(os.getpid), signal.SIGKILL)
        for _ in range(3):
            assert pool.call(os.path.basename, "/a/b") == "b"


# --- Extraction -----------------------------------------------------------------------------------


@pytest.fixture
def songs(tmp_path):
    """Files of noise; one of them is not audio."""
    rng = np.random.default_rng(0)
    paths = []
    for number in range(N_SONGS):
        paths.append(tmp_path / f"{number}.wav")
        write_audio(paths[-1], 0.1 * rng.standard_normal((2 * 16_000, 1)), 16_000, "wav16")
    paths[3].write_bytes(b"no audio at all")
    return paths


def extracted_by(pool, paths):
    with closing(pool):
        pool.check()
        return [extracted for _, extracted in extract_many(pool, paths, lambda path: path, log_bug)]


def test_one_worker_and_two_say_the_same(tiny_bundle, songs, tmp_path):
    bundle = load_bundle(tiny_bundle)
    answers = []
    for n_workers in (1, 2):
        cache = Cache(tmp_path / f"{n_workers}.db")
        classifier = Classifier(bundle, lazily=True)
        pool = local_pool(classifier, cache, Effort(), n_workers=n_workers, n_files=len(songs))
        answers.append(extracted_by(pool, songs))
        cache.close()
    for one, two in zip(*answers, strict=True):
        if isinstance(one, str):
            assert two == one
        else:
            np.testing.assert_array_equal(two.features, one.features)
    assert isinstance(answers[0][3], str)


def test_what_one_run_has_extracted_no_other_decodes_again(tiny_bundle, songs, tmp_path, caplog):
    cache = Cache(tmp_path / "features.db")
    classifier = Classifier(load_bundle(tiny_bundle), lazily=True)
    first = extracted_by(
        local_pool(classifier, cache, Effort(), n_workers=2, n_files=len(songs)), songs
    )
    assert [type(answer) for answer in first].count(SongFeatures) == len(songs) - 1
    n_rows = "SELECT count(*) FROM features"
    assert cache._connection.execute(n_rows).fetchone() == (len(songs) - 1,)
    second = extracted_by(
        local_pool(classifier, cache, Effort(), n_workers=1, n_files=len(songs)), songs
    )
    cache.close()
    for one, two in zip(first, second, strict=True):
        if isinstance(one, SongFeatures):
            np.testing.assert_array_equal(two.features, one.features)


def test_closed_processes_leave_no_thread(tiny_bundle, songs):
    """Python waits for a leftover thread at exit, where both may close the same pipe (in 3.10)."""
    before = set(threading.enumerate())
    classifier = Classifier(load_bundle(tiny_bundle), lazily=True)
    with closing(local_pool(classifier, None, Effort(), n_workers=2, n_files=N_SONGS)) as pool:
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
    for n_files in (1, N_SONGS):
        pool = local_pool(classifier, None, Effort(), n_workers=2, n_files=n_files)
        with closing(pool), pytest.raises(BundleError, match=r"network\.onnx is damaged"):
            pool.check()


def test_the_main_module_comes_back(tiny_bundle, songs):
    main = sys.modules["__main__"]
    classifier = Classifier(load_bundle(tiny_bundle), lazily=True)
    extracted_by(local_pool(classifier, None, Effort(), n_workers=2, n_files=N_SONGS), songs)
    assert sys.modules["__main__"] is main
