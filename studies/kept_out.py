"""The report of the shipped model once more, through the front door.

    python -m studies.kept_out MUSIC

Copies the clips of the artists that the head was not fitted on (MUSIC is the folder that
``shipped_model.fit`` takes), strips their genres, imports them with a real ``beet import``, and
compares the genres that mutagen then reads in the files with the labels.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path

import mutagen
import numpy as np
import yaml

from genre_model.evaluation.metrics import artist_interval
from shipped_model.clips import fitted_half, read_rows, without_features
from shipped_model.scoring import is_right
from shipped_model.settings import read_settings, vocabulary_of


def main() -> None:
    music = Path(sys.argv[1])
    settings, rows = read_settings(), read_rows(music)
    clips = without_features(rows, settings)
    kept_out = np.flatnonzero(~fitted_half(clips))
    vocabulary = vocabulary_of(clips.genres, settings.parents)
    with tempfile.TemporaryDirectory() as folder:
        answers = import_clips(Path(folder), [music / rows[i]["path"] for i in kept_out])
    answered = np.array([bool(answer) for answer in answers])
    right, strict = (
        is_right(answers, clips.genres, mask[kept_out], vocabulary)
        for mask in (clips.candidates, clips.strict)
    )
    sets = np.array([rows[i]["set"] for i in kept_out])
    artists = np.array([rows[i]["artist"] for i in kept_out])
    print("| music | clips | answered | right, of those | strictly right |\n|---|---|---|---|---|")
    for name in ("all", *sorted(set(sets))):
        inside = (sets == name) | (name == "all")
        share = right[inside & answered].mean()
        interval = artist_interval(
            partial(precision, right[inside], answered[inside]), list(artists[inside])
        )
        print(
            f"| {name} | {inside.sum()} | {answered[inside].mean():.3f} | {share:.3f} "
            f"[{interval.low:.3f}, {interval.high:.3f}] | {strict[inside & answered].mean():.3f} |"
        )


def precision(right: np.ndarray, answered: np.ndarray, tracks: np.ndarray) -> float:
    """How many of the answers to some tracks are right."""
    chosen = tracks[answered[tracks]]
    return float(right[chosen].mean()) if len(chosen) else float("nan")


def import_clips(folder: Path, sources: list[Path]) -> list[str]:
    """The first genre that is in each file after a real import, "" where there is none."""
    (folder / "in").mkdir()
    targets = []
    for index, source in enumerate(sources):
        target = folder / "in" / f"{index:04d}{source.suffix}"
        shutil.copyfile(source, target)
        file = mutagen.File(target)
        file.pop("genre", None)
        file.save()
        targets.append(target)
    config = {
        "directory": str(folder / "library"),
        "library": str(folder / "library.db"),
        "plugins": ["cnngenre"],
        "import": {"copy": False, "autotag": False, "singletons": True, "duplicate_action": "keep"},
        "cnngenre": {"write_asis": True},
    }
    (folder / "config.yaml").write_text(yaml.safe_dump(config))
    environment = {**os.environ, "BEETSDIR": str(folder)}
    command = [sys.executable, "-m", "beets", "import", "-q", str(folder / "in")]
    subprocess.run(command, env=environment, check=True, capture_output=True)
    return [(mutagen.File(target).get("genre") or [""])[0] for target in targets]


if __name__ == "__main__":
    main()
