"""Write tests/model/goldens/sox.npz: short signals, and the pictures that SoX makes of them.

Needs SoX 14.4.2 (apt-get install sox).  The tests compare with these if SoX is not installed. Run
from the repository's root: python scripts/make_sox_goldens.py
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests" / "model"))

from sox_files import RATES_HZ, SOX, sox_pixels, sox_signals  # noqa: E402

GOLDENS = ROOT / "tests" / "model" / "goldens" / "sox.npz"


def main() -> None:
    if SOX is None:
        sys.exit("there is no sox")
    said = subprocess.run([SOX, "--version"], capture_output=True, text=True, check=True).stdout
    version = said.rpartition(":")[2].strip()
    arrays = {"version": np.array(version)}
    with tempfile.TemporaryDirectory() as folder:
        for rate_hz in RATES_HZ:
            for name, signal in sox_signals(rate_hz).items():
                arrays[f"{rate_hz}/{name}/signal"] = signal
                arrays[f"{rate_hz}/{name}/picture"] = sox_pixels(signal, rate_hz, Path(folder))
    GOLDENS.parent.mkdir(exist_ok=True)
    np.savez_compressed(GOLDENS, **arrays)  # type: ignore[arg-type]  # mypy thinks of allow_pickle
    print(f"{GOLDENS}: {len(arrays) // 2} pictures, {GOLDENS.stat().st_size // 1024} kB, {version}")


if __name__ == "__main__":
    main()
