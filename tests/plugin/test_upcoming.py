"""Which tracks of an import are extracted early, and what happens to those that it skips."""

from concurrent.futures import Future
from pathlib import Path

import pytest
from beets.library import Item

from beetsplug.cnngenre.classify.upcoming import MAX_FOUND, AheadPool, Upcoming


class Workers:
    """Notes the files that are submitted, and answers with their names."""

    in_flight = 3

    def __init__(self):
        self.submitted, self.futures, self.checks, self.closed = [], {}, 0, False

    def check(self):
        self.checks += 1

    def submit(self, path):
        self.submitted.append(path.name)
        self.futures[path.name] = Future()
        return self.futures[path.name]

    def claim(self, path, future):
        if not future.done():
            future.set_result(path.name)
        return future.result()

    def close(self):
        self.closed = True


@pytest.fixture
def imported(tmp_path):
    """An import that has found a.mp3 to h.mp3, and a function that makes it reach some tracks."""
    workers, upcoming = Workers(), Upcoming()
    items = {}
    for name in "abcdefgh":
        path = tmp_path / f"{name}.mp3"
        path.write_bytes(name.encode())
        items[name] = Item(path=str(path).encode())
    pool = AheadPool(workers, upcoming, lambda item: None if item.genres else Path(item.filepath))

    def come_to(names):
        upcoming.reached([items[name] for name in names])
        futures = [(path, pool.submit(path)) for path in (tmp_path / f"{n}.mp3" for n in names)]
        return [pool.claim(*pair) for pair in futures]

    return workers, upcoming, items, pool, come_to


def test_each_file_is_extracted_once_and_never_more_than_in_flight(imported):
    workers, upcoming, items, pool, come_to = imported
    upcoming.add(items.values())
    upcoming.add(items.values())  # the choice "as tracks" adds them again
    assert come_to("a") == ["a.mp3"]
    assert workers.submitted == ["a.mp3", "b.mp3", "c.mp3"]
    assert [come_to(name) for name in "bc"] == [["b.mp3"], ["c.mp3"]]
    assert len(upcoming.begun) < workers.in_flight
    assert come_to("defgh")[4] == "h.mp3"
    assert sorted(workers.submitted) == [f"{name}.mp3" for name in "abcdefgh"]
    pool.check()
    pool.check()
    pool.close()
    assert (workers.checks, workers.closed, upcoming.begun) == (1, True, [])


def test_skipped_tracks_are_given_up_and_hold_up_nothing(imported):
    workers, upcoming, items, _, come_to = imported
    upcoming.add(items.values())
    come_to("a")
    come_to("e")  # b to d were skipped
    assert workers.futures["b.mp3"].cancelled()
    assert workers.futures["c.mp3"].cancelled()
    assert workers.submitted == [f"{name}.mp3" for name in "abcefg"]
    upcoming.reached([Item()])  # a track that was not added
    assert come_to("f") == ["f.mp3"]
    assert workers.submitted.count("f.mp3") == 1


def test_what_has_a_genre_or_has_gone_is_not_begun_and_what_has_changed_is_begun_anew(imported):
    workers, upcoming, items, _, come_to = imported
    items["b"].genres = ["Polka"]
    Path(items["c"].filepath).unlink()
    upcoming.add(items.values())
    come_to("a")
    assert workers.submitted == ["a.mp3", "d.mp3", "e.mp3"]
    Path(items["d"].filepath).write_bytes(b"another song")
    come_to("d")
    assert workers.submitted.count("d.mp3") == 2


def test_no_more_tracks_are_kept_in_mind_than_is_said():
    upcoming = Upcoming()
    for _ in range(3):
        upcoming.add([Item() for _ in range(MAX_FOUND - 1)])
    assert sum(iter(lambda: upcoming.next() is not None, False)) == MAX_FOUND
