"""The results of an experiment as files: JSON, CSV, an SVG chart, a page of Markdown."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import msgspec

from genre_model.core.files import whole_file, writing
from genre_model.evaluation.metrics import Interval
from genre_model.evaluation.page.svg import (
    BLUE,
    SVG_NAMESPACE,
    Scale,
    drawing,
    element,
    titled,
    words,
)
from genre_model.training.experiments.catalogue import Experiment
from genre_model.training.experiments.results.figures import figures_of
from genre_model.training.experiments.results.markdown import as_markdown
from genre_model.training.experiments.results.tables import Outcomes, Table, percent

ROW, LEFT, WIDTH, TOP = 22, 300, 720, 26
PLACE = Scale(0, 1, LEFT, LEFT + 400)


@dataclass(frozen=True, slots=True)
class Music:
    """The music and the seeds that an experiment was run with."""

    name: str
    n_songs: int
    n_artists: int
    genres: tuple[str, ...]
    seeds: tuple[int, ...]
    n_not_extracted: int = 0


def write_results(
    experiment: Experiment,
    music: Music,
    outcomes: Outcomes,
    command: str,
    paths: Mapping[str, Path],
) -> None:
    """Write the result files; ``paths`` has the file for each suffix.

    Raises:
        GenreModelError: The folder cannot be written.
    """
    table = experiment.tabulate(outcomes)
    record = record_of(experiment, music, outcomes, table, command)
    encoded = msgspec.json.encode(record)
    contents = {
        "json": msgspec.json.format(encoded, indent=2),
        "csv": as_csv(table).encode(),
        "svg": as_svg(experiment.question, table.bars, table.measure).encode(),
        "md": as_markdown(msgspec.json.decode(encoded)).encode(),
    }
    for suffix, content in contents.items():
        with writing(paths[suffix].parent), whole_file(paths[suffix]) as file:
            file.write(content)


def paths_of(
    experiment: Experiment, folder: Path, architecture: str | None = None
) -> dict[str, Path]:
    """The files of an experiment's results, by their suffixes.

    Their names are the experiment's, followed by the ``architecture`` if the user chose one.
    """
    stem = "-".join(filter(None, [experiment.name, architecture]))
    return {suffix: folder / f"{stem}.{suffix}" for suffix in ("json", "csv", "svg", "md")}


def record_of(
    experiment: Experiment, music: Music, outcomes: Outcomes, table: Table, command: str
) -> dict[str, Any]:
    """Everything that is stored about an experiment; :mod:`.markdown` reads parts of it again."""
    figures = {name: asdict(figures_of(list(found))) for name, found in outcomes.items()}
    machines = {machine for of_one in figures.values() for machine in of_one["machines"]}
    return {
        "experiment": experiment.name,
        "item": experiment.item,
        "question": experiment.question,
        "paper": experiment.paper,
        "command": command,
        "machines": sorted(machines),
        "music": asdict(music),
        "columns": table.columns,
        "rows": table.rows,
        "conclusion": table.conclusion,
        "figures": figures,
    }


def as_csv(table: Table) -> str:
    """The table as comma-separated values."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([table.columns, *table.rows])
    return text.getvalue()


def as_svg(title: str, bars: Sequence[tuple[str, Interval]], measure: str) -> str:
    """A chart of shares with their intervals, one per row, on a scale from 0 to 100 %.

    ``measure`` says what the shares measure.
    """
    bottom = TOP + ROW * len(bars)
    height = bottom + 34
    parts = [
        element("style", "text { font: 12px sans-serif }"),
        element("rect", width=WIDTH, height=height, fill="#fff"),
        *(vertical_line(share, bottom) for share in (0.0, 0.25, 0.5, 0.75, 1.0)),
        words(LEFT - 20, bottom + 16, measure, text_anchor="end", fill="#555"),
        *(
            interval_bar(TOP + ROW * number + ROW / 2, name, interval)
            for number, (name, interval) in enumerate(bars)
        ),
    ]
    return drawing((WIDTH, height), title, "\n".join(parts), xmlns=SVG_NAMESPACE)


def vertical_line(share: float, bottom: float) -> str:
    """A vertical grid line at a share, with its percentage below."""
    x = PLACE(share)
    line = element("line", x1=x, x2=x, y1=TOP - 6, y2=bottom, stroke="#ddd")
    return line + words(x, bottom + 16, f"{share:.0%}", text_anchor="middle", fill="#555")


def interval_bar(y: float, name: str, interval: Interval) -> str:
    """One row: the name, then the share as a dot on the line of its interval."""
    low, high = PLACE.inside(interval.low), PLACE.inside(interval.high)
    dot = {"cx": PLACE(interval.value), "cy": y, "r": 4, "fill": BLUE}
    return (
        words(LEFT - 10, y + 4, name, text_anchor="end")
        + element("line", x1=low, x2=high, y1=y, y2=y, stroke=BLUE, stroke_width=2)
        + titled("circle", f"{percent(interval.value)} %", **dot)
    )
