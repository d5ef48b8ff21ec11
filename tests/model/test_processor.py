"""The processor's name, flags and usable cores, as Linux reports them."""

from __future__ import annotations

import os

import pytest

from genre_model.core import processor

CPU_LIST = """\
processor\t: 0
vendor_id\t: AuthenticAMD
model\t\t: 17
model name\t: AMD EPYC
flags\t\t: fpu avx512_bf16 avx512_vnni

processor\t: 1
model name\t: another
flags\t\t: fpu
"""


@pytest.fixture(autouse=True)
def cpu_list(tmp_path, monkeypatch):
    file = tmp_path / "cpuinfo"
    monkeypatch.setattr(processor, "CPU_LIST", file)
    return file


def test_the_first_processor_is_told(cpu_list):
    cpu_list.write_text(CPU_LIST)
    assert processor.processor_name() == "AMD EPYC, model 17"
    assert processor.processor_flags() == {"fpu", "avx512_bf16", "avx512_vnni"}


def test_without_a_model_there_is_the_name(cpu_list):
    cpu_list.write_text("model name\t: Cortex\n")
    assert processor.processor_name() == "Cortex"
    assert processor.processor_flags() == set()


def test_where_linux_does_not_tell_python_does(monkeypatch):
    monkeypatch.setattr("platform.processor", lambda: "arm")
    assert processor.processor_name() == "arm"
    assert processor.processor_flags() == set()


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="Linux alone tells")
def test_cores_that_a_process_may_not_use_do_not_count():
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(allowed)})
    try:
        assert processor.n_cores() == 1
    finally:
        os.sched_setaffinity(0, allowed)
    assert processor.n_cores() == len(allowed)
