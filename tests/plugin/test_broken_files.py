"""A library of good and broken tracks; the soak test has all broken files, and new ones."""

import io
import os
import struct
import subprocess
import sys

import audio_files
import broken_files
import mutagen
import pytest
from broken_library import fill, losses, tag_all
from plugin_files import file_genres
from real_beet import HZ, beet_in, write_tone
from test_command import summary

from beetsplug.cnngenre.tagging.file.genre_tag import UnknownTagsError, read_tags
from beetsplug.cnngenre.tagging.file.raw_comments import RawComments
from beetsplug.cnngenre.tagging.file.tag_size import MAX_TAG_BYTES


@pytest.mark.skipif(os.name != "posix", reason="memory cannot be bounded on Windows")
def test_each_broken_file_is_one_line_and_the_good_ones_are_tagged(tmp_path, pitch_bundle):
    n_tracks, complaints, outcome = losses(
        tmp_path / "library", pitch_bundle, large=False, every=10
    )
    assert n_tracks > 80
    assert complaints == []
    assert outcome.peak_mb < 1_500


@pytest.mark.skipif(os.name != "posix", reason="memory cannot be bounded on Windows")
def test_a_large_cover_is_not_kept_in_memory_many_times(tmp_path, pitch_bundle):
    path = tmp_path / "rock.mp3"
    broken_files.write_huge_cover(path, mp3_of_rock(tmp_path), 20 * 2**20)
    beet = beet_in(tmp_path / "home", pitch_bundle)
    fill(beet, {"Rock": path})
    outcome = tag_all(beet)
    assert outcome.tagged == 1
    assert file_genres(path) == ["Rock"]
    assert outcome.peak_mb < 300  # comparing tags as text takes 16 times the cover more


def test_tags_that_are_too_large_are_refused_unread(tmp_path):
    """In an MP3, in a WAV with the tag at its end, and in an Ogg, which takes mutagen longest."""
    mp3, wav, ogg = tmp_path / "rock.mp3", tmp_path / "rock.wav", tmp_path / "rock.ogg"
    broken_files.write_huge_cover(mp3, mp3_of_rock(tmp_path), 130 * 2**20)
    audio_files.write_audio(wav, audio_files.tone(1, HZ["Rock"]), 44_100)
    broken_files.append_huge_id3(wav, 130 * 2**20)
    broken_files.write_huge_ogg_comment(ogg, 17 * 2**20)
    for path, sentence in (
        (mp3, "take 130 MB or more; those above 128 MB are not read"),
        (wav, "take 130 MB or more; those above 128 MB are not read"),
        (ogg, "take 16 MB or more; those above 16 MB are not read"),
    ):
        with pytest.raises(UnknownTagsError, match=sentence):
            read_tags(path)


READ_WITH_3_GB = """
import resource, sys
from pathlib import Path
from beetsplug.cnngenre.tagging.file.genre_tag import UnknownTagsError, read_tags
resource.setrlimit(resource.RLIMIT_AS, (3 << 30, 3 << 30))
try:
    read_tags(Path(sys.argv[1]))
except UnknownTagsError as error:
    print(error)
"""


@pytest.mark.skipif(os.name != "posix", reason="memory cannot be bounded on Windows")
def test_a_length_beyond_all_memory_is_one_line(tmp_path):
    path = write_tone(tmp_path, "Rock", kind="flac")
    content, vendor = path.read_bytes(), mutagen.File(path).tags.vendor.encode()
    place = content.index(vendor) - 4  # of its length
    path.write_bytes(broken_files.put(content, place, b"\xf0\xff\xff\xff"))
    done = subprocess.run(
        [sys.executable, "-c", READ_WITH_3_GB, path], capture_output=True, text=True, timeout=60
    )
    assert done.stdout.startswith("mutagen cannot handle it (MemoryError"), done.stderr


def test_a_damaged_length_takes_no_memory():
    class File(io.BytesIO):
        def read(self, size):
            assert size <= MAX_TAG_BYTES
            return super().read(size)

    with pytest.raises(struct.error, match="a comment of 4294967280 bytes"):
        RawComments(File(b"\xf0\xff\xff\xff"))


def mp3_of_rock(folder):
    samples = audio_files.tone(2, HZ["Rock"])
    return audio_files.write_audio(folder / "tone.mp3", samples, 44_100, "mp3").read_bytes()


def test_a_track_that_takes_too_long_is_one_line(library):
    beet = library(Rock=None)
    beet.config["cnngenre"]["time_limit"] = 0.000001
    assert summary(beet("genre")) == "tagged 0, kept 0, unsure 0, failed 1"
    assert "took longer than 1e-06 s" in beet.errors
    del beet.config["cnngenre"]["time_limit"]
    assert summary(beet("genre")) == "tagged 1, kept 0, unsure 0, failed 0"
    for wrong in (0, -1):
        beet.config["cnngenre"]["time_limit"] = wrong
        beet("genre", status=1)
        assert "time_limit must be above 0" in beet.errors


def test_an_import_has_the_time_limit_too(beet, tone, tmp_path):
    beet.config["cnngenre"]["time_limit"] = 0.000001
    tone("Rock")
    beet("import", "-A", tmp_path / "music")
    assert "took longer than" in beet.errors
    assert beet.genres() == {"Rock": ""}


def test_genre_model_classifies_a_folder_of_broken_files(tmp_path, capsys):
    from genre_model.cli.main import main

    contents = broken_files.good_contents(tmp_path)
    broken = broken_files.write_all(tmp_path / "x", contents, large=False, every=40)
    good = write_tone(tmp_path / "x", "Rock")
    n_files = sum(path.is_file() for path in broken.values()) + 1
    assert main(["classify", "--csv", str(tmp_path / "x")]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 1 + n_files
    assert sum(str(good) in line for line in lines) == 1
    assert file_genres(good) == []
    assert main(["classify", "--time-limit", "1", str(good)]) == 0
