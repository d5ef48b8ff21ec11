"""Ctrl-C at the worst moment: a track's file is new, and the library does not know yet."""

import signal

from beets.plugins import BeetsPlugin


class CtrlCPlugin(BeetsPlugin):
    def __init__(self):
        super().__init__()
        self.register_listener("after_write", lambda item, path: signal.raise_signal(signal.SIGINT))
