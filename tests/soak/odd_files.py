"""Odd channels and damaged caches, made at random until the time is up.

Each batch of audio files is decoded in a separate process, which must survive.  A cache is damaged
at a random place and asked for all its songs; it may have lost some of them.
"""

import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import damaged_cache
import odd_channels
import test_channels
from run import Row

BATCH = 40


def rows(seconds):
    begin = time.monotonic()
    yield batches("any number of channels in any order is decoded", channels, begin + seconds / 2)
    yield batches("a damaged cache gives right answers or none", caches, begin + seconds)


def batches(promise, work, end):
    n_cases, losses = 0, 0
    while not n_cases or time.monotonic() < end:
        seed = int.from_bytes(os.urandom(4), "big")
        with tempfile.TemporaryDirectory() as folder:
            try:
                n_cases += work(Path(folder), seed)
            except (AssertionError, subprocess.TimeoutExpired) as error:
                print(promise, seed, error, file=sys.stderr)
                n_cases, losses = n_cases + 1, losses + 1
    return Row(promise, n_cases, losses)


def channels(folder, seed):
    rng = random.Random(seed)
    found = [odd_channels.write_random(folder, f"{n:03d}", rng) for n in range(BATCH)]
    paths = [path for path in found if path is not None]
    test_channels.decode_elsewhere(paths)
    return len(paths)


def caches(folder, seed):
    return damaged_cache.losses(folder, seed, BATCH)
