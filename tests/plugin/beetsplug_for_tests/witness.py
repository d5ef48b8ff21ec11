"""Tells what other plugins see of a write, and does what they might do.

``witness: meddle`` writes to each track's file right before its tags are saved, as another program
may; ``witness: change`` writes another title than the library's.
"""

import os
from pathlib import Path

import mediafile
from beets.plugins import BeetsPlugin


class WitnessPlugin(BeetsPlugin):
    def __init__(self):
        super().__init__()
        self.path = None
        self.register_listener("write", self.before)
        self.register_listener("after_write", self.after)
        save = mediafile.MediaFile.save

        def meddling(file, **kwargs):
            with Path(os.fsdecode(self.path)).open("ab") as original:
                original.write(b"somebody else's")
            return save(file, **kwargs)

        if self.config.get() == "meddle":
            mediafile.MediaFile.save = meddling

    def before(self, item, path, tags):
        self.path = path
        self.tell("before", item, path)
        if self.config.get() == "change":
            tags["title"] = "changed"

    def after(self, item, path):
        self.tell("after", item, path)

    def tell(self, when, item, path):
        genres = mediafile.MediaFile(path).genres or ["-"]
        in_step = item.mtime == item.current_mtime()
        print(f"{when}: {os.fsdecode(path)}: {genres[0]}, in step: {in_step}")
