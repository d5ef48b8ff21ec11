"""Two files have the same fingerprint where their audio is the same, and only there."""

import audio_files
import mediafile
import numpy as np
import pytest

from genre_model.audio import fingerprint
from genre_model.audio.decode import AudioFile, open_audio
from genre_model.audio.fingerprint import audio_fingerprint

LONG_S = 12.0  # so that long songs need not be
KINDS = ["mp3", "flac", "aac", "vorbis", "opus", "wav16", "aiff", "wavpack", "alac"]


@pytest.fixture(autouse=True)
def short(monkeypatch):
    monkeypatch.setattr(fingerprint, "SHORT_S", LONG_S)


def silence(seconds, rate_hz):
    return np.zeros((round(seconds * rate_hz), 2))


def write(path, kind, *parts):
    rate_hz = audio_files.FORMATS[kind].rate_hz
    return audio_files.write_audio(path, np.concatenate(parts), rate_hz, kind)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("quiet_s", [1.5, 4.0])
def test_short_songs_that_begin_and_end_with_the_same_silence_differ(tmp_path, kind, quiet_s):
    rate_hz = audio_files.FORMATS[kind].rate_hz
    quiet = silence(quiet_s, rate_hz)
    found = {
        audio_fingerprint(
            write(
                tmp_path / f"{hz}{audio_files.FORMATS[kind].suffix}",
                kind,
                quiet,
                audio_files.tone(2, hz, rate_hz),
                quiet,
            )
        )
        for hz in (220, 330, 440)
    }
    assert len(found) == 3


@pytest.mark.parametrize("kind", ["mp3", "flac", "wav16", "opus"])
@pytest.mark.parametrize("where", ["begin", "middle", "end"])
def test_long_songs_that_differ_in_one_part_differ(tmp_path, kind, where):
    rate_hz = audio_files.FORMATS[kind].rate_hz
    found = set()
    for hz in (220, 330):
        sounds = {part: silence(LONG_S / 2, rate_hz) for part in ("begin", "middle", "end")}
        sounds[where] = audio_files.tone(LONG_S / 2, hz, rate_hz)
        path = tmp_path / f"{hz}{audio_files.FORMATS[kind].suffix}"
        found.add(audio_fingerprint(write(path, kind, *sounds.values())))
    assert len(found) == 2


@pytest.mark.parametrize("kind", ["mp3", "flac", "wav16"])
def test_long_songs_of_another_length_differ(tmp_path, kind):
    rate_hz = audio_files.FORMATS[kind].rate_hz
    suffix = audio_files.FORMATS[kind].suffix
    found = {
        audio_fingerprint(write(tmp_path / f"{s}{suffix}", kind, silence(s, rate_hz)))
        for s in (LONG_S + 1, LONG_S + 2)
    }
    assert len(found) == 2


@pytest.mark.parametrize("kind", ["mp3", "flac", "aac", "vorbis", "opus"])
@pytest.mark.parametrize("seconds", [5, LONG_S + 10])
def test_other_tags_and_another_name_change_nothing(tmp_path, kind, seconds):
    path, _ = audio_files.write_song(tmp_path, kind, seconds)
    before = audio_fingerprint(path)
    tagged = mediafile.MediaFile(path)
    tagged.title, tagged.genres, tagged.lyrics = "Title", ["Polka"], "la " * 50_000
    tagged.save()
    moved = path.rename(tmp_path / f"another name{path.suffix}")
    assert audio_fingerprint(moved) == before


def test_files_that_are_shorter_than_they_say_are_covered_wholly(tmp_path):
    found = set()
    for hz in (220, 330):
        quiet, sound = silence(2, 44_100), audio_files.tone(20, hz)
        path = write(tmp_path / f"{hz}.wav", "wav16", quiet, sound)
        content = path.read_bytes()
        path.write_bytes(content[: len(content) // 5])  # four seconds, of which a half is sound
        found.add(audio_fingerprint(path))
    assert len(found) == 2


@pytest.mark.parametrize("kind", ["vorbis", "flac", "wav16"])
def test_a_duration_beyond_all_numbers_is_no_bug(tmp_path, kind, monkeypatch):
    path = write(tmp_path / "long", kind, silence(2.0, 44_100))
    monkeypatch.setattr(AudioFile, "duration_s", property(lambda _: 1e14))
    assert len(audio_fingerprint(path)) == 16
    with open_audio(path, 16_000) as audio:
        assert audio.window(10**25, 10**25 + 99) is None
