"""MIDI files as sequences of notes, cut into slices of a number of notes each.

The formats are *The Complete MIDI 1.0 Detailed Specification* and *Standard MIDI Files 1.0* (MIDI
Manufacturers Association, 1996), with the instruments of General MIDI: sixteen families of eight
programs, and percussion on the tenth channel.  mido parses the files; it is imported when a file is
read.
"""

from __future__ import annotations

import re
from collections import defaultdict, deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np

from genre_model.core.arrays import Float32, Float64
from genre_model.core.errors import AudioError, GenreModelError, TooShortError, reason
from genre_model.core.specs import NotesSpec, SliceSpec
from genre_model.features.slices import Slice, choose

# A song has some hundred kilobytes; reading a file takes 250 times its size in memory.
MAX_BYTES = 1_000_000

MAX_SECONDS = 24 * 3600

MAX_TICKS = 2**40  # between two messages

# mido keeps adding bytes to a length or a time as long as their highest bit is set.
ENDLESS_NUMBER = re.compile(rb"[\x80-\xff]{1000}")

PERCUSSION = 9  # the tenth channel

DEFAULT_TEMPO_US = 500_000  # per quarter note, until a file says otherwise

PROGRAMS_IN_FAMILY = 8

N_PITCHES, N_PITCH_CLASSES, N_FAMILIES = 128, 12, 16

# pitch, its class, velocity, time since the previous note, duration, family, percussion
N_FEATURES = 1 + N_PITCH_CLASSES + 1 + 1 + 1 + N_FAMILIES + 1

# Times are distinguished from a hundredth of a second up to eight seconds.
SHORTEST_S, LONGEST_S = 0.01, 8.0


@dataclass(frozen=True, slots=True)
class Note:
    """A note, in seconds from the start of the piece; ``program`` is that of its channel, 0-127."""

    onset_s: float
    duration_s: float
    pitch: int
    velocity: int
    program: int
    is_drum: bool


def read_note_slices(
    path: Path, spec: NotesSpec, slices: SliceSpec, *, thorough: bool = False
) -> list[Slice]:
    """The slices of a MIDI file, by time: ``slices.frames`` notes each, (frames, n_features).

    All of them if ``thorough``, else at most ``slices.max_slices``.  A piece with fewer notes
    than a slice is repeated until it fills one.

    Raises:
        TooShortError: Less than ``slices.min_seconds`` of music.
        AudioError: The file cannot be read as MIDI, or has no notes.
        GenreModelError: mido is missing, or the network needs another number of values per note.
    """
    if spec.n_features != N_FEATURES:
        raise GenreModelError(
            f"the network wants {spec.n_features} values a note, this version has {N_FEATURES}"
        )
    notes = read_notes(path)
    seconds = max(note.onset_s + note.duration_s for note in notes) - notes[0].onset_s
    if seconds < slices.min_seconds:
        raise TooShortError(f"too short: {seconds:.2f} s, at least {slices.min_seconds} s needed")
    values = note_features(notes)
    if len(notes) < slices.frames:
        repeats = -(-slices.frames // len(notes))
        return [Slice(np.tile(values, (repeats, 1))[: slices.frames], notes[0].onset_s, False)]
    n_available = slices.n_slices(len(notes))
    indices = range(n_available) if thorough else choose(n_available, slices)
    starts = [index * slices.hop_frames for index in indices]
    return [
        Slice(values[start : start + slices.frames], notes[start].onset_s, False)
        for start in starts
    ]


def note_features(notes: Sequence[Note]) -> Float32:
    """The network's input for the notes: (n_notes, ``N_FEATURES``) between 0 and 1.

    Pitch and its class (for percussion, the kind of drum), velocity, the time since the previous
    note began, duration, family of instruments, and whether it is percussion, which has no family.
    """
    onset_s = np.array([note.onset_s for note in notes])
    pitch = np.array([note.pitch for note in notes])
    is_drum = np.array([note.is_drum for note in notes])
    family = np.array([note.program // PROGRAMS_IN_FAMILY for note in notes])
    return np.column_stack(
        [
            pitch / (N_PITCHES - 1),
            np.eye(N_PITCH_CLASSES)[pitch % N_PITCH_CLASSES],
            np.array([note.velocity for note in notes]) / 127,
            log_time(np.diff(onset_s, prepend=onset_s[0])),
            log_time(np.array([note.duration_s for note in notes])),
            np.eye(N_FAMILIES)[family] * ~is_drum[:, None],
            is_drum,
        ]
    ).astype(np.float32)


def log_time(seconds: Float64) -> Float64:
    """Times on a scale from 0 to 1 that is linear below ``SHORTEST_S`` and logarithmic above."""
    longest = np.log1p(LONGEST_S / SHORTEST_S)
    scaled: Float64 = np.log1p(np.clip(seconds, 0, LONGEST_S) / SHORTEST_S) / longest
    return scaled


def read_notes(path: Path) -> list[Note]:
    """The notes of a MIDI file, sorted by onset, then by percussion, program and pitch.

    Raises:
        AudioError: The file cannot be read as MIDI, is too large, or has no notes.
        GenreModelError: mido is missing.
    """
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise AudioError(f"not readable: {reason(error)}") from error
    if len(content) > MAX_BYTES:
        raise AudioError(f"not readable as MIDI: more than {MAX_BYTES // 1_000_000} MB")
    piece = parse(content)
    notes = sorted(
        notes_of(piece),
        key=lambda note: (note.onset_s, note.is_drum, note.program, note.pitch),
    )
    if not notes:
        raise AudioError("no notes in it")
    if notes[-1].onset_s > MAX_SECONDS:
        raise AudioError("not readable as MIDI: it would take more than a day")
    return notes


def parse(content: bytes) -> Any:
    """The ``mido.MidiFile`` of a file's content.

    Raises:
        AudioError: The content is not MIDI, or is damaged.
        GenreModelError: mido is missing.
    """
    try:
        import mido
    except ImportError as error:
        raise GenreModelError("MIDI needs mido: pip install 'beets-cnngenre[train]'") from error
    if ENDLESS_NUMBER.search(content):
        raise AudioError("not readable as MIDI: it is damaged")
    try:
        piece = mido.MidiFile(file=BytesIO(content), clip=True)
    except OSError as error:  # mido's own, with a text; the others come from inside it
        raise AudioError(f"not readable as MIDI: {error}") from error
    except (EOFError, ValueError, LookupError, TypeError, mido.KeySignatureError) as error:
        raise AudioError("not readable as MIDI: it is damaged or cut off") from error
    if not piece.ticks_per_beat & (0xFF if piece.ticks_per_beat < 0 else 0xFFFF):
        raise AudioError("not readable as MIDI: it has no unit of time")
    return piece


def notes_of(piece: Any) -> Iterator[Note]:
    """The notes of a ``mido.MidiFile``, in the order of their ends.

    A note that is struck again before its end becomes two notes; the one struck first ends first.
    Notes without an end last until the piece ends.
    """
    programs: dict[int, int] = defaultdict(int)
    sounding: dict[tuple[int, int], deque[tuple[float, int, int]]] = defaultdict(deque)
    seconds = 0.0
    for seconds, message in timed_messages(piece):
        if message.type == "program_change":
            programs[message.channel] = message.program
        elif message.type in ("note_on", "note_off"):
            key = message.channel, message.note
            if message.type == "note_on" and message.velocity:
                start = seconds, message.velocity, programs[message.channel]
                sounding[key].append(start)
            elif sounding[key]:
                yield ended(key, sounding[key].popleft(), seconds)
    for key, starts in sounding.items():
        yield from (ended(key, start, seconds) for start in starts)


def ended(key: tuple[int, int], start: tuple[float, int, int], end_s: float) -> Note:
    """The note of a (channel, pitch) that began as (onset, velocity, program)."""
    channel, pitch = key
    onset_s, velocity, program = start
    return Note(onset_s, end_s - onset_s, pitch, velocity, program, channel == PERCUSSION)


def timed_messages(piece: Any) -> Iterator[tuple[float, Any]]:
    """The messages of all tracks of a ``mido.MidiFile`` together, in seconds from the start.

    mido itself does not merge the tracks of a type 2 file, and does not support division into SMPTE
    frames, in which a tick is the same part of a second at any tempo.
    """
    import mido

    division, tempo_us = piece.ticks_per_beat, DEFAULT_TEMPO_US
    follows_tempo = division > 0
    if not follows_tempo:
        division, tempo_us = -(division >> 8) * (division & 0xFF), 1_000_000
    seconds = 0.0
    for message in mido.merge_tracks(piece.tracks, skip_checks=True):
        seconds += mido.tick2second(min(message.time, MAX_TICKS), division, tempo_us)
        if follows_tempo and message.type == "set_tempo":
            tempo_us = message.tempo
        yield seconds, message
