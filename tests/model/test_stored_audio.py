"""Audio compared by bytes: if it is found to be certainly the same, so are its packets."""

import random
import shutil
from contextlib import closing
from pathlib import Path

import mutagen
import pytest
from audio_files import write_song
from mutagen.id3 import TIT2

from genre_model.audio.packets import PacketReader
from genre_model.audio.stored.compare import certainly_same_audio, stored_audio

KINDS = ["mp3", "flac", "aac", "alac", "vorbis", "opus", "wav16", "aiff", "wma", "wavpack"]


@pytest.fixture(scope="module")
def packets():
    reader = PacketReader()
    yield lambda path: reader.digest(path, 60)
    reader.close()


def tagged(path, size):
    """A copy with a title of ``size`` letters; a long one moves the audio."""
    copy = path.with_name(f"copy{path.suffix}")
    shutil.copy(path, copy)
    file = mutagen.File(copy)
    if file.tags is None:
        file.add_tags()
    keys = {"MP4Tags": "\xa9nam", "ASFTags": "Title", "APEv2": "Title"}
    key = keys.get(type(file.tags).__name__, "TITLE")
    if hasattr(file.tags, "setall"):
        file.tags.setall("TIT2", [TIT2(encoding=3, text=["x" * size])])
    else:
        file.tags[key] = ["x" * size]
    file.save()
    return copy


def test_packets_are_read_without_importing_from_the_current_folder(tmp_path, monkeypatch):
    path, _ = write_song(tmp_path, seconds=1.0)
    for name in ("hashlib", "json", "struct", "av", "genre_model"):
        (tmp_path / f"{name}.py").write_text("open(__file__ + '.was_run', 'w').close()")
    monkeypatch.chdir(tmp_path)
    with closing(PacketReader()) as reader:
        found = reader.digest(path, 60)
        assert reader.digest(Path(path.name), 60) == found
    assert list(tmp_path.glob("*.was_run")) == []


@pytest.mark.parametrize("kind", KINDS)
def test_tags_make_no_difference_and_a_change_of_the_audio_does(tmp_path, kind, packets):
    path, _ = write_song(tmp_path, kind, seconds=1.0)
    rng = random.Random(kind)
    with path.open("rb") as file:
        start, end = stored_audio(file).ranges[-1]
    original = packets(path)
    for size in (5, 3_000):
        copy = tagged(path, size)
        # Large tags take one more Ogg page, which renumbers the rest: only the packets can tell.
        assert certainly_same_audio(path, copy) or (path.suffix in (".ogg", ".opus") and size > 5)
        assert packets(copy) == original
        content = copy.read_bytes()
        for _ in range(20):
            copy.write_bytes(changed(content, rng))
            assert not certainly_same_audio(path, copy) or packets(copy) == original
    copy.write_bytes(path.read_bytes())
    with copy.open("r+b") as file:
        file.seek(rng.randrange(start, end))
        byte = file.read(1)[0]
        file.seek(-1, 1)
        file.write(bytes([byte ^ 1]))
    assert not certainly_same_audio(path, copy)


def changed(content, rng):
    """The content with a few bytes added, removed or replaced, half of the time near its start."""
    place = rng.randrange(rng.choice([min(4_000, len(content)), len(content)]))
    length = rng.choice([0, 1, 1, 1, 4])
    return content[:place] + rng.randbytes(rng.choice([1, 1, 0, 4])) + content[place + length :]


def test_places_of_an_mp4_that_lead_elsewhere_are_noticed(tmp_path):
    path, _ = write_song(tmp_path, "aac", seconds=1.0)
    copy = tagged(path, 10)
    content = bytearray(copy.read_bytes())
    content[content.index(b"stco") + 15] ^= 4
    copy.write_bytes(content)
    assert not certainly_same_audio(path, copy)


@pytest.mark.parametrize("content", [b"", b"ID3", b"RIFF\4\0\0\0WAVE", b"OggS" * 9, b"fLaC\x80\0"])
def test_what_has_no_plain_layout_is_not_known(tmp_path, content):
    path = tmp_path / "odd"
    path.write_bytes(content)
    assert not certainly_same_audio(path, path)
