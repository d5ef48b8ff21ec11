"""Prints at the end how many SQL statements ran, and how many items were alive at most.

beets' items are in reference cycles, so they live until Python collects garbage; this plugin makes
it do so whenever there are many.
"""

import gc
import weakref

from beets.library import Item
from beets.plugins import BeetsPlugin

MANY = 600


class CountingPlugin(BeetsPlugin):
    def __init__(self):
        super().__init__()
        self.n_statements = self.n_alive = self.n_most = 0
        self.register_listener("library_opened", self.begin)
        self.register_listener("cli_exit", self.report)

    def begin(self, lib):
        lib._connection().set_trace_callback(self.count)
        make = Item.__init__

        def counted(item, *args, **kwargs):
            make(item, *args, **kwargs)
            self.n_alive += 1
            if self.n_alive > MANY:
                gc.collect()
            self.n_most = max(self.n_most, self.n_alive)
            weakref.finalize(item, self.gone)

        Item.__init__ = counted

    def count(self, statement):
        self.n_statements += 1

    def gone(self):
        self.n_alive -= 1

    def report(self, lib):
        print(f"statements: {self.n_statements}, items: {self.n_most}")
