"""Synthesise a small music collection: seven pieces, and a damaged file.

NumPy makes the sound, PyAV encodes it, mediafile tags it.  Most pieces imitate a genre, one is
silence, and one already has a genre tag that must stay.

    python -m demo.make_music FOLDER
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import av
import numpy as np
from mediafile import MediaFile
from numpy.typing import NDArray

RATE = 44_100
Sound = NDArray[np.float64]

CODECS = {
    ".mp3": "libmp3lame",
    ".flac": "flac",
    ".m4a": "aac",
    ".ogg": "libopus",
    ".opus": "libopus",
    ".wav": "pcm_s16le",
}
ENCODER_RATES = {"libopus": 48_000}
SECONDS_A_FRAME = 1


# ---------------------------------------------------------------------------------- sound


def seconds(n: float) -> Sound:
    """The times, in seconds, of all samples of ``n`` seconds."""
    return np.arange(int(n * RATE)) / RATE


def hertz(note: float) -> float:
    """The frequency of a MIDI note."""
    return float(440 * 2 ** ((note - 69) / 12))


def noise(length: float, rng: np.random.Generator) -> Sound:
    """White noise."""
    return rng.standard_normal(int(length * RATE))


def band(sound: Sound, low: float, high: float) -> Sound:
    """The part of a sound between two frequencies, with soft edges."""
    size = fast_size(len(sound))
    spectrum = np.fft.rfft(sound, size)
    f = np.fft.rfftfreq(size, 1 / RATE)
    spectrum /= np.sqrt(1 + (f / high) ** 6)
    spectrum *= f**2 / (f**2 + low**2)
    return np.fft.irfft(spectrum, size)[: len(sound)]


def fast_size(n: int) -> int:
    """The next power of two, a fast size for Fourier transforms."""
    return 1 << (n - 1).bit_length()


@cache
def saw(note: float, length: float, detune: float = 0.0, top: float = 9000) -> Sound:
    """A sawtooth wave, with partials up to the frequency ``top``, but at most 40."""
    f = hertz(note + detune)
    turn = np.linspace(0, 2 * np.pi, 4096)
    table = np.zeros_like(turn)
    for k in range(1, min(40, int(top / f)) + 1):
        table += np.sin(k * turn) / k
    return np.interp(seconds(length) * f % 1, turn / (2 * np.pi), table)


def fade(sound: Sound, attack: float, release: float) -> Sound:
    """The sound with a soft start and end."""
    out = sound.copy()
    n, m = int(attack * RATE), int(release * RATE)
    out[:n] *= np.linspace(0, 1, n)
    out[len(out) - m :] *= np.linspace(1, 0, m)
    return out


def kick(rng: np.random.Generator, *, low: float = 48, length: float = 0.35) -> Sound:
    """A bass drum: a falling sine and a click."""
    t = seconds(length)
    phase = 2 * np.pi * np.cumsum(low + 160 * np.exp(-t * 45)) / RATE
    return np.sin(phase) * np.exp(-t * 9) + 0.1 * noise(length, rng) * np.exp(-t * 400)


def snare(rng: np.random.Generator, length: float = 0.25) -> Sound:
    """A snare drum: a short tone and a burst of noise."""
    t = seconds(length)
    body = np.sin(2 * np.pi * 190 * t) * np.exp(-t * 28)
    return 0.6 * body + 0.5 * band(noise(length, rng), 900, 9000) * np.exp(-t * 16)


def hat(rng: np.random.Generator, length: float = 0.06) -> Sound:
    """A hi-hat, or a cymbal if it is long: high noise."""
    t = seconds(length)
    return band(noise(length, rng), 7000, 15000) * np.exp(-t * 4 / length)


def pluck(note: float, length: float, rng: np.random.Generator, *, bright: float = 1.0) -> Sound:
    """A plucked string after Karplus and Strong, one period at a time."""
    period = max(2, round(RATE / hertz(note) - 0.5))
    wave = rng.uniform(-1, 1, period)
    for _ in range(int((1 - bright) * 12)):
        wave = (wave + np.roll(wave, 1)) / 2
    rows = np.empty((int(length * RATE) // period + 1, period))
    for row in rows:
        row[:] = wave
        wave = 0.498 * (wave + np.roll(wave, 1))
    return fade(rows.ravel()[: int(length * RATE)], 0.002, min(0.03, length / 3))


def piano(note: float, length: float, rng: np.random.Generator) -> Sound:
    """A piano-like sound: stretched partials, each with its own decay."""
    t = seconds(length)
    f = hertz(note)
    out = np.zeros_like(t)
    for k in range(1, 13):
        partial = f * k * np.sqrt(1 + 0.0004 * k * k)
        if partial < 10_000:
            out += np.sin(2 * np.pi * partial * t) * np.exp(-t * (0.7 + 0.5 * k)) / k**1.3
    thud = band(noise(length, rng), 100, 1500) * np.exp(-t * 90)
    return fade(out + 0.15 * thud, 0.003, min(0.08, length / 3))


def electric_piano(note: float, length: float) -> Sound:
    """A tine piano by frequency modulation."""
    t = seconds(length)
    f = hertz(note)
    bell = 1.2 * np.exp(-t * 5) * np.sin(2 * np.pi * f * t)
    return fade(np.sin(2 * np.pi * f * t + bell) * np.exp(-t * 1.5), 0.004, min(0.05, length / 3))


class Mix:
    """A stereo tape to which sounds are added."""

    def __init__(self, length: float, seed: int) -> None:
        """Make an empty tape of ``length`` seconds."""
        self.tape = np.zeros((2, int(length * RATE)))
        self.rng = np.random.default_rng(seed)

    def add(self, sound: Sound, at: float, gain: float = 1.0, pan: float = 0.0) -> None:
        """Add a sound at a time; ``pan`` from -1 (left) to 1 (right)."""
        start = max(0, int(at * RATE))
        part = sound[: max(0, self.tape.shape[1] - start)] * gain
        self.tape[0, start : start + len(part)] += part * np.sqrt((1 - pan) / 2)
        self.tape[1, start : start + len(part)] += part * np.sqrt((1 + pan) / 2)

    def finish(self, room: float = 0.0, decay: float = 1.0) -> Sound:
        """The tape with some reverberation, at full level, faded at the ends."""
        out = self.tape
        if room:
            n = int(2 * decay * RATE)
            echo = self.rng.standard_normal((2, n)) * np.exp(-np.arange(n) / RATE * 5 / decay)
            echo /= np.sqrt((echo**2).sum(axis=1, keepdims=True))
            size = fast_size(out.shape[1] + n)
            wet = np.fft.irfft(np.fft.rfft(out, size) * np.fft.rfft(echo, size), size)
            out = out + room * wet[:, : out.shape[1]]
        out = 0.9 * out / max(float(np.abs(out).max()), 1e-9)
        return np.stack([fade(channel, 0.005, 0.4) for channel in out])


def on_tape(sound: Sound, low: float, high: float, hiss: float) -> Sound:
    """The sound as a cheap tape recorder plays it: one channel, a narrow band, hiss."""
    mono = band(sound.mean(axis=0), low, high)
    mono *= 0.9 / np.abs(mono).max()
    return mono + hiss * np.random.default_rng(0).standard_normal(sound.shape)


# ---------------------------------------------------------------------------------- pieces


def club() -> Sound:
    """Four on the floor, 126 beats a minute: drums, off-beat bass, stabs with a slow filter."""
    beat = 60 / 126
    mix = Mix(32 * beat, 1)
    roots = [33, 33, 36, 31]
    for i in range(32):
        at, root = i * beat, roots[i // 4 % 4]
        mix.add(kick(mix.rng), at, 1.0)
        mix.add(hat(mix.rng, 0.12), at + beat / 2, 0.35, 0.2)
        if i % 2:
            mix.add(snare(mix.rng, 0.18), at, 0.35)
        for quarter in (1, 2, 3):
            mix.add(hat(mix.rng, 0.04), at + quarter * beat / 4, 0.12, -0.3)
            tone = band(saw(root, beat / 4.5), 30, 500)
            mix.add(fade(tone, 0.004, 0.02), at + quarter * beat / 4, 0.5)
        opening = 700 + 120 * i
        for chord_note in (24, 27, 31, 34):
            stab = saw(root + chord_note, beat / 3, 0.08) + saw(root + chord_note, beat / 3, -0.08)
            for at_stab in (0.75, 1.5):
                shaped = fade(band(stab, 150, opening), 0.004, 0.06)
                mix.add(shaped, at + at_stab * beat / 2, 0.09, 0.4 if chord_note % 2 else -0.4)
    return mix.finish(room=0.15, decay=0.7)


def ballad() -> Sound:
    """A slow piece for a piano alone: broken chords, and a melody over them."""
    beat = 60 / 66
    mix = Mix(17.5, 2)
    chords = [(45, 52, 57, 60), (41, 48, 53, 57), (48, 52, 55, 60), (43, 50, 55, 59)]
    melody = [76, 74, 72, 71, 72, 69, 72, 74, 76, 79, 77, 76, 74, 71, 74, 72]
    for i in range(16):
        at = i * beat
        notes = chords[i // 4]
        mix.add(piano(notes[i % 4] - (12 if i % 4 == 0 else 0), 3.0, mix.rng), at, 0.5, -0.2)
        mix.add(piano(notes[(i + 2) % 4], 2.0, mix.rng), at + beat / 2, 0.3, -0.1)
        late = float(mix.rng.uniform(0, 0.03))
        mix.add(piano(melody[i], 2.5, mix.rng), at + late, 0.45, 0.2)
    return on_tape(mix.finish(room=0.3, decay=1.6), 60, 4500, 0.025)


def rock() -> Sound:
    """A riff of power chords through a driven amplifier, bass, drums; 138 beats a minute."""
    beat = 60 / 138
    mix = Mix(32 * beat, 3)
    drums = Mix(32 * beat, 4)
    riff = [40, 40, 43, 40, 45, 40, 43, 42]
    for side, pan in ((0, -0.8), (1, 0.8)):
        guitar = Mix(32 * beat, 5 + side)
        for i in range(64):
            root = riff[i // 2 % 8] + (5 if i // 16 == 2 else 0)
            late = float(guitar.rng.uniform(0, 0.012))
            for interval in (0, 7, 12):
                guitar.add(pluck(root + interval, beat * 0.52, guitar.rng), i * beat / 2 + late)
        driven = np.tanh(14 * band(guitar.tape[0], 90, 6000))
        mix.add(band(driven, 90, 4200), 0, 0.5, pan)
    for i in range(64):
        root = riff[i // 2 % 8] + (5 if i // 16 == 2 else 0) - 12
        bass = np.tanh(3 * pluck(root, beat * 0.5, mix.rng, bright=0.6))
        mix.add(band(bass, 35, 1500), i * beat / 2, 0.35)
        drums.add(hat(drums.rng, 0.1), i * beat / 2, 0.4, 0.3)
    for i in range(32):
        at = i * beat
        if i % 2:
            drums.add(snare(drums.rng), at, 1.0, 0.05)
        else:
            drums.add(kick(drums.rng, low=60, length=0.25), at, 1.1)
            drums.add(kick(drums.rng, low=60, length=0.25), at + 1.5 * beat, 0.8)
        if i % 16 == 0:
            drums.add(hat(drums.rng, 2.0), at, 0.6, -0.4)
    mix.tape += 0.9 * drums.tape
    return on_tape(mix.finish(room=0.12, decay=0.5), 200, 3500, 0.01)


def pad() -> Sound:
    """Slow chords: detuned saws behind a filter, a long echo, no beat."""
    mix = Mix(20, 7)
    for i, root in enumerate((45, 41, 48, 43)):
        for note in (-12, 0, 7, 12, 16 if root in (41, 48, 43) else 15, 19):
            for detune in (-0.09, 0.0, 0.1):
                tone = band(saw(root + note, 7.5, detune, 2500), 40, 900)
                pan = float(mix.rng.uniform(-0.9, 0.9))
                mix.add(fade(tone, 2.5, 3.5), 4.5 * i, 0.12, pan)
    wind = band(noise(20, mix.rng), 300, 1200) * (1 + np.sin(2 * np.pi * seconds(20) / 9)) / 2
    mix.add(wind, 0, 0.05)
    return mix.finish(room=1.0, decay=4.0)


def swing() -> Sound:
    """A trio: walking bass, ride cymbal and brushes, a piano that comps and plays lines."""
    beat = 60 / 150
    mix = Mix(40 * beat, 8)
    walk = [38, 41, 45, 48, 43, 47, 50, 47, 36, 40, 43, 45, 45, 43, 41, 39]
    chords = [(53, 57, 60, 64), (53, 57, 59, 64), (52, 55, 59, 62), (49, 55, 58, 64)]
    scale = [62, 64, 65, 67, 69, 70, 71, 72, 74, 76, 77, 79]
    line = 5
    for i in range(40):
        at = i * beat
        swung = at + beat * 2 / 3
        bass = pluck(walk[i % 16], beat * 1.1, mix.rng, bright=0.35)
        mix.add(band(bass, 40, 1800), at + float(mix.rng.uniform(0, 0.01)), 0.9)
        mix.add(hat(mix.rng, 0.35), at, 0.12, 0.4)
        if i % 2:
            mix.add(hat(mix.rng, 0.25), swung, 0.09, 0.4)
            mix.add(hat(mix.rng, 0.05), at, 0.15, -0.3)
        brush = band(noise(0.2, mix.rng), 1500, 7000) * np.exp(-seconds(0.2) * 20)
        mix.add(brush, at, 0.06, -0.2)
        chord = chords[i // 4 % 4]
        if i % 4 in (0, 2) and mix.rng.random() < 0.85:
            when = swung if i % 4 == 2 else at + beat * 0.02
            for note in chord:
                mix.add(piano(note, beat * 0.7, mix.rng), when, 0.13, -0.3)
        for when in (at, swung):
            if mix.rng.random() < 0.7:
                line = int(np.clip(line + mix.rng.integers(-2, 3), 0, len(scale) - 1))
                mix.add(piano(scale[line], beat * 0.6, mix.rng), when, 0.28, 0.1)
    return on_tape(mix.finish(room=0.25, decay=0.8), 60, 5000, 0.01)


def beat_tape() -> Sound:
    """A slow drum loop with late hi-hats, a sub bass, a chopped electric piano, vinyl crackle."""
    beat = 60 / 88
    mix = Mix(24 * beat, 9)
    chords = [(57, 60, 64, 67, 71), (50, 57, 60, 65, 69)]
    for bar in range(6):
        start = 4 * bar * beat
        for at in (0, 0.75, 2.5):
            mix.add(kick(mix.rng, low=45, length=0.4), start + at * beat, 1.0)
        for at in (1, 3):
            mix.add(snare(mix.rng, 0.3), start + at * beat, 0.8)
        for half in range(8):
            lazy = 0.08 * beat if half % 2 else 0.0
            mix.add(hat(mix.rng, 0.06), start + half * beat / 2 + lazy, 0.25, 0.2)
        root = chords[bar % 2][0] - 24
        for at, length in ((0, 0.7), (0.75, 1.2), (2.5, 1.0)):
            sub = np.tanh(2 * np.sin(2 * np.pi * hertz(root) * seconds(length * beat)))
            mix.add(fade(sub, 0.005, 0.05), start + at * beat, 0.45)
        for at, length in ((0, 1.3), (1.75, 0.5), (2.5, 1.0)):
            for note in chords[bar % 2]:
                tone = band(electric_piano(note, length * beat), 150, 2500)
                mix.add(tone, start + at * beat, 0.11, -0.2)
    dust = (mix.rng.random(mix.tape.shape[1]) < 0.0004) * mix.rng.uniform(-1, 1, mix.tape.shape[1])
    mix.add(band(dust, 500, 8000), 0, 0.5)
    return mix.finish(room=0.06, decay=0.4)


def jingle() -> Sound:
    """Two seconds of bells."""
    mix = Mix(2, 10)
    for i, note in enumerate((72, 76, 79, 84)):
        t = seconds(1.4)
        bell = np.sin(2 * np.pi * hertz(note) * t) + 0.4 * np.sin(
            2 * np.pi * 2.76 * hertz(note) * t
        )
        mix.add(bell * np.exp(-t * 5), 0.18 * i, 0.4)
    return mix.finish(room=0.1, decay=0.5)


def silence() -> Sound:
    """Twelve seconds of silence."""
    return np.zeros((2, 12 * RATE))


# ---------------------------------------------------------------------------------- files


@dataclass(frozen=True)
class Piece:
    """One file of the collection."""

    artist: str
    album: str
    title: str
    about: str
    suffix: str
    play: Callable[[], Sound]
    genres: tuple[str, ...] = ()
    broken: bool = False


PIECES = (
    Piece("Kilowatt", "Night Shift", "Warehouse", "drum machine and synthesiser", ".mp3", club),
    Piece("Cog & Lever", "Overdrive", "Gravel", "guitar riff, taped in a garage", ".flac", rock),
    Piece("Mira Vale", "Slow Rooms", "Letter Home", "piano in a bar, an old tape", ".m4a", ballad),
    Piece("Farther", "Drift", "Over the Ice", "cloud of synthesisers", ".opus", pad, ("Drone",)),
    Piece("The Left Hands", "Corner", "Second Set", "swing trio, a poor tape", ".flac", swing),
    Piece("Half Past", "Dust", "Loop No. 4", "slow drum loop, electric piano", ".ogg", beat_tape),
    Piece("Half Past", "Dust", "Hidden Track", "nothing but silence", ".mp3", silence),
    Piece("Half Past", "Dust", "Bad Sectors", "damaged file", ".flac", jingle, broken=True),
)


def write_piece(piece: Piece, folder: Path) -> Path:
    """Synthesise, encode and tag one piece; returns its file."""
    path = folder / f"{piece.artist} - {piece.album}" / f"{piece.title}{piece.suffix}"
    path.parent.mkdir(parents=True, exist_ok=True)
    encode(piece.play(), path)
    tags = MediaFile(path)
    tags.artist = tags.albumartist = piece.artist
    tags.album, tags.title = piece.album, piece.title
    if piece.genres:
        tags.genres = list(piece.genres)
    tags.save()
    if piece.broken:
        damage(path)
    return path


def encode(sound: Sound, path: Path) -> None:
    """Write a file in the format of its suffix."""
    codec = CODECS[path.suffix]
    samples = np.clip(np.rint(sound * 32767), -32768, 32767).astype(np.int16)
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=ENCODER_RATES.get(codec, RATE))
        stream.layout = "stereo"
        for start in range(0, samples.shape[1], SECONDS_A_FRAME * RATE):
            part = samples[:, start : start + SECONDS_A_FRAME * RATE]
            interleaved = np.ascontiguousarray(part.T).reshape(1, -1)
            frame = av.AudioFrame.from_ndarray(interleaved, format="s16", layout="stereo")
            frame.sample_rate = RATE
            frame.pts = start
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def damage(path: Path) -> None:
    """Overwrite the audio of a FLAC file with zeros; its tags stay."""
    data = bytearray(path.read_bytes())
    at = data.find(b"\xff\xf8", 42)  # the first audio frame
    data[at:] = bytes(len(data) - at)
    path.write_bytes(data)


def main() -> None:
    """Make the collection in the folder that the command line names."""
    if len(sys.argv) != 2:
        sys.exit("usage: make_music.py FOLDER")
    for piece in PIECES:
        print(write_piece(piece, Path(sys.argv[1])))


if __name__ == "__main__":
    main()
