"""Commands may be killed at any moment: models, cache, files and library stay whole."""

import os
import random
import time

import pytest
from aftermath import cache_faults, make_scene, model_faults
from labelled_library import bundles, models

pytestmark = pytest.mark.skipif(os.name != "posix", reason="there is no SIGKILL")

MOMENTS = ["extraction 5", "extraction 15", "writing 1", "writing 4", "before 1", "after 1"]
N_RANDOM = 4  # tests/soak/kills.py kills as often as time allows, and checks more each time
N_KILLS = 6
WRITING = ["cnngenre/tagging/file/safe_write.py", "beets/dbcore"]


def test_killed_before_a_new_model_is_judged_it_is_not_in_use(labelled):
    labelled.config["plugins"] = ["cnngenre", "suddendeath"]
    assert labelled.fork("cnntrain", "--name", "new", variables={"DIE": "after 1"}).killed
    labelled.config["plugins"] = ["cnngenre"]
    shown = labelled("cnnmodels")
    assert "  new " in shown
    assert "* shipped " in shown


def test_sudden_death_at_ten_moments_leaves_only_whole_models_and_a_whole_cache(labelled):
    labelled.config["cnngenre"]["threads"] = 1  # one worker, forked with the plugin's changes
    start = time.monotonic()
    for moment in MOMENTS:
        labelled.config["plugins"] = ["cnngenre", "suddendeath"]
        assert labelled.fork("cnntrain", variables={"DIE": moment}).killed, moment
        check_whole(labelled, n_models=int(moment.startswith("after")))
    seconds = (time.monotonic() - start) / len(MOMENTS)
    labelled.config["plugins"] = ["cnngenre"]
    rng = random.Random(0)
    for number in range(N_RANDOM):
        if number % 2:
            forget_the_features(labelled)
        labelled.fork("cnntrain", after_s=seconds * 1.2 * (number + rng.random()) / N_RANDOM)
        check_whole(labelled)
    make_old(unfinished(labelled))
    labelled("cnntrain")
    check_whole(labelled)
    assert unfinished(labelled) == []


@pytest.mark.parametrize("command", [["cnngenre"], ["cnnundo"]])
def test_killed_while_it_writes_no_audio_is_lost_and_the_next_run_finishes(
    pitch_bundle, tmp_path, command
):
    """The moments are spread over all calls that change a file or the library."""
    kinds = ("mp3", "vorbis", "flac")
    scene = make_scene(tmp_path / "work", pitch_bundle, kinds)
    end = "new"
    if "cnnundo" in command:
        end = "old"
        scene.beet.fork("cnngenre")
        scene.keep()
    n_effects = scene.beet.fork(*command, where=WRITING).effects
    assert scene.faults(end) == []
    for number in range(N_KILLS):
        effect = 1 + number * n_effects // N_KILLS
        scene.restore()
        assert scene.beet.fork(*command, effect=effect, where=WRITING).killed
        assert scene.faults() == [], effect
        if number % 3 == 0:
            assert scene.beet.fork(*command).status == 0
            assert scene.faults(end) == [], effect
            assert scene.leftovers() == [], effect


def forget_the_features(beet):
    for path in (beet.home / "cnngenre").glob("features.db*"):
        path.unlink()


def unfinished(beet):
    """The folders of bundles that were never whole."""
    return sorted(models(beet).glob(".*"))


def make_old(folders):
    """Make folders two days old, as if the next training came later."""
    assert len(folders) >= 3  # with half a file, half of the files, or all of them
    for folder in folders:
        os.utime(folder, (time.time() - 2 * 24 * 3600,) * 2)


def check_whole(beet, n_models=None):
    """Every model can be loaded, none is passed over, and the cache can be used."""
    if n_models is not None:
        assert len(bundles(beet)) == n_models
    assert sorted(models(beet).glob("[!.]*")) == bundles(beet)
    assert model_faults(models(beet)) == []
    assert cache_faults(beet.home / "cnngenre") == []
