"""Answers in place of Last.fm, without a network; the plugin lastgenre is the real one."""

import pylast
from beets.plugins import BeetsPlugin

TAGS = {"Known": ["hard rock", "seen live"]}


class LastfmPlugin(BeetsPlugin):
    def __init__(self):
        super().__init__()

        def top_tags(asked, limit=None):
            name = str(getattr(asked, "artist", None) or asked)
            tags = TAGS.get(name.partition(" - ")[0], [])
            return [pylast.TopItem(pylast.Tag(tag, asked.network), 100) for tag in tags]

        pylast._Taggable.get_top_tags = top_tags
