"""Code, example configuration and documentation name the same keys, defaults and options."""

import re
from pathlib import Path

import pytest
import yaml

from beetsplug.cnngenre import CnnGenrePlugin
from beetsplug.cnngenre.commands import genre_command
from beetsplug.cnngenre.options import DEFAULTS, Options, TrainOptions
from beetsplug.cnngenre.tagging import FIELDS
from beetsplug.cnngenre.train_command import train_command

ROOT = Path(__file__).parents[2]
REFERENCE = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")


def documented(section):
    """The rows of a section's first table."""
    text = REFERENCE.split(f"\n{section}\n", 1)[1]
    table = text.split("|---|", 1)[1].split("\n\n", 1)[0]
    return [[cell.strip() for cell in row.split("|")[1:-1]] for row in table.splitlines()[1:]]


def test_every_key_is_documented_with_its_default():
    shown = {row[0].strip("`"): row[1].strip("`") for row in documented("## Configuration")}
    assert {
        key: None if value == "*empty*" else yaml.safe_load(value) for key, value in shown.items()
    } == flat(DEFAULTS)


def flat(section, prefix=""):
    """A nested section with dotted keys; an empty mapping is a value."""
    pairs = {}
    for key, value in section.items():
        nested = flat(value, f"{prefix}{key}.") if isinstance(value, dict) and value else None
        pairs |= nested or {f"{prefix}{key}": value}
    return pairs


def test_the_example_configuration_is_the_defaults():
    example = yaml.safe_load((ROOT / "config_example.yaml").read_text(encoding="utf-8"))
    assert example["cnngenre"] == DEFAULTS


def test_every_key_but_auto_becomes_an_option():
    assert set(Options.__slots__) == DEFAULTS.keys() - {"auto", "train"}
    assert set(TrainOptions.__slots__) == DEFAULTS["train"].keys()


@pytest.mark.parametrize(
    ("command", "heading"),
    [(genre_command, "`beet cnngenre [OPTIONS]"), (train_command, "`beet cnntrain [OPTIONS]")],
)
def test_every_command_line_option_is_documented(command, heading):
    parser = command(CnnGenrePlugin.__new__(CnnGenrePlugin)).parser
    flags = {
        flag
        for option in parser.option_list
        for flag in (*option._short_opts, *option._long_opts)
        if option.action != "help"
    }
    [line] = [line for line in REFERENCE.splitlines() if line.startswith(heading)]
    shown = " ".join(row[0] for row in documented(line))
    assert set(re.findall(r"`(-{1,2}[\w-]+)`", shown)) == flags


def test_every_field_is_documented():
    shown = {row[0].strip("`") for row in documented("### What is kept on a track")}
    assert shown == FIELDS.keys()


@pytest.mark.parametrize(
    "page", ["README.md", *(f"docs/{p.name}" for p in (ROOT / "docs").glob("*.md"))]
)
def test_links_lead_somewhere(page):
    path = ROOT / page
    links = re.findall(r"\]\((?!http)([^)#]+)\)", path.read_text(encoding="utf-8"))
    assert [link for link in links if not (path.parent / link).exists()] == []
