"""Tracks that sound like others: those whose embeddings are nearest."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass

import numpy as np
from beets.library import Item, Library

from beetsplug.cnngenre.beyond_genres.similar_index import Index, in_memory, update, written
from beetsplug.cnngenre.config import UserError
from beetsplug.cnngenre.console import progress
from beetsplug.cnngenre.library import Tracks, track_name
from beetsplug.cnngenre.models.bundles import backbone_bundle
from beetsplug.cnngenre.session import Session
from genre_model.core.text import count
from genre_model.data.artists import lead_artist
from genre_model.extraction.recall import CacheKeys, key_finder, mean_embedding
from genre_model.model.nearest import best_first, similarities


@dataclass(frozen=True, slots=True)
class Wanted:
    """How many tracks, whether of other artists or albums only, and whether to extract first."""

    count: int
    other_artists: bool = False
    other_albums: bool = False
    extract: bool = False


def find_similar(
    session: Session, lib: Library, ids: Sequence[int], wanted: Wanted
) -> list[tuple[Item, float]]:
    """The tracks most similar to those with these ids, with their similarities.

    Raises:
        GenreModelError: The network cannot be used, or there are no workers.
        UserError: None of these tracks has been analysed, the index cannot be written, or the
            cache is not used.
    """
    if not ids:
        return []
    manifest = backbone_bundle().manifest
    options = session.options
    finder = key_finder(manifest, options.time_limit, thorough=options.thorough)
    cache = session.cache()
    if cache is None:
        raise UserError("cnnsimilar: it needs the cache: set `cache: yes`")
    with closing(cache):
        index = update(session, lib, finder, cache)
    n_missing = int((~index.tracks["found"]).sum())
    if n_missing and wanted.extract:
        index = in_memory(index)
        extract_missing(session, lib, finder, index)
    elif n_missing:
        missing = count(n_missing, "track")
        session.warn(f"{missing} not analysed yet: cnnsimilar --extract does that first")
    return nearest_tracks(lib, index, ids, wanted)


def extract_missing(session: Session, lib: Library, finder: CacheKeys, index: Index) -> None:
    """Extract the tracks that an index lacks, and put them into it and into its file.

    They are not taken from the cache afterwards: it may be too small for all of them.

    Raises:
        GenreModelError: The network cannot be used.
        UserError: The index cannot be written.
    """
    from beetsplug.cnngenre.beyond_genres.shipped_features import ShippedExtractor

    places = np.flatnonzero(~index.tracks["found"]).tolist()
    place_of = {int(index.tracks["id"][place]): place for place in places}
    tracks, n_failed = Tracks(lib, list(place_of)), 0
    with (
        progress(len(tracks), quiet=session.options.quiet) as bar,
        written(session.folders.similar, finder.front_end, index) as changed,
        closing(ShippedExtractor(session, len(tracks))) as extractor,
    ):
        for item, found in extractor.features(tracks):
            bar.update()
            vector = None if isinstance(found, str) else mean_embedding(found)
            if vector is None:
                n_failed += 1
                why = found if isinstance(found, str) else "silent"
                session.warn(f"{track_name(item)}: {why}")
            else:
                place = place_of[item.id or 0]
                index.vectors[place], index.tracks["found"][place] = vector, True
                changed()
    if n_failed:
        session.warn(f"{count(n_failed, 'track')} cannot be analysed")


def nearest_tracks(
    lib: Library, index: Index, ids: Sequence[int], wanted: Wanted
) -> list[tuple[Item, float]]:
    """The nearest tracks of an index.

    Raises:
        UserError: None of the tracks asked about has been analysed.
    """
    known = index.tracks["found"]
    mine = np.isin(index.tracks["id"], np.array(ids))
    places = np.flatnonzero(known & mine)
    if not len(places):
        what = "can be analysed" if wanted.extract else "has been analysed: --extract does that"
        raise UserError(f"cnnsimilar: none of these tracks {what}")
    scores = similarities(index.vectors, places.tolist(), known)
    scores[mine | ~known] = -np.inf
    order = best_first(scores)[: int(np.isfinite(scores).sum())]
    keys = [int(key) for key in index.tracks["id"][order]]
    chosen = fitting(lib, keys, ids, wanted)
    score_of = dict(zip(keys, scores[order].tolist(), strict=True))
    return [(item, score_of[item.id or 0]) for item in chosen]


def fitting(lib: Library, keys: Sequence[int], ids: Sequence[int], wanted: Wanted) -> list[Item]:
    """The first tracks that meet the user's restrictions, at most ``wanted.count``."""
    own = list(Tracks(lib, ids)) if wanted.other_artists or wanted.other_albums else []
    artists = {lead_artist(item.artist or "") for item in own} if wanted.other_artists else set()
    albums = {item.album_id for item in own if item.album_id} if wanted.other_albums else set()
    chosen: list[Item] = []
    for item in Tracks(lib, keys):
        if len(chosen) == wanted.count:
            break
        if lead_artist(item.artist or "") not in artists and item.album_id not in albums:
            chosen.append(item)
    return chosen
