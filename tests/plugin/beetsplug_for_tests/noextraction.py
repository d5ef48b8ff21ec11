"""Makes every extraction fail, so that a test fails if a track is extracted again."""

from beets.plugins import BeetsPlugin

from genre_model.core.errors import AudioError
from genre_model.model.classifier import Classifier


class NoExtractionPlugin(BeetsPlugin):
    def __init__(self):
        super().__init__()

        def refuse(classifier, path, **kwargs):
            raise AudioError("extracted again")

        Classifier.extract = refuse
