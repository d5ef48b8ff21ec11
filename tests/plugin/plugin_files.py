"""Tags of files, written and read without beets."""

import os

import mediafile


def tag(path, genres=None, **tags):
    """Tag a file; without ``genres`` it has none."""
    file = mediafile.MediaFile(path)
    for key, value in {
        "artist": "Artist",
        "album": "Album",
        "albumartist": "Artist",
        **tags,
    }.items():
        setattr(file, key, value)
    file.genres = genres
    file.save()


def make_newer(path):
    """Let `beet update` see that a file has changed: it compares times in whole seconds."""
    status = path.stat()
    os.utime(path, (status.st_atime, status.st_mtime + 2))


def file_genres(path):
    """The genres that are in a file."""
    return mediafile.MediaFile(path).genres or []
