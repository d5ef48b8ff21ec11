"""Stands in for lastgenre: gives the track called "known" a genre, from an import stage."""

from beets.plugins import BeetsPlugin


class FirstGenrePlugin(BeetsPlugin):
    def __init__(self):
        super().__init__()
        self.import_stages = [self.imported]

    def imported(self, session, task):
        for item in task.imported_items():
            if item.title == "known":
                item.genres = ["From Elsewhere"]
                item.store()
