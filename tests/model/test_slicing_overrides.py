"""The user's changes to how songs are cut into slices."""

from dataclasses import replace

import pytest

from genre_model.core.errors import GenreModelError
from genre_model.core.specs import NotesSpec, SliceSpec, SoxSpec
from genre_model.model.bundle.store import SHIPPED, load_bundle
from genre_model.training.networks.registry import ARCHITECTURES
from genre_model.training.slicing_overrides import (
    SlicingOverrides,
    overridden,
    override_bundle,
    override_slicing,
)

SLICES = SliceSpec(frames=128, hop_frames=64, max_slices=40)


def test_no_wish_changes_nothing():
    assert overridden(SLICES, SoxSpec(), SlicingOverrides()) == SLICES


def test_all_wishes_at_once():
    overrides = SlicingOverrides("low", "middle", 5.12, 7)
    expected = replace(
        SLICES, frames=256, hop_frames=128, max_slices=7, band="low", position="middle"
    )
    assert overridden(SLICES, SoxSpec(), overrides) == expected


@pytest.mark.parametrize("seconds", [0.0, -1.0, 0.1, 1e6, float("inf"), float("nan")])
def test_absurd_lengths_are_a_sentence(seconds):
    with pytest.raises(GenreModelError, match="slices must be from"):
        overridden(SLICES, SoxSpec(), SlicingOverrides(slice_seconds=seconds))


def test_more_slices_than_a_bundle_may_say_are_a_sentence():
    with pytest.raises(GenreModelError, match="at most 10000 slices"):
        overridden(SLICES, SoxSpec(), SlicingOverrides(slices_per_song=10_001))


@pytest.mark.parametrize(
    ("overrides", "sentence"),
    [
        (SlicingOverrides(band="high"), "notes have no frequency bands"),
        (SlicingOverrides(slice_seconds=3.0), "counted in notes"),
    ],
)
def test_notes_have_neither_bands_nor_seconds(overrides, sentence):
    with pytest.raises(GenreModelError, match=sentence):
        overridden(SLICES, NotesSpec(), overrides)


def test_the_shipped_network_wants_its_own_length():
    shipped = load_bundle(SHIPPED)
    with pytest.raises(GenreModelError, match="cannot have another length"):
        override_bundle(shipped, SlicingOverrides(slice_seconds=5.0))
    few = override_bundle(shipped, SlicingOverrides(slices_per_song=3))
    assert few.manifest.slices.max_slices == 3
    assert few.manifest.sampling is None  # a fixed number of slices
    assert few.read(few.manifest.network.file) == shipped.read("network.onnx")


def test_what_is_made_of_whole_pieces_wants_its_own_length():
    costa = ARCHITECTURES["costa2017"]
    with pytest.raises(GenreModelError, match="slices of costa2017 cannot have another length"):
        override_slicing(costa, SlicingOverrides(slice_seconds=2.56))
    assert override_slicing(costa, SlicingOverrides(slices_per_song=2)).slices.max_slices == 2


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_an_architecture_is_registered_under_its_name(name):
    architecture = ARCHITECTURES[name]
    assert architecture.name == name
    assert architecture.summary.endswith(".")
    assert architecture.source
