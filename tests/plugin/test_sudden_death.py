"""``beet cnntrain`` may be killed at any moment: what is there afterwards is whole."""

import os
import random
import signal
import subprocess
import time
from pathlib import Path

import pytest
from labelled_library import bundles, models

from beetsplug.cnngenre.models import whole_bundle
from genre_model.cache import Cache
from genre_model.classifier import Classifier

pytestmark = pytest.mark.skipif(os.name != "posix", reason="there is no SIGKILL")

MOMENTS = ["hearing 5", "hearing 15", "writing 1", "writing 4", "before 1", "after 1"]
N_RANDOM = 14  # benchmarks/kills.py does as many as are wanted, and trains after each


def test_sudden_death_at_twenty_moments_leaves_only_whole_models_and_a_whole_cache(labelled):
    start = time.monotonic()
    for moment in MOMENTS:
        labelled.config["plugins"] = ["cnngenre", "suddendeath"]
        done = killed(labelled, {"DIE": moment})
        assert done == -signal.SIGKILL, moment
        check_whole(labelled, n_models=int(moment.startswith("after")))
    seconds = (time.monotonic() - start) / len(MOMENTS)
    labelled.config["plugins"] = ["cnngenre"]
    rng = random.Random(0)
    for number in range(N_RANDOM):
        if number % 2:
            forget_what_was_heard(labelled)
        killed(labelled, {}, after_s=seconds * 1.2 * (number + rng.random()) / N_RANDOM)
        check_whole(labelled)
    make_old(unfinished(labelled))
    labelled("cnntrain")
    check_whole(labelled)
    assert unfinished(labelled) == []


def forget_what_was_heard(beet):
    for path in (beet.home / "cnngenre").glob("heard.db*"):
        path.unlink()


def unfinished(beet):
    """The folders of bundles that were never whole."""
    return sorted(models(beet).glob(".*"))


def make_old(folders):
    """As they will be when the next training comes two days later."""
    assert len(folders) >= 3  # half a file, half of the files, all of them
    for folder in folders:
        os.utime(folder, (time.time() - 2 * 24 * 3600,) * 2)


def killed(beet, variables, after_s=60.0):
    """The exit status of ``beet cnntrain``, which is killed unless it ends first."""
    process = subprocess.Popen(
        [*beet.command(), "cnntrain"],
        env=beet.environment() | variables,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        process.wait(after_s)
    except subprocess.TimeoutExpired:
        process.kill()
    return process.wait()


def check_whole(beet, n_models=None):
    """Every model can be loaded, nothing is passed over, and the cache can be used."""
    complaints = []
    if n_models is not None:
        assert len(bundles(beet)) == n_models
    folders = list(models(beet).glob("[!.]*"))
    assert sorted(folders) == bundles(beet)
    for folder in folders:
        Classifier(whole_bundle(folder, complaints.append))
    assert complaints == []
    database = beet.home / "cnngenre" / "heard.db"
    if not database.exists():
        return
    cache = Cache(database)
    assert cache._connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    keys = [key for (key,) in cache._connection.execute("SELECT key FROM heard").fetchall()]
    assert all(cache.get(key) is not None for key in keys)
    cache.close()
    assert not Path(f"{database}.damaged").exists()
