"""Which way imports point, and that nothing heavy is imported before it is needed."""

import ast
import os
import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ENGINE = {path.stem: path for path in (ROOT / "genre_model").glob("*.py")}
SCRIPTS = [
    path
    for folder in ("demo", "scripts", "benchmarks", "tests/soak")
    for path in (ROOT / folder).glob("*.py")
]
PLUGIN = {path.stem: path for path in (ROOT / "beetsplug" / "cnngenre").glob("*.py")}

# A module imports from lower rows only.  A new one is to be put where it belongs.
ROWS = [
    ["__init__", "errors", "specs", "onnx_file", "plain_text"],
    ["audio", "spectrogram", "sox", "constellation", "texture", "svm", "aggregate", "head"],
    ["colours", "typeface", "viewer", "log_spectrum"],
    ["vocabulary", "evaluation", "pool", "selection", "listening", "onnx_network", "informative"],
    ["sampling"],
    ["slicing", "pictures", "views", "context", "dataset", "labels", "report", "report_page"],
    ["bundle", "folder", "split", "midi", "picture_folder", "keras_export", "report_words"],
    ["front_end", "adjust", "suspects", "out_of_fold"],
    ["slice_store", "classifier", "report_charts"],
    ["checkpoint", "cache", "training", "report_tables", "evidence"],
    ["trainer", "assess", "report_html", "explain_text", "explain_picture", "hearing"],
    ["workers"],
    ["cluster"],
    ["learn", "make_bundle"],
    ["scratch", "cli_common"],
    ["network_bundle"],
    ["cli_architectures", "cli_classify", "cli_evaluate", "cli_experiment", "cli_pictures"],
    ["cli_explain"],
    ["cli_train"],
    ["cli"],
]
ROW = {module: row for row, modules in enumerate(ROWS) for module in modules}
HOST = {"beets", "beetsplug", "confuse", "mediafile"}
LATE = {
    *("av", "soxr", "onnxruntime", "tensorflow", "keras", "librosa", "tqdm", "onnx", "tf2onnx"),
    *("sklearn", "skimage", "scipy", "PIL", "mido", "dask", "distributed"),
}
HEAVY = (*LATE, "msgspec", "numba")


def imports(path, *, everywhere):
    """Dotted names that a module imports; only those at its import unless ``everywhere``.

    What stands under ``if TYPE_CHECKING`` is never imported.
    """
    found, waiting = set(), [ast.parse(path.read_text(encoding="utf-8"))]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path.name}: a relative import"
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
        elif isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING"):
            waiting += node.orelse
        elif everywhere or not isinstance(
            node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
        ):
            waiting += ast.iter_child_nodes(node)
    return found


def packages(names):
    return {name.split(".")[0] for name in names}


@pytest.mark.parametrize("module", ENGINE)
def test_the_engine_has_never_heard_of_beets(module):
    assert not packages(imports(ENGINE[module], everywhere=True)) & HOST


@pytest.mark.parametrize("module", ENGINE)
def test_the_engine_imports_heavy_libraries_only_where_they_are_used(module):
    assert not packages(imports(ENGINE[module], everywhere=False)) & LATE


@pytest.mark.parametrize("module", PLUGIN)
def test_the_plugin_imports_no_training_library_at_its_import(module):
    assert not packages(imports(PLUGIN[module], everywhere=False)) & {"tensorflow", "keras"}


@pytest.mark.parametrize("module", ENGINE)
def test_a_module_imports_from_lower_rows_only(module):
    assert module in ROW, f"put {module} in a row of {__name__}"
    own = {
        name.split(".")[1]
        for name in imports(ENGINE[module], everywhere=True)
        if name.startswith("genre_model.")
    }
    assert {name for name in own & set(ENGINE) if ROW[name] >= ROW[module]} == set()


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_scripts_import_what_there_is(script):
    for name in imports(script, everywhere=True):
        if packages([name]) & {"genre_model", "beetsplug"}:
            pkgutil.resolve_name(name)


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
    assert modules.isdisjoint(HEAVY)


def test_beets_finds_the_plugin_and_starts_it_without_anything_heavy(tmp_path):
    modules = imported_by(
        "from beets import config, plugins\n"
        "config['plugins'] = ['cnngenre']\n"
        "plugins.load_plugins()\n"
        "assert [p.name for p in plugins.find_plugins()].count('cnngenre') == 1\n"
        "assert any(c.name == 'cnngenre' for c in plugins.commands())",
        tmp_path,
    )
    assert modules.isdisjoint({"av", "soxr", "onnxruntime", "tensorflow", "keras", "librosa"})


def test_importing_all_of_the_engine_imports_no_heavy_library(tmp_path):
    modules = imported_by("\n".join(f"import genre_model.{module}" for module in ENGINE), tmp_path)
    assert {f"genre_model.{module}" for module in ENGINE} <= modules
    assert modules.isdisjoint(LATE | HOST | {"scipy", "sklearn", "numba"})
