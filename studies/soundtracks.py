"""Write a list of long songs from games, for ``genre-model experiment fusion``.

    python -m shipped_model.distillation.packages WORK
    python -m studies.soundtracks WORK/music soundtracks.csv

Costa et al. (2011) cut three segments out of a song, which must therefore last 90 seconds; the
labelled clips last 30.  None of the long songs here has a genre, so the game that a song comes from
serves as its genre, for games with at least ten such songs.
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Iterator
from pathlib import Path

import mutagen

from genre_model.data.folder import AUDIO_SUFFIXES, find_files

SHORTEST_S = 90.0
FEWEST_SONGS = 10


def main() -> None:
    """Write the list."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("music", type=Path, help="a folder with one folder for each game")
    parser.add_argument("list", type=Path, help="the file to write")
    options = parser.parse_args()
    folders = sorted(folder for folder in options.music.absolute().iterdir() if folder.is_dir())
    songs = {folder.name: list(long_songs(folder)) for folder in folders}
    games = {game: found for game, found in songs.items() if len(found) >= FEWEST_SONGS}
    with options.list.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(("path", "genre"))
        writer.writerows((song, game) for game, found in games.items() for song in found)
    print(f"{sum(map(len, games.values()))} songs of {len(games)} games")


def long_songs(folder: Path) -> Iterator[Path]:
    """The audio files of a folder that last at least ``SHORTEST_S``."""
    for path in find_files(folder, AUDIO_SUFFIXES):
        try:
            audio = mutagen.File(path)
        except mutagen.MutagenError:
            continue
        if audio is not None and audio.info.length >= SHORTEST_S:
            yield path


if __name__ == "__main__":
    main()
