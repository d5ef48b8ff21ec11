"""Folders of slices as PNG files: the songs that they hold, which are classified like audio."""

import os

import mutagen
import numpy as np
import pytest
from audio_files import song, write_silence, write_song
from sox_files import as_samples, to_int16, write_wav

from genre_model.cli.main import main
from genre_model.core.errors import AudioError, GenreModelError
from genre_model.core.specs import SliceSpec, SoxSpec, SpectrogramSpec
from genre_model.data.folder import picture_tracks
from genre_model.extraction.dask_workers import files_to_send
from genre_model.features.frontend import slices_of, song_fingerprint
from genre_model.features.png import read_frames, save_picture, save_slices
from genre_model.features.png_songs import place_of, read_slice_folder, song_files, takes_pictures
from genre_model.features.sox import sox_picture
from genre_model.training.copies import content_of, without_copies
from genre_model.training.networks.registry import find_architecture
from genre_model.training.scratch.slice_store import SliceForm, store_song

RATE_HZ = 44_100
SLICES = SliceSpec(frames=128, hop_frames=128)


def slice_file(path, seed=0):
    path.parent.mkdir(parents=True, exist_ok=True)
    save_picture(np.random.default_rng(seed).integers(100, 255, (128, 128), np.uint8), path)
    return path


@pytest.mark.parametrize(
    ("path", "place"),
    [
        ("Rock/A song/0017.png", ("Rock", "A song")),
        ("Rock/A song_17.png", ("Rock", "A song")),
        ("Rock/Rock_12_17.png", ("Rock", "Rock_12")),
        ("Rock_12_17.png", ("Rock", "Rock_12")),
        ("Hip_Hop_12_17.png", ("Hip_Hop", "Hip_Hop_12")),
        ("Rock/An album/A song/3.png", ("Rock", "An album/A song")),
        ("Rock/An album/A song_3.png", ("Rock", "An album/A song")),
        ("Rock/line\nbreak_3.PNG", ("Rock", "line\nbreak")),
        ("Rock/17.png", ("Rock", "Rock")),
        ("Rock/cover.png", ("Rock", "cover")),
        ("cover.png", ("", "cover")),
        ("17.png", ("", "")),
    ],
)
def test_names_say_genre_and_song(path, place, tmp_path):
    assert place_of((tmp_path / path).relative_to(tmp_path)) == place


def test_slices_of_a_song_are_in_the_order_of_their_numbers(tmp_path):
    for number in range(12):
        slice_file(tmp_path / "Rock" / f"Rock_1_{number}.png")
    slice_file(tmp_path / "Pop_2_0.png")
    (tmp_path / "notes.txt").touch()
    songs = read_slice_folder(tmp_path)
    assert [(song.genre, song.name) for song in songs] == [("Pop", "Pop_2"), ("Rock", "Rock_1")]
    assert [file.stem for file in songs[1].files] == [f"Rock_1_{number}" for number in range(12)]


@pytest.mark.parametrize("state", ["no such folder", "not a folder", "no PNG files there"])
def test_a_folder_without_slices_is_a_sentence(state, tmp_path):
    path = tmp_path / "folder"
    if state == "not a folder":
        path.touch()
    elif state == "no PNG files there":
        path.mkdir()
        (path / "a.txt").touch()
    with pytest.raises(GenreModelError, match=f"{path}: {state}"):
        read_slice_folder(path)


def test_the_slices_beside_one_are_those_of_its_song(tmp_path):
    for name in ("A_0", "A_10", "A_2", "A_b_1", "Ab_1", "[A]_1", "3"):
        slice_file(tmp_path / f"{name}.png")
    beside = {
        name: [file.stem for file in song_files(tmp_path / f"{name}.png")]
        for name in ("A_10", "[A]_1", "3")
    }
    assert beside == {"A_10": ["A_0", "A_2", "A_10"], "[A]_1": ["[A]_1"], "3": ["3"]}
    assert song_files(tmp_path / "A.mp3") == [tmp_path / "A.mp3"]


def test_pictures_of_a_song_are_classified_as_the_song_itself(tmp_path):
    signal = to_int16(0.5 * song(9).mean(axis=1))
    music = write_wav(tmp_path / "a.wav", signal, RATE_HZ)
    save_slices(sox_picture(as_samples(signal), RATE_HZ), tmp_path / "a")
    extracted = slices_of(music, SoxSpec(), SLICES, thorough=True)
    seen = slices_of(tmp_path / "a" / "0000.png", SoxSpec(), SLICES, thorough=True)
    assert len(extracted) == len(seen) == 3
    for ours, theirs in zip(extracted, seen, strict=True):
        np.testing.assert_array_equal(ours.values, theirs.values)
        assert ours.start_s == pytest.approx(theirs.start_s)
        assert ours.silent is theirs.silent is False


def test_of_many_slices_some_are_taken_as_of_a_long_song(tmp_path):
    for number in range(10):
        slice_file(tmp_path / f"{number}.png", number)
    chosen = SliceSpec(frames=128, hop_frames=128, max_slices=2)
    found = slices_of(tmp_path / "0.png", SoxSpec(), chosen)
    assert [piece.start_s for piece in found] == pytest.approx([2 * 2.56, 7 * 2.56])
    np.testing.assert_array_equal(found[1].values, read_frames(tmp_path / "7.png"))


def test_a_slice_of_silence_is_silent_and_a_quiet_one_is_not(tmp_path):
    noise = np.random.default_rng(0).standard_normal(3 * RATE_HZ)
    for name, decibels in (("silence", -110), ("quiet", -60)):
        samples = (noise * 10 ** (decibels / 20)).astype(np.float32)
        save_slices(sox_picture(samples, RATE_HZ), tmp_path / name)
        (piece,) = slices_of(tmp_path / name / "0000.png", SoxSpec(), SLICES)
        assert piece.silent is (name == "silence")


def test_broken_slices_are_left_out_and_a_song_of_such_alone_is_an_error(tmp_path):
    for number in range(3):
        slice_file(tmp_path / f"{number}.png", number)
    (tmp_path / "1.png").write_bytes(b"broken")
    found = slices_of(tmp_path / "0.png", SoxSpec(), SLICES)
    assert [piece.start_s for piece in found] == [0, pytest.approx(2 * 2.56)]
    for number in (0, 2):
        (tmp_path / f"{number}.png").write_bytes(b"broken")
    with pytest.raises(AudioError, match="not a PNG file"):
        slices_of(tmp_path / "0.png", SoxSpec(), SLICES)
    with pytest.raises(AudioError, match="no such file"):
        slices_of(tmp_path / "song_0.png", SoxSpec(), SLICES)


def test_pictures_are_for_systems_of_pictures_of_the_same_size(tmp_path):
    assert takes_pictures(SoxSpec(), SLICES)
    assert not takes_pictures(SpectrogramSpec(n_mels=128), SLICES)
    longer = SliceSpec(frames=256, hop_frames=256)
    assert not takes_pictures(SoxSpec(), longer)
    file = slice_file(tmp_path / "0.png")
    with pytest.raises(AudioError, match="a slice of 128 frames, where 256 are wanted"):
        slices_of(file, SoxSpec(), longer)
    with pytest.raises(AudioError, match="not readable as audio"):
        slices_of(file, SpectrogramSpec(), SliceSpec())


def test_the_store_notices_that_any_slice_of_a_song_has_changed(tmp_path):
    architecture = find_architecture("pelchat2019")
    for number in range(3):
        slice_file(tmp_path / "song" / f"{number}.png", number)
    store = tmp_path / "store"
    store.mkdir()
    file, n_slices = store_song(SliceForm.of(architecture), store, tmp_path / "song" / "0.png")
    assert n_slices == 3
    assert store_song(SliceForm.of(architecture), store, tmp_path / "song" / "0.png") == (file, 3)
    slice_file(tmp_path / "song" / "3.png", 3)
    other, n_slices = store_song(SliceForm.of(architecture), store, tmp_path / "song" / "0.png")
    assert other != file
    assert n_slices == 4
    np.testing.assert_array_equal(np.load(other)[3], read_frames(tmp_path / "song" / "3.png"))


def test_tracks_are_the_songs_and_bad_pictures_are_named(tmp_path):
    for song_name in ("a", "b"):
        for number in range(2):
            slice_file(tmp_path / "Rock" / song_name / f"{number}.png")
    slice_file(tmp_path / "stray.png")
    (tmp_path / "Rock" / "a" / "0.png").write_bytes(b"broken")
    (tmp_path / "Rock" / "cover.png").write_bytes(b"broken")
    tracks, failures = picture_tracks(tmp_path, threads=2)
    assert [(track.title, track.labels) for track in tracks] == [
        ("stray", ()),
        ("a", ("Rock",)),
        ("b", ("Rock",)),
    ]
    assert all(track.artist == track.album == "" for track in tracks)
    assert sorted(failures) == [
        f"{tmp_path / 'Rock' / 'a' / '0.png'}: not a PNG file",
        f"{tmp_path / 'Rock' / 'cover.png'}: not a PNG file",
    ]


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ([], "holds pictures, and embeddings does not learn from them"),
        (["--architecture", "pelchat2019", "--labels", "tags"], "which have no tags"),
    ],
)
def test_train_says_what_pictures_are_not_for(options, sentence, tmp_path, capsys):
    slice_file(tmp_path / "slices" / "Rock" / "a" / "0.png")
    arguments = ["train", str(tmp_path / "slices"), "-o", str(tmp_path / "models"), *options]
    assert main(arguments) == 1
    assert sentence in capsys.readouterr().err


def test_a_folder_of_music_with_covers_is_one_of_music(tmp_path, capsys):
    slice_file(tmp_path / "Rock" / "cover.png")
    write_silence(tmp_path / "Rock" / "a.wav", 1)
    arguments = ["train", str(tmp_path), "-o", str(tmp_path / "models")]
    assert main(arguments) == 1
    assert "picture" not in capsys.readouterr().err


def test_a_song_of_pictures_is_identified_by_all_of_them(tmp_path):
    files = [slice_file(tmp_path / "Rock" / f"song_{number}.png", number) for number in range(3)]
    before = song_fingerprint(files[0], SoxSpec())
    assert len(before) == 16
    assert song_fingerprint(files[2], SoxSpec()) == before
    slice_file(files[1], seed=9)
    assert song_fingerprint(files[0], SoxSpec()) != before
    with pytest.raises(AudioError):
        song_fingerprint(files[0], SpectrogramSpec())  # which takes audio only


def test_copies_are_known_by_their_content_whatever_they_are(tmp_path):
    notes = [tmp_path / f"{number}.mid" for number in range(3)]
    for path, content in zip(notes, (b"MThd 1", b"MThd 1", b"MThd 2"), strict=True):
        path.write_bytes(content)
    black = [slice_file(tmp_path / song / "0.png") for song in ("one", "two", "three")]
    for path, seed in zip(black, (1, 1, 2), strict=True):  # all begin with the same picture
        slice_file(path.with_name("1.png"), seed)
    for files in (notes, black):
        contents = [content_of(path, None) for path in files]
        said = []
        assert without_copies(files, contents, said.append) == [files[0], files[2]]
        assert said == ["1 track with the same audio as another"]
    assert content_of(tmp_path / "none.mid", None) is None


def test_slices_are_found_again_after_the_song_was_tagged_and_moved(tmp_path):
    form = SliceForm(SoxSpec(), SLICES, exact=False)
    path, _ = write_song(tmp_path, "flac", seconds=8.0)
    file, n_slices = store_song(form, tmp_path, path)
    os.utime(file, (0, 0))
    tags = mutagen.File(path)
    tags["GENRE"] = ["Rock"]
    tags.save()
    assert store_song(form, tmp_path, path.rename(tmp_path / "moved.flac")) == (file, n_slices)
    assert file.stat().st_mtime > 0  # it counts as used
    assert len([*tmp_path.glob("*.npy")]) == 1


def test_all_pictures_of_a_song_are_sent_to_a_cluster(tmp_path):
    for number in (0, 1, 11, 2):
        slice_file(tmp_path / "here" / f"a song_{number}.png", number)
    slice_file(tmp_path / "here" / "another_0.png")
    first = tmp_path / "here" / "a song_0.png"
    files = files_to_send(first)
    there = tmp_path / "there"
    there.mkdir()
    for name, content in files.items():
        (there / name).write_bytes(content)
    slices = [slices_of(path, SoxSpec(), SLICES) for path in (first, there / next(iter(files)))]
    starts = [[piece.start_s for piece in found] for found in slices]
    assert starts[0] == starts[1]
    assert len(starts[0]) == 4
    for here, away in zip(*slices, strict=True):
        np.testing.assert_array_equal(here.values, away.values)
