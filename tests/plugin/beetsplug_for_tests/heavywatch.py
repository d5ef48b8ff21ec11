"""Prints at the end which heavy libraries were imported."""

import sys

from beets.plugins import BeetsPlugin


class HeavyWatchPlugin(BeetsPlugin):
    def __init__(self):
        super().__init__()
        self.register_listener("cli_exit", self.report)

    def report(self):
        heavy = {"tensorflow", "keras", "librosa", "torch", "scipy", "sklearn"} & sys.modules.keys()
        print("heavy:", ", ".join(sorted(heavy)) or "none")
