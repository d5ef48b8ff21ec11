"""Any number of channels, in any order, decodes to their mean, and nothing crashes."""

import os
import random
import subprocess
import sys

import av
import numpy as np
import odd_channels
import pytest
from odd_channels import USE_DESCRIPTIONS, channel_layout

from genre_model.audio.decode import open_audio

RIGHT_LEFT, LEFT_RIGHT, UNKNOWN = (2, 1), (1, 2), (0xFFFF_FFFF, 0xFFFF_FFFF)
# Decodes each of its arguments three times, because heap corruption shows up late.
DECODE = """
import sys
from pathlib import Path
from genre_model.audio.decode import open_audio
from genre_model.audio.fingerprint import audio_fingerprint
from genre_model.core.errors import AudioError
for _ in range(3):
    for name in sys.argv[1:]:
        try:
            audio_fingerprint(Path(name))
            with open_audio(Path(name), 16_000) as audio:
                print(name, sum(map(len, audio.blocks())))
            with open_audio(Path(name), 16_000) as audio:
                audio.window(0, 4_000), audio.window(4_000, 8_000)
        except AudioError as error:
            print(name, error)
"""


def decode_elsewhere(paths):
    """Decode files in a subprocess; return what it prints."""
    done = subprocess.run(
        [sys.executable, "-c", DECODE, *map(str, paths)],
        capture_output=True,
        text=True,
        timeout=300,
        env={**os.environ, "MALLOC_CHECK_": "3", "MALLOC_PERTURB_": "165"},
    )
    assert done.returncode == 0, (done.returncode, done.stdout[-300:], done.stderr[-2000:])
    return done.stdout


@pytest.mark.parametrize("write", [odd_channels.write_aiff, odd_channels.write_caf])
@pytest.mark.parametrize("labels", [RIGHT_LEFT, LEFT_RIGHT, UNKNOWN, (1, 1), (0x1_0001, 0x1_0000)])
def test_a_list_of_channels_in_any_order_is_decoded(tmp_path, write, labels):
    path = write(tmp_path / "listed", 2, channel_layout(USE_DESCRIPTIONS, labels))
    assert f"{path} 16000" in decode_elsewhere([path])


@pytest.mark.parametrize("kind", sorted(odd_channels.ENCODED))
def test_any_number_of_channels_is_decoded(tmp_path, kind):
    paths = []
    for n_channels in (1, 2, 3, 7, 8, 9, 16, 64):
        try:
            path = tmp_path / f"{n_channels}.{odd_channels.ENCODED[kind][0]}"
            paths.append(odd_channels.write_encoded(path, kind, n_channels))
        except (av.FFmpegError, ValueError):
            continue
    assert paths
    printed = decode_elsewhere(paths)
    for path in paths:
        n_samples = int(printed.partition(f"{path} ")[2].split()[0])
        assert abs(n_samples - 16_000) < 2_500  # block-based encoders add some samples


@pytest.mark.parametrize("n_channels", [1, 2, 7, 8, 9, 64])
@pytest.mark.parametrize("kind", ["matroska", "wavpack", "mov", "double"])  # packed and planar data
def test_the_samples_are_the_mean_of_all_channels(tmp_path, n_channels, kind):
    path = tmp_path / f"song.{odd_channels.ENCODED[kind][0]}"
    odd_channels.write_encoded(path, kind, n_channels)
    with open_audio(path, odd_channels.RATE_HZ) as audio:
        samples = np.concatenate(list(audio.blocks()))
    expected = odd_channels.tones(n_channels).mean(axis=1) / 32768
    np.testing.assert_allclose(samples, expected, atol=2e-6)


def test_random_numbers_and_lists_of_channels(tmp_path):
    rng = random.Random(16)
    found = [odd_channels.write_random(tmp_path, f"{n:03d}", rng) for n in range(60)]
    paths = [path for path in found if path is not None]
    assert len(decode_elsewhere(paths).splitlines()) == 3 * len(paths)
