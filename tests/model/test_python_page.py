"""The examples of docs/python.md run unchanged, and the public names are what they claim."""

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from audio_files import tone, write_audio

import genre_model

PAGE = Path(__file__).parents[2] / "docs" / "python.md"
EXAMPLES = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.M | re.S)


@pytest.fixture(scope="module")
def music(tmp_path_factory):
    """A folder with ``music/GENRE/*.flac``: two genres of five artists each, and a damaged file."""
    root = tmp_path_factory.mktemp("python-page")
    for genre, hz in {"Jazz": 200, "Metal": 3_000}.items():
        folder = root / "music" / genre
        folder.mkdir(parents=True)
        for number in range(5):
            name = "song" if number == 0 else f"artist {number}"
            write_audio(
                folder / f"{name}.flac", tone(4.0, hz * (1 + number / 20), 16_000, 1), 16_000
            )
    (root / "music" / "damaged.mp3").write_bytes(b"no music" * 100)
    return root


def run(example, folder, capsys, monkeypatch):
    """Run an example of the page; return the names that it defines, and what it prints."""
    monkeypatch.chdir(folder)
    names = {}
    exec(compile(example, str(PAGE), "exec"), names)  # the page's own code
    return names, capsys.readouterr().out


def test_there_are_three_examples():
    assert len(EXAMPLES) == 3


def test_a_folder_is_classified_and_a_damaged_file_is_named(music, capsys, monkeypatch):
    names, printed = run(EXAMPLES[0], music, capsys, monkeypatch)
    lines = printed.splitlines()
    assert len(lines) == 11
    (failed,) = [line for line in lines if "damaged.mp3" in line]
    assert len(failed) > len(str(Path("music") / "damaged.mp3 "))
    assert isinstance(names["result"], genre_model.Classified)


def test_the_slices_have_probabilities_of_their_own(music, capsys, monkeypatch):
    names, printed = run(EXAMPLES[1], music, capsys, monkeypatch)
    rows = names["probabilities"]
    assert rows.shape == (len(names["features"].starts_s), len(names["classifier"].manifest.genres))
    assert (rows >= 0).all()
    assert (rows.sum(axis=1) <= 1 + 1e-9).all()
    assert len(printed.splitlines()) == len(rows) + 1
    song = names["classifier"].probabilities(names["features"])
    if len(rows) == 1:  # then the song is its slice, scaled by the music detector
        whole = np.array(list(song.values()))
        np.testing.assert_allclose(rows[0] / rows[0].sum(), whole / whole.sum())
        assert whole.sum() <= rows[0].sum()


def test_a_model_is_trained_on_a_list_and_used(music, capsys, monkeypatch):
    names, printed = run(EXAMPLES[2], music, capsys, monkeypatch)
    assert names["result"].report.genres == ("Jazz", "Metal")
    assert names["result"].page.read_text(encoding="utf-8").startswith("<!")
    assert {"Jazz", "Metal"} <= set(names["mine"].manifest.genres)
    assert "of songs right, out of fold" in printed


@pytest.mark.parametrize("name", genre_model.__all__)
def test_a_public_name_is_what_its_module_defines(name):
    value = getattr(genre_model, name)
    assert value.__name__ == name
    assert value.__module__.startswith("genre_model.")
    assert name in dir(genre_model)


def test_another_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'Missing'"):
        _ = genre_model.Missing


def test_importing_the_package_imports_nothing_but_itself():
    code = (
        "import sys; before = set(sys.modules); import genre_model;"
        "print({n.split('.')[0] for n in set(sys.modules) - before} - sys.stdlib_module_names)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "{'genre_model'}"
