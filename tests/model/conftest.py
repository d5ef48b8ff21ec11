"""Fixtures of the engine's tests."""

import pytest
from hypothesis import HealthCheck, settings

# Every run has the same examples, and no deadline that a slow machine could miss.
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
    """The directory of a tiny working bundle, which a test may damage; see ``bundle_files``."""
    from bundle_files import write_tiny_bundle  # imported late, so that typeguard is loaded first

    return write_tiny_bundle(tmp_path / "bundle")
