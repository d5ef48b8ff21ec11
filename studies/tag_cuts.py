"""Check the cuts of the shipped network's tags: genres, voices, decades and moods.

    python -m studies.tag_cuts MUSIC [CLIPS.npz]

MUSIC is the labelled development music; CLIPS keeps the clips' features and tags.  Genres: a
tag's family must be that of the clip's label.  Voices and decades are compared with
``known_artists.csv``, a list from general knowledge of the artists, not from listening; a clip that
differs from its artist counts as wrong.  Moods have no labels: the cut is at the top tenth of the
clips, and how often the artist's other clips have the tag is compared with clips of other artists
of the same genre.  The second table shows the answers with ``count: 3``, for artists that the
shipped head was not fitted on.
"""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnxruntime

from genre_model.core.arrays import Bools, Float32, Float64
from genre_model.core.specs import SliceSpec, SpectrogramSpec
from genre_model.features.slices import read_slices
from genre_model.model.bundle.store import SHIPPED, load_bundle
from genre_model.model.classifier import Classifier
from genre_model.model.song_features import SongFeatures
from genre_model.model.tags import (
    DECADES,
    GENRE_CUTS,
    MOODS,
    VOICES,
    Cut,
    further_genres,
    song_tags,
)
from genre_model.model.vocabulary import Policy, judge, make_vocabulary
from shipped_model.clips import Rows, fitted_half, read_rows, without_features
from shipped_model.groups import WITH_GROUPS
from shipped_model.settings import read_settings

ROCK = ("emotify/Rock", "allmusic/Pop-Rock")
FAMILIES = {
    **dict.fromkeys(("House", "Electro", "Ambient"), ("emotify/Electronic", "allmusic/Electronic")),
    **dict.fromkeys(("Hard Rock", "Indie Rock", "Alternative"), ROCK),
    **dict.fromkeys(("Punk Rock", "Metal", "Heavy Metal"), ROCK),
    "Jazz": ("allmusic/Jazz",),
    "Country": ("allmusic/Country",),
    "Hip Hop": ("allmusic/Hip Hop",),
}
ROCK_STYLES = ("Alternative Rock", "Alt. Rock", "Hard Rock", "Electro Rock")  # of Emotify's labels


@dataclass(frozen=True)
class Analysed:
    """The clips, the embeddings of each clip's slices, and the clips' tags, (n_clips, n_tags)."""

    rows: Rows
    features: list[Float32]
    tags: Float64
    names: tuple[str, ...]

    def has(self, tag: str, cut: Cut) -> Bools:
        """Which clips have a tag, (n_clips,)."""
        found: Bools = self.tags[:, self.names.index(tag)] >= cut.least
        return found


def main() -> None:
    music, kept = Path(sys.argv[1]), Path(sys.argv[2]) if len(sys.argv) > 2 else None
    clips = analyse(music, kept)
    print("| tag | cut | clips | family right |\n|---|---|---|---|")
    for tag, cut in GENRE_CUTS.items():
        has, right = clips.has(tag, cut), of_family(clips.rows, cut.name)
        print(f"| {cut.name} | {cut.least} | {has.sum()} | {right[has].mean():.2f} |")
    print("\n| music | answered | with a second genre | first right | second right |")
    print("|---|---|---|---|---|")
    for line in second_genres(clips):
        print(line)
    print("\n| tag | cut | clips | known | right | same artist | same genre |")
    print("|---|---|---|---|---|---|---|")
    for tag, cut in {**MOODS, **VOICES, **DECADES}.items():
        print(mood_row(clips, tag, cut))


def analyse(music: Path, kept: Path | None) -> Analysed:
    """The network's features and tags of all clips."""
    rows, names = read_rows(music), load_bundle(SHIPPED).manifest.network.tag_names
    if kept and kept.exists():
        with np.load(kept) as stored:
            features = np.split(stored["features"], stored["ends"][:-1])
            return Analysed(rows, features, stored["tags"], names)
    session = onnxruntime.InferenceSession(str(SHIPPED / "network.onnx"))
    features, tags = [], []
    for row in rows:
        slices = read_slices(music / row["path"], SpectrogramSpec(), SliceSpec())
        found = [session.run([WITH_GROUPS, "tags"], {"log_mel": s.values[None]}) for s in slices]
        features.append(np.concatenate([values for values, _ in found]))
        tags.append(np.concatenate([values for _, values in found]).mean(axis=0))
    if kept:
        ends = np.cumsum([len(part) for part in features])
        np.savez(kept, features=np.concatenate(features), ends=ends, tags=np.array(tags))
    return Analysed(rows, features, np.array(tags), names)


def of_family(rows: Rows, genre: str) -> Bools:
    """Which clips are labelled with a genre's family, (n_clips,)."""
    wanted = FAMILIES[genre]
    by_style = ROCK_STYLES if wanted == ROCK else ()
    return np.array([label_of(row) in wanted or row["style"] in by_style for row in rows])


def label_of(row: dict[str, str]) -> str:
    return f"{row['set']}/{row['genre']}"


def second_genres(clips: Analysed) -> Iterator[str]:
    """A row for each set: how often there is a second genre, and how often the label allows it."""
    classifier = Classifier(load_bundle(SHIPPED), lazily=True)
    manifest = classifier.manifest
    words = make_vocabulary(manifest.genres, manifest.parents, manifest.presets, None)
    unseen = ~fitted_half(without_features(clips.rows, read_settings()))
    settings = read_settings()
    for name in ("emotify", "allmusic"):
        n_answered, first, second = 0, [], []
        for index in np.flatnonzero(unseen):
            row, features = clips.rows[index], clips.features[index]
            if row["set"] != name:
                continue
            tags = np.repeat(clips.tags[index][None], len(features), axis=0)
            song = SongFeatures(features, np.zeros(len(features)), tags.astype(np.float32))
            answer = judge(classifier.probabilities(song), words, Policy(manifest.threshold, 3))
            n_answered += answer.accepted
            answer = further_genres(answer, song_tags(song, clips.names), words, count=3)
            if len(answer.genres) > 1:
                open_to = {*settings.labels[label_of(row)], *settings.styles.get(row["style"], [])}
                roots = {words.root(genre) for genre in open_to}
                right = [is_open(genre, roots, row) for genre in answer.genres[:2]]
                first.append(right[0])
                second.append(right[1])
        yield (
            f"| {name} | {n_answered} | {len(second)} | {np.mean(first):.2f} "
            f"| {np.mean(second):.2f} |"
        )


def is_open(genre: str, roots: set[str], row: dict[str, str]) -> bool:
    """Whether a clip's label allows a genre, by its family."""
    if genre in FAMILIES:
        return bool(of_family([row], genre)[0])
    return genre in roots


def mood_row(clips: Analysed, tag: str, cut: Cut) -> str:
    """A row of the third table."""
    has = clips.has(tag, cut)
    known = {row["artist"]: row for row in read_known()}
    column, value = KNOWN.get(tag, ("", ()))
    said = [known.get(row["artist"], {}).get(column, "") for row in clips.rows]
    judged = np.array([bool(word) for word in said]) & has
    right = np.array([word in value for word in said])
    same, others = company(clips.rows, has)
    accuracy = f"{right[judged].mean():.2f}" if judged.any() else ""
    return (
        f"| {cut.name} | {cut.least} | {has.sum()} | {judged.sum() or ''} | {accuracy} "
        f"| {same:.2f} | {others:.2f} |"
    )


KNOWN = {
    "female vocalists": ("voice", ("female",)),
    "male vocalists": ("voice", ("male",)),
    "instrumental": ("voice", ("none",)),
    **{f"{decade}s": ("decade", (f"{decade}s",)) for decade in ("60", "70", "80", "00")},
    "oldies": ("decade", ("before", "60s")),
}


def read_known() -> list[dict[str, str]]:
    with Path(__file__).with_name("known_artists.csv").open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def company(rows: Rows, has: Bools) -> tuple[float, float]:
    """For clips with a tag: its share among their artist's other clips, and among others'."""
    artists = np.array([row["artist"] for row in rows])
    genres = np.array([label_of(row) for row in rows])
    same, others = [], []
    for index in np.flatnonzero(has):
        mates = artists == artists[index]
        mates[index] = False
        if mates.any():
            same.append(has[mates].mean())
        others.append(has[(genres == genres[index]) & (artists != artists[index])].mean())
    return float(np.mean(same)), float(np.mean(others))


if __name__ == "__main__":
    main()
