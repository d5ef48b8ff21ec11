"""Makes writing the file of the track called "Jazz" fail, as on a read-only disk."""

import errno
import os

from beets.plugins import BeetsPlugin
from mediafile import MediaFile

from beetsplug.cnngenre.tagging.file import safe_write


class UnwritablePlugin(BeetsPlugin):
    def __init__(self):
        super().__init__()
        change = safe_write.change

        def refuse(file, wish, before):
            if MediaFile(file).title == "Jazz":
                raise OSError(errno.EROFS, os.strerror(errno.EROFS))
            return change(file, wish, before)

        safe_write.change = refuse
