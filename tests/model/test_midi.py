"""MIDI files give slices of notes; broken files give a one-line error."""

import random
import sys
from dataclasses import replace

import mido
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from genre_model.core.errors import AudioError, GenreModelError, TooShortError
from genre_model.core.specs import NotesSpec, SliceSpec
from genre_model.data.folder import find_audio
from genre_model.features.midi import (
    N_FEATURES,
    Note,
    note_features,
    read_note_slices,
    read_notes,
)

SPEC = NotesSpec(n_features=N_FEATURES)
SLICES = SliceSpec(frames=16, hop_frames=16, max_slices=4)
QUARTER = 480
NOTES = st.builds(
    Note,
    onset_s=st.floats(0, 1000),
    duration_s=st.floats(0, 1000),
    pitch=st.integers(0, 127),
    velocity=st.integers(0, 127),
    program=st.integers(0, 127),
    is_drum=st.booleans(),
)


def on(pitch, time=0, velocity=80, channel=0):
    return mido.Message("note_on", note=pitch, velocity=velocity, time=time, channel=channel)


def off(pitch, time=0, channel=0):
    return mido.Message("note_off", note=pitch, time=time, channel=channel)


def tempo(microseconds, time=0):
    return mido.MetaMessage("set_tempo", tempo=microseconds, time=time)


def program(number, time=0, channel=0):
    return mido.Message("program_change", program=number, time=time, channel=channel)


def melody(n_notes):
    """Messages of quarter notes of half a second, which rise and start over after 40 notes."""
    return [m for n in range(n_notes) for m in (on(40 + n % 40), off(40 + n % 40, QUARTER))]


@pytest.fixture
def write(tmp_path):
    """A function that writes tracks of messages as a MIDI file, and returns its path."""

    def run(*tracks, name="piece.mid", division=QUARTER, kind=1):
        piece = mido.MidiFile(type=kind, ticks_per_beat=QUARTER)
        piece.tracks = [mido.MidiTrack(track) for track in tracks]
        path = tmp_path / name
        piece.save(path)
        content = path.read_bytes()
        path.write_bytes(content[:12] + division.to_bytes(2, "big", signed=True) + content[14:])
        return path

    return run


def test_notes_are_read_with_all_they_have(write):
    path = write(
        [program(40), on(60, 480, 100), off(60, 240), on(64, 240, 90), off(64, 960)],
        [on(36, 960, channel=9), off(36, 120, channel=9)],
    )
    assert read_notes(path) == [
        Note(0.5, 0.25, 60, 100, 40, False),
        Note(1.0, 1.0, 64, 90, 40, False),
        Note(1.0, 0.125, 36, 80, 0, True),
    ]


def test_tempo_changes_hold_for_all_tracks_from_where_they_are(write):
    path = write(
        [tempo(1_000_000), tempo(250_000, 2 * QUARTER)],
        [on(60), off(60, QUARTER), on(62), off(62, 2 * QUARTER), on(64), off(64, QUARTER)],
    )
    times = np.array([(note.onset_s, note.duration_s) for note in read_notes(path)])
    assert times == pytest.approx(np.array([(0, 1), (1, 1.25), (2.25, 0.25)]))


@pytest.mark.parametrize(("division", "tick_s"), [(96, 0.5 / 96), (-25 * 256 + 40, 0.001)])
def test_a_tick_is_part_of_a_quarter_or_of_a_frame(write, division, tick_s):
    (note,) = read_notes(write([tempo(500_000), on(60, 30), off(60, 20)], division=division))
    assert (note.onset_s, note.duration_s) == pytest.approx((30 * tick_s, 20 * tick_s))


def test_a_program_holds_for_its_channel_in_all_tracks_from_where_it_is(write):
    path = write(
        [program(24, QUARTER), program(56, channel=1)],
        [on(60), off(60, QUARTER), on(62), off(62, 10), on(50, channel=1), off(50, 10, channel=1)],
    )
    assert [note.program for note in read_notes(path)] == [0, 24, 56]


def test_a_stroke_of_no_velocity_is_an_end(write):
    (note,) = read_notes(write([on(60), on(60, QUARTER, velocity=0)]))
    assert note.duration_s == 0.5


def test_a_note_that_is_struck_again_ends_in_the_order_of_the_strokes(write):
    path = write([on(60), on(60, QUARTER), off(60, QUARTER), off(60, QUARTER)])
    assert [note.duration_s for note in read_notes(path)] == [1.0, 1.0]


def test_a_note_without_an_end_sounds_until_the_piece_ends(write):
    path = write([on(60), on(62, QUARTER), off(62, QUARTER)])
    assert [note.duration_s for note in read_notes(path)] == [1.0, 0.5]


def test_an_end_of_nothing_is_nothing(write):
    assert len(read_notes(write([off(60), *melody(1), off(60)]))) == 1


@pytest.mark.parametrize("kind", [0, 1, 2])
def test_all_kinds_of_files_are_read(write, kind):
    assert len(read_notes(write(melody(5), kind=kind))) == 5


# --- Slices --------------------------------------------------------------------------------------


def test_slices_follow_each_other_without_the_rest_at_the_end(write):
    path = write(melody(40))
    found = read_note_slices(path, SPEC, SLICES)
    everything = note_features(read_notes(path))
    assert [piece.start_s for piece in found] == [0.0, 8.0]
    assert not any(piece.silent for piece in found)
    assert np.array_equal(np.concatenate([piece.values for piece in found]), everything[:32])


def test_of_a_long_piece_some_slices_are_taken_or_all(write):
    path = write(melody(160))
    starts = [piece.start_s for piece in read_note_slices(path, SPEC, SLICES)]
    assert starts == [8.0, 24.0, 48.0, 64.0]
    assert len(read_note_slices(path, SPEC, SLICES, thorough=True)) == 10


@pytest.mark.parametrize("n_notes", [1, 3, 15, 16, 17])
def test_a_short_piece_is_repeated(write, n_notes):
    path = write(melody(n_notes))
    (piece,) = read_note_slices(path, SPEC, SLICES)
    assert piece.values.shape == (16, N_FEATURES)
    once = note_features(read_notes(path))[:16]
    assert np.array_equal(piece.values, np.tile(once, (16, 1))[:16])


@given(st.lists(NOTES, min_size=1, max_size=20))
def test_features_are_between_0_and_1_and_have_one_pitch_class_and_family(notes):
    values = note_features(notes)
    assert values.shape == (len(notes), N_FEATURES)
    assert values.dtype == np.float32
    assert values.min() >= 0
    assert values.max() <= 1
    assert (values[:, 1:13].sum(axis=1) == 1).all()
    families = values[:, 16:32].sum(axis=1)
    assert families.tolist() == [float(not note.is_drum) for note in notes]


@given(st.lists(NOTES, min_size=1, max_size=20), st.floats(0, 100))
def test_it_does_not_matter_when_a_piece_begins(notes, later):
    notes = sorted(notes, key=lambda note: note.onset_s)
    moved = [replace(note, onset_s=note.onset_s + later) for note in notes]
    assert note_features(moved) == pytest.approx(note_features(notes), abs=1e-4)


@given(NOTES, st.integers(-5, 5))
def test_an_octave_up_is_the_same_pitch_class(note, octaves):
    moved = replace(note, pitch=note.pitch % 12 + 12 * (octaves + 5) % 120)
    assert np.array_equal(note_features([moved])[0, 1:], note_features([note])[0, 1:])


# --- Unusable files ------------------------------------------------------------------------------


def test_a_piece_without_notes_says_so(write):
    with pytest.raises(AudioError, match="no notes in it"):
        read_notes(write([tempo(500_000), program(3)]))


def test_a_very_short_piece_is_too_short(write):
    with pytest.raises(TooShortError, match=r"too short: 0\.10 s, at least 0\.5 s needed"):
        read_note_slices(write([on(60), off(60, 96)]), SPEC, SLICES)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "not readable as MIDI: it is damaged or cut off"),
        (b"MThd", "not readable as MIDI: it is damaged or cut off"),
        (b"RIFF" + bytes(60), "not readable as MIDI: MThd not found"),
        (b"MThd\0\0\0\6\0\1\0\0\0\0", "not readable as MIDI: it has no unit of time"),
        (b"MThd\0\0\0\6\0\1\0\0\xe7\0", "not readable as MIDI: it has no unit of time"),
        (b"MThd\0\0\0\6\0\1\0\0\1\0", "no notes in it"),
        (b"MThd\0\0\0\6\0\1\0\1\1\0MTrk\0\0\xff\xff" + b"\x90" * 4000, "damaged"),
        (b"MThd" + bytes(3_000_000), "not readable as MIDI: more than 1 MB"),
    ],
)
def test_what_is_no_midi_is_one_sentence(tmp_path, content, sentence):
    path = tmp_path / "bad.mid"
    path.write_bytes(content)
    with pytest.raises(AudioError, match=sentence):
        read_notes(path)


def test_a_file_that_is_not_there_is_a_sentence(tmp_path):
    with pytest.raises(AudioError, match="not readable: No such file"):
        read_notes(tmp_path / "none.mid")


def test_a_piece_of_a_year_is_refused(write):
    slow = [tempo(16_000_000), *melody(2), on(60, 2**27), off(60, 1)]
    with pytest.raises(AudioError, match="more than a day"):
        read_notes(write(slow))


def test_a_damaged_file_is_read_or_refused_and_nothing_else(write):
    """Bytes are overwritten, removed and inserted at random."""
    good = write([tempo(400_000), program(5), *melody(20)]).read_bytes()
    rng = random.Random(0)
    path, sentences = write([]), []
    for _ in range(400):
        content = bytearray(good)
        for _ in range(rng.randint(1, 6)):
            place = rng.randrange(len(content))
            content[place : place + rng.randint(0, 2)] = rng.randbytes(rng.randint(0, 2))
        path.write_bytes(content)
        try:
            read_note_slices(path, SPEC, SLICES)
        except AudioError as error:
            sentences.append(str(error))
    assert 0 < len(sentences) < 400
    assert not any("\n" in sentence for sentence in sentences)


def test_without_mido_it_is_said_what_to_install(write, monkeypatch):
    path = write(melody(2))
    monkeypatch.setitem(sys.modules, "mido", None)
    with pytest.raises(GenreModelError, match=r"MIDI needs mido: pip install 'beets-cnngenre\["):
        read_notes(path)


def test_a_network_of_other_features_is_refused(write):
    other = NotesSpec(n_features=N_FEATURES + 1)
    with pytest.raises(GenreModelError, match="values a note"):
        read_note_slices(write(melody(2)), other, SLICES)


def test_midi_files_are_found_where_there_is_no_audio(write, tmp_path):
    paths = [write(melody(2), name=name) for name in ("b.MID", "a.midi", "c.txt")]
    assert list(find_audio([tmp_path])) == [paths[1], paths[0]]
    assert list(find_audio(paths[2:])) == paths[2:]
    audio = tmp_path / "x.wav"
    audio.touch()
    assert list(find_audio([tmp_path])) == [audio]
