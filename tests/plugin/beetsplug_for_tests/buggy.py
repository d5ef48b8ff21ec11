"""Plants a bug in the decoder for one file."""

from beets.plugins import BeetsPlugin

from genre_model import classifier


class BuggyPlugin(BeetsPlugin):
    def __init__(self):
        super().__init__()
        read_slices = classifier.read_slices

        def broken(path, *args, **kwargs):
            return 1 / 0 if "Jazz" in path.name else read_slices(path, *args, **kwargs)

        classifier.read_slices = broken
