"""No heavy library is imported before it is needed; import-linter checks all other imports."""

import os
import pkgutil
import subprocess
import sys
from pathlib import Path

import genre_model

ROOT = Path(__file__).parents[1]
HOST = {"beets", "beetsplug", "confuse", "mediafile"}
LATE = {
    *("av", "soxr", "onnxruntime", "tensorflow", "keras", "librosa", "tqdm", "onnx", "tf2onnx"),
    *("sklearn", "skimage", "scipy", "PIL", "mido", "jinja2", "dask", "distributed", "numba"),
}


def imported_by(statement, folder):
    """Names in ``sys.modules`` of a new process after a statement."""
    program = f"{statement}\nimport sys\nprint(*sys.modules, sep='\\n')"
    environment = {**os.environ, "BEETSDIR": str(folder), "HOME": str(folder)}
    done = subprocess.run(
        [sys.executable, "-W", "error::ImportWarning", "-c", program],
        env=environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return set(done.stdout.split())


def test_importing_the_plugin_imports_nothing_heavy(tmp_path):
    modules = imported_by("import beetsplug.cnngenre as p; assert p.CnnGenrePlugin", tmp_path)
    assert "beetsplug.cnngenre" in modules
    assert modules.isdisjoint(LATE | {"msgspec"})


def test_beets_finds_the_plugin_and_starts_it_without_anything_heavy(tmp_path):
    modules = imported_by(
        "from beets import config, plugins\n"
        "config['plugins'] = ['cnngenre']\n"
        "plugins.load_plugins()\n"
        "assert [p.name for p in plugins.find_plugins()].count('cnngenre') == 1\n"
        "assert any(c.name == 'cnngenre' for c in plugins.commands())",
        tmp_path,
    )
    assert modules.isdisjoint(LATE | {"numpy", "msgspec", "flask"})


def test_importing_all_of_the_engine_imports_no_heavy_library(tmp_path):
    names = [m.name for m in pkgutil.walk_packages(genre_model.__path__, "genre_model.")]
    modules = imported_by("\n".join(f"import {name}" for name in names), tmp_path)
    assert set(names) <= modules
    assert modules.isdisjoint(LATE | HOST)
