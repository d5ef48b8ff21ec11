"""Make the picture in README.md and docs/trust.md: a synthetic piece of the demo, explained.

python docs/tools/example_picture.py docs/explained.png
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image

from genre_model.cli.main import main

PIECE = "Gravel.flac"
MAKE_MUSIC = Path(__file__).parents[2] / "demo" / "make_music.py"


def example(picture: Path) -> int:
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([sys.executable, MAKE_MUSIC, folder], check=True)
        [song] = Path(folder).rglob(PIECE)
        status = main(["explain", str(song), "-o", str(picture), "--force"])
    with Image.open(picture) as image:  # a third of the bytes, with no visible difference
        small = image.quantize(96, dither=Image.Dither.NONE)
    small.save(picture, optimize=True)
    return status


if __name__ == "__main__":
    sys.exit(example(Path(sys.argv[1])))
