"""Fixtures of all tests: no test touches a real beets library."""

import signal
from importlib.util import find_spec

import pytest

# A shell makes background processes ignore Ctrl-C, and every test's `beet` would inherit that.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def isolated_beets(tmp_path_factory, monkeypatch):
    """Give each test, and each process that it starts, its own beets configuration folder."""
    folder = tmp_path_factory.mktemp("beets")
    monkeypatch.setenv("BEETSDIR", str(folder))
    monkeypatch.setenv("HOME", str(folder))
    return folder


def pytest_collection_modifyitems(config, items):
    """Deselect tests that need TensorFlow if it is missing; ``make test-train`` runs them."""
    if find_spec("tensorflow") is not None:
        return
    left_out = [item for item in items if item.get_closest_marker("tensorflow")]
    items[:] = [item for item in items if not item.get_closest_marker("tensorflow")]
    config.hook.pytest_deselected(items=left_out)
