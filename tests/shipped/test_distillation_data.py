"""The data for the distillation: packages, pieces, augmentation, labels on disk."""

import shutil
import subprocess
import zipfile

import numpy as np
import pytest
from audio_files import tone, write_audio

from shipped_model.distillation import label, pieces
from shipped_model.distillation.augmentation import (
    CODECS,
    Recipe,
    apply,
    draw_recipe,
    equalise,
    mix,
    rms,
    with_speed,
    with_tempo,
)
from shipped_model.distillation.packages import unpack
from shipped_model.distillation.pieces import CLIPS, Piece
from shipped_model.distillation.store import open_labels
from shipped_model.distillation.teachers import PIECE_SAMPLES, RATE_HZ


def sine(hz, seconds=2.0):
    t = np.arange(int(seconds * RATE_HZ)) / RATE_HZ
    return (0.3 * np.sin(2 * np.pi * hz * t)).astype(np.float32)


def peak_hz(samples):
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    return spectrum.argmax() * RATE_HZ / len(samples)


def test_each_change_does_what_it_says():
    samples = sine(440)
    faster = with_speed(samples, 1.1)
    assert len(faster) == pytest.approx(len(samples) / 1.1, rel=0.01)
    assert peak_hz(faster) == pytest.approx(484, abs=1)
    shorter = with_tempo(samples, 1.1)
    assert len(shorter) == pytest.approx(len(samples) / 1.1, rel=0.02)
    assert peak_hz(shorter) == pytest.approx(440, abs=1)

    both = mix(samples, sine(880), -6.0)
    spectrum = np.abs(np.fft.rfft(both))
    assert 20 * np.log10(spectrum[1760] / spectrum[880]) == pytest.approx(-6, abs=0.1)
    assert rms(both) == pytest.approx(rms(samples), rel=1e-3)

    # The tilt is 3 dB per octave, so 440 and 880 Hz differ by 3 dB.
    tilted = np.abs(np.fft.rfft(equalise(sine(440) + sine(880), tuple(3.0 * np.arange(10)))))
    assert 20 * np.log10(tilted[1760] / tilted[880]) == pytest.approx(3, abs=0.1)


@pytest.mark.parametrize("codec", CODECS)
def test_a_codec_keeps_the_tone_and_the_length(codec):
    decoded = apply(Recipe(codec=codec, kbit=CODECS[codec][2][-1]), sine(440), None, 2 * RATE_HZ)
    assert decoded.dtype == np.float32
    assert decoded.shape == (2 * RATE_HZ,)
    assert peak_hz(decoded) == pytest.approx(440, abs=1)
    assert rms(decoded) == pytest.approx(rms(sine(440)), rel=0.1)


def test_a_drawn_recipe_can_be_applied_and_is_the_same_each_time():
    for seed in range(40):
        recipe = draw_recipe(np.random.default_rng(seed))
        assert recipe == draw_recipe(np.random.default_rng(seed))
        n_samples = RATE_HZ // 2
        samples = sine(300, 1.0)[: int(n_samples * recipe.stretch) + 1]
        changed = apply(recipe, samples, sine(500, 0.5), n_samples)
        assert changed.shape == (n_samples,)
        assert np.isfinite(changed).all()
        assert np.abs(changed).max() > 0.01
    untouched = apply(Recipe(), sine(300), None, 2 * RATE_HZ)
    np.testing.assert_array_equal(untouched, sine(300))


@pytest.mark.skipif(shutil.which("dpkg-deb") is None, reason="not on Debian")
def test_a_package_is_unpacked_to_what_sounds_in_it(tmp_path):
    inside = tmp_path / "root" / "usr" / "share" / "game"
    (inside / "music").mkdir(parents=True)
    (tmp_path / "root" / "DEBIAN").mkdir()
    (tmp_path / "root" / "DEBIAN" / "control").write_text(
        "Package: game\nVersion: 1\nArchitecture: all\nMaintainer: nobody\nDescription: none\n"
    )
    (inside / "music" / "One.OGG").write_bytes(b"one")
    (inside / "read.me").write_bytes(b"no sound")
    with zipfile.ZipFile(inside / "data.pk3", "w") as archive:
        archive.writestr("../songs/two.ogg", b"two")
        archive.writestr("map.txt", b"no sound")
    deb = tmp_path / "game_1_all.deb"
    subprocess.run(
        ["dpkg-deb", "--build", "--root-owner-group", tmp_path / "root", deb],
        check=True,
        capture_output=True,
    )
    folder = tmp_path / "music" / "game"
    assert unpack(deb, folder) == 2
    found = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert found == {
        "usr-share-game-music-One.OGG": b"one",
        "usr-share-game-data-songs-two.ogg": b"two",
    }


@pytest.fixture
def work(tmp_path):
    """A work folder with two packages: a long file, a short one, and one that is not music."""
    for name, seconds in (("long", 70), ("short", 3)):
        folder = tmp_path / "work" / "music" / name
        folder.mkdir(parents=True)
        write_audio(folder / f"{name}.wav", tone(seconds, 440, RATE_HZ, 1), RATE_HZ)
    (tmp_path / "work" / "music" / "short" / "broken.ogg").write_bytes(b"no sound")
    return tmp_path / "work"


def test_files_are_cut_into_pieces_of_which_short_ones_are_repeated(work):
    found = pieces.pieces_of_packages(work / "music", work / "pieces.json")
    assert sorted((piece.source, round(piece.start_s, 2)) for piece in found) == [
        ("long", 0.0),
        ("long", 29.92),
        ("short", 0.0),
    ]
    assert pieces.pieces_of_packages(work / "music", work / "pieces.json") == found
    for piece in found:
        samples = pieces.read_piece(piece, PIECE_SAMPLES)
        assert samples.shape == (PIECE_SAMPLES,)
        assert np.abs(samples[-RATE_HZ:]).max() > 0.1


class CountingTeachers:
    """Answers with the number of samples; call ``fail_at`` raises, as if the program was killed."""

    fail_at = None

    def __init__(self, folder, shipped):
        self.asked = 0

    def answers(self, samples):
        self.asked += 1
        if self.asked == type(self).fail_at:
            raise KeyboardInterrupt
        return {"count": np.full((10, 2), len(samples) / 1000, np.float32), "one": np.ones(3)}


def test_labelling_goes_on_where_it_was_killed(work, tmp_path, monkeypatch):
    monkeypatch.setattr(label, "Teachers", CountingTeachers)
    monkeypatch.setattr(label, "SHARD_PIECES", 2)
    (work / "music" / "short" / "silent.wav").write_bytes(b"")
    command = ["label", str(work), "network.onnx", "--teachers", str(tmp_path), "--rounds", "2"]
    monkeypatch.setattr("sys.argv", command)
    CountingTeachers.fail_at = 4
    with pytest.raises(KeyboardInterrupt):
        label.main()
    labels = open_labels(work / "labels")
    assert len(labels.pieces) == 2
    first = labels.pieces

    CountingTeachers.fail_at = None
    label.main()
    labels = open_labels(work / "labels")
    assert labels.pieces[:2] == first
    keys = [each.key for each in labels.pieces]
    assert len(keys) == len(set(keys)) == 6  # three pieces, twice
    assert {each.round for each in labels.pieces} == {0, 1}
    assert labels.means("count").shape == (6, 2)
    np.testing.assert_allclose(labels.means("count"), PIECE_SAMPLES / 1000, rtol=1e-3)
    assert labels.whole("one").shape == (6, 3)
    before = len(labels.shards)
    label.main()
    assert len(open_labels(work / "labels").shards) == before


def test_clips_are_labelled_more_often_and_those_that_are_kept_out_once():
    clips = [Piece(f"/clips/{name}.ogg", 0.0, CLIPS, name) for name in ("used", "kept out")]
    packages = [Piece(f"/game/{n}.ogg", 0.0, "game") for n in range(4)]
    planned = list(label.plan(clips, packages, 2, 3, frozenset({"kept out"})))
    rounds = {"used": [], "kept out": [], "": []}
    for each in planned:
        rounds[each.piece.artist].append(each.round)
    assert rounds == {"used": [0, 1, 2], "kept out": [0], "": [0] * 4 + [1] * 4}
    first, later = planned[0], next(each for each in planned if each.round == 2)
    assert first.recipe == Recipe() != later.recipe
    assert planned == list(label.plan(clips, packages, 2, 3, frozenset({"kept out"})))
