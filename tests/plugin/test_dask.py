"""Extraction on a Dask cluster: a real scheduler and two workers, as processes on this machine."""

import os
import re
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from contextlib import closing, suppress
from functools import partial
from pathlib import Path

import beet_server
import mutagen
import pytest
from real_beet import clean, write_tone

from genre_model.core.errors import GenreModelError
from genre_model.extraction import dask_connection
from genre_model.extraction.dask_workers import DaskExtractorPool
from genre_model.extraction.extractor import Effort
from genre_model.model.bundle.store import load_bundle
from genre_model.model.classifier import Classifier

pytest.importorskip("distributed", reason="the extra dask is not installed")
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="programs run in forks")

N_TRACKS = 16
# Runs first in each worker.  Depending on its environment, a worker dies at its first task, cannot
# write large files, does not see the music under its path, or is slow.
WORKER = """
import os, resource, time
if os.environ.get("DEADLY"):
    import genre_model.extraction.dask_workers as cluster
    cluster.is_here = lambda path, n_bytes: os._exit(9)
if os.environ.get("DISK"):
    resource.setrlimit(resource.RLIMIT_FSIZE, 2 * (int(os.environ["DISK"]),))
if os.environ.get("BLIND"):
    import genre_model.extraction.dask_workers as cluster
    cluster.is_here = lambda path, n_bytes: False
if os.environ.get("SLOW"):
    import genre_model.audio.decode as audio
    plain = audio.open_audio
    def open_audio(path, rate_hz):
        time.sleep(float(os.environ["SLOW"]))
        return plain(path, rate_hz)
    audio.open_audio = open_audio
"""


class Cluster:
    """A scheduler and its workers, as processes."""

    def __init__(self, folder, **variables):
        self.folder = folder
        self.processes = []
        (folder / "sitecustomize.py").write_text(WORKER)
        arguments = ["--host", "127.0.0.1", "--port", "0", "--no-dashboard"]
        self.address = self.begin("scheduler", *arguments, **variables)
        self.scheduler = self.processes[0]

    def begin(self, what, *arguments, **variables):
        log = self.folder / f"{len(self.processes)}.log"
        with log.open("w") as file:
            process = subprocess.Popen(
                [sys.executable, "-m", "distributed.cli.dask_" + what, *arguments],
                env={**os.environ, "PYTHONPATH": str(self.folder), **variables},
                cwd=self.folder,
                stdout=file,
                stderr=subprocess.STDOUT,
            )
        self.processes.append(process)
        sign = r"Scheduler at:\s+(tcp://\S+)" if what == "scheduler" else r"Registered to:\s+(\S+)"
        end = time.monotonic() + 60
        while time.monotonic() < end:
            found = re.search(sign, log.read_text())
            if found:
                return found.group(1)
            assert process.poll() is None, log.read_text()
            time.sleep(0.05)
        raise AssertionError(log.read_text())

    def worker(self, **variables):
        """Start a worker that is not restarted when it is killed; returns its process."""
        arguments = ["--no-nanny", "--nthreads", "1", "--no-dashboard"]
        arguments += ["--local-directory", str(self.folder)]
        self.begin("worker", self.address, *arguments, **variables)
        return self.processes[-1]

    def n_models(self):
        """The number of models that the workers store."""
        return len(list(self.folder.rglob("network.onnx")))

    def end(self):
        for process in self.processes:
            process.kill()
            process.wait()


@pytest.fixture
def cluster(tmp_path, request):
    folder = tmp_path / "dask"
    folder.mkdir()
    found = Cluster(folder, **getattr(request, "param", {}))
    yield found
    found.end()


@pytest.fixture
def tracks(library):
    """A ``beet`` with a library of short tones."""
    return library(**{f"{g}_{n}": None for g in ("Rock", "Jazz") for n in range(N_TRACKS // 2)})


def n_kept(database):
    """The number of songs in a cache."""
    with closing(sqlite3.connect(database)) as connection:
        return connection.execute("SELECT count(*) FROM features").fetchone()[0]


def expected(beet):
    return {title: title.partition("_")[0] for title in beet.genres()}


def test_a_worker_is_killed_half_way_and_everything_is_tagged_once(tracks, cluster):
    victim = cluster.worker(SLOW="0.2")
    cluster.worker(SLOW="0.2")
    process = tracks.start("genre", "--dask", cluster.address, really=False)
    lines = [process.stdout.readline() for _ in range(N_TRACKS // 3)]
    victim.send_signal(signal.SIGKILL)
    out, errors = process.communicate(timeout=120)
    lines += out.splitlines(keepends=True)
    assert (process.returncode, clean(errors)) == (0, "")
    assert f"tagged {N_TRACKS}, kept 0, unsure 0, failed 0" in lines[-1]
    assert len([line for line in lines if "->" in line]) == N_TRACKS
    assert len({line.partition(":")[0] for line in lines if "->" in line}) == N_TRACKS
    assert tracks.genres() == expected(tracks)
    for title, path in tracks.paths().items():
        assert mutagen.File(path)["TCON"].text == [title.partition("_")[0]]
    assert n_kept(tracks.home / "cnngenre" / "features.db") == 2  # there are two different tones


def test_files_that_the_workers_cannot_see_are_sent_and_so_is_the_model(tracks, cluster, tmp_path):
    tracks.config["cnngenre"]["cache"] = False
    cluster.worker(BLIND="1")
    broken = next(iter(tracks.paths().values()))
    broken.write_bytes(b"no audio")
    out = tracks("genre", "--dask", cluster.address)
    assert f"tagged {N_TRACKS - 1}, kept 0, unsure 0, failed 1" in out
    assert "not readable as audio" in tracks.errors
    lost = next(iter(tracks.paths().values()))
    lost.unlink()
    out = tracks("genre", "-f", "--dask", cluster.address)
    assert "no such file" in tracks.errors.lower()
    assert cluster.n_models() == 1  # both runs use it


def test_the_last_worker_goes_while_files_wait_to_be_sent(tracks, cluster):
    tracks.config["cnngenre"]["cache"] = False
    worker = cluster.worker(BLIND="1", SLOW="0.3")
    tracks.config["plugins"].append("impatient")
    process = tracks.start("genre", "--dask", cluster.address, really=False)
    assert "->" in process.stdout.readline()
    worker.kill()
    try:
        out, errors = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 1
    assert "interrupted: tagged" in out
    assert clean(errors) == "error: cnngenre: no Dask workers are left\n"


def test_a_worker_without_room_for_the_model_or_for_a_track(tracks, cluster):
    tracks.config["cnngenre"]["cache"] = False
    worker = cluster.worker(BLIND="1", DISK=str(2**14))
    tracks("genre", "--dask", cluster.address, status=1)
    expected = "the model cannot be sent to the Dask workers: File too large"
    assert tracks.errors == f"error: cnngenre: {expected}\n"
    worker.kill()
    worker.wait()
    cluster.worker(BLIND="1", DISK=str(2**20))
    large = next(iter(tracks.paths().values()))
    write_tone(large.parent, "Jazz", large.stem, seconds=10)
    out = tracks("genre", "--dask", cluster.address)
    assert f"tagged {N_TRACKS - 1}, kept 0, unsure 0, failed 1" in out
    assert "a Dask worker cannot keep it: File too large" in tracks.errors


@pytest.mark.parametrize(
    "cluster", [{"DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": "0"}], indirect=True
)
def test_workers_that_die_before_they_extract_anything_are_one_sentence(tracks, cluster):
    cluster.worker(DEADLY="1")
    tracks("genre", "--dask", cluster.address, status=1)
    assert tracks.errors == "error: cnngenre: the Dask workers died, one after the other\n"


def test_a_worker_that_comes_late_gets_the_models_of_all_runs(
    tracks, cluster, tone, tmp_path, pitch_bundle
):
    mine = shutil.copytree(pitch_bundle, tmp_path / "mine")
    other = shutil.copytree(pitch_bundle, tmp_path / "other")
    manifest = other / "manifest.json"
    manifest.write_text(manifest.read_text().replace("pitch-1", "pitch-2"))
    tracks.config["cnngenre"] |= {"cache": False, "model": str(mine)}
    first = cluster.worker(SLOW="0.6")
    process = tracks.start("genre", "--dask", cluster.address, really=False)
    assert "->" in process.stdout.readline()
    mine.rename(tmp_path / "gone")  # as if it were on another machine
    classify = [
        *beet_server.stand_in("genre_model.cli.main"),
        "classify",
        tone("Rock", folder="more"),
    ]
    classify += ["--model", other, "--dask", cluster.address]
    subprocess.run(classify, capture_output=True, check=True, timeout=120)
    assert cluster.n_models() == 2
    cluster.worker()
    first.kill()
    out, errors = process.communicate(timeout=120)
    assert (process.returncode, clean(errors)) == (0, "")
    assert f"tagged {N_TRACKS}, kept 0, unsure 0, failed 0" in out


def test_the_engine_trains_and_classifies_on_a_cluster(tone, cluster, tmp_path):
    cluster.worker()
    for genre in ("Rock", "Jazz"):
        for number in range(5):
            name, seconds = f"{genre} {number}", 3.2 + number / 10  # no two are the same
            tone(genre, name, folder=f"music/{genre}", artist=name, seconds=seconds)
    engine = beet_server.stand_in("genre_model.cli.main")
    train = [*engine, "train", "music", "-o", "models", "--cache", "features.db"]
    train += ["--min-tracks", "4"]

    def run(*arguments, status=0):
        done = subprocess.run(arguments, cwd=tmp_path, capture_output=True, text=True, timeout=120)
        assert done.returncode == status, done.stderr
        return done.stdout, done.stderr

    run(*train, "--dask", cluster.address)
    (model,) = (tmp_path / "models").iterdir()
    out, _ = run(*engine, "classify", "music", "--csv", "--threshold", "0", "--model", model)
    there, _ = run(
        *(*engine, "classify", "music", "--csv", "--threshold", "0", "--model", model),
        *("--dask", cluster.address),
    )
    assert there == out
    assert n_kept(tmp_path / "features.db") == 10
    _, errors = run(*train, "--dask", "x", "--architecture", "despois2016", status=1)
    assert errors == "genre-model: despois2016 is trained on this machine alone: no --dask\n"


def test_no_scheduler_no_workers_or_other_workers_are_one_sentence(tracks, cluster):
    start_s = time.monotonic()
    tracks("genre", "--dask", "tcp://127.0.0.1:9", status=1)
    assert tracks.errors == "error: cnngenre: no Dask scheduler answers at tcp://127.0.0.1:9\n"
    tracks("genre", "--dask", "no address at all", status=1)
    assert "no address at all is no address such as tcp://host:8786" in tracks.errors
    tracks("genre", "--dask", cluster.address, status=1)
    expected = f"error: cnngenre: the Dask scheduler at {cluster.address} has no workers\n"
    assert tracks.errors == expected
    assert time.monotonic() - start_s < 240  # about ten seconds on an idle machine
    (cluster.folder / "sitecustomize.py").write_text(
        "import genre_model.extraction.dask_connection as c\nc.__version__ = '0.0.1'\n"
    )
    cluster.worker()
    tracks("genre", "--dask", cluster.address, status=1)
    assert "has beets-cnngenre 0.0.1 on Python" in tracks.errors
    assert len(tracks.errors.splitlines()) == 1
    assert set(tracks.genres().values()) == {""}


@pytest.mark.parametrize(
    "address", ["host", "tcp://host", "tcp://[::1:8786", "tcp://[host]:8786", "tcp://ho\u2100st:1"]
)
def test_an_address_that_is_none_is_one_sentence(library, address):
    beet = library(Rock=None)
    beet("genre", "--dask", address, status=1)
    sentence = f"error: cnngenre: {address} is no address such as tcp://host:8786\n"
    assert beet.errors == sentence


# Runs first in a ``beet``: opening one file kills the process.
DEADLY = """
import os
import genre_model.audio.decode as audio
plain = audio.open_audio
def open_audio(path, rate_hz):
    if "killer" in path.name:
        os._exit(9)
    return plain(path, rate_hz)
audio.open_audio = open_audio
"""


def test_a_file_that_kills_its_decoder_fails_alone_on_a_cluster_too(library, cluster, tmp_path):
    beet = library(Rock_1=None, Rock_killer=None, Jazz_2=None)
    cluster.worker()
    folder = tmp_path / "deadly"
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(DEADLY)
    process = beet.start("genre", "--dask", cluster.address, variables={"PYTHONPATH": str(folder)})
    out, errors = process.communicate(timeout=120)
    assert process.returncode == 0
    assert "Rock_killer: the decoder crashed" in errors
    assert "tagged 2, kept 0, unsure 0, failed 1" in out
    assert beet.genres() == {"Rock_1": "Rock", "Rock_killer": "", "Jazz_2": "Jazz"}


def test_without_the_extra_it_is_named(tracks, tmp_path):
    folder = tmp_path / "without"
    (folder / "distributed").mkdir(parents=True)
    (folder / "distributed" / "__init__.py").write_text("raise ImportError('not installed')")
    done = subprocess.run(
        [*tracks.command(), "genre", "--dask", "tcp://127.0.0.1:9"],
        env=tracks.environment() | {"PYTHONPATH": str(folder)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert clean(done.stderr) == (
        "error: cnngenre: --dask needs the extra dask: pip install 'beets-cnngenre[dask]'\n"
    )


def test_what_is_asked_of_a_cluster_that_has_gone_is_one_sentence(cluster, pitch_bundle):
    cluster.worker()
    classifier = Classifier(load_bundle(pitch_bundle), lazily=True)
    pool = DaskExtractorPool(cluster.address, classifier, None, Effort())
    is_running = pool._client.status
    pool._client.status = "closed"  # as the client sets it when it notices the loss
    with pytest.raises(GenreModelError, match="the Dask scheduler is gone"):
        pool.submit(Path(__file__))
    pool._client.status = is_running
    pool.close()


def test_a_scheduler_that_stalls_during_a_run_is_one_sentence(cluster, pitch_bundle, monkeypatch):
    monkeypatch.setattr(dask_connection, "SILENCE_S", 10.0)
    cluster.worker()
    classifier = Classifier(load_bundle(pitch_bundle), lazily=True)
    pool = DaskExtractorPool(cluster.address, classifier, None, Effort())
    monkeypatch.setattr(pool._client, "sync", partial(pool._client.sync, callback_timeout=2.0))
    future = pool._submit(time.sleep, 1000)
    cluster.scheduler.send_signal(signal.SIGSTOP)
    with pytest.raises(GenreModelError, match="the Dask scheduler does not answer"):
        pool.claim(Path(__file__), future)
    cluster.scheduler.send_signal(signal.SIGCONT)
    pool.close()


def test_the_scheduler_dies_and_what_is_done_stays_done(tracks, cluster):
    cluster.worker(SLOW="0.3")
    process = tracks.start("genre", "--dask", cluster.address, really=False)
    for _ in range(3):
        assert "->" in process.stdout.readline()
    cluster.scheduler.kill()
    out, errors = process.communicate(timeout=120)
    assert process.returncode == 1
    assert "interrupted: tagged" in out
    assert "Dask" in errors
    assert "Traceback" not in errors
    n_done = sum(bool(genres) for genres in tracks.genres().values())
    assert 3 <= n_done < N_TRACKS
    tracks("genre")
    assert tracks.genres() == expected(tracks)


GARBAGE = {
    "silence": b"",
    "noise": bytes(range(256)) * 20,
    "zeros": bytes(5_000),
    "a web server": b"HTTP/1.1 400 Bad Request\r\n\r\n",
    "a short greeting": (40).to_bytes(8, "little") + b"pickle",
}


@pytest.fixture
def impatient(library):
    """A ``beet`` that soon gives up on a silent scheduler."""
    beet = library(Rock=None)
    beet.config["plugins"].append("impatient")
    return beet


@pytest.mark.parametrize("what", GARBAGE)
def test_what_is_no_scheduler_is_one_sentence(impatient, what):
    def answer(server):
        with suppress(OSError):
            while True:
                connection, _ = server.accept()
                connections.append(connection)
                connection.sendall(GARBAGE[what])

    connections = []
    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=answer, args=(server,), daemon=True).start()
        address = f"tcp://127.0.0.1:{server.getsockname()[1]}"
        impatient("genre", "--dask", address, status=1)
    for connection in connections:
        connection.close()
    assert impatient.errors == f"error: cnngenre: no Dask scheduler answers at {address}\n"


STALLING = """
import asyncio, sys
from distributed.comm import listen
async def stall(comm):
    await asyncio.sleep(1000)
async def main():
    async with listen("tcp://127.0.0.1:0", stall) as listener:
        print(listener.contact_address, flush=True)
        await asyncio.sleep(1000)
asyncio.run(main())
"""


def test_a_scheduler_that_shakes_hands_and_then_stalls_is_one_sentence(impatient):
    with subprocess.Popen([sys.executable, "-c", STALLING], stdout=subprocess.PIPE) as process:
        address = process.stdout.readline().decode().strip()
        impatient("genre", "--dask", address, status=1)
        process.kill()
    assert impatient.errors == f"error: cnngenre: no Dask scheduler answers at {address}\n"
