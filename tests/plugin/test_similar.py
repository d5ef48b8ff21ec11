"""``beet cnnsimilar``: the nearest tracks, by the real command and the shipped network."""

import os
import shutil

import numpy as np
import pytest
from audio_files import song, write_audio
from plugin_files import tag
from real_beet import only_import

from beetsplug.cnngenre.beyond_genres import similar_index
from demo.make_music import RATE, club


def test_tracks_that_sound_alike(beet, tmp_path):
    beet.config["cnngenre"] = {"threads": 2}
    noise = 0.1 * np.random.default_rng(0).standard_normal((4 * RATE, 1))
    beat = club().T[: 4 * RATE]
    sounds = {"beat": beat, "beat again": beat * 0.9 + 0.001 * noise}
    sounds |= {"song": song(4, RATE, 2, 0), "song again": song(4, RATE, 2, 1), "noise": noise}
    folder = tmp_path / "music"
    folder.mkdir()
    for title, sound in sounds.items():
        write_audio(folder / f"{title}.wav", sound, RATE)
        tag(folder / f"{title}.wav", title=title, artist=title.split()[0], album=title)
    beet("-c", only_import(beet), "import", "-s", "-A", folder)
    beet("cnnsimilar", "title:beat", status=1)
    assert "none of these tracks has been analysed: --extract does that" in beet.errors
    beet("cnngenre", "-W", "^title:noise")
    playlist = tmp_path / "like.m3u"
    arguments = ("cnnsimilar", "-f", "$title", "--count", "2", "--playlist", playlist)
    found = beet(*arguments, "title:=song").splitlines()
    assert found[0] == "song again"
    assert len(found) == 2
    assert "1 track not analysed yet: cnnsimilar --extract does that first" in beet.errors
    assert playlist.read_text().splitlines()[0] == str(beet.paths()["song again"])
    index = beet.home / "cnngenre" / "similar.index"
    index.write_bytes(index.read_bytes()[:-7])  # a truncated index is rebuilt
    found = beet(*arguments[:5], "--extract", "--other-artists", "title:=beat")
    assert "beat" not in found
    assert beet.errors == ""
    beet("rm", "-f", "title:noise")
    assert "noise" not in beet("cnnsimilar", "title:=beat")
    assert beet("cnnsimilar", "-p", "title:=beat").splitlines()[0].endswith("beat again.wav")
    assert beet("cnnsimilar", "title:none") == ""
    assert "no track matches the query" in beet.errors
    beet("cnnsimilar", status=1)
    assert "say which tracks" in beet.errors
    beet("cnnsimilar", "--count", "0", "title:=beat", status=1)
    assert beet.errors == "error: cnnsimilar: --count must be at least 1, not 0\n"


def import_songs(beet, folder, n):
    """Import ``n`` songs without extracting: "0", "1" and so on."""
    folder.mkdir()
    for number in range(n):
        path = write_audio(folder / f"{number}.wav", song(4, RATE, 2, number), RATE)
        tag(path, title=str(number), artist=str(number))
    beet("-c", only_import(beet), "import", "-s", "-A", folder)


def test_tracks_that_were_analysed_thoroughly_are_found(beet, tmp_path):
    import_songs(beet, tmp_path / "music", 3)
    beet.config["cnngenre"] = {"threads": 1, "thorough": True}
    beet("cnngenre", "-W", "^title:2")
    arguments = ("cnnsimilar", "-f", "$title", "title:0")
    assert beet(*arguments).splitlines() == ["1"]
    # The opposite of the other, because the mean is that of the analysed tracks.
    assert beet("cnnsimilar", "title:0") == "-1.00 1 - Album - 1\n"
    assert "1 track not analysed yet" in beet.errors
    assert sorted(beet(*arguments, "--extract").splitlines()) == ["1", "2"]
    assert beet.errors == ""
    beet.config["cnngenre"]["thorough"] = False
    beet(*arguments, status=1)
    assert "none of these tracks has been analysed: --extract does that" in beet.errors


LIST = ("cnnsimilar", "-f", "$title", "title:0")


def test_the_cache_may_be_too_small_for_the_library(beet, tmp_path):
    beet.config["cnngenre"] = {"threads": 1}
    import_songs(beet, tmp_path / "music", 4)
    beet.paths()["2"].write_bytes(b"no audio")
    write_audio(beet.paths()["3"], np.zeros((4 * RATE, 1)), RATE)
    plugins = beet.config["plugins"]
    beet.config["plugins"] = [*plugins, "tinycache"]
    assert beet(*LIST, "--extract") == "1\n"
    assert "2 - Album - 2: not readable as audio" in beet.errors
    assert "3 - Album - 3: silent" in beet.errors
    assert "2 tracks cannot be analysed" in beet.errors
    beet.config["plugins"] = [*plugins, "noextraction"]
    assert beet(*LIST) == "1\n"
    beet("cnnsimilar", "--extract", "title:2", status=1)
    assert "none of these tracks can be analysed" in beet.errors


@pytest.mark.skipif(os.name == "nt", reason="nothing sends Ctrl-C there")
def test_after_ctrl_c_during_the_extraction_the_next_run_goes_on(beet, tmp_path):
    beet.config["cnngenre"] = {"threads": 1}
    import_songs(beet, tmp_path / "music", 3)
    jazz = shutil.copy(beet.paths()["2"], tmp_path / "music" / "Jazz.wav")
    tag(jazz, title="Jazz", artist="Jazz")
    beet("-c", only_import(beet), "import", "-s", "-A", jazz)
    plugins = beet.config["plugins"]
    beet.config["plugins"] = [*plugins, "tinycache", "ctrlclater"]
    assert beet(*LIST, "--extract") == ""
    beet.config["plugins"] = [*plugins, "noextraction"]
    assert sorted(beet(*LIST).splitlines()) == ["1", "2"]
    assert "1 track not analysed yet" in beet.errors


def test_after_ctrl_c_in_the_first_pass_the_next_run_goes_on(beet, tmp_path):
    import_songs(beet, tmp_path / "music", 5)
    beet.config["plugins"] = [*beet.config["plugins"], "ctrlckeys"]  # after two files
    for _ in range(2):
        assert beet(*LIST) == ""
        assert beet.errors == ""
    beet(*LIST, status=1)
    assert "none of these tracks has been analysed" in beet.errors


def test_the_index_is_written_now_and_then_for_a_run_that_is_killed(tmp_path, monkeypatch):
    monkeypatch.setattr(similar_index, "WRITTEN_EVERY", 2)
    tracks = np.zeros(5, similar_index.TRACK)
    vectors = np.zeros((5, similar_index.N_FEATURES), np.float16)
    file, sums = tmp_path / "similar.index", np.zeros(similar_index.N_SUMS)
    index = similar_index.Index(tracks, vectors, sums)
    n_written = []
    with similar_index.written(file, b"network", index) as changed:
        for place in range(5):
            tracks["found"][place] = True
            changed()
            n_written.append(similar_index.read_index(file, b"network").tracks["found"].sum())
    assert n_written == [0, 2, 2, 4, 4]
    assert similar_index.read_index(file, b"network").tracks["found"].all()
