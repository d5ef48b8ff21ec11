"""PNG files of spectrograms like SoX's and of slices, and the two commands that write them."""

import argparse
import re
import shutil
import sys
from pathlib import Path, PurePath

import audio_files
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw
from sox_files import SOX, pixels_of, run_sox, sox_signals, write_wav

from genre_model.cli.spectrogram import add_slices, add_spectrogram, song_folders
from genre_model.core.errors import GenreModelError
from genre_model.features.png import GREYS, cut_slices, read_frames, save_picture, save_slices
from genre_model.features.sox import sox_picture

RATE_HZ = 44_100


def random_picture(width=128, height=128, seed=0):
    return np.random.default_rng(seed).integers(4, 255, (height, width), np.uint8)


def chunks(png):
    """The chunks of a PNG by name, without those of pixels, because compressors differ."""
    content, position, found = png.read_bytes(), 8, {}
    while position < len(content):
        length = int.from_bytes(content[position : position + 4], "big")
        found[content[position + 4 : position + 8]] = content[position + 8 :][:length]
        position += 12 + length
    return {name: content for name, content in found.items() if name != b"IDAT"}


def slice_file(path, seed=0):
    path.parent.mkdir(parents=True, exist_ok=True)
    save_picture(random_picture(seed=seed), path)
    return path


# --- Files ---------------------------------------------------------------------------------------


def test_indices_are_written_as_they_are(tmp_path):
    picture = random_picture(300, 129)
    save_picture(picture, tmp_path / "a.png")
    np.testing.assert_array_equal(pixels_of(tmp_path / "a.png"), picture)


@pytest.mark.skipif(SOX is None, reason="needs the real SoX")
def test_header_and_palette_are_those_of_sox(tmp_path):
    signal = sox_signals(RATE_HZ)["sweep"]
    theirs = run_sox(write_wav(tmp_path / "a.wav", signal, RATE_HZ), tmp_path / "theirs.png")
    save_picture(pixels_of(theirs), tmp_path / "ours.png")
    assert chunks(tmp_path / "ours.png") == chunks(theirs)


def test_slices_are_despois_crops_without_the_end():
    picture = random_picture(128 * 3 - 1, 129)
    image = Image.fromarray(picture)
    crops = [np.asarray(image.crop((x, 1, x + 128, 129))) for x in (0, 128)]
    np.testing.assert_array_equal(list(cut_slices(picture)), crops)
    assert list(cut_slices(picture[:, :127])) == []
    assert len(list(cut_slices(picture[:, :128]))) == 1


@settings(max_examples=10)
@given(seed=st.integers(0, 100))
def test_slices_come_back_lowest_frequency_first(tmp_path_factory, seed):
    folder = tmp_path_factory.mktemp("slices") / "Rock" / "A song"
    picture = random_picture(128 * 11, 129, seed)
    assert save_slices(picture, folder) == 11
    slices = [read_frames(file) for file in sorted(folder.iterdir())]
    assert all(piece.dtype == np.float32 and piece.shape == (128, 128) for piece in slices)
    np.testing.assert_array_equal(np.concatenate(slices), picture[:0:-1].T)


def test_fewer_slices_leave_none_of_those_before(tmp_path):
    (tmp_path / "cover.png").write_bytes(b"mine")
    save_slices(random_picture(128 * 4, 129), tmp_path)
    save_slices(random_picture(128 * 2, 129), tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["0000.png", "0001.png", "cover.png"]


@pytest.mark.parametrize("tool", ["grey", "colours", "small palette"])
def test_what_other_tools_make_of_a_slice_reads_the_same(tool, tmp_path):
    save_picture(random_picture() // 16 * 16 + 8, tmp_path / "a.png")
    with Image.open(tmp_path / "a.png") as image:
        other = {
            "grey": lambda: image.convert("L"),
            "colours": lambda: image.convert("RGB"),
            "small palette": lambda: image.convert("RGB").quantize(16),
        }[tool]()
    other.save(tmp_path / "b.png", optimize=True)
    if tool == "small palette":
        assert not np.array_equal(pixels_of(tmp_path / "a.png"), pixels_of(tmp_path / "b.png"))
    np.testing.assert_array_equal(*map(read_frames, (tmp_path / "a.png", tmp_path / "b.png")))


def test_black_is_silence(tmp_path):
    Image.new("1", (128, 128)).save(tmp_path / "a.png")
    assert np.unique(read_frames(tmp_path / "a.png")).tolist() == [4]


def colour_picture(path):
    image = Image.new("RGB", (128, 128))
    ImageDraw.Draw(image).line((0, 0, 90, 90), (200, 10, 10))
    image.save(path)


def png_header(side):
    return b"\x89PNG\r\n\x1a\n\x00\x00\x00\x0dIHDR" + 2 * side.to_bytes(4, "big")


NO_GREY = min({*range(256)} - {*GREYS.tolist()})
BAD = {
    "size": (
        lambda p: save_picture(random_picture(129, 129), p),
        "129 x 129 pixels, not 128 x 128",
    ),
    "colour": (colour_picture, r"a colour picture \(SoX makes grey ones with -m\)"),
    "alpha": (lambda p: Image.new("RGBA", (128, 128)).save(p), r"not a grey picture \(mode RGBA\)"),
    "greys": (
        lambda p: Image.new("L", (128, 128), NO_GREY).save(p),
        "has greys that SoX's pictures do not have",
    ),
    "empty": (lambda p: p.write_bytes(b""), "not a PNG file"),
    "text": (lambda p: p.write_text("hello"), "not a PNG file"),
    "jpeg": (lambda p: Image.new("L", (128, 128)).save(p, "JPEG"), "not a PNG file"),
    "huge": (lambda p: p.write_bytes(png_header(2**31 - 1)), r"2147483647 x .* not 128 x 128"),
    "header alone": (lambda p: p.write_bytes(png_header(128)), ".*PNG.*"),
    "gone": (lambda p: None, r"not readable as PNG \(No such file or directory\)"),
}


@pytest.mark.parametrize(("make", "sentence"), BAD.values(), ids=BAD)
def test_what_is_no_slice_is_a_sentence(make, sentence, tmp_path):
    make(tmp_path / "a.png")
    assert re.fullmatch(sentence, read_frames(tmp_path / "a.png"))


@given(data=st.data())
def test_a_damaged_png_is_a_slice_or_a_sentence(tmp_path_factory, data):
    file = slice_file(tmp_path_factory.mktemp("damaged") / "a.png")
    content = bytearray(file.read_bytes())
    if data.draw(st.booleans()):
        content = content[: data.draw(st.integers(0, len(content)))]
    for _ in range(data.draw(st.integers(0, 8))):
        if content:
            content[data.draw(st.integers(0, min(900, len(content) - 1)))] = data.draw(
                st.integers(0, 255)
            )
    file.write_bytes(content)
    frames = read_frames(file)
    assert ("\n" not in frames) if isinstance(frames, str) else (frames.shape == (128, 128))


def test_a_picture_that_cannot_be_written_is_a_sentence(tmp_path):
    with pytest.raises(GenreModelError, match=r"cannot write .*a\.png: No such file"):
        save_picture(random_picture(), tmp_path / "none" / "a.png")
    (tmp_path / "file").touch()
    with pytest.raises(GenreModelError, match=r"cannot write to .*song: "):
        save_slices(random_picture(128, 129), tmp_path / "file" / "song")


def test_without_pillow_there_is_a_sentence(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "PIL", None)
    with pytest.raises(GenreModelError, match="Pillow: pip install pillow"):
        save_picture(random_picture(), tmp_path / "a.png")


# --- Commands ------------------------------------------------------------------------------------


def run(add, *arguments):
    """Run a subcommand; return its exit status."""
    parser = argparse.ArgumentParser()
    add(parser)
    options = parser.parse_args([str(argument) for argument in arguments])
    return options.run(options)


@pytest.fixture(scope="module")
def music(tmp_path_factory):
    """Six seconds of music, in stereo."""
    path = tmp_path_factory.mktemp("music") / "A song.flac"
    audio_files.write_audio(path, 0.5 * audio_files.song(6), RATE_HZ, "flac")
    return path


def test_spectrogram_writes_the_picture_of_the_mean_of_the_channels(music, tmp_path, capsys):
    assert run(add_spectrogram, music, "-o", tmp_path / "a.png") == 0
    assert capsys.readouterr().out == f"300 x 129 pixels: {tmp_path / 'a.png'}\n"
    if SOX is None:
        return
    mono = tmp_path / "mono.wav"
    shutil.copy(music, tmp_path / "in.flac")
    audio_files.write_audio(
        mono, (0.5 * audio_files.song(6)).mean(axis=1, keepdims=True), RATE_HZ, "wav24"
    )
    theirs = pixels_of(run_sox(mono, tmp_path / "theirs.png")).astype(int)
    ours = pixels_of(tmp_path / "a.png")
    assert ours.shape == theirs.shape
    loud = theirs > 100  # where rounding to 16 bits does not matter
    assert np.abs(ours - theirs)[loud].max() <= 1


def test_slices_writes_crops_of_the_picture(music, tmp_path, capsys):
    run(add_spectrogram, music, "-o", tmp_path / "a.png")
    capsys.readouterr()
    assert run(add_slices, music, "-o", tmp_path / "Rock") == 0
    assert capsys.readouterr().out == f"2 slices: {tmp_path / 'Rock' / 'A song'}\n"
    found = [pixels_of(tmp_path / "Rock" / "A song" / f"{n:04d}.png") for n in range(2)]
    np.testing.assert_array_equal(np.hstack(found), pixels_of(tmp_path / "a.png")[1:, :256])


def test_the_rate_is_that_of_the_picture(music, tmp_path):
    run(add_spectrogram, music, "-o", tmp_path / "a.png", "--rate", 16_000)
    assert pixels_of(tmp_path / "a.png").shape == sox_picture(np.zeros(96_000), 16_000).shape


@pytest.mark.parametrize("rate", ["0", "3999", "192001", "x"])
def test_a_rate_that_is_none_is_refused(rate, music, tmp_path, capsys):
    with pytest.raises(SystemExit):
        run(add_slices, music, "-o", tmp_path, "--rate", rate)
    assert "--rate" in capsys.readouterr().err


def test_nothing_is_overwritten_without_force(music, tmp_path):
    target = tmp_path / "a.png"
    target.write_bytes(b"mine")
    with pytest.raises(GenreModelError, match=r"a\.png is there already; --force overwrites it"):
        run(add_spectrogram, music, "-o", target)
    assert target.read_bytes() == b"mine"
    assert run(add_spectrogram, music, "-o", target, "--force") == 0
    assert pixels_of(target).shape == (129, 300)

    slice_file(tmp_path / "A song" / "0009.png")
    with pytest.raises(GenreModelError, match="A song has slices already; --force overwrites them"):
        run(add_slices, music, "-o", tmp_path)
    assert run(add_slices, music, "-o", tmp_path, "--force") == 0
    names = sorted(path.name for path in (tmp_path / "A song").iterdir())
    assert names == ["0000.png", "0001.png"]


def test_two_songs_of_one_name_are_refused_before_anything_is_written(music, tmp_path):
    other = tmp_path / "A song.wav"
    shutil.copy(music, other)
    with pytest.raises(GenreModelError, match=r"two of the files would go to .*A song"):
        run(add_slices, music, other, "-o", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_songs_that_cannot_be_decoded_are_named_and_the_others_written(music, tmp_path, capsys):
    short, text = tmp_path / "short.wav", tmp_path / "text.mp3"
    audio_files.write_audio(short, audio_files.song(2.5), RATE_HZ, "wav16")
    text.write_text("no music")
    assert run(add_slices, short, text, music, tmp_path / "none.mp3", "-o", tmp_path / "out") == 1
    captured = capsys.readouterr()
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["A song"]
    assert captured.out.startswith("2 slices: ")
    assert captured.err.splitlines()[0] == f"{short}: too short: not one slice of 2.56 s"
    assert captured.err.splitlines()[1].startswith(f"{text}: not readable as audio")
    assert captured.err.splitlines()[2] == f"{tmp_path / 'none.mp3'}: no such file"


def test_a_song_that_cannot_be_decoded_has_no_picture(tmp_path):
    for name, samples in (("blip", 50), ("empty", 0)):
        path = write_wav(tmp_path / f"{name}.wav", np.zeros(samples, np.int16), RATE_HZ)
        with pytest.raises(GenreModelError, match=f"{name}.wav: "):
            run(add_spectrogram, path, "-o", tmp_path / "a.png")
    with pytest.raises(GenreModelError, match=r"none\.wav: no such file"):
        run(add_spectrogram, tmp_path / "none.wav", "-o", tmp_path / "a.png")
    assert not (tmp_path / "a.png").exists()


def test_each_of_many_songs_is_not_compared_with_all_others(tmp_path, monkeypatch):
    files = [Path(f"{number}.flac") for number in range(300)]
    compared = []
    monkeypatch.setattr(PurePath, "__eq__", lambda one, two: compared.append(one) or one is two)
    assert len(list(song_folders(files, tmp_path, force=False))) == 300
    assert len(compared) < 300
