"""A large library: few queries per track, few items in memory, and a realistic progress bar."""

import io
import json
import re
import sqlite3
import sys
from contextlib import closing

import pytest
from large_library import ALBUM_TRACKS, fill

from beetsplug.cnngenre.console import progress
from genre_model.extraction.cache import Cache

SMALL, LARGE = 400, 2_000


@pytest.fixture
def costs(beet):
    """Runs a command on a library of ``n_rows`` tracks; its statements, items and summary."""

    def measure(n_rows, *arguments):
        beet.config["plugins"] = ["cnngenre", "counting"]
        beet.config["library"] = str(beet.home / f"{n_rows}.db")
        beet.command()
        fill(beet.config["library"], n_rows, "pitch-1")
        printed = beet(*arguments)
        found = re.search(r"statements: (\d+), items: (\d+)", printed)
        summary = next(line for line in printed.splitlines() if "kept" in line)
        return int(found[1]), int(found[2]), re.sub(r" in \d.*", "", summary)

    return measure


def test_what_a_track_that_has_genres_or_is_cached_costs(costs):
    small, large = costs(SMALL, "genre", "-q", "-W"), costs(LARGE, "genre", "-q", "-W")
    assert (
        large[2] == f"tagged {LARGE // 20}, kept {LARGE * 9 // 10}, unsure {LARGE // 20}, failed 0"
    )
    per_track = (large[0] - small[0]) / (LARGE - SMALL)
    assert per_track < 1  # tracks are loaded in batches; the cached tenth is stored
    assert large[1] < 700  # two batches, and the tracks in progress


def test_tracks_that_need_nothing_are_not_loaded_and_noted_as_if_they_were(beet):
    beet.config["plugins"] = ["cnngenre", "counting"]
    beet.command()
    fill(beet.config["library"], LARGE, "pitch-1")

    def statements(*arguments):
        return int(re.search(r"statements: (\d+)", beet(*arguments))[1])

    def last_run():
        newest = max((beet.home / "cnngenre" / "runs").iterdir(), key=lambda p: p.stat().st_ctime)
        entries = [json.loads(line) for line in newest.read_text().splitlines()[1:-1]]
        assert len(entries) == LARGE
        return sorted(({**e, "seconds": 0} for e in entries), key=lambda entry: entry["id"])

    beet("genre", "-q", "-W")
    again = statements("genre", "-q", "-W")
    found = last_run()
    assert again < 100  # nothing is stored: the answers equal what was noted
    beet("-v", "genre", "-W")  # a line for each track, so each is loaded
    assert last_run() == found
    figures = json.loads(beet("cnnstats", "--json").partition("statements")[0])
    assert (figures["tracks"], figures["written"], figures["unsure"]) == (LARGE, 100, 100)
    assert figures["before"] == {"Polka": 1_800, "(none)": 200}
    assert figures["after"] == {"Polka": 1_800, "Jazz": 100, "(none)": 100}
    assert figures["models"]["pitch-1"]["classified"] == 200
    for command, says in {
        "cnncompare": f"left out: {LARGE - 200} of genres",
        "cnnspelling -W": f"respelled 0, kept {LARGE}",
        "cnnmoods --undo -W": "removed 0, failed 0",
        "cnnreview -p": "left 100, failed 0",
    }.items():
        printed = beet(*command.split(), "-q")
        assert says in printed
        most = 300 if command == "cnnreview -p" else 100  # it shows 100 tracks
        assert int(re.search(r"statements: (\d+)", printed)[1]) < most, command
    assert "restored 100, kept 0" in beet("cnnundo", "-q", "-W")
    assert statements("cnnundo", "-q", "-W") < 100


def test_a_training_does_not_load_the_library_at_once(beet):
    beet.config["plugins"] = ["cnngenre", "counting"]
    beet.command()
    fill(beet.config["library"], LARGE, "pitch-1")

    def most_items(*arguments):
        printed = beet("cnntrain", "-p", *arguments)
        return printed, int(re.search(r"items: (\d+)", printed)[1])

    printed, n_items = most_items()
    assert re.search(f"Polka +{LARGE * 9 // 10} ", printed)
    assert n_items < 700
    printed, n_items = most_items("--field", "cnngenre_label")
    assert re.search(f"Jazz +{LARGE // 10} ", printed)
    assert n_items < 700
    printed, n_items = most_items("--positive", "track:1")
    assert re.search(f"yes +{LARGE // ALBUM_TRACKS} ", printed)
    assert n_items < 700


@pytest.mark.parametrize("n_slow", [20, 60])
def test_the_bar_forgets_how_fast_tracks_were_that_needed_no_extraction(monkeypatch, n_slow):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    clock = [0.0]
    monkeypatch.setattr(sys, "stderr", Terminal())
    with progress(100_000, quiet=False) as bar:
        bar._time = lambda: clock[0]
        bar.start_t = bar.last_print_t = 0.0
        for seconds, n_tracks in ((1e-4, 90_000), (0.5, n_slow)):
            for _ in range(n_tracks):
                clock[0] += seconds
                bar.update()
        assert f"{90_000 + n_slow}/100000" in sys.stderr.getvalue()
        if n_slow > 20:
            assert bar.format_dict["rate"] == pytest.approx(2, rel=0.1)


def test_a_cache_without_room_for_the_library_is_one_warning(library):
    beet = library(Rock=None, Jazz=None)
    beet.config["cnngenre"]["cache_megabytes"] = 1
    path = beet.home / "cnngenre" / "features.db"
    cache = Cache(path, 2**20)
    for number in range(100):  # each of 12 KB
        cache.put(b"%d" % number, bytes(12_000))
    cache.close()
    assert "tagged 1" in beet("genre", "title:Rock")
    assert "cache is full" not in beet.errors  # the others made room
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE features SET used = used + 600")  # used in this run
    for command in ("genre", "genre -f"):
        beet(*command.split())
        assert beet.errors.count("the feature cache is full") == 1
        assert "cache_megabytes" in beet.errors
