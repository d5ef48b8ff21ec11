"""Write and read the tags of files without beets."""

import os
from pathlib import Path

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
    """Make a file two seconds newer: `beet update` compares times in whole seconds."""
    status = path.stat()
    os.utime(path, (status.st_atime, status.st_mtime + 2))


def file_genres(path):
    """The genres in a file's tags."""
    return mediafile.MediaFile(path).genres or []


BUG = """
from genre_model.model.classifier import Classifier
extract = Classifier.extract
def broken(classifier, path, **options):
    return 1 / 0 if "Jazz" in path.name else extract(classifier, path, **options)
Classifier.extract = broken
"""


def with_bug(folder):
    """Environment variables that give processes a bug at files with "Jazz" in their names."""
    (folder / "sitecustomize.py").write_text(BUG)
    known = os.environ.get("PYTHONPATH")
    return {"PYTHONPATH": os.pathsep.join([str(folder), *([known] if known else [])])}


def n_transactions(beet):
    """The number of commits to the library, which SQLite counts in the file's header."""
    with Path(beet.config["library"]).open("rb") as file:
        return int.from_bytes(file.read(28)[24:], "big")
