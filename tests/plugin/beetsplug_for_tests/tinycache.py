"""Gives the workers a cache that is too small for even one track, as for a very large library."""

from dataclasses import replace

from beets.plugins import BeetsPlugin

from genre_model.extraction.cache import Cache


class TinyCachePlugin(BeetsPlugin):
    def __init__(self):
        super().__init__()
        spec_of = Cache.spec.fget
        Cache.spec = property(lambda cache: replace(spec_of(cache), max_bytes=1))
