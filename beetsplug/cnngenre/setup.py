"""Creates the session of a command from the configuration and the log.

Every ``beet`` command imports this module, so it imports others only when it needs them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import confuse
    from beets.logging import BeetsLogger

    from beetsplug.cnngenre.session import Session
    from beetsplug.cnngenre.train_config import TrainOptions


class Setup:
    """The configuration and the log, from which each command makes its session."""

    def __init__(self, config: confuse.Subview, log: BeetsLogger) -> None:
        self.config, self.log = config, log

    def session(self, **given: Any) -> Session:
        """A session with the options as they are configured now.

        Options in ``given`` override beets' configuration for the rest of the process.

        Raises:
            UserError, confuse.ConfigError: A value cannot be used.
        """
        import gc

        from beetsplug.cnngenre.config import own_folder, read_options
        from beetsplug.cnngenre.session import Folders, Session

        if not gc.get_freeze_count():  # collecting the objects of beets' start again costs 20 ms
            gc.freeze()
        if given:  # each layer makes every look-up slower
            self.config.set_args(given)
        return Session(self.log, Folders(own_folder()), read_options(self.config))

    def train_options(self, **given: Any) -> TrainOptions:
        """The options of a training; options in ``given`` override the configured ones.

        Raises:
            UserError, confuse.ConfigError: A value cannot be used.
        """
        from beetsplug.cnngenre.train_config import read_train_options

        if given:
            self.config["train"].set_args(given)
        return read_train_options(self.config["train"])
