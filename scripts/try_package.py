"""Install the built packages as users do, and tag a file with each.  Needs uv and a package index.

    uv build && python scripts/try_package.py dist [pip-wheel pip-sdist pipx uv]

Everything is installed in temporary folders.  If something fails, it says what, and exits with 1.
"""

from __future__ import annotations

import math
import os
import random
import struct
import subprocess
import sys
import tarfile
import tempfile
import wave
import zipfile
from collections.abc import Callable
from pathlib import Path

MAX_WHEEL_BYTES = 5 * 2**20
NEEDED = (
    *("beetsplug/cnngenre/__init__.py", "beetsplug/cnngenre/py.typed", "genre_model/py.typed"),
    *("genre_model/shipped/network.onnx", "genre_model/shipped/LICENSE-musicnn.md"),
    *(".dist-info/licenses/LICENSE", ".dist-info/licenses/genre_model/shipped/LICENSE-musicnn.md"),
)
ROOTS = ("beetsplug/cnngenre/", "genre_model/", "beets_cnngenre-")


def main() -> None:
    folder, *wanted = sys.argv[1:]
    [wheel], [sdist] = Path(folder).glob("*.whl"), Path(folder).glob("*.tar.gz")
    check_wheel(wheel)
    check_sdist(sdist)
    run("uv", "tool", "run", "twine", "check", "--strict", str(wheel), str(sdist))
    for name, (install, what) in WAYS.items():
        if not wanted or name in wanted:
            with tempfile.TemporaryDirectory() as home:
                python = install(Path(home), (wheel if what == "wheel" else sdist).resolve())
                try_it(Path(home), python)
                print(f"{name}: fine")


def check_wheel(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    missing = [name for name in NEEDED if not any(one.endswith(name) for one in names)]
    strange = [name for name in names if not name.startswith(ROOTS)]
    size = wheel.stat().st_size
    if missing or strange or size > MAX_WHEEL_BYTES or "beetsplug/__init__.py" in names:
        sys.exit(f"{wheel.name}, {size} bytes: missing {missing}, strange {strange}")
    print(f"{wheel.name}: {size} bytes, {len(names)} files")


def check_sdist(sdist: Path) -> None:
    with tarfile.open(sdist) as archive:
        names = archive.getnames()
    unwanted = [name for name in names if name.endswith((".pyc", ".db", ".opus", ".mp3"))]
    if unwanted:
        sys.exit(f"{sdist.name} has {unwanted}")
    print(f"{sdist.name}: {sdist.stat().st_size} bytes, {len(names)} files")


def run(*command: str, **environment: str) -> str:
    """Run a command; returns its output, and exits if the command fails."""
    done = subprocess.run(
        command, env={**os.environ, **environment}, capture_output=True, text=True, check=False
    )
    if done.returncode:
        sys.exit(f"{' '.join(command)}:\n{done.stdout}{done.stderr}")
    return done.stdout


def by_pip(home: Path, file: Path) -> Path:
    run(sys.executable, "-m", "venv", str(home / "env"))
    python = python_in(home / "env")
    run(str(python), "-m", "pip", "install", "--quiet", str(file))
    return python


def by_pipx(home: Path, file: Path) -> Path:
    places = {"PIPX_HOME": str(home / "pipx"), "PIPX_BIN_DIR": str(home / "bin")}
    run("uv", "tool", "run", "pipx", "install", "beets", **places)
    run("uv", "tool", "run", "pipx", "inject", "beets", str(file), **places)
    return python_in(home / "pipx" / "venvs" / "beets")


def by_uv(home: Path, file: Path) -> Path:
    places = {"UV_TOOL_DIR": str(home / "tools"), "UV_TOOL_BIN_DIR": str(home / "bin")}
    run("uv", "tool", "install", "beets", "--with", str(file), **places)
    return python_in(home / "tools" / "beets")


WAYS: dict[str, tuple[Callable[[Path, Path], Path], str]] = {
    "pip-wheel": (by_pip, "wheel"),
    "pip-sdist": (by_pip, "sdist"),
    "pipx": (by_pipx, "wheel"),
    "uv": (by_uv, "wheel"),
}


def python_in(environment: Path) -> Path:
    folder = environment / ("Scripts" if os.name == "nt" else "bin")
    return folder / ("python.exe" if os.name == "nt" else "python")


def try_it(home: Path, python: Path) -> None:
    """Tag a file with the installed ``beet``, and inspect the installed model."""
    music, place = home / "music", home / "beets"
    music.mkdir()
    place.mkdir()
    write_song(music / "song.wav")
    (place / "config.yaml").write_text(
        f"plugins: cnngenre\ndirectory: {place / 'library'}\nimport: {{copy: no}}\n",
        encoding="utf-8",
    )
    beet = python.with_name("beet.exe" if os.name == "nt" else "beet")
    settings = {"BEETSDIR": str(place), "HOME": str(home)}
    run(str(beet), "import", "-A", "-s", str(music), **settings)
    output = run(str(beet), "cnngenre", "--force", "--threshold", "0", **settings)
    genre = run(str(beet), "ls", "-f", "$genres", **settings).strip()
    read = "import sys, mutagen; print(mutagen.File(sys.argv[1])['TCON'].text[0])"
    in_file = run(str(python), "-c", read, str(music / "song.wav")).strip()
    if not genre or in_file != genre:
        sys.exit(f'"{genre}" in the library, "{in_file}" in the file: {output}')
    run(str(python), "-W", "ignore", "-m", "genre_model.cli.main", "inspect")


def write_song(path: Path, seconds: int = 6, rate_hz: int = 16_000) -> None:
    """Write a WAV file: a chord with a beat of noise."""
    rng = random.Random(0)
    values = []
    for n in range(seconds * rate_hz):
        time_s = n / rate_hz
        chord = sum(math.sin(2 * math.pi * hz * time_s) for hz in (110, 220, 277, 330)) / 8
        beat = rng.uniform(-0.4, 0.4) * math.exp(-20 * (time_s % 0.5))
        values.append(round(30_000 * (chord + beat)))
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate_hz)
        file.writeframes(struct.pack(f"<{len(values)}h", *values))


if __name__ == "__main__":
    main()
