"""What the system reports about the processor of this machine."""

from __future__ import annotations

import os
import platform
from pathlib import Path

CPU_LIST = Path("/proc/cpuinfo")

# Linux's names of the x86 instructions that multiply in bfloat16.
BFLOAT16_FLAGS = frozenset({"avx512_bf16", "amx_bf16"})


def n_cores() -> int:
    """How many cores this process may use; Linux reports it if they are not all cores."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def processor_name() -> str:
    """The processor's name, with its model number if Linux reports it, as clouds shorten names."""
    name, model = field("model name"), field("model")
    if not name:
        return platform.processor() or platform.machine()
    return f"{name}, model {model}" if model else name


def processor_flags() -> frozenset[str]:
    """The processor's flags, as Linux names them for x86; empty on other systems."""
    return frozenset(field("flags").split())


def processor_has_bfloat16() -> bool:
    """Whether the processor is known to multiply in bfloat16."""
    return bool(BFLOAT16_FLAGS & processor_flags())


def field(name: str) -> str:
    """The first value of a field of ``CPU_LIST``; empty if there is none."""
    try:
        lines = CPU_LIST.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return ""
    pairs = (line.partition(":") for line in lines)
    return next((value.strip() for key, _, value in pairs if key.strip() == name), "")
