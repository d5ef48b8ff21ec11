"""Files that a tagger breaks are left as they are, and the track is counted as failed."""

import pytest
from odd_library import losses


@pytest.mark.parametrize("in_place", [False, True])
def test_no_sound_changes_and_what_is_tagged_is_tagged(tmp_path, pitch_bundle, in_place):
    n_files, n_tagged, complaints = losses(tmp_path / "odd", pitch_bundle, 0, in_place)
    assert complaints == []
    assert n_files > 40
    assert n_tagged > 20
