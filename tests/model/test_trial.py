"""A stranger's network is tried once, in a process of its own; the shipped one is not."""

import json
import os
import random
import subprocess
import sys
import time
from pathlib import Path

import hostile_bundles
import pytest
from bundle_files import edit_manifest, replace_file, tiny_network, write_tiny_bundle
from onnx import helper
from random_networks import allowed_network, any_network

from genre_model.core.errors import BundleError
from genre_model.model import trial_process
from genre_model.model.bundle import trial
from genre_model.model.bundle.store import HEAD, SHIPPED, load_bundle
from genre_model.model.classifier import Classifier, load_classifier
from genre_model.model.onnx.check import checked_model

ENDS = "import os; os.kill(os.getpid(), 11 if os.name == 'posix' else 9)"
HANGS = "import time; time.sleep(600)"


@pytest.fixture
def trials(monkeypatch):
    """A list that collects the calls of ``subprocess.run``."""
    started = []
    run = subprocess.run
    monkeypatch.setattr(
        trial.subprocess, "run", lambda *a, **k: (started.append(a), run(*a, **k))[1]
    )
    return started


def test_a_stranger_s_network_is_tried_once(tiny_bundle, tmp_path, trials):
    for _ in range(2):
        Classifier(load_bundle(tiny_bundle), trials=tmp_path / "trials").load()
    assert len(trials) == 1
    [note] = (tmp_path / "trials").iterdir()
    assert json.loads(note.read_text()) == {"fault": ""}
    replace_file(tiny_bundle, "network.onnx", hostile_bundles.said())
    with pytest.raises(BundleError, match=r"take the probe|fit its genres"):
        Classifier(load_bundle(tiny_bundle), trials=tmp_path / "trials")
    assert len(trials) == 2


def test_a_trial_says_what_is_wrong_as_loading_would(tiny_bundle, trials):
    replace_file(tiny_bundle, "network.onnx", hostile_bundles.answering("Log"))
    with pytest.raises(
        BundleError, match=r"does not take the probe|answers otherwise|fit its genres"
    ):
        load_classifier(tiny_bundle)
    assert len(trials) == 1


def test_what_is_shipped_and_what_stands_on_it_needs_no_trial(tmp_path, trials):
    load_classifier()
    directory = tmp_path / "own"
    directory.mkdir()
    for file in SHIPPED.iterdir():
        (directory / file.name).write_bytes(file.read_bytes())
    edit_manifest(directory, lambda m: m.update(bundle_id="own", description="another head"))
    load_classifier(directory)
    assert trials == []


def test_a_trial_imports_nothing_from_the_current_folder(
    tiny_bundle, tmp_path, trials, monkeypatch
):
    for name in ("json", "struct", "numpy", "genre_model"):
        (tmp_path / f"{name}.py").write_text("open(__file__ + '.was_run', 'w').close()")
    monkeypatch.chdir(tmp_path)
    Classifier(load_bundle(Path(os.path.relpath(tiny_bundle)))).load()
    assert len(trials) == 1
    assert list(tmp_path.glob("*.was_run")) == []


@pytest.mark.parametrize(
    ("program", "sentence"), [(ENDS, "process that tried its network died"), (HANGS, "too long")]
)
def test_a_network_that_ends_or_holds_up_its_process_is_a_sentence(
    tiny_bundle, tmp_path, trials, monkeypatch, program, sentence
):
    """No allowed network is known to do this, so the process runs another program."""
    monkeypatch.setattr(trial, "PROGRAM", program)
    monkeypatch.setattr(trial, "LIMIT_S", 2.0)
    for _ in range(2):
        with pytest.raises(BundleError, match=sentence) as raised:
            Classifier(load_bundle(tiny_bundle), trials=tmp_path / "trials")
    assert len(trials) == 1
    assert "remembers that" in str(raised.value)


def test_a_folder_that_cannot_be_written_is_no_obstacle(tiny_bundle, tmp_path):
    (tmp_path / "file").write_text("")
    Classifier(load_bundle(tiny_bundle), trials=tmp_path / "file" / "trials").load()


def test_a_broken_note_is_made_again(tiny_bundle, tmp_path, trials):
    folder = tmp_path / "trials"
    Classifier(load_bundle(tiny_bundle), trials=folder)
    [note] = folder.iterdir()
    for content in (b"", b"[]", b'{"fault": 3}', b"\xff"):
        note.write_bytes(content)
        Classifier(load_bundle(tiny_bundle), trials=folder)
    assert len(trials) == 5


def test_the_parent_s_death_does_not_leave_a_trial_behind_for_long():
    assert trial_process.PROCESSOR_LIMIT_S <= 60


@pytest.mark.skipif(sys.platform == "win32", reason="limits of memory are Unix'")
def test_a_network_that_fills_the_memory_is_a_sentence(tmp_path):
    directory = write_tiny_bundle(tmp_path / "bundle")
    replace_file(directory, "network.onnx", hostile_bundles.filled(2**17, 2**18))
    begin = time.monotonic()
    with pytest.raises(BundleError, match=r"take the probe|memory"):
        load_classifier(directory)
    assert time.monotonic() - begin < 60


# --- What the check lets through ------------------------------------------------------------------


@pytest.mark.parametrize("make", [allowed_network, any_network])
def test_the_check_ends_with_a_sentence_whatever_it_gets(make):
    passed, sentences = 0, set()
    for seed in range(300):
        content = make(random.Random(seed))
        try:
            checked_model(content)
            passed += 1
        except ValueError as error:
            sentences.add(str(error))
    assert all(said.isprintable() and len(said) < 150 for said in sentences)
    assert sentences
    if make is allowed_network:
        assert passed > 50


def node(op, *inputs, outputs=("y",), **options):
    return hostile_bundles.network(
        [
            helper.make_node(op, inputs, outputs, **options),
            hostile_bundles.mean_of(outputs[0] or "log_mel"),
        ],
        [
            hostile_bundles.tensor("whole", [1, 2]),
            hostile_bundles.tensor("w", [[1.0]], "f4"),
            hostile_bundles.tensor("flag", [True], "?"),
        ],
    )


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (node("Add", "log_mel"), "more or fewer inputs"),
        (node("Relu", "log_mel", "w"), "more or fewer inputs"),
        (node("Add", "log_mel", ""), "no name"),
        (node("Max", "log_mel", ""), "no name"),
        (node("Relu", ""), "no name"),
        (node("Relu", "log_mel", outputs=("",)), "no name"),
        (node("Relu", "log_mel", outputs=("w",)), "without a unique name"),
        (node("Relu", "nothing"), "before it is calculated"),
        (node("Relu", "y"), "before it is calculated"),
        (node("Div", "whole", "whole"), "another type"),
        (node("Add", "flag", "flag"), "another type"),
        (node("Relu", "log_mel", axis=1), "makes no sense"),
        (node("Softmax", "log_mel", axis=2**40), "makes no sense"),
        (node("Softmax", "log_mel", axis=1.0), "makes no sense"),
        (node("Elu", "log_mel", alpha=float("nan")), "makes no sense"),
        (node("Cast", "log_mel", to=8), "makes no sense"),
        (node("Cast", "log_mel"), "option that it needs"),
        (node("Transpose", "log_mel", perm=[0, 0, 1]), "makes no sense"),
        (node("MaxPool", "log_mel", kernel_shape=[0]), "makes no sense"),
        (node("MaxPool", "log_mel", kernel_shape=[2], strides=[-1]), "makes no sense"),
        (node("MaxPool", "log_mel", kernel_shape=[2], auto_pad="\x1b"), "no text"),
        (node("MaxPool", "log_mel", kernel_shape=[2], auto_pad="SAME"), "makes no sense"),
        (node("Einsum", "log_mel", equation=""), "operator Einsum"),
        (node("Sum", "log_mel", ""), "operator Sum"),
        (node("RandomNormal", shape=[1], scale=-1.0), "operator RandomNormal"),
        (node("Relu", "log_mel") + hostile_bundles.field(9, b"x"), "does not need"),
        (tiny_network() + hostile_bundles.field(7, b""), "no ONNX file"),
    ],
)
def test_what_is_not_used_as_it_is_meant_is_refused(content, sentence):
    with pytest.raises(ValueError, match=sentence):
        checked_model(content)


def test_the_note_depends_on_the_network_and_not_on_the_head(tiny_bundle, tmp_path, trials):
    Classifier(load_bundle(tiny_bundle), trials=tmp_path)
    replace_file(tiny_bundle, HEAD, (tiny_bundle / HEAD).read_bytes())
    edit_manifest(tiny_bundle, lambda m: m.update(description="moved"))
    Classifier(load_bundle(tiny_bundle), trials=tmp_path)
    assert len(trials) == 1
