"""Plants a bug in the hearing of one file."""

from beets.plugins import BeetsPlugin

from genre_model.classifier import Classifier


class BuggyPlugin(BeetsPlugin):
    def __init__(self):
        super().__init__()
        hear = Classifier.hear

        def broken(classifier, path, **kwargs):
            return 1 / 0 if "Jazz" in path.name else hear(classifier, path, **kwargs)

        Classifier.hear = broken
