"""Render music for the teachers: random chords in the styles of MMA, and the packages' MIDI files.

    python -m shipped_model.distillation.accompaniments WORK --soundfonts ONE.sf2 TWO.sf3 [--times 2]

MMA (*Musical MIDI Accompaniment*, Bob van der Poel, Debian's package ``mma``) plays chords in some
280 styles, from bebop and salsa to ska and techno.  Here it gets a random progression, key, tempo
and sometimes a solo (fixed seed), and ``fluidsynth`` plays half a minute with one of the
soundfonts.  The files go to ``WORK/music/rendered``, where ``label`` finds them after
``WORK/pieces.json`` is removed.  The command can be stopped and started again.  A file takes two
seconds of CPU.
"""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path

import mido
import numpy as np
from tqdm import tqdm

from shipped_model.renderings import BEAT_US, LONGEST_S, PLAYED_S, TICKS_A_BEAT, play, silence

RENDERED = "rendered"
NOTES = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")
SEMITONES = {"i": 0, "ii": 2, "iii": 4, "iv": 5, "v": 7, "vi": 9, "vii": 11}
# Chord progressions by degree, a bar each; lower-case degrees are minor.
PROGRESSIONS = (
    "I V vi IV",
    "I IV V V",
    "I vi IV V",
    "I bVII IV I",
    "i bVII bVI bVII",
    "i iv i V7",
    "I7 I7 I7 I7 IV7 IV7 I7 I7 V7 IV7 I7 V7",
    "i7 i7 i7 i7 iv7 iv7 i7 i7 V7 iv7 i7 V7",
    "ii7 V7 IM7 IM7",
    "iim7b5 V7 i7 i7",
    "iii7 VI7 ii7 V7",
    "IM7 IVM7 iii7 VI7",
)
SCALE = (0, 2, 4, 5, 7, 9, 11)
SOLOS = (
    *("Trumpet", "Flute", "TenorSax", "Clarinet", "Violin", "Harmonica", "Banjo", "SteelGuitar"),
    *("NylonGuitar", "OverdriveGuitar", "DistortionGuitar", "Piano1", "Organ1", "SawWave"),
)
SOLO_SHARE = 0.5  # share of the pieces that have a solo
EIGHTHS_SHARE, REST_SHARE = 0.5, 0.15
SLOWEST, FASTEST = 70, 180  # beats a minute


@dataclass(frozen=True, slots=True)
class Style:
    """A file of MMA's library.

    Attributes:
        name: ``folder/file``.
        grooves: Its grooves, without intros, endings, fills and count-ins.
        n_beats: Beats in a bar.
    """

    name: str
    grooves: tuple[str, ...]
    n_beats: int


def main() -> None:
    """Render the files that are missing."""
    options = parse()
    for program in (options.mma[0], options.fluidsynth):
        if shutil.which(program) is None:
            raise SystemExit(f"there is no program {program}")
    music = options.work / "music"
    folder = music / RENDERED
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(0)
    found = planned(music, options.styles, options.times, rng)
    for name, score in tqdm(found.items(), unit="file"):
        soundfont = options.soundfonts[int(rng.integers(len(options.soundfonts)))]
        target = folder / f"{name}.wav"
        if target.exists():
            continue
        try:
            with tempfile.TemporaryDirectory() as place:
                beginning = Path(place, "beginning.mid")
                midi = (
                    score if isinstance(score, Path) else accompaniment(score, place, options.mma)
                )
                beginning_of(midi).save(beginning)
                play(beginning, soundfont, target, options.fluidsynth)
        except (subprocess.SubprocessError, OSError, EOFError, mido.KeySignatureError) as error:
            tqdm.write(f"{name}: {error}")


def parse() -> argparse.Namespace:
    """The command's options."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("work", type=Path)
    parser.add_argument("--soundfonts", type=Path, nargs="+", required=True)
    parser.add_argument("--times", type=int, default=2, help="accompaniments of a style")
    parser.add_argument("--mma", nargs="+", default=["mma"], help="the program")
    parser.add_argument("--styles", type=Path, default=Path("/usr/share/mma/lib"))
    parser.add_argument("--fluidsynth", default="fluidsynth", help="the program")
    return parser.parse_args()


def planned(
    music: Path, library: Path, times: int, rng: np.random.Generator
) -> dict[str, Path | str]:
    """The name of each rendering -> a MIDI file, or the text of a piece for MMA."""
    scores = sorted([*music.glob("*/*.mid"), *music.glob("*/*.midi")])
    found: dict[str, Path | str] = {f"{score.parent.name} {score.stem}": score for score in scores}
    for style in styles(library):
        for number in range(times):
            found[f"{style.name.replace('/', ' ')} {number}"] = drawn(style, rng)
    return found


def styles(library: Path) -> Iterator[Style]:
    """The styles of a library that have a groove."""
    for file in sorted(library.glob("*/*.mma")):
        text = file.read_text(encoding="utf-8", errors="replace")
        grooves = tuple(
            name
            for name in re.findall(r"^\s*DefGroove\s+(\S+)", text, re.MULTILINE | re.IGNORECASE)
            if not re.search(r"(intro|end|fill|count)\w*$", name, re.IGNORECASE)
        )
        time = re.search(r"^\s*Time\s+(\d+)", text, re.MULTILINE | re.IGNORECASE)
        if grooves:
            yield Style(f"{file.parent.name}/{file.stem}", grooves, int(time[1]) if time else 4)


def drawn(style: Style, rng: np.random.Generator) -> str:
    """The text of a random piece in a style, for MMA."""
    key, tempo = int(rng.integers(12)), int(rng.integers(SLOWEST, FASTEST))
    n_bars = int(PLAYED_S * tempo / 60 / style.n_beats) + 1
    chords = PROGRESSIONS[int(rng.integers(len(PROGRESSIONS)))].split()
    lines = [f"Tempo {tempo}", f"Groove {style.name}:{chosen(style.grooves, rng)}"]
    with_solo = rng.random() < SOLO_SHARE
    if with_solo:
        lines += ["Begin Solo-One", f"  Voice {chosen(SOLOS, rng)}", "  Octave 5", "End"]
    for number, degree in enumerate(islice(cycle(chords), n_bars), 1):
        if with_solo:
            lines.append(f"Solo-One Riff {riff(key, style.n_beats, rng)}")
        lines.append(f"{number} {chord(degree, key)}")
    return "\n".join(lines) + "\n"


def chosen(values: Sequence[str], rng: np.random.Generator) -> str:
    """A random one of the values."""
    return values[int(rng.integers(len(values)))]


def chord(degree: str, key: int) -> str:
    """The name of a chord: ``bVII`` in C is ``A#``, ``ii7`` is ``Dm7``."""
    parts = re.fullmatch(r"(b?)([iIvV]+)(.*)", degree)
    assert parts is not None
    flat, numeral, kind = parts.groups()
    note = NOTES[(key + SEMITONES[numeral.lower()] - len(flat)) % 12]
    minor = numeral.islower() and not kind.startswith("m")
    return f"{note}{'m' if minor else ''}{kind}"


def riff(key: int, n_beats: int, rng: np.random.Generator) -> str:
    """A random bar of quarter and eighth notes from the scale, with rests."""
    notes = []
    for beat in range(n_beats):
        length = 8 if rng.random() < EIGHTHS_SHARE else 4
        for _ in range(length // 4):
            note = NOTES[(key + int(rng.choice(SCALE))) % 12].lower()
            sounds = rng.random() > REST_SHARE or not beat
            notes.append(f"{length}{note if sounds else 'r'};")
    return "".join(notes)


def accompaniment(written: str, place: str, mma: Sequence[str]) -> Path:
    """Write a piece's MIDI file to the folder ``place``; returns the file.

    Raises:
        subprocess.SubprocessError: MMA cannot play it.
    """
    piece = Path(place, "piece.mma")
    piece.write_text(written, encoding="utf-8")
    subprocess.run([*mma, str(piece)], check=True, timeout=LONGEST_S, stdout=subprocess.DEVNULL)
    return piece.with_suffix(".mid")


def beginning_of(midi: Path) -> mido.MidiFile:
    """The first ``PLAYED_S`` seconds of a MIDI file, as one track with one tempo."""
    file = mido.MidiFile(ticks_per_beat=TICKS_A_BEAT)
    track = file.add_track()
    now_s, written = 0.0, 0
    for event in mido.MidiFile(midi):
        now_s += event.time
        if now_s > PLAYED_S:
            break
        if not event.is_meta:
            ticks = round(now_s * 1e6 / BEAT_US * TICKS_A_BEAT)
            track.append(event.copy(time=ticks - written))
            written = ticks
    silence(track)
    return file


if __name__ == "__main__":
    main()
