"""A stored result of an experiment as Markdown and as text; needs only Python's own library."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

Record = Mapping[str, Any]


def as_markdown(record: Record) -> str:
    """The question, the table, the conclusion, and the command that produced them."""
    columns, rows = record["columns"], record["rows"]
    head = line(columns) + "|" + "---|" * len(columns) + "\n"
    return (
        f"### {record['item']}: {record['question']}\n\n"
        f"*The paper:* {record['paper']}\n\n"
        f"{head}{''.join(map(line, rows))}\n"
        f"{record['conclusion']}\n\n"
        f"{origin(record)} `{record['command']}`\n"
    )


def line(cells: Sequence[str]) -> str:
    """A row of a Markdown table."""
    return "| " + " | ".join(cells) + " |\n"


def origin(record: Record) -> str:
    """The music, the number of seeds, the machines, and the note if there is one."""
    music = record["music"]
    n = len(music["seeds"])
    n_not_used = music.get("n_not_extracted", 0)
    not_used = f", {n_not_used} of them not usable" * bool(n_not_used)
    over = " Intervals over artists alone." * (n == 1)
    machines = "; ".join(record["machines"])
    return (
        f"{music['name']}: {music['n_songs']} songs{not_used}, {music['n_artists']} artists, {n} "
        f"seed{'s' * (n != 1)}.{over} {machines}. {record.get('note', '')}"
    ).strip()


def as_text(record: Record) -> str:
    """The result for a terminal: a block of lines for each row, then the conclusion."""
    columns = record["columns"]
    width = max(map(len, columns[1:]))

    def block(row: Sequence[str]) -> str:
        cells = zip(columns[1:], row[1:], strict=True)
        return "\n".join([row[0], *(f"  {name:<{width}}  {cell}" for name, cell in cells)])

    parts = [
        f"{record['item']}: {record['question']}",
        f"The paper: {record['paper']}",
        *map(block, record["rows"]),
        record["conclusion"],
        f"{origin(record)}\n{record['command']}",
    ]
    return "\n\n".join(parts) + "\n"
