"""The input for MMA: styles from its library, random chords and solos."""

import re

import mido
import numpy as np
import pytest

from shipped_model.distillation import accompaniments
from shipped_model.distillation.accompaniments import Style, chord, drawn, riff, styles


@pytest.mark.parametrize(
    ("degree", "key", "expected"),
    [
        ("I", 0, "C"),
        ("vi", 0, "Am"),
        ("bVII", 0, "A#"),
        ("ii7", 0, "Dm7"),
        ("IM7", 5, "FM7"),
        ("iim7b5", 0, "Dm7b5"),
        ("V7", 9, "E7"),
        ("i", 11, "Bm"),
    ],
)
def test_degrees_become_chords_of_a_key(degree, key, expected):
    assert chord(degree, key) == expected


def test_a_librarys_styles_are_its_files_with_their_grooves(tmp_path):
    folder = tmp_path / "stdlib"
    folder.mkdir()
    (folder / "waltz.mma").write_text(
        "Time 3\nDefGroove Waltz  A waltz.\nDefGroove WaltzIntro\n  defgroove WaltzPlus\n"
        "DefGroove WaltzEnd\n"
    )
    (folder / "patterns.mma").write_text("Begin Drum Define\n")
    assert list(styles(tmp_path)) == [Style("stdlib/waltz", ("Waltz", "WaltzPlus"), 3)]


def test_a_piece_lasts_long_enough_and_is_the_same_for_a_seed():
    style = Style("stdlib/ska", ("Ska", "SkaPlus"), 4)
    pieces = [drawn(style, np.random.default_rng(seed)) for seed in range(8)]
    assert pieces == [drawn(style, np.random.default_rng(seed)) for seed in range(8)]
    assert len(set(pieces)) == 8
    assert 0 < sum("Begin Solo-One" in piece for piece in pieces) < 8
    for piece in pieces:
        tempo = int(re.search(r"^Tempo (\d+)$", piece, re.MULTILINE)[1])
        bars = re.findall(r"^(\d+) [A-G]#?(?:m|M7|m7|7|m7b5)?$", piece, re.MULTILINE)
        assert bars == [str(number) for number in range(1, len(bars) + 1)]
        assert len(bars) * 4 * 60 / tempo >= accompaniments.PLAYED_S
        assert re.search(r"^Groove stdlib/ska:Ska(Plus)?$", piece, re.MULTILINE)


def test_a_solos_bar_is_full():
    rng = np.random.default_rng(0)
    for _ in range(20):
        lengths = re.findall(r"([48])(?:[a-g]#?|r);", riff(3, 4, rng))
        assert sum(4 / int(length) for length in lengths) == 4


def test_only_the_beginning_of_a_midi_file_is_played(tmp_path):
    score = mido.MidiFile(ticks_per_beat=96)
    track = score.add_track()
    track.append(mido.MetaMessage("set_tempo", tempo=mido.bpm2tempo(60)))
    track.append(mido.Message("note_on", note=60, time=96 * 10))  # after ten seconds
    track.append(mido.Message("note_off", note=60, time=96 * 10))
    track.append(mido.Message("note_on", note=72, time=96 * 100))
    score.save(tmp_path / "score.mid")
    accompaniments.beginning_of(tmp_path / "score.mid").save(tmp_path / "beginning.mid")

    beginning = mido.MidiFile(tmp_path / "beginning.mid")
    assert 20 <= beginning.length < 21
    events = [event for event in beginning if event.type in {"note_on", "note_off"}]
    assert [event.note for event in events] == [60, 60]
    assert events[0].time == pytest.approx(10)
    silenced = {event.channel for event in beginning if event.type == "control_change"}
    assert silenced == set(range(16))
