"""Prints what other plugins see of a write, and interferes as they or other programs might.

``witness: meddle`` writes to each track's file right before its tags are saved, as another program
might; ``meddle quietly`` does so without changing the file's size and time.  ``witness: change``
replaces the title that is written, ``witness: genre`` the genre.
"""

import os
from pathlib import Path

import mediafile
from beets.plugins import BeetsPlugin

from beetsplug.cnngenre.tagging.file import safe_write


class WitnessPlugin(BeetsPlugin):
    def __init__(self):
        super().__init__()
        self.path = None
        self.register_listener("write", self.before)
        self.register_listener("after_write", self.after)
        write = safe_write.write_genres

        def meddling(path, genres):
            original = Path(os.fsdecode(self.path))
            before = original.stat()
            if self.config.get() == "meddle":
                with original.open("ab") as file:
                    file.write(b"somebody else's")
            else:  # with the same size and time
                with original.open("r+b") as file:
                    file.seek(-15, os.SEEK_END)
                    file.write(b"somebody else's")
                os.utime(original, ns=(before.st_atime_ns, before.st_mtime_ns))
            write(path, genres)

        if self.config.get() in ("meddle", "meddle quietly"):
            safe_write.write_genres = meddling

    def before(self, item, path, tags):
        self.path = path
        self.tell("before", item, path)
        if self.config.get() == "change":
            tags["title"] = "changed"
        if self.config.get() == "genre":
            tags["genres"] = ["Polka"]

    def after(self, item, path):
        self.tell("after", item, path)

    def tell(self, when, item, path):
        genres = mediafile.MediaFile(path).genres or ["-"]
        in_step = item.mtime == item.current_mtime()
        print(f"{when}: {os.fsdecode(path)}: {genres[0]}, in step: {in_step}")
