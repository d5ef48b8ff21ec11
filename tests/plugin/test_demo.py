"""The demo's comparison with what was there; CI runs the demo itself."""

from pathlib import Path

import pytest

from demo.compare import Comparison, Track, related, summary
from demo.run import find_audio


@pytest.mark.parametrize(
    ("there", "label"),
    [
        ("Rock", "Rock"),
        ("hip-hop", "Hip Hop"),
        ("Pop-Rock", "Rock"),
        ("Pop/Rock", "Metal"),
        ("Death Metal", "Metal"),
        ("Rock", "Alternative"),
        ("Folk, World", "Folk"),
    ],
)
def test_a_genre_agrees_with_its_kinds_and_with_what_it_is_a_kind_of(there, label):
    assert related(there, label)


@pytest.mark.parametrize(("there", "label"), [("Pop", "Rock"), ("Reggae", "Hip Hop"), ("", "Jazz")])
def test_other_genres_differ(there, label):
    assert not related(there, label)


def track(label, confidence):
    return Track("A", "B", "", label, confidence, "", "a.mp3")


def test_only_sure_answers_about_tagged_tracks_are_counted():
    answers = [("Jazz", "0.9"), ("Rock", "0.8"), ("Jazz", "0.5"), ("", "")]
    found = [Comparison.of(track(*answer), "Jazz; Swing", 0.65) for answer in answers]
    found.append(Comparison.of(track("Rock", "0.9"), "", 0.65))
    verdicts = [comparison.row()[-1] for comparison in found]
    assert verdicts == ["agrees", "differs", "not sure", "not sure", "no genre was there"]
    assert summary(found) == [
        "4 tracks of 5 had a genre.",
        "The model is sure of 2 of them and agrees on 1, 50%.",
        "Of 2 tracks it is not sure and would write nothing.",
    ]


def test_files_are_taken_from_all_of_a_folder(tmp_path):
    for number in range(10):
        folder = tmp_path / f"{number}"
        folder.mkdir()
        for name in ("a.mp3", "cover.jpg", ".hidden.mp3"):
            (folder / name).touch()
    found = find_audio(tmp_path, 5)
    assert [path.relative_to(tmp_path) for path in found] == [
        Path(str(number), "a.mp3") for number in (0, 2, 4, 6, 8)
    ]
    assert len(find_audio(tmp_path, 99)) == 10
