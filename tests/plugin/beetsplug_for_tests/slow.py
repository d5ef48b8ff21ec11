"""Makes every track take longer."""

import time

from beets.plugins import BeetsPlugin

from genre_model.extraction.workers import LocalExtractorPool


class SlowPlugin(BeetsPlugin):
    def __init__(self):
        super().__init__()
        claim = LocalExtractorPool.claim

        def slow(pool, path, future):
            time.sleep(0.3)
            return claim(pool, path, future)

        LocalExtractorPool.claim = slow
