"""Refuses to hear anything: whoever wants to hear a track again fails."""

from beets.plugins import BeetsPlugin

from genre_model import classifier
from genre_model.errors import AudioError


class DeafPlugin(BeetsPlugin):
    def __init__(self):
        super().__init__()

        def refuse(path, *args, **kwargs):
            raise AudioError("heard again")

        classifier.read_slices = refuse
