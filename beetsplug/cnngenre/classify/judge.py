"""Verdicts on tracks with known probabilities: alone, or informed by the artist's other tracks."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain

from beets.library import Item, Library

from beetsplug.cnngenre.classify.context import (
    agreed_genre,
    are_by_one,
    classified_before,
    filled,
    group_name,
    group_of,
    known_artist,
)
from beetsplug.cnngenre.classify.play_history import play_history_of
from beetsplug.cnngenre.config import GENRES
from beetsplug.cnngenre.library import Tracks, flexible
from beetsplug.cnngenre.tagging.fields import N_STORED, numbers_in, stored_probabilities
from genre_model.core.specs import ContextSpec
from genre_model.data.play_history import UNKNOWN, PlayHistory
from genre_model.model.artist_context import are_alike, informed_songs, songs_in_context
from genre_model.model.bundle.manifest import Manifest
from genre_model.model.play_history import song_with_play_history
from genre_model.model.vocabulary import Policy, SongGenre, Vocabulary, judge

Rows = Mapping[int | None, Mapping[str, float]]

N_IN_A_BATCH = 500  # tracks of whole artists, read together; a batch may have more


@dataclass(frozen=True, slots=True)
class Known:
    """The data for a verdict on a track; ``album_id`` is None for a track of a compilation."""

    probabilities: Mapping[str, float]
    artist: str
    album_id: int | None
    play_history: PlayHistory = UNKNOWN


@dataclass(frozen=True, slots=True)
class Noted:
    """What a track's rows in the library say; ``known`` is None if this model did not classify it.

    ``group`` is the artist whose tracks inform each other; ``path`` is the path in the row.
    """

    id: int
    path: bytes
    group: str
    label: str
    probability: float
    known: Known | None

    def says(self, song: SongGenre) -> bool:
        """Whether a verdict is unsure and equals the noted one."""
        best = song.best
        noted = (best.genre, round(best.probability, N_STORED)) if best else ("", 0.0)
        return not song.accepted and noted == (self.label, self.probability)


class Judge:
    """Turns probabilities into verdicts, by a model's settings and the user's options."""

    def __init__(
        self, lib: Library, manifest: Manifest, vocabulary: Vocabulary, policy: Policy
    ) -> None:
        self._lib, self._manifest = lib, manifest
        self.vocabulary, self.policy = vocabulary, policy

    def alone(self, known: Known) -> SongGenre:
        """The verdict on a track by itself."""
        probabilities = self._with_play_history(known)
        return judge(probabilities, self.vocabulary, self.policy)

    def in_context(
        self, tracks: Mapping[int | None, Known], wanted: Collection[int | None]
    ) -> dict[int | None, SongGenre]:
        """The verdicts on tracks of one artist; unsure tracks may get the genre of their album.

        Silent tracks are left out.  If a track would get another genre by itself, the reason says
        so.

        Args:
            tracks: All tracks that inform each other.
            wanted: The tracks whose verdicts are needed; only their albums are judged.  An import
                asks for one track after the other, of an artist who may have thousands.
        """
        context = self._manifest.context
        assert context is not None
        rows = {key: one.probabilities for key, one in tracks.items() if one.probabilities}
        albums = {tracks[key].album_id for key in wanted} - {None}
        songs = {}
        for key, probabilities in self._pooled(tracks, rows, context).items():
            if key not in wanted and tracks[key].album_id not in albums:
                continue
            song = self.alone(replace(tracks[key], probabilities=probabilities))
            if song.best is not None and len(rows) > 1:
                alone = self.alone(tracks[key])
                if alone.best is not None and alone.genres != song.genres:
                    own = f"{alone.best.genre} {alone.best.probability:.2f}"
                    song = replace(song, reason=f"{song.reason}; by itself {own}")
            songs[key] = song
        agreed = self._agreed_genres(songs, tracks)
        return {
            key: filled(song, genre, self.alone(tracks[key]), self.vocabulary)
            if not song.accepted and (genre := agreed.get(tracks[key].album_id)) is not None
            else song
            for key, song in songs.items()
        }

    def _pooled(
        self, tracks: Mapping[int | None, Known], rows: Rows, context: ContextSpec
    ) -> Mapping[int | None, Mapping[str, float]]:
        """The probabilities of each track, informed by the others.

        Tracks of several artists on one album inform each other only if they are alike, and then
        their number adds no confidence; otherwise the tracks of each artist are pooled separately.
        """
        if not rows:
            return {}
        if are_by_one(tracks[key].artist for key in rows):
            return informed_songs(rows, context, self.vocabulary)
        if are_alike(rows, self.vocabulary):
            return songs_in_context(rows, replace(context, evidence=0.0))
        by_artist: dict[str, dict[int | None, Mapping[str, float]]] = {}
        for key, row in rows.items():
            by_artist.setdefault(tracks[key].artist, {})[key] = row
        pooled: dict[int | None, Mapping[str, float]] = {}
        for part in by_artist.values():
            pooled |= informed_songs(part, context, self.vocabulary)
        return pooled

    def known_of(self, item: Item, probabilities: Mapping[str, float]) -> Known:
        """The data for a verdict on a loaded track."""
        wanted = self._manifest.play_history is not None
        history = play_history_of(item) if wanted else UNKNOWN
        album_id = None if item.comp else item.album_id
        return Known(probabilities, known_artist(item.artist), album_id, history)

    def known_before(self, ids: Sequence[int], group: str) -> dict[int | None, Known]:
        """The data noted on the tracks of a group, in their order.

        Tracks that another model classified are left out, and so are tracks of other groups: during
        an import, the ids of removed tracks go to other tracks.
        """
        tracks, bundle_id = Tracks(self._lib, ids), self._manifest.bundle_id
        if self._manifest.play_history is not None:  # other plugins may compute its fields
            own = [item for item in tracks if group_of(item) == group]
            rows = ((item, stored_probabilities(item, bundle_id)) for item in own)
            return {item.id: self.known_of(item, row) for item, row in rows if row}
        noted = {one.id: one.known for one in self.noted(tracks) if one.group == group}
        found = ((key, noted.get(key)) for key in ids)
        return {key: one for key, one in found if one is not None and one.probabilities}

    def noted(self, tracks: Tracks) -> Iterator[Noted]:
        """What is noted on tracks, without loading them; SQLite decides the order."""
        fields = ("cnngenre_model", "cnngenre_all", "cnngenre_label", "cnngenre_probability")
        names = ("id", "path", "artist", "albumartist", "comp", "album_id", *map(flexible, fields))
        entries_in = Item._type("cnngenre_all").from_sql
        for rows in tracks.rows(", ".join(names)):
            for key, path, *artists, comp, album_id, model, entries, label, number in rows:
                known = None
                if model == self._manifest.bundle_id:
                    probabilities = numbers_in(entries_in(entries) or []) if entries else {}
                    artist = known_artist(artists[0])
                    known = Known(probabilities, artist, None if comp else album_id)
                group = group_name(*artists, compilation=bool(comp))
                yield Noted(key, path, group, str(label or ""), float(number or 0), known)

    def still_unsure(self, tracks: Tracks) -> Iterator[list[Noted]]:
        """Which tracks, of some without genres, would get none again and keep their notes.

        No track is loaded.  If one track of an artist has to be analysed, all tracks of that artist
        are left out, because the new track would inform them too.  A silent track is analysed
        again, because its file may have been replaced.
        """
        if self._manifest.play_history is not None:
            return
        own, news = dict[str, list[int]](), set[str]()
        for track in self.noted(tracks):
            if track.known is not None and track.known.probabilities:
                own.setdefault(track.group, []).append(track.id)
            elif track.group:
                news.add(track.group)
        before = classified_before(self._lib, self._manifest.bundle_id)
        groups = [(group, ids) for group, ids in own.items() if group not in news]
        for batch in batches(groups):
            ids = [key for group, own_ids in batch for key in (*before.of(group), *own_ids)]
            found = {one.id: one for one in self.noted(Tracks(self._lib, [*dict.fromkeys(ids)]))}
            for group, own_ids in batch:
                own_set = set(own_ids)
                others = [key for key in before.of(group) if key not in own_set]
                known: dict[int | None, Known] = {
                    key: one.known
                    for key in (*others, *own_ids)
                    if (one := found.get(key)) is not None and one.known is not None
                }
                songs = self._songs(group, known)
                yield [
                    found[key] for key in own_ids if key in songs and found[key].says(songs[key])
                ]

    def _songs(
        self, group: str, tracks: Mapping[int | None, Known]
    ) -> Mapping[int | None, SongGenre]:
        """The verdicts on a group's tracks; tracks without a group are judged one by one."""
        alone = {key: self.alone(one) for key, one in tracks.items()}
        if self._manifest.context is None:
            return alone
        if group:
            return alone | self.in_context(tracks, tracks)
        found = [self.in_context({key: one}, [key]) for key, one in tracks.items()]
        return alone | dict(chain.from_iterable(one.items() for one in found))

    def _agreed_genres(
        self, songs: Mapping[int | None, SongGenre], tracks: Mapping[int | None, Known]
    ) -> dict[int | None, str | None]:
        """The genre that each album's sure tracks agree on; none if the model is not for genres."""
        if self._manifest.target != GENRES:
            return {}
        members: dict[int, list[int | None]] = {}
        for key in songs:
            album_id = tracks[key].album_id
            if album_id is not None:
                members.setdefault(album_id, []).append(key)
        return {
            album_id: agreed_genre(
                [songs[key] for key in keys],
                self.vocabulary,
                one_artist=are_by_one(tracks[key].artist for key in keys),
            )
            for album_id, keys in members.items()
        }

    def _with_play_history(self, known: Known) -> Mapping[str, float]:
        """A track's probabilities, adjusted by its play history if the model uses it."""
        settings = self._manifest.play_history
        if settings is None or not known.probabilities:
            return known.probabilities
        genres = self._manifest.genres
        return song_with_play_history(known.probabilities, known.play_history, settings, genres)


def batches(groups: Iterable[tuple[str, list[int]]]) -> Iterator[list[tuple[str, list[int]]]]:
    """Groups with the ids of their tracks, in batches, so that one query serves several groups."""
    batch: list[tuple[str, list[int]]] = []
    n = 0
    for group in groups:
        batch.append(group)
        n += len(group[1])
        if n >= N_IN_A_BATCH:
            yield batch
            batch, n = [], 0
    if batch:
        yield batch
