"""Render classical scores with synthesisers: examples to fit the head on, and to check it.

    pip install music21 mido
    python -m studies.midi_corpus MIDI
    python -m shipped_model.renderings MIDI FITTED --soundfonts TimGM6mb.sf2 FluidR3_GM.sf2 \
        --groups Chorale Mass Trecento haydn
    python -m shipped_model.renderings MIDI CHECKED --soundfonts MuseScore_General_Lite.sf3 \
        --groups mozart beethoven --times 3

The Classical music among the development clips is recorded; what games and hobbyists call Classical
is often an orchestra of samples.  Each score gets a random orchestration (``ORCHESTRATIONS``, fixed
seed), tempo and pitch, and ``fluidsynth`` renders half a minute of it. The folder gets the files
and a ``manifest.csv`` like that of the development music.  The soundfonts come from Debian's
packages timgm6mb-soundfont, fluid-soundfont-gm and musescore-general-soundfont-small.  A file takes
three seconds of CPU.
"""

from __future__ import annotations

import argparse
import csv
import subprocess
import tempfile
import wave
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soxr
from tqdm import tqdm

from genre_model.core.arrays import Float32
from shipped_model.clips import RENDERINGS

GENRE = "Classical"
COMPOSERS = {"Chorale": "bach", "Mass": "palestrina", "Trecento": "trecento"}

# General MIDI programs, counted from 0, for the parts of a score; a part may have several.
ORCHESTRATIONS: tuple[tuple[tuple[int, ...], ...], ...] = (
    ((48, 73), (48, 71), (48, 60), (43, 57)),  # strings with flute, clarinet, horn, trombone
    ((48, 56), (48, 60), (48,), (43, 58)),  # strings with trumpet, horn, tuba
    ((48, 52), (48, 52), (48, 60), (48, 47)),  # strings with choir, horn, timpani
    ((48,), (48,), (48,), (48,)),
    ((49, 46), (49,), (49,), (49,)),  # slow strings with harp
    ((40,), (40,), (41,), (42,)),  # string quartet
    ((45,), (45,), (45,), (45,)),  # plucked
    ((73,), (68,), (71,), (70,)),  # woodwinds
    ((61, 56), (60,), (57,), (58,)),  # brass
    ((52,), (52,), (53,), (53,)),  # choir
    ((0,), (0,), (0,), (0,)),  # piano
    ((6,), (6,), (6,), (6,)),  # harpsichord
    ((19,), (19,), (19,), (19,)),  # organ
)
N_CHANNELS, DRUMS = 16, 9
ALL_SOUND_OFF = 120  # a MIDI controller
TICKS_A_BEAT, BEAT_US = 480, 500_000
PLAYED_S, LENGTH_S = 36.0, 30.0
SLOWEST, FASTEST = 0.7, 1.15
SEMITONES = 5
SAMPLE_RATE_HZ, WRITTEN_RATE_HZ = 44_100, 16_000
PEAK, LARGEST = 0.9, 32_767
LONGEST_S = 120  # time limit of a rendering
AT_MOST = 20  # scores of a composer
SEED = 0


@dataclass(frozen=True, slots=True)
class Rendering:
    """One way to play a score.

    Attributes:
        score: The MIDI file.
        composer: The composer's name.
        orchestration: The programs of its parts.
        speed: Factor of its tempo.
        semitones: By how much it is transposed.
        soundfont: The soundfont that plays it.
    """

    score: Path
    composer: str
    orchestration: tuple[tuple[int, ...], ...]
    speed: float
    semitones: int
    soundfont: Path


def main() -> None:
    """Render the scores and write the manifest."""
    options = parse()
    options.output.mkdir(parents=True, exist_ok=True)
    renderings = drawn(scores_of(options.midi, options.groups), options.soundfonts, options.times)
    rows = []
    for number, rendering in enumerate(tqdm(renderings, unit="file")):
        target = options.output / f"{number:04d} {rendering.composer}.wav"
        if not target.exists():
            render(rendering, target, options.fluidsynth)
        rows.append(
            (target.name, GENRE, "", rendering.composer, "", rendering.score.stem, RENDERINGS)
        )
    with (options.output / "manifest.csv").open("w", newline="", encoding="utf-8") as file:
        header = ("path", "genre", "style", "artist", "album", "title", "set")
        csv.writer(file, lineterminator="\n").writerows([header, *rows])


def parse() -> argparse.Namespace:
    """The command's options."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("midi", type=Path, help="what studies.midi_corpus has written")
    parser.add_argument("output", type=Path)
    parser.add_argument("--soundfonts", type=Path, nargs="+", required=True)
    parser.add_argument("--groups", nargs="+", required=True, help="genres or artists of midi.csv")
    parser.add_argument("--times", type=int, default=1, help="renderings of a score")
    parser.add_argument("--fluidsynth", default="fluidsynth", help="the program")
    return parser.parse_args()


def scores_of(midi: Path, groups: Sequence[str]) -> list[tuple[Path, str]]:
    """The first scores of each composer in the groups, with the composer's name."""
    with (midi / "midi.csv").open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if {row["genre"], row["artist"]} & {*groups}]
    found: dict[str, list[Path]] = {}
    for row in rows:
        composer = COMPOSERS.get(row["genre"], row["artist"])
        found.setdefault(composer, []).append(midi / Path(row["path"]).name)
    return [(score, composer) for composer, own in found.items() for score in own[:AT_MOST]]


def drawn(
    scores: Sequence[tuple[Path, str]], soundfonts: Sequence[Path], times: int
) -> list[Rendering]:
    """Random renderings of each score, ``times`` of each."""
    rng = np.random.default_rng(SEED)
    return [
        Rendering(
            score,
            composer,
            ORCHESTRATIONS[int(rng.integers(len(ORCHESTRATIONS)))],
            float(rng.uniform(SLOWEST, FASTEST)),
            int(rng.integers(-SEMITONES, SEMITONES + 1)),
            soundfonts[int(rng.integers(len(soundfonts)))],
        )
        for score, composer in scores
        for _ in range(times)
    ]


def render(rendering: Rendering, target: Path, fluidsynth: str) -> None:
    """Write half a minute of a rendering."""
    with tempfile.TemporaryDirectory() as folder:
        score = Path(folder, "score.mid")
        orchestrated(rendering).save(score)
        play(score, rendering.soundfont, target, fluidsynth)


def play(score: Path, soundfont: Path, target: Path, fluidsynth: str) -> None:
    """Write the beginning of a MIDI file as played by a synthesiser: mono, 16 kHz.

    Raises:
        subprocess.SubprocessError: It cannot be played, or not in two minutes.
    """
    with tempfile.TemporaryDirectory() as folder:
        sound = Path(folder, "sound.wav")
        subprocess.run(
            [
                *(fluidsynth, "-niq", "-F", str(sound), "-r", str(SAMPLE_RATE_HZ)),
                *(str(soundfont), str(score)),
            ],
            check=True,
            timeout=LONGEST_S,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        samples = soxr.resample(read_mono(sound), SAMPLE_RATE_HZ, WRITTEN_RATE_HZ)
    loudest = max(float(np.abs(samples).max(initial=0)), 1.0)
    scaled = np.round(samples * (PEAK * LARGEST / loudest)).astype("<i2")
    begun = target.with_suffix(".part")  # so that a file with the final name is complete
    with wave.open(str(begun), "wb") as file:
        file.setparams((1, 2, WRITTEN_RATE_HZ, 0, "NONE", ""))
        file.writeframes(scaled.tobytes())
    begun.replace(target)


def read_mono(sound: Path) -> Float32:
    """The mean of both channels of the beginning of a 16-bit stereo file, (n_samples,)."""
    with wave.open(str(sound), "rb") as file:
        content = file.readframes(int(LENGTH_S * SAMPLE_RATE_HZ))
    mean: Float32 = np.frombuffer(content, "<i2").reshape(-1, 2).mean(1, np.float32)
    return mean


def orchestrated(rendering: Rendering) -> Any:
    """The beginning of a score with other instruments, as a MIDI file of one track."""
    import mido

    score = mido.MidiFile(rendering.score)
    parts = [part for part in score.tracks if any(event.type == "note_on" for event in part)]
    for number, part in enumerate(parts):
        part[:] = [event.copy(channel=number) if is_note(event) else event for event in part]
    channels = channels_of(len(parts), rendering.orchestration)
    file = mido.MidiFile(ticks_per_beat=TICKS_A_BEAT)
    track = file.add_track(name="score")
    for channel, program in [pair for pairs in channels for pair in pairs]:
        track.append(mido.Message("program_change", channel=channel, program=program))
    now_s, written = 0.0, 0
    for event in score:
        now_s += event.time / rendering.speed
        if now_s > PLAYED_S:
            break
        if is_note(event):
            note = min(max(event.note + rendering.semitones, 0), 127)
            for channel, _ in channels[event.channel]:
                ticks = round(now_s * 1e6 / BEAT_US * TICKS_A_BEAT)
                track.append(event.copy(channel=channel, note=note, time=ticks - written))
                written = ticks
    silence(track)
    return file


def silence(track: Any) -> None:
    """End all notes; otherwise the last notes of an organ would sound forever."""
    import mido

    track.extend(
        mido.Message("control_change", channel=channel, control=ALL_SOUND_OFF)
        for channel in range(N_CHANNELS)
    )


def is_note(event: Any) -> bool:
    """Whether an event begins or ends a note."""
    return event.type in {"note_on", "note_off"}


def channels_of(
    n_parts: int, orchestration: Sequence[Sequence[int]]
) -> list[list[tuple[int, int]]]:
    """Each part's channels with their programs; parts share channels if there are not enough."""
    free = [channel for channel in range(N_CHANNELS) if channel != DRUMS]
    wanted = [
        (part, program)
        for part in range(n_parts)
        for program in orchestration[part * len(orchestration) // n_parts]
    ]
    channels: list[list[tuple[int, int]]] = [[] for _ in range(n_parts)]
    for number, (part, program) in enumerate(wanted):
        channels[part].append((free[number % len(free)], program))
    return channels


if __name__ == "__main__":
    main()
