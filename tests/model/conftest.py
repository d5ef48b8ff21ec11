"""Fixtures of the engine's tests."""

import pytest
from hypothesis import HealthCheck, settings

# The same examples every time, on a machine of any speed.
settings.register_profile(
    "tests",
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("tests")


@pytest.fixture
def tiny_bundle(tmp_path):
    """The directory of a small bundle that works, free to be damaged; see ``bundle_files``."""
    from bundle_files import write_tiny_bundle  # not above, so that typeguard can come first

    return write_tiny_bundle(tmp_path / "bundle")
