"""Read and set a track's genres and our flexible fields, and tell whose genres they are."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from beets.library import Item

from beetsplug.cnngenre.config import GENRES, UserError
from beetsplug.cnngenre.fields import FIELDS, GENRE_FIELDS
from beetsplug.cnngenre.library import stored_genres
from genre_model.data.spelling import spelling_key

if TYPE_CHECKING:
    from genre_model.model.vocabulary import SongGenre


DIGITS = 4  # decimals of the values in `cnngenre_all` and `cnngenre_tags`
N_STORED = 12  # decimals of `cnngenre_probability`


def genres_of(item: Item) -> tuple[str, ...]:
    """The genres that a track has, without empty ones, which come from empty tags in files.

    They are the stored genres, not those that beets' plugin ``rewrite`` makes for path names.
    """
    return tuple(genre for genre in stored_genres(item) if genre)


def own_field(item: Item, name: str) -> Any:
    """A field of a track, not of its album; None if the track does not have it."""
    return item.get(name, default=None, with_album=False)


def stored_probabilities(item: Item, bundle_id: str) -> dict[str, float] | None:
    """The probabilities that this bundle gave the track before; None if it gave none."""
    if own_field(item, "cnngenre_model") != bundle_id:
        return None
    return numbers_in(own_field(item, "cnngenre_all") or [])


def stored_tags(item: Item, bundle_id: str) -> dict[str, float] | None:
    """The network's tags that this bundle found before; None if they were not noted."""
    entries = own_field(item, "cnngenre_tags")
    if entries is None or own_field(item, "cnngenre_model") != bundle_id:
        return None
    return numbers_in(entries)


def as_entries(values: Mapping[str, float]) -> list[str]:
    """Format names and their numbers for a field, with the largest number first."""
    ranked = sorted(values.items(), key=lambda entry: (-entry[1], entry[0]))
    return [f"{name} {value:.{DIGITS}f}" for name, value in ranked]


def numbers_in(entries: Iterable[str]) -> dict[str, float]:
    """Inverse of :func:`as_entries`."""
    pairs = (entry.rpartition(" ") for entry in entries)
    return {name: float(number) for name, _, number in pairs if is_number(number)}


def as_stored(probabilities: Mapping[str, float]) -> dict[str, float]:
    """Probabilities rounded as they are noted, so that noted and calculated ones are equal."""
    rounded = {genre: round(probability, DIGITS) for genre, probability in probabilities.items()}
    found = {genre: probability for genre, probability in rounded.items() if probability > 0}
    if found or not probabilities:
        return found
    # No genre at all is noted of a silent track only.
    return {max(probabilities, key=lambda genre: probabilities[genre]): 10.0**-DIGITS}


def is_number(text: str) -> bool:
    """Whether a text is a plain decimal, as we write them."""
    return text.replace(".", "", 1).isdecimal()


@dataclass(frozen=True, slots=True)
class Classification:
    """What a model says of a track.

    Attributes:
        model: The bundle's id.
        song: The verdict.
        probabilities: Those of the model's own genres, by the audio of this track alone.
        tags: The network's tags; None if they are not needed.
    """

    model: str
    song: SongGenre
    probabilities: Mapping[str, float]
    tags: Mapping[str, float] | None = None


def note(item: Item, found: Classification) -> bool:
    """Note the answer, and the network's tags if given, on the track.  Stores nothing.

    Returns:
        Whether any of the notes is new.
    """
    song, tags = found.song, found.tags
    notes: dict[str, Any] = {
        "cnngenre_label": song.best.genre if song.best else "",
        # SQLite keeps 15 digits: with more, what is noted would never equal what is calculated.
        "cnngenre_probability": round(song.best.probability, N_STORED) if song.best else 0.0,
        "cnngenre_all": as_entries(found.probabilities),
        "cnngenre_model": found.model,
    }
    if tags is not None:
        notes["cnngenre_tags"] = as_entries(tags)
    elif own_field(item, "cnngenre_model") != found.model:
        restore_fields(item, {"cnngenre_tags": None})  # they are from another model
    new = any(own_field(item, name) != value for name, value in notes.items())
    item.update(notes)
    return new


def is_ours(item: Item) -> bool:
    """Whether the track's present genres are those that we gave it."""
    written = own_field(item, "cnngenre_written")
    return bool(written) and tuple(written) == genres_of(item)


def own_genres(item: Item) -> tuple[str, ...]:
    """The track's present genres that are the user's: if we wrote them, those it had before."""
    genres = genres_of(item)
    if not is_ours(item):
        return genres
    return among(genres, own_field(item, "cnngenre_previous") or ())


def among(genres: Iterable[str], others: Iterable[str]) -> tuple[str, ...]:
    """The genres that are also in ``others``, in any spelling."""
    known = set(map(spelling_key, others))
    return tuple(genre for genre in genres if spelling_key(genre) in known)


def is_reviewed(item: Item) -> bool:
    """Whether the track's present genres are those that the user decided on in a review."""
    reviewed = own_field(item, "cnngenre_reviewed")
    return bool(reviewed) and tuple(reviewed) == genres_of(item)


def is_respelled(item: Item) -> bool:
    """Whether the track's present genres are the user's in the spelling that we gave them."""
    found = own_field(item, "cnngenre_respelled")
    return bool(found) and tuple(found) == genres_of(item)


def is_from_here(item: Item) -> bool:
    """Whether a run or a review of ours gave the track its present genres, or their spelling."""
    return is_ours(item) or is_reviewed(item) or is_respelled(item)


def field_values(item: Item, target: str) -> tuple[str, ...]:
    """A track's values for a model's target: its genres, or the value of the model's own field."""
    if target == GENRES:
        return genres_of(item)
    value = own_field(item, own_name(target))
    return (str(value),) if value else ()


def own_name(target: str) -> str:
    """The name of the flexible field of a model that is not for genres."""
    return f"cnngenre_{target}"


def check_target(target: str) -> None:
    """Make sure that a model's answers do not overwrite e.g. what is kept for `cnnundo`.

    Raises:
        UserError: A field for the model's answers is one of the plugin's own.
    """
    if FIELDS.keys() & {own_name(target), f"{own_name(target)}_probability"}:
        raise UserError(f"cnngenre: {own_name(target)} is a field of the plugin's own")


def forget(item: Item) -> None:
    """Delete what we noted about a track's genres.  Stores nothing."""
    restore_fields(item, dict.fromkeys(GENRE_FIELDS))


def restore_fields(item: Item, values: Mapping[str, Any]) -> None:
    """Set flexible fields to former values; None removes a field."""
    for name, value in values.items():
        if value is not None:
            item[name] = value
        elif own_field(item, name) is not None:
            del item[name]
