"""Simulates a disk that is full when a run's journal is written."""

from beets.plugins import BeetsPlugin

from beetsplug.cnngenre.tagging import journal


class FullJournalPlugin(BeetsPlugin):
    def __init__(self):
        super().__init__()
        journal.new_file = lambda folder, began_utc: open("/dev/full", "ab")  # noqa: PTH123, SIM115
