"""Prints the threshold by which the extraction of a song ends."""

from beets.plugins import BeetsPlugin

from genre_model.extraction import pools


class ThresholdWatchPlugin(BeetsPlugin):
    def __init__(self):
        super().__init__()
        local = pools.local_pool

        def watched(classifier, cache, effort, **options):
            print(f"threshold {effort.threshold}")
            return local(classifier, cache, effort, **options)

        pools.local_pool = watched
