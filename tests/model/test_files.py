"""Files are written completely or not at all."""

from __future__ import annotations

import subprocess
import sys

import pytest

from genre_model.core.files import files_below, whole_file

OTHER = """
import sys
from pathlib import Path
from genre_model.core.files import whole_file
with whole_file(Path(sys.argv[1])) as file:
    file.write(b"theirs")
"""


def test_two_processes_may_write_the_same_file(tmp_path):
    path = tmp_path / "slices.npy"
    with whole_file(path) as file:
        file.write(b"ou")
        subprocess.run([sys.executable, "-c", OTHER, str(path)], check=True)
        assert path.read_bytes() == b"theirs"
        file.write(b"rs")
    assert path.read_bytes() == b"ours"
    assert list(tmp_path.iterdir()) == [path]


def fail_half_way(path):
    with whole_file(path) as file:
        file.write(b"half")
        raise KeyboardInterrupt


def test_a_file_that_is_not_finished_leaves_nothing(tmp_path):
    path = tmp_path / "slices.npy"
    path.write_bytes(b"before")
    with pytest.raises(KeyboardInterrupt):
        fail_half_way(path)
    assert path.read_bytes() == b"before"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.skipif(sys.platform == "win32", reason="links need a permission there")
def test_files_behind_links_to_folders_are_found_once(tmp_path):
    elsewhere, top = tmp_path / "elsewhere", tmp_path / "top"
    for folder in (elsewhere / "deep", top / "Jazz"):
        folder.mkdir(parents=True)
        (folder / "a.flac").touch()
    (top / "Also").symlink_to(top / "Jazz")  # the folder itself comes first
    (top / "Blues").symlink_to(elsewhere)
    (elsewhere / "loop").symlink_to(top)
    (top / "gone").symlink_to(tmp_path / "gone")
    found = sorted(path.relative_to(top).as_posix() for path in files_below(top))
    assert found == ["Blues/deep/a.flac", "Jazz/a.flac", "gone"]
