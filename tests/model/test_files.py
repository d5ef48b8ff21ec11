"""Files are written completely or not at all."""

from __future__ import annotations

import subprocess
import sys

import pytest

from genre_model.core.files import whole_file

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
