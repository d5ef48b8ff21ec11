"""Makes the disk go away in the middle of a write in place: the file's folder becomes ``away``."""

import errno
import os

from beets.plugins import BeetsPlugin

from beetsplug.cnngenre.tagging.file import safe_write


class GoneDiskPlugin(BeetsPlugin):
    def __init__(self):
        super().__init__()

        def break_off(file, _wish, _original):
            with file.open("r+b") as opened:
                opened.write(b"half a tag")
            file.parent.rename(file.parent.with_name("away"))
            raise OSError(errno.EIO, os.strerror(errno.EIO))

        safe_write.change = break_off
