"""``beet cnnreview --web`` as a process, a client for it, and what they leave in the library."""

import http.client
import json
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import time
import urllib.parse
from contextlib import closing
from pathlib import Path

from real_beet import Beet, beet_in, write_tone

LIBRARIES = {}  # libraries that tests copy, by their tracks


def doubtful_library(folder, model, make_folder, kinds=("wav16",), **genres_by_title):
    """A ``beet`` whose tracks were classified, some of them unsure; made once, then copied."""
    tracks = genres_by_title or {"Unsure_1": None, "Unsure_2": None}
    key = repr((kinds, tracks))
    if key not in LIBRARIES:
        base = make_folder("doubtful")
        beet = beet_in(base / "home", model)
        for number, (title, genres) in enumerate(tracks.items()):
            kind = kinds[number % len(kinds)]
            write_tone(base / "music", title.partition("_")[0], title, kind, genres=genres)
        beet.config["threaded"] = False  # so that the single worker can be forked
        beet("import", "-A", base / "music")
        del beet.config["threaded"]
        LIBRARIES[key] = beet
    original = LIBRARIES[key]
    copy_library(original.home.parent, folder)
    home = folder / "home"
    places = {"directory": str(folder / "library"), "library": str(home / "library.db")}
    beet = Beet(home, original.config | places)
    beet.config["cnngenre"] = {**original.config["cnngenre"], "album_genre": False}
    return beet


def copy_library(original, folder):
    """Copy the folder of a library, with its home and its music."""
    shutil.copytree(original, folder, dirs_exist_ok=True)
    move_paths(folder / "home" / "library.db", original, folder)


def move_paths(library, old, new):
    """Replace the folder in a library's absolute paths, which older versions of beets store."""
    moved = "UPDATE items SET path = CAST(replace(CAST(path AS TEXT), ?, ?) AS BLOB)"
    with closing(sqlite3.connect(library)) as connection, connection:
        connection.execute(moved, (f"{old}{os.sep}", f"{new}{os.sep}"))


def rows_of(beet, statement):
    """The rows that a statement returns from the library, even while a ``beet`` uses it."""
    with closing(sqlite3.connect(beet.home / "library.db")) as connection:
        connection.row_factory = sqlite3.Row
        return [dict(row) for row in connection.execute(statement)]


def genres_of(beet):
    """Title -> genres in the database, separated by semicolons."""
    rows = rows_of(beet, "SELECT title, genres FROM items")
    return {row["title"]: row["genres"].replace("\\\u2400", "; ") for row in rows}


def files_of(beet):
    """Title -> path of the file in the library."""
    return {
        row["title"]: Path(beet.config["directory"]) / os.fsdecode(row["path"])
        for row in rows_of(beet, "SELECT title, path FROM items")
    }


def library_of(beet):
    """The whole library, except ids and the times when files were last written."""
    tables = ("items", "albums", "item_attributes", "album_attributes")
    return {
        table: sorted(
            sorted((key, repr(value)) for key, value in row.items() if key not in ("id", "mtime"))
            for row in rows_of(beet, f"SELECT * FROM {table}")
        )
        for table in tables
    }


class Served:
    """A running review page of a library; :meth:`end` ends it."""

    def __init__(self, beet, *arguments, **environment):
        variables = beet.environment() | environment
        self.process = subprocess.Popen(  # a stand-in may end at another time than beet
            [*beet.command(), "cnnreview", "--web", *map(str, arguments)],
            env=variables,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        self.output = ""
        try:
            self.address = self.wait_for(r"unsure at (\S+)\n")
        except BaseException:
            self.kill()
            raise
        place = urllib.parse.urlsplit(self.address)
        self.host, self.port = place.netloc, place.port
        self.token = place.path.strip("/")
        self.prefix = f"/{self.token}"

    def wait_for(self, pattern, seconds=60):
        """Read lines until one matches; returns its first group."""
        end = time.monotonic() + seconds
        while not (found := re.search(pattern, self.output)):
            assert time.monotonic() < end, self.output
            line = self.process.stdout.readline().decode()
            assert line, self.output + self.process.stderr.read().decode()
            self.output += line
        return found[1]

    def end(self):
        """Send Ctrl-C; returns the last line of the output."""
        self.process.send_signal(signal.SIGINT)
        output, errors = self.process.communicate(timeout=60)
        self.output += output.decode()
        self.errors = errors.decode()
        assert "Traceback" not in self.errors, self.errors
        assert self.process.returncode == 0, (self.process.returncode, self.output, self.errors)
        return self.output.rstrip().splitlines()[-1]

    def kill(self):
        """Kill the process, whatever it is doing."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.communicate()
        for pipe in (self.process.stdout, self.process.stderr):
            pipe.close()

    def send(self, method, path, body=None, **headers):
        """Send a request; returns the answer's status, headers and body.

        ``path`` is below the page's secret prefix, or with ``at_root=True`` the server's root.  The
        names of ``headers`` have underscores.
        """
        path = path if headers.pop("at_root", False) else self.prefix + path
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method, path, body, given)
        response = connection.getresponse()
        content = response.read()
        connection.close()
        return response.status, response.headers, content

    def get(self, path, status=200):
        found, _, content = self.send("GET", path)
        assert found == status, content
        return json.loads(content)

    def post(self, path, status=200, **content):
        found, _, answer = self.send(
            "POST",
            path,
            json.dumps(content),
            Content_Type="application/json",
            Origin=f"http://{self.host}",
        )
        assert found == status, answer
        return json.loads(answer)
