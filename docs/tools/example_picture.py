"""Make the picture in docs/trust.md: a medley of the demo's made-up pieces, explained.

python docs/tools/example_picture.py docs/explained.png
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import av
import mediafile
import numpy as np
from PIL import Image

from genre_model.audio.decode import open_audio
from genre_model.cli.main import main

RATE = 44_100
PARTS = {"Gravel.flac": (0, 9), "Letter Home.m4a": (0, 15), "Over the Ice.opus": (3, 12)}
MAKE_MUSIC = Path(__file__).parents[2] / "demo" / "make_music.py"


def example(picture: Path) -> int:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        subprocess.run([sys.executable, MAKE_MUSIC, folder], check=True)
        pieces = []
        for file, (start, stop) in PARTS.items():
            [path] = folder.rglob(file)
            with open_audio(path, RATE) as audio:
                pieces.append(np.concatenate(list(audio.blocks()))[start * RATE : stop * RATE])
        song = folder / "medley.flac"
        write(song, np.concatenate(pieces))
        tags = mediafile.MediaFile(song)
        tags.artist, tags.title = "The Left Hands", "Three Rooms (medley)"
        tags.save()
        status = main(["explain", str(song), "-o", str(picture), "--force"])
    with Image.open(picture) as image:  # a third of the bytes; nobody sees the difference
        small = image.quantize(96, dither=Image.Dither.NONE)
    small.save(picture, optimize=True)
    return status


def write(path: Path, samples: np.ndarray) -> None:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("flac", rate=RATE, layout="mono")
        values = (np.clip(samples, -1, 1) * 32767).astype(np.int16)[None]
        for start in range(0, values.shape[1], 4096):
            part = np.ascontiguousarray(values[:, start : start + 4096])
            frame = av.AudioFrame.from_ndarray(part, format="s16", layout="mono")
            frame.rate = RATE
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


if __name__ == "__main__":
    sys.exit(example(Path(sys.argv[1])))
