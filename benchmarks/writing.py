"""What it costs to write a genre to a copy and to read it back: CPU a file.

    python -m benchmarks.writing FILE... [--rounds 20]

A copy of each file gets new genres in two ways: without a check, by writing all tags to a copy that
replaces the file; and as the plugin does.  The CPU time includes that of the process that reads
packets, except for its start (Linux).
"""

from __future__ import annotations

import argparse
import os
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import beets
from beets.library import Item
from mediafile import MediaFile

from beetsplug.cnngenre.config import DEFAULTS
from beetsplug.cnngenre.tagging.file.checking import MAX_SECONDS, reader
from beetsplug.cnngenre.tagging.file.copying import replacement
from beetsplug.cnngenre.tagging.file.safe_write import Wish, write_file


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", type=Path, nargs="+")
    parser.add_argument("--rounds", type=int, default=20)
    options = parser.parse_args()
    beets.config["cnngenre"].add(DEFAULTS)
    print("| file | MB | unchecked, ms | with the check, ms | ratio |")
    print("|---|---:|---:|---:|---:|")
    with tempfile.TemporaryDirectory() as folder:
        for file in options.files:
            path = Path(folder) / file.name
            shutil.copy(file, path)
            item = Item.from_path(os.fsencode(path))
            reader().digest(path, MAX_SECONDS)  # the process starts
            old, new = (milliseconds(way, item, options.rounds) for way in (unchecked, checked))
            size = path.stat().st_size / 1e6
            print(f"| {file.suffix[1:]} | {size:.1f} | {old:.0f} | {new:.0f} | {new / old:.1f} |")


def unchecked(item: Item, number: int) -> None:
    with replacement(Path(os.fsdecode(item.path))) as copy:
        media = MediaFile(copy)
        values = {name: item[name] for name in Item.writable_media_fields}
        media.update({**values, "genres": [str(number)]})
        media.save()


def checked(item: Item, number: int) -> None:
    write_file(item, Wish((f"Kind {number}",)), mtime=None)


def milliseconds(write: Callable[[Item, int], None], item: Item, rounds: int) -> float:
    """The mean CPU time of a call, with that of the process that reads packets."""
    begin = cpu()
    for number in range(rounds):
        write(item, number)
    return (cpu() - begin) / rounds * 1e3


def cpu() -> float:
    """CPU seconds of this process and of the one that reads packets."""
    process = reader()._process
    fields = Path(f"/proc/{process.pid}/stat").read_text().split() if process else ["0"] * 15
    ticks = int(fields[13]) + int(fields[14])
    return time.process_time() + ticks / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    main()
