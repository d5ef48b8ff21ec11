"""What each run did, track by track: one file of JSON lines per run in ``cnngenre/runs``.

The first line says what ran, each further line what was done with a track, and the last line marks
the end of the run.  A line is appended when its track is done, so a run that dies loses only the
line that it was writing.  If a journal cannot be written, the user gets a single warning.
"""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import IO, Any

import msgspec
from beets.library import Item

from beetsplug.cnngenre.config import GENRES, UserError
from beetsplug.cnngenre.session import Session
from beetsplug.cnngenre.tagging.fields import own_field, own_name
from beetsplug.cnngenre.tagging.plan import Action, TagPlan
from genre_model import __version__

FORMAT = 1
MAX_RUNS = 50
MAX_BYTES = 64 * 2**20  # for all journals together; a track takes about 200 bytes
LAST = "last"


@dataclass(frozen=True, slots=True)
class Header:
    """What ran.  ``command`` is ``cnngenre``, ``cnnundo``, ``cnnspelling`` or ``import``."""

    format: int
    command: str
    began_utc: str
    version: str
    model: str
    target: str
    options: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Entry:
    """What was done with a track, ``seconds`` after the start of the run.

    ``path`` is where the file was then.  ``action`` is the run's word for the action.
    ``probability`` is that of the leading genre; None if this model has not classified the track.
    """

    id: int | None
    path: str
    action: str
    before: tuple[str, ...]
    after: tuple[str, ...]
    probability: float | None
    seconds: float


@dataclass(frozen=True, slots=True)
class PassedOver:
    """A track that was not loaded, because there is nothing to do."""

    id: int
    path: bytes
    genres: tuple[str, ...]
    model: str | None
    probability: float | None


@dataclass(frozen=True, slots=True)
class End:
    """The run's end; ``whole`` is false if it was interrupted."""

    whole: bool
    seconds: float


@dataclass(frozen=True, slots=True)
class PastRun:
    """A journal that was read.  ``end`` is None if the run died or is still running."""

    name: str
    header: Header
    entries: tuple[Entry, ...]
    end: End | None


class Journal:
    """The journal of the current run.  Only the thread that writes may use it."""

    def __init__(
        self,
        folder: Path,
        header: Header,
        words: Mapping[Action, str],
        warn: Callable[[str], None],
    ) -> None:
        """Prepare a journal; nothing is written before the first track.

        Args:
            folder: The folder of all journals.
            header: The header, which says what runs.
            words: The command's word for each action.
            warn: Called once with a message if the journal cannot be written.
        """
        self._folder, self._header, self._words, self._warn = folder, header, words, warn
        self._start = time.monotonic()
        self._file: IO[bytes] | None = None
        self._closed = False
        self._changed = False

    def add(self, item: Item, plan: TagPlan) -> None:
        """Note what was done with a track."""
        self._changed |= plan.action is Action.WRITE
        self._write(
            Entry(
                item.id,
                name_of(os.fsencode(item.filepath)),
                self._words[plan.action],
                plan.before,
                plan.after,
                None if plan.action is Action.FAIL else self._probability(item),
                self._seconds(),
            )
        )

    def add_passed_over(self, action: Action, tracks: Iterable[PassedOver]) -> None:
        """Note tracks that were passed over."""
        seconds = self._seconds()
        self._write(
            *(
                Entry(
                    track.id,
                    name_of(track.path),
                    self._words[action],
                    track.genres,
                    track.genres,
                    track.probability if track.model == self._header.model else None,
                    seconds,
                )
                for track in tracks
            )
        )

    def end(self, *, whole: bool) -> None:
        """Note the run's end, if the journal has been written to.

        The journal of a run that changed nothing is removed: a run each night would otherwise push
        out the journals of those that did.  The first of a command stays.
        """
        if self._file is None:
            return
        path = Path(self._file.name)
        self._write(End(whole, self._seconds()))
        self._stop()
        if not self._changed and has_run(self._folder, self._header.command, but=path):
            with suppress(OSError):
                path.unlink()

    def _probability(self, item: Item) -> float | None:
        if self._header.target != GENRES:
            value = own_field(item, f"{own_name(self._header.target)}_probability")
        elif own_field(item, "cnngenre_model") == self._header.model:
            value = own_field(item, "cnngenre_probability")
        else:
            value = None
        return rounded(value)

    def _seconds(self) -> float:
        return round(time.monotonic() - self._start, 2)

    def _write(self, *records: Entry | End) -> None:
        if self._closed or not records:
            return
        try:
            if self._file is None:
                self._file = new_file(self._folder, self._header.began_utc)
                self._file.write(as_line(self._header))
            self._file.write(b"".join(map(as_line, records)))
            self._file.flush()
        except OSError as error:
            self._warn(f"this run is not kept in {self._folder}: {error.strerror}")
            self._stop()

    def _stop(self) -> None:
        self._closed = True
        if self._file is not None:
            with suppress(OSError):  # of data that still cannot be flushed
                self._file.close()
            self._file = None


def rounded(probability: Any) -> float | None:
    """A probability rounded for a journal; None if there is none."""
    return None if probability in (None, "") else round(float(probability), 3)


def begin(
    session: Session,
    command: str,
    words: Mapping[Action, str],
    model: str = "",
    target: str = GENRES,
) -> Journal:
    """The journal of a run that begins now."""
    wishes = {name: getattr(session.options, name) for name in OPTIONS}
    if session.options.model is not None:
        wishes["model"] = name_of(os.fsencode(session.options.model))
    now = datetime.now(timezone.utc).isoformat(timespec="seconds")
    header = Header(FORMAT, command, now, __version__, model, target, wishes)
    return Journal(session.folders.runs, header, words, session.warn)


MAX_TRIES = 1_000  # file names to try, if all are taken
OPTIONS = (
    *("force", "keep_existing", "write", "album_genre", "threshold", "count"),
    *("second_threshold", "genres", "model", "thorough", "threads"),
)


def name_of(name: bytes) -> str:
    """A file's name as text; bytes that are not UTF-8 are escaped."""
    return name.decode("utf-8", "backslashreplace")


def as_line(record: Header | Entry | End) -> bytes:
    """A record as a line of JSON."""
    return msgspec.json.encode(record) + b"\n"


def new_file(folder: Path, began_utc: str) -> IO[bytes]:
    """Open a new file for a run, after removing the oldest ones if necessary.

    Raises:
        OSError: The file cannot be created.
    """
    folder.mkdir(parents=True, exist_ok=True)
    make_room(folder)
    name = began_utc[:19].replace(":", "-")
    for number in range(1, MAX_TRIES + 1):
        with suppress(FileExistsError):  # another run of the same second
            return (folder / f"{name}{f'.{number}' if number > 1 else ''}.jsonl").open("xb")
    raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST))


def make_room(folder: Path) -> None:
    """Remove the oldest journals, so that one more stays within the limits."""
    n_bytes = 0
    for index, path in enumerate(reversed(journals(folder))):
        with suppress(OSError):  # another process was faster
            n_bytes += path.stat().st_size
            if index >= MAX_RUNS - 1 or n_bytes > MAX_BYTES:
                path.unlink()


def journals(folder: Path) -> list[Path]:
    """The files of all runs, oldest first."""

    def age(path: Path) -> tuple[str, int, str]:
        return path.stem[:19], len(path.stem), path.stem

    return sorted(folder.glob("[!.]*.jsonl"), key=age)


def has_run(folder: Path, command: str, *, but: Path | None = None) -> bool:
    """Whether there is a journal of this command, other than the file ``but``."""
    for path in reversed(journals(folder)):
        with suppress(OSError), path.open("rb") as file:
            if path != but and f'"command":"{command}"'.encode() in file.readline():
                return True
    return False


def find_run(folder: Path, name: str) -> Path:
    """The journal with this name, or whose name begins with it, or the last one.

    Raises:
        UserError: No journal fits the name, or several do, or it is empty.
    """
    if not name:
        raise UserError("cnnstats: --run needs the name of a run, or last; --runs lists them")
    paths = journals(folder)
    if not paths:
        raise UserError(f"cnngenre: no run has been kept yet in {folder}")
    if name == LAST:
        return paths[-1]
    exact = [path for path in paths if path.stem == name.removesuffix(".jsonl")]
    found = exact or [path for path in paths if path.stem.startswith(name)]
    if len(found) != 1:
        n = len(found) or "no"
        runs = "run's name begins" if n == "no" else "runs' names begin"
        raise UserError(f"cnngenre: {n} {runs} with {name}; cnnstats --runs lists them")
    return found[0]


def read_run(path: Path) -> PastRun:
    """A run's journal.

    Raises:
        UserError: The file cannot be read, is not a journal, or was written by a newer version.
    """
    try:
        lines = path.read_bytes().splitlines()
    except OSError as error:
        raise UserError(f"cnngenre: cannot read {path}: {error.strerror}") from error
    written = decoded(lines[0], dict) if lines else None
    if written and isinstance(written.get("format"), int) and written["format"] > FORMAT:
        raise UserError(f"cnngenre: {path} was written by a newer version of the plugin")
    header = decoded(lines[0], Header) if lines else None
    if header is None:
        raise UserError(f"cnngenre: {path} is not a run's journal")
    end = decoded(lines[-1], End)
    return PastRun(path.stem, header, tuple(entries_of(lines[1:])), end)


def entries_of(lines: Iterable[bytes]) -> Iterator[Entry]:
    """The entries among the lines; truncated lines are skipped."""
    for line in lines:
        entry = decoded(line, Entry)
        if entry is not None:
            yield entry


def decoded(line: bytes, kind: type[Any]) -> Any:
    """A line as a record of a kind; None if it is not one."""
    try:
        return msgspec.json.decode(line, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None
