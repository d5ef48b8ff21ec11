"""Fuzzes our decoding with atheris, which mutates the originals of ``damaged_audio``.

    python -m pip install atheris         (by hand: it has no wheels for macOS and Windows)
    PYTHONPATH=tests:tests/model python tests/model/atheris_audio.py SECONDS

FFmpeg is not instrumented, so only the coverage of our Python code guides the mutations.
"""

import sys
import tempfile
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["genre_model"]):
    import damaged_audio

MAX_BYTES = 2**16


def main(seconds):
    with tempfile.TemporaryDirectory() as folder:
        corpus = Path(folder) / "corpus"
        corpus.mkdir()
        for index, (suffix, content) in enumerate(damaged_audio.originals()):
            (corpus / f"{index}{suffix}").write_bytes(content[:MAX_BYTES])
        file = Path(folder) / "damaged"

        def one(content):
            file.write_bytes(content)
            damaged_audio.extract(file)

        limits = [f"-max_total_time={seconds}", f"-max_len={MAX_BYTES}", "-timeout=60"]
        atheris.Setup([sys.argv[0], str(corpus), *limits], one)
        atheris.Fuzz()


if __name__ == "__main__":
    main(int(sys.argv[1]))
