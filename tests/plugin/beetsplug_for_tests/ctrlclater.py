"""Sends Ctrl-C while beet waits for the track called "Jazz"."""

import os
import signal
import time

from beets.plugins import BeetsPlugin

from genre_model.extraction.workers import LocalExtractorPool


class CtrlCLaterPlugin(BeetsPlugin):
    def __init__(self):
        super().__init__()
        claim = LocalExtractorPool.claim

        def interrupted(pool, path, future):
            if "Jazz" in path.name:
                time.sleep(1)
                os.kill(os.getpid(), signal.SIGINT)
                time.sleep(0.2)
            return claim(pool, path, future)

        LocalExtractorPool.claim = interrupted
