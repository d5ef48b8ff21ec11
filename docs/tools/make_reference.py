"""Write ``docs/reference.md`` from the code: every option, key and field.

    python docs/tools/make_reference.py

To improve a line, change the help text in the code, or the comment in ``config_example.yaml``.
``tests/plugin/test_docs.py`` fails while the page is out of date.
"""

from __future__ import annotations

import argparse
import optparse
import re
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from beets.ui import Subcommand

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "reference.md"
OPENING = """\
<!-- Written by docs/tools/make_reference.py: change the code, then run that. -->

# Reference

Every option, configuration key and field. Explanations and examples are in
[Configuration](configuration.md), [Training](training.md) and [Trusting the numbers](trust.md).
"""


def main() -> None:
    PAGE.write_text(reference(), encoding="utf-8")


def reference() -> str:
    """The whole page."""
    import beets
    from beets.logging import getLogger

    from beetsplug.cnngenre.commands import all_commands
    from beetsplug.cnngenre.setup import Setup

    # The commands are only inspected, not run.
    setup = Setup(beets.config["cnngenre"], getLogger("beets.cnngenre"))
    parts = [
        OPENING,
        *(beet_section(titled(command), command.parser) for command in all_commands(setup)),
        key_section(),
        field_section(),
        *engine_sections(),
    ]
    return "\n".join(parts)


def table(heading: str, rows: Iterable[tuple[str, ...]]) -> str:
    """A Markdown table; ``heading`` has the columns' names, separated by bars."""
    columns = heading.count("|") + 1
    lines = [f"| {heading} |", "|" + "---|" * columns]
    lines += ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows]
    return "\n".join(lines) + "\n"


def flags(names: Iterable[str], value: str) -> str:
    return ", ".join(f"`{name}{' ' + value if value else ''}`" for name in names)


def titled(command: Subcommand) -> str:
    """A command's names and its help text."""
    names = " or ".join(f"`beet {name}`" for name in (command.name, *command.aliases))
    return f"{names}: {command.help}"


def beet_section(title: str, parser: optparse.OptionParser) -> str:
    """The section on one of the plugin's commands."""
    rows = []
    for option in parser.option_list:
        names = [*option._short_opts, *option._long_opts]
        value = (option.metavar or (option.dest or "").upper()) if option.takes_value() else ""
        if "--help" not in names:
            rows.append((flags(names, value), option.help or ""))
    return f"## {title}\n\n{table('option | meaning', rows) if rows else ''}"


def key_section() -> str:
    """The configuration keys, with their comments in ``config_example.yaml``."""
    text = (ROOT / "config_example.yaml").read_text(encoding="utf-8")
    section, rows = "", []
    for line in text.partition("\ncnngenre:\n")[2].splitlines():
        match = re.fullmatch(r"( +)(\w+):\s*(.*?)\s*# (.*)", line)
        if match is None:
            raise SystemExit(f"config_example.yaml: a key without a comment: {line}")
        indent, name, value, meaning = match.groups()
        prefix = section if len(indent) > 2 else ""
        if value:
            shown = "*empty*" if value == "null" else f"`{value}`"
            rows.append((f"`{prefix}{name}`", shown, meaning.replace("null:", "empty:")))
        else:
            section = f"{name}."
    return (
        "## Configuration: the section `cnngenre`\n\n"
        "As [`config_example.yaml`](../config_example.yaml) has it.\n\n"
        + table("key | default | meaning", rows)
    )


def field_section() -> str:
    """The flexible fields, as the docstring of ``fields`` describes them."""
    from beetsplug.cnngenre import fields

    rows = re.findall(r"^``(\w+)``\s+(.*)$", fields.__doc__ or "", re.MULTILINE)
    known, described = set(fields.FIELDS), {name for name, _ in rows}
    if known != described:
        raise SystemExit(f"fields: some without a description: {known ^ described}")
    shown = [(f"`{name}`", meaning) for name, meaning in rows]
    return (
        "## Fields of a track\n\nFor queries and templates: `beet ls cnngenre_probability:..0.5`. "
        "Albums\nhave `cnngenre_album_written`, `cnngenre_album_respelled` and `cnngenre_album_previous`.\n\n"
        + table("field | content", shown)
    )


def engine_sections() -> list[str]:
    """The sections on ``genre-model`` and its subcommands."""
    from genre_model.cli.main import make_parser

    [commands] = [a for a in make_parser()._actions if isinstance(a, argparse._SubParsersAction)]
    summaries = {action.dest: action.help or "" for action in commands._choices_actions}
    sections = ["## `genre-model`\n\nThe engine without beets.\n"]
    for name, parser in commands.choices.items():
        actions = [a for a in parser._actions if not isinstance(a, argparse._HelpAction)]
        words = " ".join(operand(a) for a in actions if not a.option_strings)
        title = " ".join(filter(None, ("genre-model", name, words, "[OPTIONS]")))
        rows = [argument(a) for a in actions if a.option_strings or a.help]
        summary = summaries[name][:1].upper() + summaries[name][1:]
        sections.append(
            f"### `{title}`\n\n{summary}.\n\n{table('option | default | meaning', rows)}"
        )
    return sections


def operand(action: argparse.Action) -> str:
    """How an argument without a flag is shown in the usage."""
    name = str(action.metavar or action.dest.upper())
    return {"+": f"{name} ...", "*": f"[{name} ...]", "?": f"[{name}]"}.get(str(action.nargs), name)


def argument(action: argparse.Action) -> tuple[str, str, str]:
    """A row: flags with their value, default, meaning."""
    choices = "" if action.choices is None else ", ".join(map(str, action.choices))
    value = ""
    if action.nargs != 0:
        value = str(action.metavar or action.dest.upper())
    names = flags(action.option_strings, value) if action.option_strings else f"`{operand(action)}`"
    meaning = (action.help or "") % {"default": action.default, "prog": ""}
    meaning = meaning.removesuffix(f"; default: {action.default}")
    if choices:
        meaning = f"{meaning} (one of: {choices})" if meaning else f"one of: {choices}"
    return names, default_of(action), meaning


def default_of(action: argparse.Action) -> str:
    """A default as shown on the page, which is the same on every machine."""
    from genre_model.core.processor import n_cores
    from genre_model.model.bundle.store import SHIPPED

    value: Any = action.default
    if action.dest == "threads" and value == n_cores():
        return "one a core"
    if value == SHIPPED:
        return "the shipped one"
    hidden = value is None or value is False or value is argparse.SUPPRESS
    return "" if hidden else f"`{value}`"


if __name__ == "__main__":
    main()
