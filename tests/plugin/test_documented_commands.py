"""A real shell runs every command in the documentation's code blocks exactly as written."""

import os
import re
import shlex
import shutil
import subprocess
from pathlib import Path

import beet_server
import pytest
from audio_files import song, write_audio
from labelled_library import write_music
from plugin_files import tag

pty = pytest.importorskip("pty", reason="the commands are for a POSIX shell")

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
# Commands that are not run, and why.  A pattern that matches no line is an error.
LEFT_OUT = {
    r"(pip|pipx|uv) ": "needs a package index; scripts/try_package.py does it",
    r"python scripts/try_package\.py": "needs a package index",
    r"python -m venv|\.venv-dev/": "what `make` does, for Windows; needs a package index",
    r"(?:[A-Z_]+=(?:'[^']*'|\S+) )?make": "makes environments, which needs a package index; "
    "that there is the target is tested",
    r"(?:[A-Z_]+=\S+ )*python -m (benchmarks|studies|shipped_model)\.": "takes long, or the "
    "development music",
    r"genre-model train .*--architecture": "needs TensorFlow; tests/train trains",
    r"beet lastgenre|beet splupdate|beet move": "test_recipes.py, with the page's configuration",
    r"dask |(?:beet|genre-model) .*--dask": "needs machines of their own; test_dask.py has some",
    r"beet .*--web": "runs until it is stopped; test_serve.py",
    r"printf .*\$BEETSDIR|export BEETSDIR=\$\(": "for .venv-dev/bin/beet",
}


def commands(page):
    """The lines of a page's shell blocks, without their comments."""
    blocks = re.findall(r"^ *```sh\n(.*?)^ *```", page.read_text(encoding="utf-8"), re.M | re.S)
    lines = (
        re.sub(r"(^|\s+)#\s.*", "", line).strip() for block in blocks for line in block.splitlines()
    )
    return [line for line in lines if line]


def why_left_out(line):
    return next((why for pattern, why in LEFT_OUT.items() if re.match(pattern, line)), None)


TYPED = {page: [line for line in commands(page) if not why_left_out(line)] for page in PAGES}


def test_nothing_is_left_out_without_need():
    lines = [line for page in PAGES for line in commands(page)]
    for pattern in LEFT_OUT:
        assert any(re.match(pattern, line) for line in lines), pattern
    assert sum(map(len, TYPED.values())) > len(lines) / 2


@pytest.mark.skipif(not shutil.which("make"), reason="no make")
def test_make_has_the_targets():
    targets = {
        line.split()[1] for page in PAGES for line in commands(page) if re.match(r"make \w", line)
    }
    assert targets
    for target in targets:
        subprocess.run(["make", "-n", target], cwd=ROOT, check=True, capture_output=True)


@pytest.fixture
def place(trained, tmp_path):
    """A home folder with music, a library with a trained model, and files that the pages name."""
    home, work = trained.home, tmp_path / "work"
    trained.config["cnngenre"] |= {"auto": True}
    trained.command()
    for path in (work / "song.flac", work / "Rock" / "a.flac", home / "Music" / "new.flac"):
        path.parent.mkdir(exist_ok=True)
        write_audio(path, song(4, 16_000, 1), 16_000, "flac")
        tag(path, title=path.stem, artist="New", album="New", albumartist="New")
    write_music(home / "Music")
    shims = tmp_path / "bin"
    shims.mkdir()
    for name, module in {
        "beet": "beets.ui",
        "genre-model": "genre_model.cli.main",
        "xdg-open": "",
    }.items():
        ask = f'exec {shlex.join(beet_server.stand_in(module))} "$@"'
        (shims / name).write_text(f"#!/bin/sh\n{ask if module else 'exit 0'}\n")
        (shims / name).chmod(0o755)
    path = f"{shims}{os.pathsep}{os.environ['PATH']}"
    environment = trained.environment() | {"PATH": path, "PYTHONWARNINGS": "ignore"}
    run_once = ["beet", "genre", "-q", "title:Murk 8"]  # so that there is a journal
    subprocess.run(run_once, env=environment, check=True, capture_output=True, cwd=work)
    return work, environment


def type_line(line, before, work, environment):
    """Run a line after the settings before it, at a terminal where its questions are answered."""
    master, slave = pty.openpty()
    os.write(master, b"y\n" if "modify" in line else b"q\n")
    try:
        return subprocess.run(
            ["bash", "-c", "\n".join(["set -eu", *before, line])],
            stdin=slave,
            cwd=work,
            env=environment,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=300,
        )
    finally:
        os.close(slave)
        os.close(master)


@pytest.mark.parametrize(
    "page", [page for page, lines in TYPED.items() if lines], ids=lambda p: p.name
)
def test_the_commands_of_a_page(page, place):
    settings = []
    for line in TYPED[page]:
        if line.startswith("export "):
            settings.append(line)
            continue
        done = type_line(line, settings, *place)
        said = done.stdout + done.stderr
        assert done.returncode == 0, f"{page.name}: {line}\n{said}"
        assert "Traceback" not in said, f"{page.name}: {line}\n{said}"
        assert "error loading plugin" not in said
    if page.name == "tutorial.md":
        the_library_is_better(settings, *place)


def the_library_is_better(settings, work, environment):
    """Tracks without a genre got one of the user's own genres; edited genres stay."""
    line = "beet ls -f '$title: $genres'"
    found = type_line(line, settings, work, environment).stdout.splitlines()
    genres = dict(line.split(": ") for line in found if not line.endswith(": "))
    assert "Drone" in genres.values()
    assert {"Murk 8": "Murk", "Glint 8": "Glint"}.items() <= genres.items()
    assert len(genres) == len(found)
