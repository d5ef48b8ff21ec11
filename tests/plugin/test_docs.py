"""Code, example configuration and documentation name the same keys, defaults and options."""

import re
import sys
from pathlib import Path

import pytest
import yaml

from beetsplug.cnngenre.config import DEFAULTS, Options
from beetsplug.cnngenre.train_config import TrainOptions

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "docs" / "tools"))
import make_reference  # noqa: E402


def test_the_reference_is_what_the_code_says():
    assert make_reference.PAGE.read_text(encoding="utf-8") == make_reference.reference(), (
        "run docs/tools/make_reference.py"
    )


def test_what_the_guide_explains_are_keys():
    text = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")
    explained = re.findall(r"^\| `([\w.]+)` \|", text, re.MULTILINE)
    assert explained
    assert set(explained) <= flat(DEFAULTS).keys()


def flat(section, prefix=""):
    """A nested section as one dict with dotted keys; an empty mapping counts as a value."""
    pairs = {}
    for key, value in section.items():
        nested = flat(value, f"{prefix}{key}.") if isinstance(value, dict) and value else None
        pairs |= nested or {f"{prefix}{key}": value}
    return pairs


def test_the_example_configuration_is_the_defaults():
    example = yaml.safe_load((ROOT / "config_example.yaml").read_text(encoding="utf-8"))
    assert example["cnngenre"] == DEFAULTS


def test_every_key_becomes_an_option_unless_it_is_read_where_it_counts():
    read_later = {"auto", "train", "write_in_place"}
    assert set(Options.__slots__) - {"include_reviewed", "only"} == DEFAULTS.keys() - read_later
    assert set(TrainOptions.__slots__) == DEFAULTS["train"].keys()


@pytest.mark.parametrize(
    "page",
    [
        "README.md",
        "CONTRIBUTING.md",
        *sorted(str(p.relative_to(ROOT)) for p in (ROOT / "docs").rglob("*.md")),
    ],
)
def test_links_lead_somewhere(page):
    path = ROOT / page
    links = re.findall(r"\]\((?!http)([^)#]+)\)", path.read_text(encoding="utf-8"))
    assert [link for link in links if not (path.parent / link).exists()] == []


def test_the_places_that_contributors_are_sent_to_are_there():
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    table = text[text.index("## Where things are") : text.index("## Making a change")]
    named = re.findall(r"`(\w+/[\w/]+\.py)`", table)
    assert len(named) > 8
    assert [name for name in named if not find(name)] == []


def find(name):
    """Whether a path exists below the root or inside the plugin."""
    return (ROOT / name).exists() or (ROOT / "beetsplug" / "cnngenre" / name).exists()
