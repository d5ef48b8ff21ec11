"""``beet cnnmodels``: the list of models, and the way back to an earlier one."""

import json
import shutil

import pytest
from bundle_files import replace_file


@pytest.fixture
def models(beet, pitch_bundle):
    """Makes models, puts first the shipped one in use and then them; returns their folder."""

    def make(*names):
        del beet.config["cnngenre"]["model"]
        folder = beet.home / "cnngenre" / "models"
        beet("cnnmodels", "--use", "shipped")
        for name in names:
            shutil.copytree(pitch_bundle, folder / name)
            beet("cnnmodels", "--use", name)
        return folder

    return make


def in_use(output):
    """The name of the model with the star, in the output of ``beet cnnmodels``."""
    return next(line for line in output.splitlines() if line.startswith("*")).split()[1]


def remove(folder):
    shutil.rmtree(folder)


def damage(folder):
    (folder / "head.npz").write_bytes(b"damaged")


@pytest.mark.parametrize("spoil", [remove, damage])
def test_the_way_back_begins_at_the_model_that_is_really_in_use(beet, models, spoil):
    folder = models("a", "b", "c")
    spoil(folder / "c")
    assert in_use(beet("cnnmodels")) == "b"
    assert in_use(beet("cnnmodels", "--back")) == "a"
    assert in_use(beet("cnnmodels", "--back")) == "shipped"
    beet("cnnmodels", "--back", status=1)
    assert "there is no earlier model to go back to" in beet.errors


def test_the_way_back_passes_over_damaged_models_and_the_present_one(beet, models):
    folder = models("a", "b", "c")
    beet("cnnmodels", "--use", "a")
    beet("cnnmodels", "--use", "b")  # now b is twice in the list
    remove(folder / "a")
    remove(folder / "c")
    assert ", --back the one before" in beet("cnnmodels")
    assert in_use(beet("cnnmodels", "--back")) == "shipped"
    assert ", --back the one before" not in beet("cnnmodels")


@pytest.mark.parametrize(
    "report",
    [
        "[" * 100_000,
        json.dumps({"n_tracks": [1], "coverage": 10**400, "precision": {"value": 10**400}}),
        '{"n_tracks": null, "coverage": NaN, "precision": {"value": [1]}}',
    ],
    ids=["deep", "large", "odd"],
)
def test_a_report_may_say_anything(beet, models, report):
    folder = models("strange")
    replace_file(folder / "strange", "report.json", report.encode())
    [line] = [line for line in beet("cnnmodels").splitlines() if "strange" in line]
    assert line.split() == ["*", "strange", "genres", "4", "-", "-", "-", "-"]


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"genres": "paper"}, "no such selection: paper"),
        ({"genres": {"Hip Hop": "Rap"}}, "the model has no Hip Hop"),
        ({"genres": ["Jazz", "Rock"]}, "the model has no Jazz"),
        ({"ignore": ["Hum", "Glint", "Murk"]}, "nothing is left to answer"),
    ],
)
def test_a_model_that_the_configuration_does_not_fit_does_not_come_into_use(
    made, tmp_path, options, why
):
    beet, _ = made("labelled", tmp_path / "copy")
    beet.config["cnngenre"] |= options
    output = beet("cnntrain", "--name", "mine")
    reason = "because the configuration does not fit the new model mine: genres: " + why
    assert f"cnngenre goes on with the shipped model, {reason}" in output
    beet("cnngenre", "-p")
    beet("cnnmodels", "--use", "mine", status=1)
    assert beet.errors.startswith(f"error: cnnmodels: genres: {why}")
    assert in_use(beet("cnnmodels")) == "shipped"
    for option in options:
        del beet.config["cnngenre"][option]
    beet("cnnmodels", "--use", "mine")
    beet("cnnmodels", "--use", "shipped")
    beet.config["cnngenre"] |= options
    beet("cnnmodels", "--back", status=1)
    assert why in beet.errors
    assert in_use(beet("cnnmodels")) == "shipped"


def test_a_new_model_is_not_in_use_when_the_configuration_names_none_any_more(labelled):
    labelled.config["cnngenre"]["model"] = "shipped"
    output = labelled("cnntrain", "--name", "mine")
    assert "cnngenre goes on with the configured model; --model mine uses this one" in output
    del labelled.config["cnngenre"]["model"]
    assert in_use(labelled("cnnmodels")) == "shipped"
