"""The stored results of the experiments, as printed and as shown in docs/paper.md."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from genre_model.training.experiments.catalogue import EXPERIMENTS
from genre_model.training.experiments.results.markdown import as_markdown

ROOT = Path(__file__).parents[2]
KEPT = sorted((ROOT / "studies" / "results").glob("*.json"))


def test_one_command_prints_the_main_table_without_any_library():
    # -S: no installed package can be imported, as in a fresh clone.
    command = [sys.executable, "-S", "-m", "studies.kept_results"]
    printed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    record = json.loads((ROOT / "studies" / "results" / "paper.json").read_text(encoding="utf-8"))
    assert all(cell in printed for row in record["rows"] for cell in row)
    assert record["command"] in printed
    wrong = subprocess.run([*command, "other"], cwd=ROOT, capture_output=True, text=True)
    assert wrong.returncode == 1
    assert wrong.stderr.startswith("usage: ")


@pytest.mark.parametrize("file", KEPT, ids=lambda file: file.stem)
def test_the_page_has_the_kept_tables(file):
    record = json.loads(file.read_text(encoding="utf-8"))
    assert record["experiment"] in EXPERIMENTS
    assert file.stem.partition("-")[0] == record["experiment"]
    page = (ROOT / "docs" / "paper.md").read_text(encoding="utf-8")
    assert as_markdown(record) in page
