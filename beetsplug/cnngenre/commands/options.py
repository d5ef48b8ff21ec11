"""What the commands share: options and playlists."""

from __future__ import annotations

import optparse
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from beets import ui
from beets.library import Item

from beetsplug.cnngenre.config import DEFAULTS, UserError, typed_path
from beetsplug.cnngenre.session import Session

PLAYLISTS = (".m3u", ".m3u8")

# None if the option is not given: then the configuration applies.
FLAG: dict[str, Any] = {"action": "store_true", "default": None}


def new_command(
    name: str, help_text: str, *, aliases: tuple[str, ...] = (), query: str = "[QUERY]"
) -> ui.Subcommand:
    """A command that has no options yet."""
    parser = ui.CommonOptionsParser(
        usage=f"%prog [options] {query}".rstrip(),
        description=f"{help_text[0].upper()}{help_text[1:]}.",
    )
    return ui.Subcommand(name, parser, help_text, aliases)


def add_pretend(parser: optparse.OptionParser, help_text: str) -> None:
    """``--pretend``, which changes nothing."""
    parser.add_option("-p", "--pretend", **FLAG, help=help_text)


def add_write(parser: optparse.OptionParser) -> None:
    """``--write`` and ``--nowrite``: write the files too, or only the library."""
    parser.add_option("-w", "--write", **FLAG, help="write tags to the files")
    parser.add_option(
        "-W", "--nowrite", dest="write", action="store_false", help="change the library only"
    )


def add_album(parser: optparse.OptionParser) -> None:
    """``--album``, as in beets' own commands."""
    parser.add_option("-a", "--album", **FLAG, help="QUERY finds albums; take all their tracks")


def add_model(parser: optparse.OptionParser) -> None:
    """``--model``."""
    parser.add_option("--model", metavar="NAME", help="the model to use; cnnmodels lists them")


def add_threads(parser: optparse.OptionParser) -> None:
    """``--threads``."""
    parser.add_option("-t", "--threads", type="int", metavar="N", help="tracks analysed at once")


def add_playlist(parser: optparse.OptionParser) -> None:
    """``--playlist``."""
    parser.add_option("--playlist", metavar="FILE", help="write the tracks to an .m3u file")


def playlist_of(opts: optparse.Values) -> Path | None:
    """The file of ``--playlist``, checked before the run; None if the option is not given.

    Raises:
        UserError: The file is not named like a playlist, or its folder does not exist.
    """
    if not opts.playlist:
        return None
    file = typed_path(opts.playlist)
    if file.suffix.lower() not in PLAYLISTS:
        raise UserError(f"cnngenre: a playlist is called *.m3u or *.m3u8, not {file.name}")
    if not file.parent.is_dir():
        raise UserError(f"cnngenre: there is no folder {file.parent}")
    return file


def write_playlist(session: Session, file: Path, items: Iterable[Item]) -> None:
    """Write the paths of tracks to a playlist as raw bytes, replacing an older file.

    Paths with line breaks are left out, with a warning.

    Raises:
        UserError: The file cannot be written.
    """
    from genre_model.core.files import whole_file

    lines = [os.fsencode(item.filepath) for item in items]
    fit = [line for line in lines if b"\n" not in line and b"\r" not in line]
    try:
        with whole_file(file) as stream:
            stream.write(b"".join(line + b"\n" for line in fit))
    except OSError as error:
        raise UserError(f"cnngenre: cannot write {file}: {error.strerror}") from error
    n_lost = len(lines) - len(fit)
    if n_lost:
        session.warn(f"not in the playlist, as their names have line breaks: {n_lost}")


def add_quiet(parser: optparse.OptionParser, help_text: str) -> None:
    """``--quiet``."""
    parser.add_option("-q", "--quiet", **FLAG, help=help_text)


def add_changing(parser: optparse.OptionParser) -> None:
    """The options of commands that change tracks without a model."""
    add_pretend(parser, "show what would change; change nothing")
    add_write(parser)
    add_album(parser)
    add_quiet(parser, "print the summary only")


def add_classifying(parser: optparse.OptionParser) -> None:
    """The options of commands that ask a model about tracks."""
    add_album(parser)
    add_model(parser)
    add_threads(parser)
    add_quiet(parser, "no progress bar")


def configured(opts: optparse.Values) -> dict[str, Any]:
    """The options that are also keys of the configuration."""
    return {key: value for key, value in vars(opts).items() if key in DEFAULTS}
