"""Files that tagging would break are left unchanged, and the track is counted as failed."""

import pytest
from odd_library import losses, losses_in_streams, losses_in_tags


@pytest.mark.parametrize("in_place", [False, True])
def test_no_sound_changes_and_what_is_tagged_is_tagged(tmp_path, pitch_bundle, in_place):
    n_files, n_tagged, complaints = losses(tmp_path / "odd", pitch_bundle, 0, in_place)
    assert complaints == []
    assert n_files > 40
    assert n_tagged > 20


def test_streams_of_any_kind_are_tagged_and_restored_or_left(tmp_path, pitch_bundle):
    n_files, n_tagged, complaints = losses_in_streams(tmp_path / "odd", pitch_bundle, 0, every=20)
    assert complaints == []
    assert n_files > 70
    assert n_tagged > 35


def test_tags_of_any_kind_are_restored(tmp_path, pitch_bundle):
    n_files, n_tagged, complaints = losses_in_tags(
        tmp_path / "odd", pitch_bundle, 0, n_random=8, every=5
    )
    assert complaints == []
    assert n_files > 30
    assert n_tagged > 25
