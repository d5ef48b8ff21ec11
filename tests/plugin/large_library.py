"""A library of any size, made of database rows; there are no files."""

import sqlite3

import beets
from beets.library import Library

ALBUM_TRACKS = 12
CACHED_EVERY = 10  # every tenth track was classified; the others have genres
SEPARATOR = "\\\u2400"  # between the values of a list in beets' database


def fill(library, n_rows, bundle_id, genres="Polka"):
    """Create a library's database and put tracks into it.

    Nine tenths have ``genres``.  A bundle has classified the others: half are surely Jazz,
    half are doubtful.
    """
    beets.config["create_backup_before_migrations"] = False
    Library(str(library))._close()
    connection = sqlite3.connect(library)
    with connection:
        connection.executemany(
            "INSERT INTO albums (id, album, albumartist, genres, added) VALUES (?, ?, ?, ?, 1e9)",
            [
                (number, f"Album {number}", f"Artist {number // 3}", genres)
                for number in range(1, n_rows // ALBUM_TRACKS + 2)
            ],
        )
        connection.executemany(
            "INSERT INTO items (id, path, album_id, title, artist, albumartist, album, track,"
            " genres, length, bitrate, format, samplerate, channels, mtime, added)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 215.3, 320000, 'MP3', 44100, 2, 1e9, 1e9)",
            (track(number, genres) for number in range(1, n_rows + 1)),
        )
        connection.executemany(
            "INSERT INTO item_attributes (entity_id, key, value) VALUES (?, ?, ?)",
            (
                (number, key, value)
                for number in range(CACHED_EVERY, n_rows + 1, CACHED_EVERY)
                for key, value in notes(number, bundle_id).items()
            ),
        )
    connection.close()


def track(number, genres):
    album = (number - 1) // ALBUM_TRACKS + 1
    artist = f"Artist {album // 3}"
    path = f"{artist}/Album {album}/{number:06d} A title of the usual length.mp3"
    return (
        number,
        path.encode(),
        album,
        f"{number:06d} A title of the usual length",
        artist,
        artist,
        f"Album {album}",
        number % ALBUM_TRACKS + 1,
        None if number % CACHED_EVERY == 0 else genres,
    )


def notes(number, bundle_id):
    """The fields that a bundle's classification left on a track."""
    sure = number % (2 * CACHED_EVERY) == 0
    scores = ["Jazz 0.9500", "Rock 0.0300"] if sure else ["Jazz 0.2100", "Rock 0.2000"]
    return {
        "cnngenre_model": bundle_id,
        "cnngenre_label": "Jazz",
        "cnngenre_probability": scores[0].split()[1],
        "cnngenre_all": SEPARATOR.join(scores),
    }
