"""Full albums through the real ``beet``: holes, and answers that the rest of an album changes.

    python -m studies.full_albums MUSIC ALBUMS [--cache features.db] [--list]

MUSIC is the labelled development music; the study uses its albums with at least three clips, by
artists that the shipped head was not fitted on (``shipped_model.clips.fitted_half``).  ALBUMS is
any folder of other music; the study uses its tracks of half a minute to ten minutes whose tags name
an artist and an album, if the album has at least three.  ``beet import`` imports all of them as
albums, without genres, and answers.  A track's answer by itself comes from the probabilities that
the library then stores.  A file's label is its own genre tag, if that is one of the model's genres,
or a sub-genre of one (Death Metal).

*Agree*: at least two tracks are answered, and all answers are of one family (Rock with Metal).
*Holes* are tracks without an answer; *odd* ones have an answer of another family by themselves.
*Changed*: answered with another family than by itself.  *Made wrong*, if there are labels: answered
wrongly, but not by itself.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import mutagen
import numpy as np

from beetsplug.cnngenre.classify.trees import genre_parents
from beetsplug.cnngenre.tagging.fields import numbers_in
from benchmarks.temporary_library import TemporaryLibrary
from genre_model.data.folder import find_audio
from genre_model.model.bundle.store import SHIPPED, load_bundle
from genre_model.model.vocabulary import Policy, judge, make_vocabulary
from genre_model.training.head.correspondence import correspond
from shipped_model.clips import fitted_half, label_clips, read_rows
from shipped_model.scoring import is_right
from shipped_model.settings import read_settings

SMALLEST_ALBUM = 3
SHORTEST_S, LONGEST_S = 30.0, 600.0
LABELLED, OTHERS = "labelled clips", "other albums"

MANIFEST = load_bundle(SHIPPED).manifest
VOCABULARY = make_vocabulary(MANIFEST.genres, MANIFEST.parents, MANIFEST.presets, None)


@dataclass(frozen=True, slots=True)
class Source:
    """A file of an album; ``candidates``: the genres that its label allows, if it has one."""

    path: Path
    album: str
    kind: str
    candidates: np.ndarray | None = None


@dataclass(frozen=True, slots=True)
class Track:
    """A track's answer on its album, and by itself; "" if there is none."""

    source: Source
    on_album: str
    alone: str

    def is_wrong(self, answer: str) -> bool:
        """Whether the label does not allow an answer; False if there is no label or no answer."""
        mask = self.source.candidates
        if mask is None or not answer:
            return False
        return not is_right([answer], list(MANIFEST.genres), mask[None], VOCABULARY)[0]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("music", type=Path)
    parser.add_argument("albums", type=Path)
    parser.add_argument(
        "--cache", type=Path, help="cached features; the file is brought up to date"
    )
    parser.add_argument("--list", action="store_true", help="each album in a line, too")
    options = parser.parse_args()
    sources = large([*labelled(options.music), *others(options.albums)])
    by_album: dict[str, list[Track]] = defaultdict(list)
    for track in answered(sources, options.cache):
        by_album[track.source.album].append(track)
    print("| albums | answered | tracks | agree | holes in these | odd | changed | made wrong |")
    print("|---|---|---|---|---|---|---|---|")
    for kind in (LABELLED, OTHERS):
        chosen = [found for found in by_album.values() if found[0].source.kind == kind]
        for how, alone in (("each by itself", True), ("with its album's and artist's", False)):
            print(f"| {kind} | {how} | {row(chosen, alone=alone)} |")
    for name, found in by_album.items() if options.list else ():
        pairs = ", ".join(f"{t.alone or '-'} > {t.on_album or '-'}" for t in found)
        print(f"{name}: {pairs}")


def labelled(music: Path) -> list[Source]:
    """The clips that name an album, by artists that the head was not fitted on."""
    settings, rows = read_settings(), read_rows(music)
    clips = label_clips(rows, [np.zeros((1, 1), np.float32)] * len(rows), settings)
    return [
        Source(music / row["path"], f"{row['artist']}: {row['album']}", LABELLED, candidates)
        for row, used, candidates in zip(rows, fitted_half(clips), clips.candidates, strict=True)
        if row["album"] and not used
    ]


def others(folder: Path) -> list[Source]:
    """Files of suitable length whose tags name an artist and an album."""
    found = []
    for path in find_audio([folder]):
        try:
            file = mutagen.File(path, easy=True)
        except mutagen.MutagenError:
            continue
        if file is None or not SHORTEST_S <= file.info.length <= LONGEST_S or not file.tags:
            continue
        artist, album, genre = (
            (file.tags.get(key) or [""])[0] for key in ("artist", "album", "genre")
        )
        if artist and album:
            source = Source(path, f"{path.parent.name}: {album}", OTHERS, genres_that_are(genre))
            found.append(source)
    return found


@cache
def genres_that_are(tag: str) -> np.ndarray | None:
    """(n_genres,) the genres that a file's genre tag allows; None if it corresponds to none."""
    found = correspond([tag], MANIFEST.genres, MANIFEST.parents, genre_parents(), others=False)
    candidates = found.shares[:-1, 0] > 0
    return candidates if candidates.any() else None


def large(sources: Sequence[Source]) -> list[Source]:
    """The files of albums with enough tracks."""
    names = [source.album for source in sources]
    return [source for source in sources if names.count(source.album) >= SMALLEST_ALBUM]


def answered(sources: Sequence[Source], cache: Path | None) -> list[Track]:
    """The answers of ``beet import`` to the files."""
    with tempfile.TemporaryDirectory() as folder:
        library = TemporaryLibrary(Path(folder))
        extracted = cache if cache and cache.exists() else None
        library.configure(extracted, singletons=False, auto=True, album_genre=False)
        copies = copied(sources, library.folder / "music")
        print(library.beet("import", "-q", str(library.folder / "music")).output[-300:])
        if cache:
            shutil.copyfile(library.own / "features.db", cache)
        found = library.beet("ls", "-f", "$path\t$genres\t$cnngenre_all").output.splitlines()
        lines = [line.split("\t") for line in found]
        return [
            track_of(copies[Path(path)], genres, probabilities)
            for path, genres, probabilities in lines
            if "$" not in probabilities  # a file that is damaged, or silent
        ]


def copied(sources: Sequence[Source], folder: Path) -> Mapping[Path, Source]:
    """Copies without genres, with a folder for each album: copy -> original."""
    places = {name: number for number, name in enumerate(dict.fromkeys(s.album for s in sources))}
    found = {}
    for number, source in enumerate(sources):
        copy = folder / f"{places[source.album]:03d}" / f"{number:04d}{source.path.suffix}"
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source.path, copy)
        tags = mutagen.File(copy, easy=True)
        if tags.pop("genre", None):
            tags.save()
        found[copy] = source
    return found


def track_of(source: Source, genres: str, probabilities: str) -> Track:
    """A track's answers, from its fields as printed by beets."""
    own = numbers_in(probabilities.split("; "))
    alone = judge(own, VOCABULARY, Policy(MANIFEST.threshold))
    return Track(source, genres.split("; ")[0], alone.genres[0] if alone.genres else "")


def family(genre: str) -> str:
    """The root of a genre; "" for ""."""
    return VOCABULARY.root(genre) if genre else ""


def row(albums: Sequence[Sequence[Track]], *, alone: bool) -> str:
    """The table's cells for some albums."""
    n_agree = n_holes = n_odd = n_in_agreeing = 0
    for tracks in albums:
        given = [track.alone if alone else track.on_album for track in tracks]
        families = set(map(family, filter(None, given)))
        if len(families) == 1 and len([*filter(None, given)]) > 1:
            n_agree += 1
            n_in_agreeing += len(given)
            holes = [t for t, answer in zip(tracks, given, strict=True) if not answer]
            n_holes += len(holes)
            n_odd += sum(bool(t.alone) and family(t.alone) not in families for t in holes)
    everything = [track for tracks in albums for track in tracks]
    changed = made = 0
    if not alone:
        changed = sum(
            bool(t.on_album and t.alone) and family(t.on_album) != family(t.alone)
            for t in everything
        )
        made = sum(t.is_wrong(t.on_album) and not t.is_wrong(t.alone) for t in everything)
    labels = sum(t.source.candidates is not None for t in everything)
    return (
        f"{len(everything)} of {len(albums)} | {n_agree} | {n_holes} of {n_in_agreeing} | {n_odd} "
        f"| {changed} | {f'{made} of {labels}' if labels else ''}"
    )


if __name__ == "__main__":
    main()
