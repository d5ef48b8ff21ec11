"""How much the other tracks of an artist should count for a track: a table over the weights.

    python -m studies.context MUSIC [FEATURES.npz]

MUSIC is the folder that ``shipped_model.fit`` takes; the embeddings are kept in FEATURES.  The head
is fitted on either half of the artists and asked about the other, so that every clip is one that
its head was not fitted on.  The last rows fill the holes of albums whose sure tracks agree, as the
plugin does (``beetsplug.cnngenre.classify.context``).
"""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from beetsplug.cnngenre.classify.context import agreed_genre, filled
from genre_model.core.specs import ContextSpec
from genre_model.model.aggregation import calibrated
from genre_model.model.artist_context import in_context
from genre_model.model.bundle.store import SHIPPED, load_bundle
from genre_model.model.vocabulary import Policy, SongGenre, Vocabulary, judge
from shipped_model.clips import Clips, fitted_half, label_clips, read_features, read_rows
from shipped_model.head import HeadSettings, fit_on, tag_prior
from shipped_model.scoring import is_right
from shipped_model.settings import read_settings, vocabulary_of

Floats = NDArray[np.float64]
WEIGHTS = (0.0, 0.25, 0.5, 0.75, 0.9)
THRESHOLD = 0.65


def main() -> None:
    """Print the table."""
    music, features = Path(sys.argv[1]), Path(sys.argv[2]) if len(sys.argv) > 2 else None
    settings, rows = read_settings(), read_rows(music)
    network = SHIPPED / "network.onnx"
    clips = label_clips(rows, read_features(music, rows, network, features), settings)
    alone = probabilities_of_unseen(clips, network)
    vocabulary = vocabulary_of(clips.genres, settings.parents)
    sets = np.array([row["set"] for row in rows])
    several = np.array([Counter(clips.artists)[artist] > 1 for artist in clips.artists])
    print("| weight | holes filled | music | clips | answered | right, of those |")
    print("|---|---|---|---|---|---|")
    for weight in WEIGHTS:
        pooled = in_context(alone, clips.artists, ContextSpec(weight, 1.0, THRESHOLD))
        songs = [
            judge(dict(zip(clips.genres, row.tolist(), strict=True)), vocabulary, Policy(THRESHOLD))
            for row in pooled
        ]
        albums = [f"{row['artist']}\n{row['album']}" if row["album"] else "" for row in rows]
        for name, answered in (("no", songs), ("yes", fill(songs, albums, vocabulary))):
            for music_set in sorted(set(sets)):
                mask = (sets == music_set) & several
                print(
                    f"| {weight} | {name} | {row_of(clips, answered, mask, music_set, vocabulary)}"
                )


def probabilities_of_unseen(clips: Clips, network: Path) -> Floats:
    """(n_clips, n_genres) by a head that was fitted on the other half of the artists."""
    manifest = load_bundle(SHIPPED).manifest
    chosen = HeadSettings(
        manifest.provenance["fit"]["ridge"], manifest.provenance["fit"]["balance"]
    )
    half, prior = fitted_half(clips), tag_prior(network, read_settings())
    found = np.zeros((len(clips.labels), len(clips.genres)))
    for fit in (half, ~half):
        head = fit_on(clips, np.flatnonzero(fit), prior, chosen)
        logits = head.logits(clips.means[~fit].astype(np.float32))
        found[~fit] = calibrated(logits, manifest.aggregation)
    return found


def fill(songs: list[SongGenre], albums: list[str], vocabulary: Vocabulary) -> list[SongGenre]:
    """The songs after the holes of agreeing albums are filled; "" is no album."""
    agreed = {
        album: agreed_genre(
            [song for song, other in zip(songs, albums, strict=True) if other == album], vocabulary
        )
        for album in set(albums) - {""}
    }
    return [filled(song, agreed.get(album)) for song, album in zip(songs, albums, strict=True)]


def row_of(
    clips: Clips, songs: list[SongGenre], mask: NDArray[np.bool_], name: str, vocabulary: Vocabulary
) -> str:
    """The cells of one set's clips, of artists with more than one."""
    answers = [song.genres[0] if song.genres else "" for song in songs]
    right = is_right(answers, clips.genres, clips.candidates, vocabulary)
    answered = np.array([song.accepted for song in songs])
    share = right[mask & answered].mean()
    return f"{name} | {mask.sum()} | {answered[mask].mean():.3f} | {share:.3f} |"


if __name__ == "__main__":
    main()
