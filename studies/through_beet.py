"""Two versions of the program on the same library: how often training and tagging are right.

    python -m studies.through_beet MUSIC --former CHECKOUT [--cache features.db]
        [--former-cache other.db] [--parts 3] [--work through_beet]

CHECKOUT is a folder with another version of the code; the answers of each version to a part stay in
the work folder, so that an interrupted run can continue.  The artists of each development set are
divided into parts.  Each part in turn is imported by a real ``beet import``, without genres,
together with the labelled others; ``beet cnntrain`` trains on the others, without any option;
``beet cnngenre -f --threshold 0`` classifies the part, with the model that is then in use.  Only
artists count that the shipped head was not fitted on (``shipped_model.clips.fitted_half``), and
labels of at least three tracks among the others.

*Strictly*, the genre in the file must be the label itself.  *By kind*, a shipped genre that belongs
to the label is right, too: Metal if the label is Pop-Rock.  Intervals are of the paired difference
and resample artists.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.temporary_library import Clip, TemporaryLibrary, clips_of, genre_in
from genre_model.data.artists import lead_artist
from genre_model.evaluation.metrics import balanced_accuracy, one_hot, ratio_interval
from genre_model.model.bundle.store import SHIPPED, load_bundle
from genre_model.training.head.correspondence import correspond
from shipped_model.clips import fitted_half, read_rows, without_features
from shipped_model.settings import read_settings
from studies.held_out_library import deal

MIN_TRACKS = 3


@dataclass(frozen=True, slots=True)
class Version:
    """A version of the program: its code, None for this checkout, and cached features for it."""

    name: str
    code: Path | None
    cache: Path | None


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("music", type=Path)
    parser.add_argument("--former", type=Path, required=True)
    parser.add_argument("--parts", type=int, default=3)
    parser.add_argument("--cache", type=Path, help="cached features; the file is copied")
    parser.add_argument("--work", type=Path, default=Path("through_beet"))
    parser.add_argument("--former-cache", type=Path, help="the same for the other version")
    options = parser.parse_args()
    versions = [
        Version("former", options.former.resolve(), options.former_cache),
        Version("now", None, options.cache),
    ]
    unseen = unseen_clips(options.music)
    columns = [f"{version.name}, songs / balanced" for version in versions]
    print(f"| music | tracks | scored | {' | '.join(columns)} | gain, songs | balanced |")
    print("|---|---|---|---|---|---|---|")
    for name in sorted({row["set"] for row in read_rows(options.music)}):
        clips: list[Clip] = []
        answers: dict[str, list[str]] = {version.name: [] for version in versions}
        for part, held_out, others in deal(clips_of(options.music, name), options.parts):
            counts = Counter(clip.genre for clip in others)
            scored = [c for c in held_out if c.source in unseen and counts[c.genre] >= MIN_TRACKS]
            clips += scored
            for version in versions:
                file = options.work / f"{name}-{part}-of-{options.parts}-{version.name}.json"
                if not file.exists():
                    file.parent.mkdir(exist_ok=True)
                    file.write_text(json.dumps(answers_of(version, held_out, others)))
                found = json.loads(file.read_text())
                answers[version.name] += [found[clip.name] for clip in scored]
        for how, kinds in (("strictly", {}), ("by kind", kinds_of(clips))):
            print(line(f"{name} | {len(clips)} | {how}", clips, answers, kinds), flush=True)


def unseen_clips(music: Path) -> set[Path]:
    """The clips of artists that the shipped head was not fitted on."""
    rows = read_rows(music)
    fitted = fitted_half(without_features(rows, read_settings()))
    return {music / row["path"] for row, used in zip(rows, fitted, strict=True) if not used}


def answers_of(version: Version, held_out: list[Clip], others: list[Clip]) -> dict[str, str]:
    """The genres in the files of the held-out clips, after training on the others."""
    with tempfile.TemporaryDirectory() as folder:
        library = TemporaryLibrary(Path(folder), version.code)
        library.configure(version.cache)
        library.add(others, "labelled")
        files = library.add(held_out, "held_out", labelled=False)
        library.beet("cnntrain", "-q")
        query = f"path:{library.folder / 'music' / 'held_out'}"
        library.beet("cnngenre", "-q", "-f", "--threshold", "0", query)
        return {name: genre_in(file) for name, file in files.items()}


def kinds_of(clips: Sequence[Clip]) -> dict[str, str]:
    """Shipped genre -> the label that it belongs to, for genres that belong to one."""
    manifest = load_bundle(SHIPPED).manifest
    labels = sorted({clip.genre for clip in clips})
    found = correspond(labels, manifest.genres, manifest.parents, {}, others=False)
    return {
        genre: labels[int(row.argmax())]
        for genre, row in zip(manifest.genres, found.answers, strict=True)
        if row.any()
    }


def line(
    name: str,
    clips: Sequence[Clip],
    answers: Mapping[str, Sequence[str]],
    kinds: Mapping[str, str],
) -> str:
    """A row of the table."""
    labels = [clip.genre for clip in clips]
    right = {
        version: np.array(
            [label in (a, kinds.get(a)) for a, label in zip(said, labels, strict=True)]
        )
        for version, said in answers.items()
    }
    cells = [f"{r.mean():.3f} / {balanced_accuracy(r, labels):.3f}" for r in right.values()]
    gain = right["now"].astype(float) - right["former"]
    artists, columns = [lead_artist(clip.artist) for clip in clips], one_hot(labels)
    spans = [
        ratio_interval(gain, np.ones(len(gain)), artists),
        ratio_interval(gain[:, None] * columns, columns, artists),
    ]
    cells += [f"{one.value:+.3f} [{one.low:+.3f}, {one.high:+.3f}]" for one in spans]
    return f"| {name} | " + " | ".join(cells) + " |"


if __name__ == "__main__":
    main()
