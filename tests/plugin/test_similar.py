"""``beet cnnsimilar``: the nearest tracks, by the real command and the shipped network."""

import numpy as np
from audio_files import song, write_audio
from plugin_files import tag
from real_beet import only_import

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


def test_tracks_that_were_analysed_thoroughly_are_found(beet, tmp_path):
    beet.config["cnngenre"] = {"threads": 1, "thorough": True}
    folder = tmp_path / "music"
    folder.mkdir()
    for number in range(3):
        path = write_audio(folder / f"{number}.wav", song(4, RATE, 2, number), RATE)
        tag(path, title=str(number), artist=str(number))
    beet("-c", only_import(beet), "import", "-s", "-A", folder)
    beet("cnngenre", "-W", "^title:2")
    arguments = ("cnnsimilar", "-f", "$title", "title:0")
    assert beet(*arguments).splitlines() == ["1"]
    assert "1 track not analysed yet" in beet.errors
    assert sorted(beet(*arguments, "--extract").splitlines()) == ["1", "2"]
    assert beet.errors == ""
    beet.config["cnngenre"]["thorough"] = False
    beet(*arguments, status=1)
    assert "none of these tracks has been analysed: --extract does that" in beet.errors
