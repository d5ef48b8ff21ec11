"""A damaged file is decoded or raises an ``AudioError``; no file exceeds its time limit."""

import subprocess
import sys
import threading
import time
from pathlib import Path

import audio_files
import broken_files
import damaged_audio
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from peak_memory import run_measured

from genre_model.audio import decode as audio
from genre_model.audio.decode import open_audio
from genre_model.audio.fingerprint import audio_fingerprint
from genre_model.core.deadline import time_limit
from genre_model.core.errors import AudioError
from genre_model.model.classifier import load_classifier

HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def damaged(tmp_path_factory):
    return tmp_path_factory.mktemp("damaged") / "file"


@settings(max_examples=40)
@given(st.randoms(use_true_random=False))
def test_whatever_happens_to_a_file_only_an_audio_error_comes_out(damaged, rng):
    damaged.write_bytes(damaged_audio.damaged(rng)[1])
    damaged_audio.extract(damaged)


@settings(max_examples=40)
@given(st.data())
def test_a_few_bytes_anywhere_change_nothing_but_the_features(damaged, data):
    _, content = data.draw(st.sampled_from(damaged_audio.originals()))
    content = bytearray(content)
    places = st.integers(0, len(content) - 1)
    for place, byte in data.draw(st.lists(st.tuples(places, st.integers(0, 255)), max_size=20)):
        content[place] = byte
    damaged.write_bytes(
        bytes(content[: data.draw(places)] if data.draw(st.booleans()) else content)
    )
    damaged_audio.extract(damaged)


@settings(max_examples=30)
@given(st.binary(max_size=2000), st.sampled_from([b"", b"ID3\x04", b"fLaC", b"OggS\0", b"RIFF"]))
def test_bytes_of_no_meaning_are_an_audio_error(damaged, content, head):
    damaged.write_bytes(head + content)
    damaged_audio.extract(damaged)


def test_atheris_finds_nothing_in_a_few_seconds():
    pytest.importorskip("atheris", reason="atheris is installed by hand, for the soak")
    done = subprocess.run(
        [sys.executable, str(HERE / "atheris_audio.py"), "3"],
        env={"PYTHONPATH": f"{HERE}:{HERE.parent}"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-3000:]


# --- Special cases --------------------------------------------------------------------------------


def said_of(path, limit_s=20):
    """The shipped model's probabilities for a file, or the text of the ``AudioError``."""
    with time_limit(limit_s):
        try:
            audio_fingerprint(path)
            return load_classifier().probabilities(
                load_classifier().extract(path, until_stable=True)
            )
        except AudioError as error:
            return str(error)


@pytest.mark.parametrize("name", broken_files.NO_MUSIC)
def test_what_is_no_music_opens_no_other_file(tmp_path, name):
    audio_files.write_song(tmp_path)[0].rename(tmp_path / "neighbour.wav")
    (tmp_path / "list.mp3").write_bytes(broken_files.NO_MUSIC[name])
    assert isinstance(said_of(tmp_path / "list.mp3"), str)


def test_no_name_is_an_address(tmp_path, monkeypatch):
    song, _ = audio_files.write_song(tmp_path)
    song.rename(tmp_path / "neighbour.wav")
    monkeypatch.chdir(tmp_path)
    for name in ("concat:neighbour.wav|neighbour.wav", "http:x", "subfile,,:neighbour.wav"):
        Path(name).write_bytes(b"no music")
        assert "not readable as audio" in said_of(Path(name))


def test_an_mp4_does_not_refer_to_another_file(tmp_path):
    content = broken_files.good_contents(tmp_path)["alac"]
    paths = tmp_path / "own.m4a", tmp_path / "refers.m4a"
    paths[0].write_bytes(content)
    paths[1].write_bytes(broken_files.elsewhere(content, b"url ", b"neighbour.m4a\0"))
    audio_files.write_audio(tmp_path / "neighbour.m4a", audio_files.tone(1, 99), 44_100, "alac")
    own, refers = (np.concatenate(samples_of(path)) for path in paths)
    np.testing.assert_array_equal(own, refers)


def samples_of(path):
    with open_audio(path, 16_000) as song:
        return list(song.blocks())


def test_a_cover_is_not_unpacked(tmp_path):
    pytest.importorskip("resource", reason="memory cannot be measured on Windows")
    path, _ = audio_files.write_song(tmp_path, "mp3")
    cover = b"\0image/png\0\x03\0" + broken_files.vast_png(10_000, 10_000, 10_000)
    path.write_bytes(audio_files.id3v2([(b"APIC", cover)]) + path.read_bytes())
    program = (
        "import sys; from pathlib import Path; from genre_model.audio.decode import open_audio\n"
        "with open_audio(Path(sys.argv[1]), 16000) as song: n = sum(map(len, song.blocks()))\n"
        "print(n)"
    )
    done, peak_mb = run_measured(
        [sys.executable, "-c", program, path], capture_output=True, text=True, check=True
    )
    assert int(done.stdout) > 40_000
    assert peak_mb < 300  # the unpacked cover would take 400 MB


def test_a_day_of_silence_is_decoded_at_a_few_places(tmp_path):
    broken_files.write_day_of_silence(tmp_path / "day.wav")
    broken_files.write_day_of_flac(tmp_path / "day.flac")
    start = time.monotonic()
    assert said_of(tmp_path / "day.wav") == said_of(tmp_path / "day.flac") == {}
    assert time.monotonic() - start < 20


def test_many_tags_are_refused_before_anybody_reads_them(tmp_path):
    contents = broken_files.good_contents(tmp_path)
    broken_files.write_many_id3_tags(tmp_path / "a.mp3", contents["mp3"])
    broken_files.write_many_vorbis_comments(tmp_path / "a.flac", contents["flac"])
    start = time.monotonic()
    assert said_of(tmp_path / "a.mp3") == "more than 20000 tags"
    assert said_of(tmp_path / "a.flac") == "more than 20000 tags"
    assert time.monotonic() - start < 5
    for name in ("b.mp3", "b.flac"):
        content = contents[name[2:]]
        write = {"b.mp3": broken_files.write_many_id3_tags}.get(
            name, broken_files.write_many_vorbis_comments
        )
        write(tmp_path / name, content, 1_000)
        assert isinstance(said_of(tmp_path / name), dict)


def test_a_file_that_is_replaced_while_it_is_read_is_decoded_or_fails(tmp_path):
    path, _ = audio_files.write_song(tmp_path, "flac", 20.0)
    other = audio_files.write_song(tmp_path, "mp3", 2.0)[0].read_bytes()
    with open_audio(path, 16_000) as song:
        blocks = song.blocks()
        first = next(blocks)
        path.write_bytes(other)
        try:
            rest = sum(map(len, blocks))
        except AudioError:
            rest = 0
    assert len(first) + rest <= 21 * 16_000


# --- The time limit -------------------------------------------------------------------------------


def slowly(monkeypatch, seconds):
    """Make the decoding of each frame take ``seconds`` longer."""
    decode = audio.AudioFile._decode

    def slow(self, **how):
        for frame in decode(self, **how):
            time.sleep(seconds)
            yield frame

    monkeypatch.setattr(audio.AudioFile, "_decode", slow)


def test_a_track_that_gets_nowhere_ends(tmp_path, monkeypatch):
    path, _ = audio_files.write_song(tmp_path, "mp3", 8.0)
    slowly(monkeypatch, 0.05)  # twice as slow as real time
    start = time.monotonic()
    assert said_of(path, limit_s=1) == "took longer than 1 s"
    assert time.monotonic() - start < 4


def test_a_track_that_gets_on_has_its_time(tmp_path, monkeypatch):
    path, _ = audio_files.write_song(tmp_path, "flac", 20.0)
    slowly(monkeypatch, 0.002)  # about fifty times as fast as real time
    with time_limit(0.2), open_audio(path, 16_000) as song:
        start = time.monotonic()
        assert sum(map(len, song.blocks())) == 20 * 16_000
        assert time.monotonic() - start > 0.2


def test_ffmpeg_itself_gives_up_when_there_is_no_more_to_read_in_time(tmp_path):
    path, _ = audio_files.write_song(tmp_path, "wav16", 3.0)
    with time_limit(1e-9), pytest.raises(AudioError, match="took longer than 1e-09 s"):
        samples_of(path)


def test_limits_of_two_threads_do_not_mix(tmp_path):
    path, _ = audio_files.write_song(tmp_path, "wav16", 3.0)
    found = []

    def extract(limit_s):
        with time_limit(limit_s):
            try:
                with open_audio(path, 16_000) as song:
                    found.append(sum(map(len, song.blocks())))
            except AudioError as error:
                found.append(str(error))

    threads = [threading.Thread(target=extract, args=(limit,)) for limit in (1e-6, 60, None)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(map(str, found)) == ["48000", "48000", "took longer than 1e-06 s"]


def test_after_it_there_is_no_limit(tmp_path):
    path, _ = audio_files.write_song(tmp_path, "wav16", 1.0)
    with time_limit(1e-9):
        pass
    assert isinstance(said_of(path, None), dict)
