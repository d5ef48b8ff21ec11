"""Makes the file of the track called "Jazz" refuse to be written, as a read-only disk does."""

import mediafile
from beets.plugins import BeetsPlugin


class UnwritablePlugin(BeetsPlugin):
    def __init__(self):
        super().__init__()
        save = mediafile.MediaFile.save

        def refuse(file, **kwargs):
            if file.title == "Jazz":
                raise mediafile.UnreadableFileError(file.filename, "read-only file system")
            return save(file, **kwargs)

        mediafile.MediaFile.save = refuse
