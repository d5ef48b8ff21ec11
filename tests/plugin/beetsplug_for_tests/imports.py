"""``beet imports FOLDER ...``: several imports in one process, as a server may run them.

The section ``imports`` lists, for each import, settings of cnngenre, and ``breaks`` if the import
is aborted at its first album.
"""

from beets import config
from beets.plugins import BeetsPlugin
from beets.ui import Subcommand, UserError
from beets.ui.commands.import_ import import_files


class ImportsPlugin(BeetsPlugin):
    def __init__(self):
        super().__init__()
        self.breaks = False
        self.register_listener("import_task_files", self.break_off)

    def break_off(self, session, task):
        if self.breaks:
            raise UserError("broken off")

    def commands(self):
        command = Subcommand("imports")
        command.func = self.run
        return [command]

    def run(self, lib, opts, folders):
        for folder, wishes in zip(folders, self.config.get(list), strict=True):
            self.breaks = wishes.pop("breaks", False)
            config["cnngenre"].set(dict(wishes))
            try:
                import_files(lib, [folder.encode()], None)
            except UserError as error:
                print(error)
