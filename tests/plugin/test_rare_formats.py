"""Rare formats: the genre is written, read back and undone, or the file is left unchanged."""

import mutagen
import pytest
from odd_genres import dump
from rare_formats import ID3V1, write_rare

from beetsplug.cnngenre.config import DEFAULTS
from beetsplug.cnngenre.tagging.file.genre_tag import read_tags
from beetsplug.cnngenre.tagging.file.safe_write import WRITE_ERRORS, Wish, write_and_check

WRITTEN = {
    *("monkeys.ape", "musepack7.mpc", "musepack8.mpc", "stream.dsf", "wavpack.wv"),
    *("compressed.aifc", "mp2.mp2"),
}


@pytest.fixture(autouse=True)
def configured():
    import beets

    beets.config["cnngenre"].add(DEFAULTS)


def test_each_is_written_and_restored_or_left_as_it_is(tmp_path):
    written = set()
    for path in write_rare(tmp_path):
        before = path.read_bytes()
        try:
            tags, all_tags = read_tags(path), dump(path)
            write_and_check(path, Wish(("Polka", "Ska")))
        except WRITE_ERRORS:
            assert path.read_bytes() == before, path
            continue
        written.add(path.name)
        assert read_tags(path).genre.genres == ("Polka", "Ska"), path
        assert mutagen.File(path) is not None
        assert not path.name.startswith("behind") or path.read_bytes().endswith(ID3V1), path
        write_and_check(path, Wish(tags.genre.genres, tag=tags.genre))
        assert dump(path) == all_tags, path
        if path.suffix != ".dsf":  # a DSF's header has the place of its tags
            assert path.read_bytes().rstrip(b"\0") == before.rstrip(b"\0"), path
    assert {name for name in written if not name.startswith("behind")} == WRITTEN
    assert "behind monkeys.ape" in written
