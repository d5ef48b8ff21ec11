"""Replace the shipped bundle's network by one with the same answers; the head and the id stay.

    python -m shipped_model.conversion.same_answers network.onnx genre_model/shipped

This is for a network that computes the same in another way, so that what libraries have stored
under the model's id stays valid.  The command fails if any answer to the converter's slices or to
the bundle's probe differs by more than ``TOLERANCE``.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from pathlib import Path

import numpy as np

from genre_model.model.bundle.store import PROBE, Bundle, load_bundle, write_bundle
from genre_model.model.classifier import Classifier
from genre_model.model.onnx.session import open_network
from shipped_model.conversion.convert import probe_slices

TOLERANCE = 1e-5


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("network", type=Path)
    parser.add_argument("bundle", type=Path)
    options = parser.parse_args()
    bundle, network = load_bundle(options.bundle), options.network.read_bytes()
    difference = largest_difference(bundle, network)
    print(f"largest difference: {difference:.2e}")
    if difference > TOLERANCE:
        sys.exit(f"the network answers otherwise, by more than {TOLERANCE}")
    replace_network(bundle, network)


def largest_difference(bundle: Bundle, network: bytes) -> float:
    """The largest difference between the two networks' outputs for some slices."""
    slices = np.concatenate([probe_slices(), bundle.arrays(PROBE)["slices"]])
    answers = [
        open_network(content).run(None, {"log_mel": slices})
        for content in (bundle.read(bundle.manifest.network.file), network)
    ]
    return max(float(np.abs(one - other).max()) for one, other in zip(*answers, strict=True))


def replace_network(bundle: Bundle, network: bytes) -> None:
    """Write the bundle again with another network, and load it once as a check."""
    manifest, folder = bundle.manifest, bundle.directory
    contents = {name: bundle.read(name) for name in manifest.files}
    contents[manifest.network.file] = network
    with tempfile.TemporaryDirectory() as place:
        written = write_bundle(Path(place) / "bundle", manifest, contents)
        for path in written.directory.iterdir():
            shutil.copyfile(path, folder / path.name)
    Classifier(load_bundle(folder))


if __name__ == "__main__":
    main()
