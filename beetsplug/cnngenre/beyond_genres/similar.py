"""Tracks that sound like others: those whose embeddings are nearest."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass

import numpy as np
from beets.library import Item, Library

from beetsplug.cnngenre.beyond_genres.similar_index import Index, update
from beetsplug.cnngenre.config import UserError
from beetsplug.cnngenre.console import progress
from beetsplug.cnngenre.library import Tracks, track_name
from beetsplug.cnngenre.models.bundles import backbone_bundle
from beetsplug.cnngenre.session import Session
from genre_model.core.text import count
from genre_model.data.artists import lead_artist
from genre_model.extraction.recall import key_finder
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
        UserError: None of these tracks has been analysed, or the cache is not used.
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
        if wanted.extract and not index.tracks["found"].all():
            extract_missing(session, lib, index)
            del index  # Windows cannot replace a memory-mapped file
            index = update(session, lib, finder, cache)
    n_missing = int((~index.tracks["found"]).sum())
    if n_missing:
        what = "cannot be" if wanted.extract else "not"
        advice = "" if wanted.extract else " yet: cnnsimilar --extract does that first"
        session.warn(f"{count(n_missing, 'track')} {what} analysed{advice}")
    return nearest_tracks(lib, index, ids, wanted)


def extract_missing(session: Session, lib: Library, index: Index) -> None:
    """Extract the tracks that the cache lacks; the cache keeps their features."""
    from beetsplug.cnngenre.beyond_genres.shipped_features import shipped_features

    missing = [int(key) for key in index.tracks["id"][~index.tracks["found"]]]
    tracks = Tracks(lib, missing)
    with progress(len(missing), quiet=session.options.quiet) as bar:
        for item, found in shipped_features(session, tracks, len(missing)):
            bar.update()
            if isinstance(found, str):
                session.warn(f"{track_name(item)}: {found}")


def nearest_tracks(
    lib: Library, index: Index, ids: Sequence[int], wanted: Wanted
) -> list[tuple[Item, float]]:
    """The nearest tracks of an index.

    Raises:
        UserError: None of the tracks asked about has been analysed.
    """
    found = np.flatnonzero(index.tracks["found"])
    mine = np.isin(index.tracks["id"], np.array(ids))
    places = found[mine[found]]
    if not len(places):
        raise UserError("cnnsimilar: none of these tracks has been analysed: --extract does that")
    scores = similarities(index.vectors, places.tolist())
    scores[mine] = -np.inf
    scores[~index.tracks["found"]] = -np.inf
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
