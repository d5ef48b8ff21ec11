"""The configuration and the command line, read once into a frozen object."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import beets
import confuse
from beets import ui
from beets.ui import UserError as UserError  # type: ignore[attr-defined]  # its home in beets 2.7

if TYPE_CHECKING:
    from genre_model.data.genre_tree import ParentsOrder

# Every key with its default; docs/configuration.md and config_example.yaml say what each is for.
DEFAULTS: dict[str, Any] = {
    "auto": True,
    "force": False,
    "keep_existing": False,
    "write": None,
    "write_asis": False,
    "write_in_place": False,
    "album_genre": True,
    "threshold": None,
    "count": 1,
    "second_threshold": 0.25,
    "genres": None,
    "moods": False,
    "moods_tag": None,
    "ignore": [],
    "parents": False,
    "model": None,
    "thorough": False,
    "time_limit": 60,
    "threads": None,
    "dask": None,
    "pretend": False,
    "quiet": False,
    "cache": True,
    "cache_megabytes": 1024,
    "train": {
        "classes": None,
        "min_tracks": 2,
        "others": True,
        "name": None,
        "labels": "first",
        "map": {},
        "field": None,
        "positive": None,
        "consolidate": False,
        "architecture": "embeddings",
        "epochs": None,
        "aggregation": None,
        "select_instances": None,
        "band": None,
        "position": None,
        "slice_seconds": None,
        "slices_per_song": None,
        "play_history": False,
        "target_precision": 0.9,
        "seed": 0,
    },
}


PLAY_HISTORY_FIELDS = ("play_count", "rating", "added")  # what the user did with a track


MOOD_TAGS = ("mood", "grouping", "comments")


GENRES = "genres"  # the field in file tags; a model for any other field writes a flexible field


GenresWish = str | Sequence[str] | Mapping[str, str | None] | None


@dataclass(frozen=True, slots=True)
class Options:
    """The user's options.

    ``threshold`` None means the model's own.  Two options are not in the configuration:
    ``include_reviewed`` also replaces or undoes what was decided in a review, and ``only`` has the
    only genres to write.
    """

    force: bool
    keep_existing: bool
    write: bool
    write_asis: bool
    album_genre: bool
    threshold: float | None
    count: int
    second_threshold: float
    genres: GenresWish
    moods: bool
    moods_tag: str | None
    ignore: tuple[str, ...]
    parents: ParentsOrder | None
    model: str | None
    thorough: bool
    time_limit: float | None
    threads: int
    dask: str | None
    pretend: bool
    quiet: bool
    cache: bool
    cache_megabytes: int
    include_reviewed: bool = False
    only: tuple[str, ...] | None = None


def forget_empty_keys() -> None:
    """Treat a key without a value as not set: the user may have commented out all below it.

    Then the default applies, instead of an error from confuse.  An empty ``time_limit`` means no
    limit.
    """
    for source in beets.config.sources:
        section = source.get("cnngenre", {})
        if section is None:
            del source["cnngenre"]
        elif isinstance(section, dict):
            drop_empty(section, DEFAULTS.keys() - {"time_limit"})
            if isinstance(section.get("train"), dict):
                drop_empty(section["train"], DEFAULTS["train"].keys())


def drop_empty(section: dict[str, Any], keys: Iterable[str]) -> None:
    """Remove those of ``keys`` that have no value."""
    for key in section.keys() & keys:
        if section[key] is None:
            del section[key]


def has_keys(config: confuse.Subview) -> bool:
    """Whether the section is a mapping in each of beets' configuration files."""
    return all(isinstance(section, Mapping) for section, _ in config.resolve())


def check_keys(config: confuse.Subview) -> None:
    """Make sure that every key is known and every number is finite.

    Raises:
        UserError: A key is unknown, or a number is not finite.  For an unknown key, the message
            names a similar key, if there is one.
        confuse.ConfigError: The section ``train`` is not a mapping.
    """
    for view, known in ((config, DEFAULTS), (config["train"], DEFAULTS["train"])):
        for key in view.keys() - known.keys():
            from difflib import get_close_matches

            near = get_close_matches(str(key), known, 1)
            hint = f"; is it {near[0]}?" if near else ""
            raise UserError(f"{view.name}: there is no key {key}{hint}")
        for key in known:
            value = view[key].get()
            if isinstance(value, float) and not math.isfinite(value):
                raise UserError(f"{view[key].name} must be a finite number, not {value}")


def check_auto(config: confuse.Subview) -> bool:
    """Whether to classify imports.

    Raises:
        UserError: The option ``auto`` is neither yes nor no, or the section is not a mapping.
    """
    if not has_keys(config):
        raise UserError("cnngenre: the section must have keys, such as auto: yes")
    value = config["auto"].get()
    if not isinstance(value, bool):
        raise UserError(f"cnngenre: auto must be yes or no, not {value}")
    return value


def own_folder() -> Path:
    """The plugin's folder, in beets' configuration folder (which BEETSDIR changes)."""
    return Path(beets.config.config_dir()) / "cnngenre"


def wants_id3v23() -> bool:
    """Whether beets writes new ID3 tags in version 2.3."""
    return bool(beets.config["id3v23"].get(bool))


def wants_write_in_place() -> bool:
    """Whether files are tagged in place, without a copy that replaces them."""
    return bool(beets.config["cnngenre"]["write_in_place"].get(bool))


def check_writing() -> None:
    """Check the options that are read again for each file, before the first one.

    Raises:
        confuse.ConfigError: A value is of the wrong type.
    """
    wants_id3v23()
    wants_write_in_place()


def sort_fields() -> set[str]:
    """The fields by which beets sorts tracks."""
    return {name.rstrip("+-") for name in beets.config["sort_item"].as_str_seq()}


def lastgenre_file(key: str) -> Path | None:
    """The tree or genre list that the user has configured for lastgenre; None if not set."""
    view = text_of("lastgenre", key)
    return None if view is None else Path(view.as_filename())


def play_command() -> str | None:
    """The command of beets' plugin ``play``; None if not set."""
    view = text_of("play", "command")
    return None if view is None else view.as_str()


def text_of(section: str, key: str) -> confuse.Subview | None:
    """A text in another plugin's section; None if it is empty, not a text or not set.

    All keys below ``play:`` may be commented out.  Errors there are for that plugin to report.
    """
    view = beets.config[section][key]
    try:
        value = view.get() if view.exists() else None
    except confuse.ConfigTypeError:
        return None
    return view if isinstance(value, str) and value else None


def read_options(config: confuse.Subview) -> Options:
    """The configured options; those of the command line override them.

    Raises:
        UserError: A value is out of its range.
        confuse.ConfigError: A value is of the wrong type; beets prints its location.
    """
    from genre_model.core.processor import n_cores

    check_auto(config)
    check_keys(config)
    check_writing()
    write = config["write"].get(confuse.Optional(bool))
    return Options(
        force=config["force"].get(bool),
        keep_existing=config["keep_existing"].get(bool),
        write=ui.should_write(write),
        write_asis=config["write_asis"].get(bool),
        album_genre=config["album_genre"].get(bool),
        threshold=fraction(config, "threshold"),
        count=at_least_one(config, "count"),
        second_threshold=fraction(config, "second_threshold"),
        genres=genres_wish(config["genres"].get()),
        moods=config["moods"].get(bool),
        moods_tag=one_of(config, "moods_tag", MOOD_TAGS),
        ignore=names_in(config["ignore"].get(), "ignore"),
        parents=one_of_or_no(config, "parents", ("before", "after")),
        model=config["model"].get(confuse.Optional(str)),
        thorough=config["thorough"].get(bool),
        time_limit=seconds(config, "time_limit"),
        threads=at_least_one(config, "threads") or n_cores(),
        dask=config["dask"].get(confuse.Optional(str)),
        pretend=config["pretend"].get(bool),
        quiet=config["quiet"].get(bool),
        cache=config["cache"].get(bool),
        cache_megabytes=at_least_one(config, "cache_megabytes"),
    )


def names_in(value: Any, key: str) -> tuple[str, ...]:
    """Names from a list, or from one text that separates them by commas.

    Raises:
        UserError: The value is neither a list nor a text.
    """
    if value is None or isinstance(value, str):
        value = (value or "").split(",")
    if not isinstance(value, Sequence):
        raise UserError(f"cnngenre: {key} must be a list of genres, not {value}")
    return tuple(name for name in (str(one).strip() for one in value) if name)


def only_names(value: Any, key: str) -> tuple[str, ...] | None:
    """The only names to use, read as in :func:`names_in`; None for all names.

    Raises:
        UserError: The value is neither a list nor a text, or it has no names.
    """
    if value is None:
        return None
    names = names_in(value, key)
    if not names:
        raise UserError(f"cnngenre: {key} names no genre")
    return names


def one_of(config: confuse.Subview, key: str, names: Sequence[str]) -> Any:
    """One of ``names``, or None if that is the default."""
    value = config[key].get()
    if value is not None and value not in names:
        raise UserError(f"cnngenre: {key} must be one of {', '.join(names)}, not {value}")
    return value


def one_of_or_no(config: confuse.Subview, key: str, names: Sequence[str]) -> Any:
    """One of ``names``, or None for ``no``, which YAML reads as False."""
    value = config[key].get()
    if value in (None, False, "no"):
        return None
    if value not in names:
        raise UserError(f"cnngenre: {key} must be {', '.join(names)} or no, not {value}")
    return value


def share(config: confuse.Subview, key: str) -> Any:
    """A number above 0 and up to 1, or None if that is the default."""
    value = fraction(config, key)
    if value == 0:
        raise UserError(f"cnngenre: {key} must be above 0")
    return value


def fraction(config: confuse.Subview, key: str) -> Any:
    """A number from 0 to 1, or None if that is the default."""
    value = config[key].get(confuse.Optional(confuse.Number()))
    if value is not None and not 0 <= value <= 1:
        raise UserError(f"cnngenre: {key} must be from 0 to 1, not {value}")
    return None if value is None else float(value)


def seconds(config: confuse.Subview, key: str) -> float | None:
    """A time in seconds above 0, or None for no limit."""
    value = config[key].get(confuse.Optional(confuse.Number()))
    if value is not None and not value > 0:
        raise UserError(f"cnngenre: {key} must be above 0, not {value}")
    return None if value is None else float(value)


def at_least_one(config: confuse.Subview, key: str) -> Any:
    """A whole number of at least 1, or None if that is the default."""
    value = config[key].get(confuse.Optional(int))
    if value is not None and value < 1:
        raise UserError(f"cnngenre: {key} must be at least 1, not {value}")
    return value


def is_name(value: object) -> bool:
    """Whether a value is a text that beets keeps as one genre; for YAML, yes and 80 are not."""
    return isinstance(value, str) and "; " not in value and bool(value.strip())


def genres_wish(value: Any) -> GenresWish:
    """The ``genres`` key: nothing, the name of a selection, a list, or a mapping of names."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, Mapping):
        wrong = [new for new in value.values() if not (new is None or is_name(new))]
        if wrong:
            raise UserError(f'cnngenre: genres: not a name that beets can keep: "{wrong[0]}"')
        return {str(genre): new and new.strip() for genre, new in value.items()}
    if isinstance(value, Sequence):
        return [str(genre) for genre in value]
    raise UserError("cnngenre: genres must be a name, a list or a mapping")


def typed_path(text: str) -> Path:
    """A path as the user typed it, where ``~`` is a home folder; an unknown ``~name`` stays."""
    try:
        return Path(text).expanduser()
    except RuntimeError:  # there is no such user
        return Path(text)
