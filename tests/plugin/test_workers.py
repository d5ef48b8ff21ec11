"""Worker processes that classify many tracks: their results, and what happens if they die."""

import os
import signal
import subprocess
import sys
import sysconfig
import time
from pathlib import Path

import pytest
from real_beet import clean

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")

# Runs first in each process: opening a file is slow, kills the process or fails, depending on the
# environment and the file's name.
TROUBLE = """
import os, pathlib, signal, time
import genre_model.audio.decode as audio
plain = audio.open_audio
def open_audio(path, rate_hz):
    time.sleep(float(os.environ.get("SLOW", 0)))
    if "killer" in path.name:
        os.kill(os.getpid(), signal.SIGKILL)
    if "MEET" in os.environ:
        meet(pathlib.Path(os.environ["MEET"]), path.name)
    if "buggy" in path.name:
        raise ZeroDivisionError("a bug at " + path.name)
    return plain(path, rate_hz)
audio.open_audio = open_audio
def meet(folder, name):
    (folder / name).touch()
    end = time.monotonic() + 30
    while len(list(folder.iterdir())) == 1:
        if time.monotonic() > end:
            (folder / "was alone").touch()
        time.sleep(0.01)
"""
MAIN = "import sys; from genre_model.cli.main import main; sys.exit(main())"
NAMES = [f"{genre}_{n}" for n in range(7) for genre in ("Rock", "Jazz")]


@pytest.fixture(autouse=True)
def two_workers(beet):
    """Other tests use one worker, which starts faster."""
    beet.config["cnngenre"]["threads"] = 2


@pytest.fixture
def trouble(tmp_path):
    """Environment variables with which a ``beet`` runs ``TROUBLE``."""
    folder = tmp_path / "trouble"
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(TROUBLE)
    return {"PYTHONPATH": str(folder)}


def start(beet, *arguments, **options):
    """Start a ``beet`` whose processes are a group of their own."""
    return beet.start(*arguments, start_new_session=True, **options)


def family(beet, apart_from=()):
    """The running processes of a ``beet``, itself included: process id -> command line."""
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if str(beet.home).encode() in (folder / "environ").read_bytes():
                state = (folder / "stat").read_text().rpartition(")")[2].split()[0]
                found[int(folder.name)] = "" if state == "Z" else (folder / "cmdline").read_text()
        except OSError:
            continue
    return {pid: line for pid, line in found.items() if line and pid not in apart_from}


def workers(beet, process):
    """The process ids of the workers, which the fork server has started."""
    lines = family(beet, {process.pid})
    parents = {pid: int(Path(f"/proc/{pid}/stat").read_text().split()[3]) for pid in lines}
    return [pid for pid in lines if parents[pid] in lines and "forkserver" in lines[pid]]


def wait_for(condition, seconds=30.0):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found = condition()
        if found:
            return found
        time.sleep(0.02)
    raise AssertionError(f"nothing in {seconds} s")


def n_tagged(beet):
    return sum(bool(genres) for _, genres in beet.fields("genres"))


def expected(names):
    return {name: name.partition("_")[0] for name in names}


def test_processes_say_what_threads_say_and_leave_nothing_behind(library):
    beet = library(**dict.fromkeys(NAMES))
    tagged = beet("genre", "-p", "--threads", "1").splitlines()
    beet.config["cnngenre"]["cache"] = False
    again = beet("genre", "-p", "--threads", "3").splitlines()
    assert again[:-1] == tagged[:-1]
    beet("genre")
    assert beet.genres() == expected(NAMES)
    assert wait_for(lambda: not family(beet))
    assert list(beet.home.glob(".cache/*")) == []  # where ONNX Runtime would leave files


def test_started_as_a_script_and_without_standard_input(library):
    beet = library(**dict.fromkeys(NAMES))
    script = Path(sysconfig.get_path("scripts")) / "beet"
    if not script.exists():
        pytest.skip("beets is installed without its script")
    beet.command()
    done = subprocess.run(
        ["sh", "-c", 'exec "$0" genre <&-', str(script)],
        env=beet.environment(),
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert (done.returncode, clean(done.stderr)) == (0, "")
    assert f"tagged {len(NAMES)}" in done.stdout
    assert beet.genres() == expected(NAMES)


# Leaves a trace, and is no substitute for the module of its name.
TRAP = "open(__file__ + '.was_run', 'w').close()"
TRAPS = ("json", "random", "socket", "struct", "hashlib", "pickle", "numpy", "av", "genre_model")


@pytest.mark.skipif(sys.version_info < (3, 11), reason="Python 3.10 has no PYTHONSAFEPATH")
def test_no_python_file_of_the_current_folder_is_run(library, tmp_path):
    beet = library(**dict.fromkeys(NAMES))
    script = Path(sysconfig.get_path("scripts")) / "beet"
    if not script.exists():
        pytest.skip("beets is installed without its script")
    album = tmp_path / "album"
    album.mkdir()
    for name in TRAPS:
        (album / f"{name}.py").write_text(TRAP)
    beet.command()
    done = subprocess.run(
        [script, "genre"],
        env=beet.environment(),
        cwd=album,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert (done.returncode, clean(done.stderr)) == (0, "")
    assert len(list((beet.home / "cnngenre" / "trials").iterdir())) == 1  # in a process of its own
    assert beet.genres() == expected(NAMES)
    assert list(album.glob("*.was_run")) == []


# Runs first in each process, which cannot fork another after the first ones.
FEW_FORKS = """
import os
left, plain = int(os.environ["FORKS"]), os.fork
def fork():
    global left
    left -= 1
    if left < 0:
        raise BlockingIOError(11, "Resource temporarily unavailable")
    return plain()
os.fork = fork
"""
NO_WORKERS = "worker processes cannot be started, or die at once"


@pytest.mark.parametrize("n_forks", [0, 1])
def test_workers_that_cannot_be_started_are_one_sentence(library, trouble, n_forks):
    beet = library(**dict.fromkeys(NAMES))
    (Path(trouble["PYTHONPATH"]) / "sitecustomize.py").write_text(FEW_FORKS)
    process = start(beet, "genre", variables=trouble | {"FORKS": str(n_forks)})
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 1
    assert (
        errors.splitlines()[-1] == f"error: cnngenre: {NO_WORKERS}"
    )  # the lines before are the fork server's
    assert "GenreModelError" not in errors
    beet("genre")
    assert beet.genres() == expected(NAMES)


def test_a_worker_that_cannot_be_started_for_a_known_track_is_one_sentence(trained, trouble):
    """The worker would have looked up whether the model has learned from the track."""
    (Path(trouble["PYTHONPATH"]) / "sitecustomize.py").write_text(FEW_FORKS)
    process = start(trained, "cnnerrors", variables=trouble | {"FORKS": "0"})
    _, errors = process.communicate(timeout=120)
    assert (process.returncode, clean(errors)) == (1, f"error: cnnerrors: {NO_WORKERS}\n")


def test_a_file_that_kills_its_worker_fails_alone(library, trouble):
    names = [*NAMES, "Rock_killer", "Rock_last"]
    beet = library(**dict.fromkeys(names))
    process = start(beet, "genre", variables=trouble)
    out, errors = process.communicate(timeout=120)
    assert process.returncode == 0
    assert "Rock_killer: the decoder crashed" in errors
    assert f"tagged {len(names) - 1}, kept 0, unsure 0, failed 1" in out
    assert beet.genres() == expected(names) | {"Rock_killer": ""}


def test_a_bug_in_a_worker_is_logged_with_its_traceback(library, trouble):
    names = [*NAMES, "Rock_buggy"]
    beet = library(**dict.fromkeys(names))
    process = start(beet, "genre", variables=trouble)
    out, errors = process.communicate(timeout=120)
    assert "internal error, see the log" in errors
    assert "Traceback" in errors
    assert "ZeroDivisionError: a bug at" in errors
    assert f"tagged {len(NAMES)}, kept 0, unsure 0, failed 1" in out


def test_a_worker_that_is_killed_takes_no_track_with_it(library, trouble):
    beet = library(**dict.fromkeys(NAMES))
    process = start(beet, "genre", variables=trouble | {"SLOW": "0.2"})
    first = process.stdout.readline()
    assert "->" in first
    os.kill(workers(beet, process)[0], signal.SIGKILL)
    out, errors = process.communicate(timeout=120)
    assert (process.returncode, clean(errors)) == (0, "")
    assert f"tagged {len(NAMES)}, kept 0, unsure 0, failed 0" in out
    assert beet.genres() == expected(NAMES)


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGKILL])
def test_when_the_run_is_ended_its_workers_end_and_what_is_done_stays_done(library, trouble, sign):
    names = [*NAMES, *(f"Rock_more_{n}" for n in range(8))]
    beet = library(**dict.fromkeys(names))
    beet.config["cnngenre"]["cache"] = False
    process = start(beet, "genre", variables=trouble | {"SLOW": "0.5"})
    for _ in range(3):
        assert "->" in process.stdout.readline()
    if sign == signal.SIGINT:
        os.killpg(process.pid, sign)  # to the whole group, as a terminal does
    else:
        process.kill()
    start_s = time.monotonic()
    out, errors = process.communicate(timeout=30)
    assert time.monotonic() - start_s < 5  # it takes half a second on an idle machine
    assert wait_for(lambda: not family(beet), 5)
    assert "Traceback" not in errors
    if sign == signal.SIGINT:
        assert "interrupted: tagged" in out
    assert 3 <= n_tagged(beet) < len(names)
    beet("genre")
    assert beet.genres() == expected(names)


def test_a_broken_network_is_one_sentence_before_anything_is_written(library, pitch_bundle):
    beet = library(**dict.fromkeys(NAMES))
    network = pitch_bundle / "network.onnx"
    content = network.read_bytes()
    try:
        network.write_bytes(content[:-1] + b"?")
        beet("genre", status=1)
    finally:
        network.write_bytes(content)
    assert len(beet.errors.strip().splitlines()) == 1
    assert "network.onnx is damaged or was changed" in beet.errors
    assert n_tagged(beet) == 0


def test_the_tracks_of_a_large_album_are_classified_by_processes(beet, tone, tmp_path, trouble):
    names = [*NAMES, "Rock_killer"]
    for number, name in enumerate(names):
        tone(name.partition("_")[0], name, album="One", artist="A", track=number + 1)
    process = start(beet, "import", "-A", str(tmp_path / "music"), variables=trouble)
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 0
    assert "Rock_killer: the decoder crashed" in errors
    assert beet.genres() == expected(names) | {"Rock_killer": ""}
    assert wait_for(lambda: not family(beet))


def test_one_file_that_kills_its_decoder_is_one_line(library, trouble):
    beet = library(Rock_killer=None)
    process = start(beet, "genre", variables=trouble)
    out, errors = process.communicate(timeout=120)
    assert process.returncode == 0
    assert "Rock_killer: the decoder crashed" in errors
    assert "tagged 0, kept 0, unsure 0, failed 1" in out
    assert wait_for(lambda: not family(beet))


def test_explaining_survives_a_file_that_kills_its_decoder(library, trouble):
    beet = library(Rock_killer=None, Jazz_1=None)
    process = start(beet, "cnnexplain", "title::.", variables=trouble)
    out, errors = process.communicate(timeout=120)
    assert process.returncode == 0
    assert "Rock_killer: the decoder crashed" in errors
    assert "explained 1, failed 1" in out
    assert wait_for(lambda: not family(beet))


@pytest.mark.parametrize("threaded", [True, False])
def test_singletons_are_imported_beside_one_that_kills_its_decoder(
    beet, tone, tmp_path, trouble, threaded
):
    beet.config["threaded"] = threaded
    names = ["Rock_1", "Rock_killer", "Jazz_2"]
    for name in names:
        tone(name.partition("_")[0], name)
    process = start(beet, "import", "-A", "-s", str(tmp_path / "music"), variables=trouble)
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 0
    assert "Rock_killer: the decoder crashed" in errors
    assert beet.genres() == expected(names) | {"Rock_killer": ""}
    assert wait_for(lambda: not family(beet))


def test_the_next_singleton_is_begun_while_one_is_waited_for(beet, tone, tmp_path, trouble):
    names = ["Rock_1", "Jazz_2", "Rock_3"]
    for name in names:
        tone(name.partition("_")[0], name)
    place = tmp_path / "at once"
    place.mkdir()
    meeting = trouble | {"MEET": str(place)}
    process = start(beet, "import", "-A", "-s", str(tmp_path / "music"), variables=meeting)
    process.communicate(timeout=120)
    assert not (place / "was alone").exists()
    assert beet.genres() == expected(names)


@pytest.mark.parametrize("command", ["classify", "explain", "spectrogram", "slices"])
def test_the_command_of_the_model_survives_a_file_that_kills_its_decoder(
    tone, tmp_path, trouble, command
):
    path = tone("Rock", "Rock_killer")
    output = {"spectrogram": ["-o", "song.png"], "slices": ["-o", "."]}.get(command, [])
    done = subprocess.run(
        [sys.executable, "-c", MAIN, command, str(path), *output],
        env={**os.environ, **trouble},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 1
    assert "the decoder crashed" in done.stdout + done.stderr
    assert "Traceback" not in done.stderr
