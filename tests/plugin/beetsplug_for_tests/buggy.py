"""Plants a bug in the hearing of one file."""

from beets.plugins import BeetsPlugin

from genre_model.model.classifier import Classifier


class BuggyPlugin(BeetsPlugin):
    def __init__(self):
        super().__init__()
        extract = Classifier.extract

        def broken(classifier, path, **kwargs):
            return 1 / 0 if "Jazz" in path.name else extract(classifier, path, **kwargs)

        Classifier.extract = broken
