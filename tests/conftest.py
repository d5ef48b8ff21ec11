"""What all tests share: nobody's real beets library is ever touched."""

import pytest


@pytest.fixture(autouse=True)
def isolated_beets(tmp_path_factory, monkeypatch):
    """Every test, and every process it starts, has a beets configuration folder of its own."""
    folder = tmp_path_factory.mktemp("beets")
    monkeypatch.setenv("BEETSDIR", str(folder))
    monkeypatch.setenv("HOME", str(folder))
    return folder
