"""While a track is at a certain point, another ``beet`` runs, from its start to its end.

The variable MEANWHILE is a JSON object: ``at`` is "extracted" or "written"; ``program`` is another
``beet``, and ``commands`` has what runs, by the track's title.
"""

import json
import os
import subprocess
import threading

from beets.plugins import BeetsPlugin
from mediafile import MediaFile

from genre_model.extraction.workers import LocalExtractorPool


class MeanwhilePlugin(BeetsPlugin):
    def __init__(self):
        super().__init__()
        wish = json.loads(os.environ.pop("MEANWHILE", "{}"))  # not for the other ones
        self.program, self.by_title = wish.get("program"), wish.get("commands", {})
        self.lock = threading.Lock()
        if wish.get("at") == "written":
            self.register_listener("after_write", self.written)
        elif wish:
            claim = LocalExtractorPool.claim

            def claim_late(pool, path, future):
                answer = claim(pool, path, future)
                self.others(MediaFile(path).title)
                return answer

            LocalExtractorPool.claim = claim_late

    def written(self, item, path):
        self.others(item.title)

    def others(self, title):
        with self.lock:
            command = self.by_title.pop(title, None)
        if command:
            done = subprocess.run(
                [*self.program, *command],
                capture_output=True,
                text=True,
                timeout=100,
            )
            print(f"meanwhile {title}: {done.returncode} {done.stderr}")
