"""Which files the demo chooses; CI runs the demo itself."""

from pathlib import Path

from demo.run import find_audio


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
