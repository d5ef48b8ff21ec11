"""What the processor of this machine is, as far as the system tells."""

from __future__ import annotations

import os
import platform
from pathlib import Path

CPU_LIST = Path("/proc/cpuinfo")

# Linux' names of the instructions with which an x86 processor multiplies in bfloat16.
BFLOAT16_FLAGS = frozenset({"avx512_bf16", "amx_bf16"})


def n_cores() -> int:
    """How many cores this process may use; Linux tells it where that is not all of them."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def processor_name() -> str:
    """Its name; with the number of its model where Linux tells it, as clouds shorten names."""
    name, model = field("model name"), field("model")
    if not name:
        return platform.processor() or platform.machine()
    return f"{name}, model {model}" if model else name


def processor_flags() -> frozenset[str]:
    """What it can do, in Linux' words for x86; none on other systems."""
    return frozenset(field("flags").split())


def processor_has_bfloat16() -> bool:
    """Whether it is known to multiply in bfloat16."""
    return bool(BFLOAT16_FLAGS & processor_flags())


def field(name: str) -> str:
    """What Linux says first under a name; empty where it says nothing."""
    try:
        lines = CPU_LIST.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return ""
    pairs = (line.partition(":") for line in lines)
    return next((value.strip() for key, _, value in pairs if key.strip() == name), "")
