"""Many at once: in order, bounded, and nothing is swallowed."""

import sys
import threading
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genre_model.errors import AudioError
from genre_model.pool import guarded, log_bug, map_bounded


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
    def hear(path):
        if path.name == "bad":
            raise AudioError("not readable as audio")
        return 1 / 0 if path.name == "bug" else 7

    bugs = []
    attempt = guarded(hear, lambda path: bugs.append((path.name, sys.exc_info()[0])))
    answers = [attempt(Path(name)) for name in ("good", "bad", "bug")]
    assert answers == [7, "not readable as audio", "internal error, see the log"]
    assert bugs == [("bug", ZeroDivisionError)]


def test_a_bug_is_logged_with_its_traceback(caplog):
    assert guarded(lambda path: 1 / 0, log_bug)(Path("a.mp3")) == "internal error, see the log"
    assert "a.mp3: internal error" in caplog.text
    assert "ZeroDivisionError" in caplog.text


def test_an_interrupt_is_no_bug():
    def interrupted(path):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        guarded(interrupted, log_bug)(Path("a.mp3"))
