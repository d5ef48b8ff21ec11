"""Prints each file that is waited for, each movement of the bar, and the number of workers."""

from beets.plugins import BeetsPlugin

from beetsplug.cnngenre.console import NoBar
from genre_model.core.processes import WorkerPool
from genre_model.extraction.workers import LocalExtractorPool


class ProgressWatchPlugin(BeetsPlugin):
    def __init__(self):
        super().__init__()
        claim, init = LocalExtractorPool.claim, WorkerPool.__init__

        def claimed(pool, path, future):
            print("file")
            return claim(pool, path, future)

        def counted(pool, n_workers):
            print(f"workers: {n_workers}")
            init(pool, n_workers)

        def moved(_bar, n=1):
            print("bar\n" * n, end="")

        LocalExtractorPool.claim = claimed
        WorkerPool.__init__ = counted
        NoBar.update = moved
