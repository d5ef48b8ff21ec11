"""Sends Ctrl-C when ``cnnsimilar`` has found the cache keys of two files, and needs a third."""

from beets.plugins import BeetsPlugin

from beetsplug.cnngenre.beyond_genres import similar_index


class CtrlCKeysPlugin(BeetsPlugin):
    def __init__(self):
        super().__init__()
        new_keys = similar_index.new_keys

        def interrupted(*arguments):
            for number, found in enumerate(new_keys(*arguments)):
                if number == 2:
                    raise KeyboardInterrupt
                yield found

        similar_index.new_keys = interrupted
