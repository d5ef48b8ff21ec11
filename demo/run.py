"""Show what the plugin does, on synthesised music or on copies of the user's own.

Runs the real ``beet`` in a temporary folder.  Three environment variables change that: MUSIC is a
folder of audio files to copy, LIMIT is how many of them to copy at most, and KEEP=1 keeps the
temporary folder.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import mediafile
import yaml

from demo.make_music import PIECES, write_piece
from genre_model.core.text import count, harmless
from genre_model.data.folder import AUDIO_SUFFIXES
from genre_model.model.bundle.store import SHIPPED, load_bundle

DEFAULT_LIMIT = 40
SEPARATOR = "\x1f"
UNREADABLE = "(unreadable)"
FIELDS = (
    "$artist",
    "$title",
    "$genres",
    "%ifdef{cnngenre_label,$cnngenre_label}",
    "%if{%ifdef{cnngenre_label,$cnngenre_label},$cnngenre_probability}",
    "$path",
)


COLUMNS = {"artist": 18, "title": 24, "genres": 22, "model": 14, "sure": 5, "in the file": 22}
COMPARED = (
    "model, sure: what the model would write, and its probability, or its guess where it is\n"
    "   unsure and writes nothing.  sure, agree: of how many tracks it is, and how often it agrees."
)
PICTURE = Path(".demo") / "explained.png"
ON_YOUR_MUSIC = """
These pieces are synthetic.  Try copies of your own music, which compares with the genres there:
   make demo MUSIC=~/Music"""
NEXT_STEPS = """
In your own library:
   pip install .                      installs it beside beets
   plugins: musicbrainz cnngenre      goes into beets' config.yaml
   beet cnngenre --pretend            shows what it would write
   beet cnngenre                      writes genres where there are none
   beet cnnundo                       takes them back"""


@dataclass(frozen=True, slots=True)
class Track:
    """A track's fields in beets, and the genres in its file."""

    artist: str
    title: str
    genres: str
    label: str
    confidence: str
    in_file: str
    path: str


class DemoError(Exception):
    """The demo cannot go on; the message says why."""


def main() -> int:
    """Run the demo; returns the exit status."""
    try:
        music, limit = read_settings(os.environ)
        with workplace(keep=bool(os.environ.get("KEEP"))) as root:
            Demo(root).run(music, limit)
    except DemoError as error:
        print(f"demo: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def read_settings(environ: os._Environ[str]) -> tuple[Path | None, int]:
    """The user's folder, or None for the synthesised pieces; and how many files to copy at most."""
    limit = environ.get("LIMIT") or str(DEFAULT_LIMIT)
    if not limit.isdecimal() or int(limit) < 1:
        raise DemoError(f"LIMIT must be a number from 1 up, not {limit}")
    text = environ.get("MUSIC")
    if not text:
        return None, int(limit)
    music = Path(text).expanduser().absolute()
    if not music.is_dir():
        raise DemoError(f"MUSIC: there is no folder {harmless(str(music))}")
    return music, int(limit)


@contextmanager
def workplace(*, keep: bool) -> Iterator[Path]:
    """A folder for the demo, which is removed afterwards unless ``keep`` is set."""
    root = Path(tempfile.mkdtemp(prefix="cnngenre-demo-")).resolve()
    try:
        yield root
    finally:
        if keep:
            print(f"\nThe demo's folder is still there: {root}")
        else:
            shutil.rmtree(root, ignore_errors=True)


class Demo:
    """The demo's steps, in one folder."""

    def __init__(self, root: Path) -> None:
        """Write beets' configuration; the user's own is never read."""
        self.root = root
        self.environ = {
            **os.environ,
            "BEETSDIR": str(root / "beets"),
            "PYTHONUTF8": "1",
            "PYTHONUNBUFFERED": "1",
        }
        self.n_steps = 0
        self.threshold = load_bundle(SHIPPED).manifest.aggregation.threshold
        (root / "beets").mkdir()
        config = {
            "directory": str(root / "library"),
            "library": str(root / "beets" / "library.db"),
            "plugins": ["cnngenre"],
            "import": {"copy": True, "write": True, "duplicate_action": "keep"},
            "ui": {"color": False},
            "cnngenre": {"write_asis": True},
        }
        (root / "beets" / "config.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
        (root / "off.yaml").write_text("cnngenre: {auto: no}\n", encoding="utf-8")
        self.beet("stats", show=False)  # creates the library; it prints messages about that

    def run(self, music: Path | None, limit: int) -> None:
        """Run all steps."""
        if music is None:
            self.made_music()
        else:
            self.own_music(music, limit)
        self.picture()
        print(NEXT_STEPS if music is not None else f"{ON_YOUR_MUSIC}\n{NEXT_STEPS}")

    def made_music(self) -> None:
        """Import half of the pieces with the plugin and the rest without it, then fill the gaps."""
        self.step("Making a little music: seven pieces and a damaged file")
        albums = make_collection(self.root / "new")
        half = (len(albums) + 1) // 2
        self.step("Importing half of it; the plugin writes genres as files come in")
        self.beet("import", "-q", "-A", *albums[:half])
        self.beet("ls", "-f", "$artist - $title: $genres")
        self.step("Importing the rest with the plugin off, as if from before you had it")
        self.beet("-c", "off.yaml", "import", "-q", "-A", *albums[half:])
        self.step("Filling the gaps in the library")
        self.beet("cnngenre")
        self.step("What beets knows now, and what the files themselves say")
        print_table(COLUMNS, [row_of(track) for track in self.tracks()])
        print(f"\n   {explanation(self.threshold)}")

    def own_music(self, music: Path, limit: int) -> None:
        """Import copies, and compare the model's genres with those that they have."""
        self.step(f"Copying audio files, {limit} at most, from {harmless(str(music))}")
        albums = copy_collection(music, self.root / "new", limit)
        self.step("Importing the copies, with the plugin off")
        self.beet("-c", "off.yaml", "import", "-q", "-A", *albums, show_lines=False)
        self.step("Comparing the genres that were there with what the model says")
        self.beet("cnncompare", "--all")
        print(f"\n   {COMPARED}")
        self.step("Filling the gaps")
        [*_, counts] = self.beet("cnngenre", show_lines=False)
        print(f"     {counts}")

    def picture(self) -> None:
        """Draw why one track got its genre; the picture is kept."""
        readable = [track for track in self.tracks() if track.in_file != UNREADABLE]
        if not readable:
            return
        track = max(readable, key=lambda track: (bool(track.label), track.confidence))
        PICTURE.parent.mkdir(exist_ok=True)
        answer = f"why it is {track.label}" if track.label else "what the model makes of it"
        self.step(f"Drawing {harmless(track.title)}: {harmless(answer)}")
        command = [sys.executable, "-m", "genre_model.cli.main", "explain"]
        done = subprocess.run(
            [*command, str(self.root / track.path), "-o", str(PICTURE.resolve()), "--force"],
            env=self.environ,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise DemoError(f"no picture: {harmless(done.stderr.strip())}")
        print(f"   the picture: {PICTURE.resolve()}")

    def step(self, text: str) -> None:
        """Announce a step."""
        self.n_steps += 1
        print(f"\n{self.n_steps}. {text}\n", flush=True)

    def beet(self, *arguments: str | Path, show: bool = True, show_lines: bool = True) -> list[str]:
        """Run ``beet`` in the demo's folder and show the command; returns its output lines."""
        if show:
            print("   $ beet " + " ".join(as_typed(arguments)), flush=True)
        lines: list[str] = []
        with subprocess.Popen(
            [sys.executable, "-m", "beets", *map(str, arguments)],
            cwd=self.root,
            env=self.environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="backslashreplace",
        ) as process:
            assert process.stdout is not None
            for line in process.stdout:
                lines.append(line.rstrip("\n").replace(str(self.root) + os.sep, ""))
                if show and show_lines:
                    print(f"     {harmless(lines[-1])}".rstrip(), flush=True)
        if process.returncode:
            said = "" if show else "\n" + "\n".join(lines)
            raise DemoError(f"beet ended with status {process.returncode}{said}")
        return lines

    def tracks(self) -> list[Track]:
        """All tracks of the library."""
        lines = self.beet("ls", "-f", SEPARATOR.join(FIELDS), show=False)
        rows = [row for line in lines if len(row := line.split(SEPARATOR)) == len(FIELDS)]
        return [
            Track(artist, title, genres, label, confidence, genres_in(self.root / path), path)
            for artist, title, genres, label, confidence, path in rows
        ]


def explanation(threshold: float) -> str:
    """An explanation of the table's columns "model" and "sure"."""
    return (
        f"model, sure: the likeliest genre, and its probability.  Below {threshold} nothing is\n"
        "   written, because no genre is better than a wrong one."
    )


def make_collection(folder: Path) -> list[Path]:
    """Write the synthesised pieces; returns the folders of their albums."""
    for piece in PIECES:
        path = write_piece(piece, folder)
        genre = "; ".join(piece.genres) or "no genre"
        print(f"   {path.relative_to(folder)!s:<48} {piece.about} ({genre})", flush=True)
    return sorted_folders(folder)


def copy_collection(music: Path, folder: Path, limit: int) -> list[Path]:
    """Copy the user's files, with a folder for each of theirs; returns these folders."""
    sources = find_audio(music, limit)
    if not sources:
        raise DemoError(f"MUSIC: there are no audio files in {harmless(str(music))}")
    numbers: dict[Path, int] = {}
    n_tagged = 0
    for number, source in enumerate(sources):
        album = folder / f"{numbers.setdefault(source.parent, len(numbers) + 1):03d}"
        album.mkdir(parents=True, exist_ok=True)
        copy = album / f"{number:04d} {source.name}"
        try:
            shutil.copyfile(source, copy)
        except OSError as error:
            print(f"   cannot be copied: {harmless(str(source))}: {error.strerror}")
            copy.unlink(missing_ok=True)
            continue
        n_tagged += bool(genres_in(copy))
    n_files, n_folders = count(len(sources), "file"), count(len(numbers), "folder")
    print(f"   {n_files} from {n_folders}; {n_tagged} with a genre")
    return sorted_folders(folder)


def find_audio(music: Path, limit: int) -> list[Path]:
    """At most ``limit`` audio files below a folder, evenly spread; hidden ones are left out."""
    found: list[Path] = []
    for place, folders, names in os.walk(music):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            path = Path(place, name)
            if not name.startswith(".") and path.suffix.lower() in AUDIO_SUFFIXES:
                found.append(path)
    n = min(limit, len(found))
    return [found[index * len(found) // n] for index in range(n)]


def sorted_folders(folder: Path) -> list[Path]:
    """The folders in a folder."""
    return sorted(path for path in folder.iterdir() if path.is_dir())


def genres_in(path: Path) -> str:
    """The genres in a file's tags."""
    try:
        return "; ".join(mediafile.MediaFile(path).genres or ())
    except mediafile.UnreadableFileError:
        return UNREADABLE


def as_typed(arguments: Sequence[str | Path]) -> Iterator[str]:
    """Arguments as typed into a shell, with long lists of folders cut short."""
    paths = [argument for argument in arguments if isinstance(argument, Path)]
    for argument in arguments:
        if not isinstance(argument, Path):
            yield quoted(argument)
        elif argument in paths[:3]:
            yield quoted(harmless(argument.name))
    if len(paths) > 3:
        yield f"... ({len(paths)} folders)"


def quoted(text: str) -> str:
    """The text in quotes, if a shell would need them."""
    return f"'{text}'" if set(text) & set(" $^&()'") else text


def row_of(track: Track) -> tuple[str, ...]:
    """A track's cells in the table."""
    cells = (track.genres, track.label, track.confidence, track.in_file)
    return (track.artist, track.title, *(cell or "-" for cell in cells))


def print_table(columns: Mapping[str, int], rows: Sequence[tuple[str, ...]]) -> None:
    """Print rows below their headings; ``columns`` has the largest width of each column."""
    limits = columns.values()
    cells = [
        [clip(harmless(cell), limit) for cell, limit in zip(row, limits, strict=True)]
        for row in [tuple(columns), *rows]
    ]
    widths = [max(len(row[i]) for row in cells) for i in range(len(columns))]
    for number, row in enumerate(cells):
        print("   " + "  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)).rstrip())
        if number == 0:
            print("   " + "  ".join("-" * width for width in widths))


def clip(text: str, length: int) -> str:
    """The text, cut to at most ``length`` characters."""
    return text if len(text) <= length else text[: length - 1] + "…"


if __name__ == "__main__":
    sys.exit(main())
