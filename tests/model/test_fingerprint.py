"""Two files have the same fingerprint if their audio is the same, and only then."""

import struct
from types import SimpleNamespace

import audio_files
import av
import mediafile
import numpy as np
import pytest

from genre_model.audio import fingerprint
from genre_model.audio.decode import AudioFile, open_audio
from genre_model.audio.fingerprint import audio_fingerprint
from genre_model.audio.stored.xing import stated_samples
from genre_model.core import deadline
from genre_model.core.deadline import DEADLINE, time_limit
from genre_model.core.errors import AudioError

LONG_S = 12.0  # replaces ``SHORT_S``, so that short files count as long songs
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


@pytest.mark.parametrize("kind", ["mp3", "flac", "aac", "vorbis", "opus", "wma"])
@pytest.mark.parametrize("seconds", [5, LONG_S + 10])
def test_other_tags_and_another_name_change_nothing(tmp_path, kind, seconds):
    path, _ = audio_files.write_song(tmp_path, kind, seconds)
    before = audio_fingerprint(path)
    tagged = mediafile.MediaFile(path)
    tagged.title, tagged.genres, tagged.lyrics = "Title", ["Polka"], "la " * 50_000
    tagged.save()
    moved = path.rename(tmp_path / f"another name{path.suffix}")
    assert audio_fingerprint(moved) == before


def raw_frames(path, form, **options):
    """Write a tone as MP3 or raw AAC with FFmpeg's ``options``; return its path."""
    codec = {"mp3": "libmp3lame", "adts": "aac"}[form]
    with av.open(str(path), "w", format=form, options=options) as file:
        stream = file.add_stream(codec, rate=44_100, layout="mono")
        sound = (1e4 * audio_files.tone(LONG_S + 3, 440)[:, 0]).astype(np.int16)[None]
        frame = av.AudioFrame.from_ndarray(sound, "s16", "mono")
        frame.sample_rate = 44_100
        file.mux([*stream.encode(frame), *stream.encode(None)])
    return path


FRAME_S = 1024 / 44_100  # of AAC; a frame of MP3 is a little longer
V1 = b"TAG" + b"title".ljust(125, b"\0")
APE = struct.pack("<8s4I8x", b"APETAGEX", 2000, 50_032, 1, 1 << 31) + bytes(50_000)
APE += struct.pack("<8s4I8x", b"APETAGEX", 2000, 50_032, 1, 1 << 29)
V2 = b"ID3\x03\0\0\0\x08\0\0" + bytes(8 << 14)


@pytest.mark.parametrize(
    ("form", "options"),
    [("mp3", {"write_xing": "0", "id3v2_version": "0"}), ("mp3", {}), ("adts", {})],
)
def test_tags_at_the_end_change_nothing_where_the_length_is_a_guess(tmp_path, form, options):
    path = raw_frames(tmp_path / f"song.{form}", form, **options)
    content, found = path.read_bytes(), {audio_fingerprint(path)}
    before = V2 if content[:3] != b"ID3" else b""
    for tagged in (content + V1, before + content, content + APE[:2000], content + APE + V1):
        path.write_bytes(tagged)
        found.add(audio_fingerprint(path))
    # FFmpeg distrusts the length that the last of these files states, if it states one.
    assert len(found) == (1 if options or form == "adts" else 2)


def test_of_a_long_mp3_that_says_its_length_some_places_are_read(tmp_path):
    wholly = raw_frames(tmp_path / "guess.mp3", "mp3", write_xing="0")
    assert stated_samples(wholly) is None
    told = raw_frames(tmp_path / "told.mp3", "mp3")
    assert stated_samples(told) == pytest.approx((LONG_S + 3) * 44_100, abs=3 * 1152)
    assert audio_fingerprint(told) != audio_fingerprint(wholly)


@pytest.mark.parametrize(("form", "options"), [("mp3", {"write_xing": "0"}), ("adts", {})])
@pytest.mark.parametrize(("speed", "in_time"), [(20, True), (5, False)])
def test_a_slow_disk_has_time_for_all_packets(tmp_path, monkeypatch, form, options, speed, in_time):
    """``speed``: seconds of music that are read in a second."""
    path = raw_frames(tmp_path / f"song.{form}", form, **options)
    now_s = 0.0

    def pass_time(self, decoded_s=0.0):
        nonlocal now_s
        now_s += FRAME_S / speed
        check(self, decoded_s)

    check = deadline.Deadline.check
    monkeypatch.setattr(deadline.Deadline, "check", pass_time)
    monkeypatch.setattr(deadline, "time", SimpleNamespace(monotonic=lambda: now_s))
    with time_limit(0.2):
        DEADLINE.get().began_s = 0.0
        if in_time:
            assert len(audio_fingerprint(path)) == 16
        else:
            with pytest.raises(AudioError, match="took longer"):
                audio_fingerprint(path)


@pytest.mark.parametrize("content", [b"", b"ID3", b"ID3\x03\0\0\xff\0\0\0", bytes(99)])
def test_a_length_that_cannot_be_read_is_none(tmp_path, content):
    (tmp_path / "odd.mp3").write_bytes(content)
    assert stated_samples(tmp_path / "odd.mp3") is None


@pytest.mark.parametrize("n_channels_bytes", [9, 17, 32])
def test_every_place_where_mp3s_say_their_length_is_known(tmp_path, n_channels_bytes):
    head, number = b"\xff\xf3\x50\xc4", struct.pack(">I", 77)
    xing = head + bytes(n_channels_bytes) + b"Xing\0\0\0\x0f" + number
    (tmp_path / "x.mp3").write_bytes(V2 + V2 + xing + bytes(400))
    assert stated_samples(tmp_path / "x.mp3") == 77 * 576
    flagged_otherwise = xing.replace(b"Xing\0\0\0\x0f", b"Xing\0\0\0\x0e")  # bytes, but no frames
    (tmp_path / "x.mp3").write_bytes(flagged_otherwise + bytes(400))
    assert stated_samples(tmp_path / "x.mp3") is None
    (tmp_path / "v.mp3").write_bytes(head + bytes(32) + b"VBRI" + bytes(10) + number + bytes(400))
    assert stated_samples(tmp_path / "v.mp3") == 77 * 576


def test_files_that_are_shorter_than_they_say_are_covered_wholly(tmp_path):
    found = set()
    for hz in (220, 330):
        quiet, sound = silence(2, 44_100), audio_files.tone(20, hz)
        path = write(tmp_path / f"{hz}.wav", "wav16", quiet, sound)
        content = path.read_bytes()
        path.write_bytes(content[: len(content) // 5])  # four seconds, half of them silent
        found.add(audio_fingerprint(path))
    assert len(found) == 2


@pytest.mark.parametrize("kind", ["vorbis", "flac", "wav16"])
def test_a_duration_beyond_all_numbers_is_no_bug(tmp_path, kind, monkeypatch):
    path = write(tmp_path / "long", kind, silence(2.0, 44_100))
    monkeypatch.setattr(AudioFile, "duration_s", property(lambda _: 1e14))
    assert len(audio_fingerprint(path)) == 16
    with open_audio(path, 16_000) as audio:
        assert audio.window(10**25, 10**25 + 99) is None
