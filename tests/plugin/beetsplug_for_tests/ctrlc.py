"""Sends Ctrl-C at the worst moment: a track's file is written, the library not yet."""

import signal

from beets.plugins import BeetsPlugin


class CtrlCPlugin(BeetsPlugin):
    def __init__(self):
        super().__init__()
        self.register_listener("after_write", lambda item, path: signal.raise_signal(signal.SIGINT))
