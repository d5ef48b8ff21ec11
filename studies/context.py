"""How much the other tracks of an artist should count for a track: a table over the weights.

    python -m studies.context MUSIC [FEATURES.npz]

MUSIC is the folder that ``shipped_model.fit`` takes; FEATURES keeps the embeddings.  The head is
fitted on each half of the artists and applied to the other, so that no clip is one that its head
was fitted on.  *Weight* and *evidence* are those of ``ContextSpec``.  *All*: all clips of an artist
are mixed, even if they differ; otherwise confident clips then keep their own answer.  *Filled*:
holes are filled as the plugin does for albums whose sure tracks agree
(``beetsplug.cnngenre.classify.context``).  *Loss*: the log-loss of the leading family's confidence
against whether it is right, averaged over artists.

The second table covers the albums with at least three clips, with the shipped weight.  *Agree*: all
their sure tracks are of one family, and at least two are sure.  *Holes*: tracks without an answer.
*Made wrong*: tracks that are answered wrongly, but not when each is answered by itself.
"""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from beetsplug.cnngenre.classify.context import agreed_genre, filled
from genre_model.core.arrays import Bools, Float32, Float64
from genre_model.core.specs import ContextSpec
from genre_model.model.aggregation import calibrated
from genre_model.model.artist_context import in_context, informed, roots_of
from genre_model.model.bundle.store import SHIPPED, load_bundle
from genre_model.model.vocabulary import Policy, SongGenre, Vocabulary, judge
from shipped_model.clips import Clips, fitted_half, label_clips, read_features, read_rows
from shipped_model.head import HeadSettings, fit_on, tag_prior
from shipped_model.scoring import is_right
from shipped_model.settings import read_settings, vocabulary_of

COLUMNS = (
    *("weight", "evidence", "all", "filled", "music", "clips"),
    *("answered", "right, of those", "right of all", "loss", "made wrong"),
)
# Weight, evidence, whether all of an artist's clips are mixed, and whether holes are filled.
WAYS = (
    (0.0, 0.0, False, False),
    (0.0, 0.0, False, True),
    (0.25, 0.0, False, True),
    (0.5, 0.0, False, True),
    (0.75, 0.0, False, True),
    (0.75, 0.1, True, True),
    (0.75, 0.1, False, True),
    (0.75, 0.2, False, True),
    (0.75, 0.3, False, True),
    (0.75, 0.5, False, True),
    (0.75, 1.0, False, True),
    (0.9, 0.0, False, True),
)
THRESHOLD = 0.65
SMALLEST_ALBUM = 3


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
    print(f"| {' | '.join(COLUMNS)} |\n|{'---|' * len(COLUMNS)}")
    albums = [f"{row['artist']}\n{row['album']}" if row["album"] else "" for row in rows]
    by_themselves = songs_by(
        clips, alone, ContextSpec(0.0, 1.0, THRESHOLD, 0.0), vocabulary, all_pooled=True
    )
    wrong_alone = wrong_answers(clips, by_themselves, vocabulary)
    for weight, evidence, all_pooled, holes_filled in WAYS:
        way = ContextSpec(weight, 1.0, THRESHOLD, evidence)
        songs = songs_by(clips, alone, way, vocabulary, all_pooled=all_pooled)
        if holes_filled:
            songs = fill(songs, by_themselves, albums, vocabulary)
        made = wrong_answers(clips, songs, vocabulary) & ~wrong_alone
        for music_set in sorted(set(sets)):
            mask = (sets == music_set) & several
            flags = " | ".join("yes" if flag else "no" for flag in (all_pooled, holes_filled))
            cells = row_of(clips, songs, mask, music_set, vocabulary)
            print(f"| {weight} | {evidence} | {flags} | {cells} {made[mask].sum()} |")

    print("\n| | tracks of albums | albums that agree | holes in these | wrong | made wrong |")
    print("|---|---|---|---|---|---|")
    spec = load_bundle(SHIPPED).manifest.context
    assert spec is not None
    pooled_songs = songs_by(clips, alone, spec, vocabulary, all_pooled=False)
    ways = {
        "each by itself": by_themselves,
        "with its artist's": pooled_songs,
        "and holes filled": fill(pooled_songs, by_themselves, albums, vocabulary),
    }
    ever = {song.genres[0] for song in [*by_themselves, *pooled_songs] if song.accepted}
    never = [genre for genre in clips.genres if genre not in ever]
    for what, songs in ways.items():
        wrong = wrong_answers(clips, songs, vocabulary)
        print(f"| {what} | {of_albums(songs, albums, wrong, wrong_alone, vocabulary)} |")

    print(f"\nNever answered, by themselves or with their artists': {', '.join(never)}")


def songs_by(
    clips: Clips, alone: Float64, way: ContextSpec, vocabulary: Vocabulary, *, all_pooled: bool
) -> list[SongGenre]:
    """The songs' answers, with the context of their artists' other songs."""
    if all_pooled:
        rows = in_context(alone, clips.artists, way)
    else:
        rows = informed(alone, clips.artists, way, roots_of(clips.genres, vocabulary))
    return [
        judge(dict(zip(clips.genres, row.tolist(), strict=True)), vocabulary, Policy(THRESHOLD))
        for row in rows
    ]


def wrong_answers(clips: Clips, songs: list[SongGenre], vocabulary: Vocabulary) -> Bools:
    """(n_clips,) whether a clip is answered wrongly."""
    answers = [song.genres[0] if song.genres else "" for song in songs]
    right = is_right(answers, clips.genres, clips.candidates, vocabulary)
    return np.array([song.accepted for song in songs]) & ~right


def of_albums(
    songs: list[SongGenre],
    albums: list[str],
    wrong: Bools,
    wrong_alone: Bools,
    vocabulary: Vocabulary,
) -> str:
    """The table's cells for the larger albums."""
    counts = Counter(albums)
    large = [album for album, n in counts.items() if album and n >= SMALLEST_ALBUM]
    n_agree = n_holes = n_in_agreeing = 0
    for album in large:
        inside = [song for song, other in zip(songs, albums, strict=True) if other == album]
        sure = [song for song in inside if song.accepted]
        if len(sure) > 1 and len({vocabulary.root(song.genres[0]) for song in sure}) == 1:
            n_agree += 1
            n_in_agreeing += len(inside)
            n_holes += len(inside) - len(sure)
    mask = np.isin(albums, large)
    made = wrong & ~wrong_alone & mask
    return (
        f"{mask.sum()} of {len(large)} | {n_agree} | {n_holes} of {n_in_agreeing} "
        f"| {(wrong & mask).sum()} | {made.sum()}"
    )


def probabilities_of_unseen(clips: Clips, network: Path) -> Float64:
    """Probabilities, (n_clips, n_genres), by a head fitted on the other half of the artists."""
    logits = logits_of_unseen(clips, network)
    return calibrated(logits, load_bundle(SHIPPED).manifest.aggregation)


def logits_of_unseen(clips: Clips, network: Path) -> Float32:
    """Logits, (n_clips, n_genres), by a head fitted on the other half of the artists."""
    manifest = load_bundle(SHIPPED).manifest
    fitted = manifest.provenance["fit"]
    chosen = HeadSettings(fitted["ridge"], fitted["balance"], fitted["group_weight"])
    half, prior = fitted_half(clips), tag_prior(network, read_settings())
    found = np.zeros((len(clips.labels), len(clips.genres)), np.float32)
    for fit in (half, ~half):
        head = fit_on(clips, np.flatnonzero(fit), prior, chosen)
        found[~fit] = head.logits(clips.means[~fit].astype(np.float32))
    return found


def fill(
    songs: list[SongGenre], own: list[SongGenre], albums: list[str], vocabulary: Vocabulary
) -> list[SongGenre]:
    """The songs' answers after the holes of agreeing albums are filled; "" means no album.

    An album has one artist; ``own`` has the songs' answers by themselves.
    """
    agreed = {
        album: agreed_genre(
            [song for song, other in zip(songs, albums, strict=True) if other == album],
            vocabulary,
            one_artist=True,
        )
        for album in set(albums) - {""}
    }
    return [
        filled(song, agreed.get(album), alone, vocabulary)
        for song, alone, album in zip(songs, own, albums, strict=True)
    ]


def row_of(
    clips: Clips, songs: list[SongGenre], mask: Bools, name: str, vocabulary: Vocabulary
) -> str:
    """The table's cells for one set's clips by artists with more than one."""
    leading = [song.best for song in songs]
    right = is_right(
        [best.genre if best else "" for best in leading], clips.genres, clips.candidates, vocabulary
    )
    sureness = np.clip([best.probability if best else 0.0 for best in leading], 1e-6, 1 - 1e-6)
    losses = -np.log(np.where(right, sureness, 1 - sureness))
    loss = np.average(losses[mask], weights=1 / sizes_of(clips)[mask])
    answered = np.array([song.accepted for song in songs])
    share = right[mask & answered].mean()
    cells = (answered[mask].mean(), share, right[mask].mean(), loss)
    return f"{name} | {mask.sum()} | {' | '.join(f'{cell:.3f}' for cell in cells)} |"


def sizes_of(clips: Clips) -> NDArray[np.int_]:
    """(n_clips,) the number of clips by each clip's artist."""
    members, sizes = np.unique(clips.artists, return_inverse=True, return_counts=True)[1:]
    return np.asarray(sizes[members], np.int_)


if __name__ == "__main__":
    main()
