"""The work folder of a training: its lock, and the removal of abandoned folders."""

import os
import subprocess
import sys
import time

import pytest

from genre_model.core.errors import GenreModelError
from genre_model.training.scratch.work_folder import ABANDONED_S, forget_abandoned, locked

HOLDER = """
import sys, time
from pathlib import Path
from genre_model.training.scratch.work_folder import locked
with locked(Path(sys.argv[1])):
    print("in", flush=True)
    time.sleep(600)
"""


def test_a_folder_is_in_use_until_its_process_dies(tmp_path):
    command = [sys.executable, "-c", HOLDER, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout.readline() == "in\n"
        with pytest.raises(GenreModelError, match="in progress"), locked(tmp_path):
            pytest.fail("two at once")
        holder.kill()
    with locked(tmp_path):
        pass


def test_a_folder_that_cannot_be_used_is_a_sentence(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    (tmp_path / "lock").mkdir()
    for folder in (tmp_path / "file", tmp_path):
        with pytest.raises(GenreModelError, match="cannot work in"), locked(folder):
            pytest.fail("it was used")


def test_what_was_abandoned_long_ago_is_removed_and_nothing_else(tmp_path):
    ages = {"old": 60, "in use": 60, "slices": 60, "young": -60}
    for name in ages:
        (tmp_path / name).mkdir()
        (tmp_path / name / "checkpoint.zip").write_bytes(b"half")
    with locked(tmp_path / "in use"):  # which makes files in it
        for name, more in ages.items():
            long_ago = time.time() - ABANDONED_S - more
            os.utime(tmp_path / name, (long_ago, long_ago))
        for name, more in (("used", -60), ("unused", 60)):
            (tmp_path / "slices" / name).write_bytes(b"slices")
            long_ago = time.time() - ABANDONED_S - more
            os.utime(tmp_path / "slices" / name, (long_ago, long_ago))
        forget_abandoned(tmp_path)
    assert [path.name for path in (tmp_path / "slices").glob("*used")] == ["used"]
    assert {path.name for path in tmp_path.iterdir()} == {"in use", "slices", "young"}
