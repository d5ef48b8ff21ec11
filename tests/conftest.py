"""What all tests share: nobody's real beets library is ever touched."""

import signal
from importlib.util import find_spec

import pytest

# A shell makes what it runs in the background ignore Ctrl-C, and so would every test's `beet`.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def isolated_beets(tmp_path_factory, monkeypatch):
    """Every test, and every process it starts, has a beets configuration folder of its own."""
    folder = tmp_path_factory.mktemp("beets")
    monkeypatch.setenv("BEETSDIR", str(folder))
    monkeypatch.setenv("HOME", str(folder))
    return folder


def pytest_collection_modifyitems(config, items):
    """What needs TensorFlow is run where it is installed: by ``make test-train``."""
    if find_spec("tensorflow") is not None:
        return
    left_out = [item for item in items if item.get_closest_marker("tensorflow")]
    items[:] = [item for item in items if not item.get_closest_marker("tensorflow")]
    config.hook.pytest_deselected(items=left_out)
