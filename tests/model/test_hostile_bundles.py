"""A malicious bundle is refused with a one-line error, in bounded time and memory."""

import json
import re
import subprocess
import sys
import time
from pathlib import Path

import hostile_bundles
import onnxruntime
import pytest
from bundle_files import write_tiny_bundle
from hostile_bundles import HOSTILE, SLOW

from genre_model.core.deadline import time_limit
from genre_model.core.errors import AudioError, BundleError, NetworkError
from genre_model.model.bundle.audit import has_loop
from genre_model.model.classifier import load_classifier
from genre_model.model.onnx import session as onnx_network
from genre_model.model.onnx.check import checked_model

HERE = Path(__file__).parent
SHIPPED = Path(onnx_network.__file__).parents[2] / "shipped"
# Loads each bundle in a limited address space; prints its error, the seconds, and the peak in MB.
LOADER = """
import json, resource, sys, time
resource.setrlimit(resource.RLIMIT_AS, (4 * 2**30, 4 * 2**30))
from pathlib import Path
from genre_model.model.onnx import session as onnx_network
from genre_model.model.classifier import load_classifier
from genre_model.core.errors import BundleError
onnx_network.RUN_LIMIT_S = 2.0
for line in sys.stdin:
    start, said = time.monotonic(), None
    try:
        load_classifier(Path(line.rstrip()))
    except BundleError as error:
        said = str(error)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(json.dumps([said, time.monotonic() - start, peak]), flush=True)
"""


@pytest.fixture(scope="module")
def loader():
    """A function that loads a bundle: (why it is refused or None, seconds, peak memory in MB)."""
    pytest.importorskip("resource", reason="memory cannot be bounded on Windows")
    with subprocess.Popen(
        [sys.executable, "-c", LOADER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:

        def load(directory):
            process.stdin.write(f"{directory}\n")
            process.stdin.flush()
            answer = process.stdout.readline()
            assert answer, "the process died"
            return json.loads(answer)

        yield load
        process.stdin.close()


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_bundle_is_refused_in_a_sentence(loader, tmp_path, name):
    change, sentence = HOSTILE[name]
    directory = write_tiny_bundle(tmp_path / "bundle")
    change(directory)
    said, seconds, peak_mb = loader(directory)
    assert said is not None, "it was loaded"
    assert said.isprintable()
    assert len(said) < len(str(directory)) + 250
    assert re.search(sentence, said), said
    assert seconds < (60 if name in SLOW else 30)
    assert peak_mb < 2_500


def test_a_sound_bundle_is_loaded_within_the_same_bounds(loader, tmp_path):
    said, _, _ = loader(write_tiny_bundle(tmp_path / "bundle"))
    assert said is None


def test_a_link_to_the_bundle_itself_is_followed(tmp_path):
    directory = write_tiny_bundle(tmp_path / "bundle")
    (tmp_path / "link").symlink_to(directory)
    assert load_classifier(tmp_path / "link").manifest.bundle_id == "tiny-1"


def test_files_that_the_manifest_does_not_name_are_passed_over(tmp_path):
    directory = write_tiny_bundle(tmp_path / "bundle")
    (directory / "report.html").write_text("<script>alert(1)</script>")
    (directory / "evil.py").write_text("raise SystemExit")
    assert load_classifier(directory).manifest.bundle_id == "tiny-1"


@pytest.mark.parametrize(
    "make",
    [
        hostile_bundles.calculated_at_load,
        lambda: hostile_bundles.laid_out_again_and_again(3_000, columns=2**14),
    ],
    ids=["products", "transpositions"],
)
def test_nothing_is_calculated_when_a_network_is_loaded(make):
    content = make()
    start_s = time.process_time()
    onnx_network.open_network(content)
    assert time.process_time() - start_s < 5  # with constant folding, a minute and more


def test_a_network_in_the_runtime_s_own_format_is_not_read(tmp_path):
    """Even if our own check is skipped, ONNX Runtime refuses it."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.optimized_model_filepath = str(tmp_path / "network.ort")
    onnxruntime.InferenceSession(hostile_bundles.said(), options, ["CPUExecutionProvider"])
    content = (tmp_path / "network.ort").read_bytes()
    onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    with pytest.raises(NetworkError, match="is no"):
        onnx_network.open_network(content)
    with pytest.raises(NetworkError, match="refuses"):
        onnx_network.open_checked(content)


def test_a_track_is_given_up_on_when_the_network_does_not_answer(tiny_bundle):
    session = onnx_network.open_network(hostile_bundles.endless())
    values = load_classifier(tiny_bundle).bundle.arrays("probe.npz")["slices"]
    with time_limit(1), pytest.raises(AudioError, match="took longer than 1 s"):
        onnx_network.run_network(session, ["embedding"], {"log_mel": values})


def test_weights_in_other_files_are_found_in_a_loop_s_body_too():
    model = hostile_bundles.onnx.load_model_from_string(hostile_bundles.endless())
    [body] = [a.g for node in model.graph.node for a in node.attribute if a.name == "body"]
    body.initializer.append(
        hostile_bundles.onnx.load_model_from_string(
            hostile_bundles.external("x")
        ).graph.initializer[0]
    )
    with pytest.raises(ValueError, match="has weights in other files"):
        checked_model(model.SerializeToString())


def test_a_long_line_of_parents_is_no_loop_and_takes_no_time():
    line = {str(i): str(i + 1) for i in range(200_000)}
    assert not has_loop(line)
    assert has_loop({**line, "200000": "100000"})


def test_no_bundle_is_no_more_than_a_sentence(tmp_path):
    with pytest.raises(BundleError):
        load_classifier(tmp_path)
