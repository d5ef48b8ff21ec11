"""Simulates a disk that is full when the second file of a bundle is written."""

import errno

from beets.plugins import BeetsPlugin

from genre_model.model.bundle import store as bundle


class FullDiskPlugin(BeetsPlugin):
    def __init__(self):
        super().__init__()
        write_file, written = bundle.write_file, []

        def full(path, content):
            if written:
                raise OSError(errno.ENOSPC, "No space left on device")
            written.append(path)
            write_file(path, content)

        bundle.write_file = full
