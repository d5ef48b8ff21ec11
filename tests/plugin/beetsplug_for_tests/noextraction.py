"""Refuses to extract anything: whoever wants to extract a track again fails."""

from beets.plugins import BeetsPlugin

from genre_model.core.errors import AudioError
from genre_model.model.classifier import Classifier


class NoExtractionPlugin(BeetsPlugin):
    def __init__(self):
        super().__init__()

        def refuse(classifier, path, **kwargs):
            raise AudioError("extracted again")

        Classifier.extract = refuse
