"""Locks the library, as another program would, while an album is updated.

``lockedalbum`` says when: "decide" or "undo".
"""

import os
import sqlite3
from contextlib import closing

from beets.plugins import BeetsPlugin

from beetsplug.cnngenre.classify import classifier
from beetsplug.cnngenre.review import rollback

CALLS = {"decide": (classifier, "set_album_genres"), "undo": (rollback, "restore_album")}


class LockedAlbumPlugin(BeetsPlugin):
    def __init__(self):
        super().__init__()
        place, name = CALLS[self.config.get(str)]
        call = getattr(place, name)

        def locked(album, *arguments):
            path = os.fsdecode(album.db.path)
            with closing(sqlite3.connect(path, isolation_level=None)) as other:
                other.execute("BEGIN IMMEDIATE")
                return call(album, *arguments)

        setattr(place, name, locked)
