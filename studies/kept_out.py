"""The report of the shipped model once more, measured with the real ``beet`` commands.

    python -m studies.kept_out MUSIC [--cache features.db]

Copies the clips of the artists that the head was not fitted on (MUSIC is the folder that
``shipped_model.fit`` takes), removes their genres, imports them with a real ``beet import`` (as
albums if they name one), classifies them with ``beet cnngenre``, and compares the genres that
mutagen then reads in the files with the labels.  A clip's answer by itself comes from the
probabilities that the library then stores.  *Strictly right* does not count a clip's style
(Alternative Rock in the folder Pop).
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
from collections import Counter
from functools import partial
from pathlib import Path

import mutagen
import numpy as np

from beetsplug.cnngenre.tagging.fields import numbers_in
from benchmarks.temporary_library import TemporaryLibrary, genre_in
from genre_model.model.bundle.store import SHIPPED, load_bundle
from genre_model.model.vocabulary import Policy, Vocabulary, judge
from shipped_model.clips import Rows, fitted_half, label_clips, read_rows
from shipped_model.scoring import is_right
from shipped_model.settings import read_settings, vocabulary_of
from studies.intervals import artist_interval

SMALLEST_ALBUM = 3


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("music", type=Path)
    parser.add_argument("--cache", type=Path, help="cached features; the file is copied")
    options = parser.parse_args()
    settings, rows = read_settings(), read_rows(options.music)
    clips = label_clips(rows, [np.zeros((1, 1), np.float32)] * len(rows), settings)
    kept_out = np.flatnonzero(~fitted_half(clips))
    vocabulary = vocabulary_of(clips.genres, settings.parents)
    chosen = [rows[i] for i in kept_out]
    answers = answers_of(options.music, chosen, vocabulary, options.cache)
    albums = [f"{row['artist']}\n{row['album']}" if row["album"] else "" for row in chosen]
    counts = Counter(albums)
    large = np.array([bool(album) and counts[album] >= SMALLEST_ALBUM for album in albums])
    sets = np.array([row["set"] for row in chosen])
    artists = np.array([row["artist"] for row in chosen])
    print("| music | clips | answered with | answered | right, of those | strictly right |")
    print("|---|---|---|---|---|---|")
    parts = {"all": sets != "", **{name: sets == name for name in sorted(set(sets))}}
    parts[f"albums of {SMALLEST_ALBUM} or more"] = large
    for name, inside in parts.items():
        for how, given in answers.items():
            answered = np.array([bool(answer) for answer in given])
            right, strict = (
                is_right(given, clips.genres, mask[kept_out], vocabulary)
                for mask in (clips.candidates, clips.strict)
            )
            interval = artist_interval(
                partial(precision, right[inside], answered[inside]), list(artists[inside])
            )
            print(
                f"| {name} | {inside.sum()} | {how} | {answered[inside].mean():.3f} "
                f"| {interval} | {strict[inside & answered].mean():.3f} |"
            )


def precision(right: np.ndarray, answered: np.ndarray, tracks: np.ndarray) -> float:
    """The share of right answers among those to some tracks."""
    chosen = tracks[answered[tracks]]
    return float(right[chosen].mean()) if len(chosen) else float("nan")


def answers_of(
    music: Path, rows: Rows, vocabulary: Vocabulary, cache: Path | None
) -> dict[str, list[str]]:
    """The first genre of each clip, by itself and in its file; "" if there is none."""
    with tempfile.TemporaryDirectory() as folder:
        library = TemporaryLibrary(Path(folder))
        library.configure(cache, singletons=False)
        copies = copied(music, rows, library.folder / "music")
        library.beet("import", "-q", str(library.folder / "music" / "albums"))
        library.beet("import", "-q", "-s", str(library.folder / "music" / "singles"))
        library.beet("cnngenre", "-q")
        found = library.beet("ls", "-f", "$path\t$cnngenre_all").output.splitlines()
        own = dict(line.split("\t") for line in found)
        threshold = load_bundle(SHIPPED).manifest.threshold
        alone = []
        for copy in copies:
            song = judge(numbers_in(own[str(copy)].split("; ")), vocabulary, Policy(threshold))
            alone.append((*song.genres, "")[0])
        in_files = [genre_in(copy) for copy in copies]
        return {"its own sound": alone, "its artist's and album's": in_files}


def copied(music: Path, rows: Rows, folder: Path) -> list[Path]:
    """Copies of the clips without genres: a folder for each album, and one for all other clips."""
    numbers: dict[str, int] = {}
    copies = []
    for index, row in enumerate(rows):
        album = f"{row['artist']}\n{row['album']}"
        number = numbers.setdefault(album, len(numbers))
        place = f"albums/{number:03d}" if row["album"] else "singles"
        source = music / row["path"]
        copy = folder / place / f"{index:04d}{source.suffix}"
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, copy)
        file = mutagen.File(copy)
        file.pop("genre", None)
        file.save()
        copies.append(copy)
    return copies


if __name__ == "__main__":
    main()
