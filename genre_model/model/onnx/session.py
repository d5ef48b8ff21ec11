"""Load and run ONNX networks.

A network may be a stranger's: its memory and time are limited, and its outputs are checked before
they are used.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from genre_model.core.arrays import Float32
from genre_model.core.deadline import DEADLINE, Deadline
from genre_model.core.errors import AudioError, NetworkError

if TYPE_CHECKING:
    import onnxruntime


# Larger networks are not prepacked: this copies the weights into an order that suits the processor.
LARGE_BYTES = 2**26


# Memory for the values that all networks of this process calculate; their weights are extra.
MAX_ARENA_BYTES = 2**31


# Most numbers in an output, for one slice or one song.
MAX_ANSWER = 2**24


# Time limit of a run if the track has none.
RUN_LIMIT_S = 120.0


def open_network(content: bytes) -> onnxruntime.InferenceSession:
    """An ONNX Runtime session on one thread: songs, not operators, run in parallel.

    Raises:
        NetworkError: The network fails the checks, or ONNX Runtime refuses it.
    """
    from genre_model.model.onnx.check import checked_model

    try:
        checked_model(content)
    except ValueError as error:
        raise NetworkError(f"the network {error}") from error
    return open_checked(content)


def open_checked(content: bytes) -> onnxruntime.InferenceSession:
    """The session of a network that has passed the checks.

    Raises:
        NetworkError: ONNX Runtime refuses the network.
    """
    import onnxruntime

    onnxruntime.disable_telemetry_events()
    ARENA.register()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 4  # no logging: refusals are raised as exceptions
    # Without this, it would also load its own format, which it detects by four letters and which
    # was not checked.
    options.add_session_config_entry("session.load_model_format", "ONNX")
    options.add_session_config_entry("session.use_env_allocators", "1")
    options.add_session_config_entry("session.use_device_allocator_for_initializers", "1")
    if len(content) > LARGE_BYTES:
        options.add_session_config_entry("session.disable_prepacking", "1")
    try:
        return onnxruntime.InferenceSession(
            content,
            options,
            ["CPUExecutionProvider"],
            # It calculates while a network is loaded, when no time limit applies.
            disabled_optimizers=["ConstantFolding"],
            enable_fallback=0,  # the fallback prints the error
        )
    except refusals() as error:
        raise NetworkError("ONNX Runtime refuses the network") from error


def run_network(
    session: onnxruntime.InferenceSession, outputs: Sequence[str], feeds: Mapping[str, NDArray[Any]]
) -> list[Float32]:
    """The outputs, each (n_rows, n_columns), calculated within the time limit of the track.

    Raises:
        AudioError: The network does not take the input, takes too long or too much memory, or an
            output is too large or not rows of finite numbers.
    """
    import onnxruntime

    deadline = DEADLINE.get() or Deadline(RUN_LIMIT_S)
    deadline.check()
    options = onnxruntime.RunOptions()
    options.log_severity_level = 4
    try:
        with WATCHDOG.at(options, deadline.ends_s):
            found: list[Float32] = session.run(list(outputs), dict(feeds), options)
    except refusals() as error:
        deadline.check()
        raise AudioError("the network cannot work with it") from error
    for answer in found:
        if not isinstance(answer, np.ndarray) or answer.dtype.kind != "f" or answer.ndim != 2:
            raise AudioError("the network's answer has the wrong shape")
        if answer.size > MAX_ANSWER:
            raise AudioError("the network's answer is absurdly long")
        if not np.isfinite(answer).all():
            raise AudioError("the network's answer is not all numbers")
    return found


def onnx_logits(session: onnxruntime.InferenceSession, slices: NDArray[np.floating]) -> Float32:
    """The logits that an ONNX network calculates for the slices of one song."""
    logits: Float32 = session.run(["logits"], {"slices": slices.astype(np.float32)})[0]
    return logits


def refusals() -> tuple[type[Exception], ...]:
    """The exceptions that ONNX Runtime raises, which have no base class of their own."""
    from onnxruntime.capi import onnxruntime_pybind11_state as states

    return (
        states.EPFail,
        states.Fail,
        states.InvalidArgument,
        states.InvalidGraph,
        states.InvalidProtobuf,
        states.NotImplemented,
        states.RuntimeException,
        UnicodeDecodeError,  # its message quotes bytes that are not text
    )


class Arena:
    """The memory that all networks of this process share."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._registered = False

    def register(self) -> None:
        """Make ONNX Runtime use this memory; call it before the first network is loaded."""
        import onnxruntime as ort

        with self._lock:
            if self._registered:
                return
            config = {
                "max_mem": MAX_ARENA_BYTES,
                "arena_extend_strategy": -1,  # -1: ONNX Runtime's default
                "initial_chunk_size_bytes": -1,
                "max_dead_bytes_per_chunk": -1,
            }
            where = ort.OrtMemoryInfo(
                "Cpu", ort.OrtAllocatorType.ORT_ARENA_ALLOCATOR, 0, ort.OrtMemType.DEFAULT
            )
            ort.create_and_register_allocator(where, ort.OrtArenaCfg(config))
            self._registered = True


class Watchdog:
    """Ends runs that exceed their time limit, between two of the network's operators.

    One thread watches all runs: starting a thread for each would cost a tenth of the run.
    """

    INTERVAL_S = 0.5

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._runs: dict[int, tuple[float, onnxruntime.RunOptions]] = {}
        self._thread: threading.Thread | None = None

    @contextmanager
    def at(self, options: onnxruntime.RunOptions, ends_s: float) -> Iterator[None]:
        """End the run inside if it takes longer than until ``ends_s`` on the monotonic clock."""
        key = id(options)
        with self._lock:
            self._runs[key] = ends_s, options
            if self._thread is None or not self._thread.is_alive():  # or dead after a fork
                self._thread = threading.Thread(target=self._watch, name="watchdog", daemon=True)
                self._thread.start()
        try:
            yield
        finally:
            with self._lock:
                del self._runs[key]

    def _watch(self) -> None:
        idle_s = 0.0
        while True:
            time.sleep(self.INTERVAL_S)
            with self._lock:
                now_s = time.monotonic()
                for ends_s, options in self._runs.values():
                    if now_s > ends_s:
                        options.terminate = True
                idle_s = 0.0 if self._runs else idle_s + self.INTERVAL_S
                if idle_s > 10:
                    self._thread = None
                    return


ARENA = Arena()


WATCHDOG = Watchdog()
