"""``beet cnngenre | head -1`` ends quietly; what was done is kept and counted."""

import json
import sys

import pytest

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="pipes there break otherwise")


def one_line_of(beet, *arguments):
    """The first line of output, the exit status, and standard error."""
    with beet.start(*arguments) as process:
        line = process.stdout.readline()
        process.stdout.close()
        errors = process.stderr.read()
        status = process.wait(60)
    return line, status, errors


def test_what_was_done_is_kept_and_counted(library):
    beet = library(Rock_1=None, Rock_2=None, Rock_3=None, Jazz_1=None, Jazz_2=None, Ambient=None)
    line, status, errors = one_line_of(beet, "genre")
    assert (" -> " in line, status) == (True, 0)
    n_tagged = sum(bool(genre) for genre in beet.genres().values())
    [summary] = errors.splitlines()
    assert f"interrupted: tagged {n_tagged}, kept 0, unsure 0, failed 0 in " in summary
    [journal] = (beet.home / "cnngenre" / "runs").iterdir()
    _, *entries, end = map(json.loads, journal.read_text().splitlines())
    assert (len(entries), end["whole"]) == (n_tagged, False)
    beet("genre")
    assert all(beet.genres().values())


def test_a_model_that_would_be_refused_is_not_in_use_if_nobody_reads_why(labelled):
    """It is better on its own tracks, but lacks the other genres."""
    few = ("--name", "few", "--target-precision", "0", "--genres", "Murk,Hum")
    with labelled.start("cnntrain", *few) as process:
        while "split by artist" not in process.stdout.readline():
            pass
        process.stdout.close()
        assert (process.wait(60), process.stderr.read()) == (0, "")
    shown = labelled("cnnmodels")
    assert "  few " in shown
    assert "* shipped " in shown


@pytest.mark.parametrize("line", ["genre -q", "genre -p", "cnnstats", "cnnerrors", "cnnundo"])
def test_nothing_is_said_but_the_counts(library, line):
    beet = library(Rock=None, Jazz=["Polka"])
    if line == "cnnundo":
        beet("genre")
    with beet.start(*line.split()) as process:
        process.stdout.close()
        errors = process.stderr.read()
        assert process.wait(60) == 0
    assert "Traceback" not in errors
    assert "Exception" not in errors
    assert len(errors.splitlines()) <= 1
