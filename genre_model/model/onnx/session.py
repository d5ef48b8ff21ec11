"""ONNX networks, loaded and asked.

A network is a stranger's: it gets no more than so much memory and time, and its answers are looked
at before they are believed.
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


# Weights of larger networks are not kept a second time, in the order that suits the processor.
LARGE_BYTES = 2**26


# For what all networks of this process calculate; their weights come on top.
MAX_ARENA_BYTES = 2**31


# Numbers that it may say of one slice, or of one song.
MAX_ANSWER = 2**24


# Where no track's own limit says otherwise.
RUN_LIMIT_S = 120.0


def open_network(content: bytes) -> onnxruntime.InferenceSession:
    """An ONNX Runtime session on one thread: songs, not operators, run in parallel.

    Raises:
        NetworkError: ONNX Runtime refuses the network, or should not get to see it.
    """
    from genre_model.model.onnx.check import checked_model

    try:
        checked_model(content)
    except ValueError as error:
        raise NetworkError(f"the network {error}") from error
    return open_checked(content)


def open_checked(content: bytes) -> onnxruntime.InferenceSession:
    """The session of a network that was looked at before.

    Raises:
        NetworkError: ONNX Runtime refuses the network.
    """
    import onnxruntime

    onnxruntime.disable_telemetry_events()
    ARENA.register()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 4  # refusals come back as exceptions
    # Not its own format, which it would know by four letters and nobody has looked at.
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
            # It calculates when a network is loaded, where nobody can stop it.
            disabled_optimizers=["ConstantFolding"],
            enable_fallback=0,  # which prints what it was told
        )
    except refusals() as error:
        raise NetworkError("ONNX Runtime refuses the network") from error


def run_network(
    session: onnxruntime.InferenceSession, outputs: Sequence[str], feeds: Mapping[str, NDArray[Any]]
) -> list[Float32]:
    """The outputs, each (n_rows, n_columns), within the time limit of the track.

    Raises:
        AudioError: The network does not take the input, takes too long or too much memory, or its
            answer is not one of numbers in rows.
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
    """What an ONNX network makes of the slices of one song."""
    logits: Float32 = session.run(["logits"], {"slices": slices.astype(np.float32)})[0]
    return logits


def refusals() -> tuple[type[Exception], ...]:
    """What ONNX Runtime raises; they have no base of their own."""
    from onnxruntime.capi import onnxruntime_pybind11_state as states

    return (
        states.EPFail,
        states.Fail,
        states.InvalidArgument,
        states.InvalidGraph,
        states.InvalidProtobuf,
        states.NotImplemented,
        states.RuntimeException,
        UnicodeDecodeError,  # its message quotes what is no text
    )


class Arena:
    """The memory that all networks of this process share."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._registered = False

    def register(self) -> None:
        """Have ONNX Runtime use it; before the first network is loaded."""
        import onnxruntime as ort

        with self._lock:
            if self._registered:
                return
            config = {
                "max_mem": MAX_ARENA_BYTES,
                "arena_extend_strategy": -1,  # these as ONNX Runtime thinks best
                "initial_chunk_size_bytes": -1,
                "max_dead_bytes_per_chunk": -1,
            }
            where = ort.OrtMemoryInfo(
                "Cpu", ort.OrtAllocatorType.ORT_ARENA_ALLOCATOR, 0, ort.OrtMemType.DEFAULT
            )
            ort.create_and_register_allocator(where, ort.OrtArenaCfg(config))
            self._registered = True


class Watchdog:
    """Ends runs whose time is up, between two of the network's operators.

    One thread looks after all of them: to start one for each run would cost a tenth of the run.
    """

    INTERVAL_S = 0.5

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._runs: dict[int, tuple[float, onnxruntime.RunOptions]] = {}
        self._thread: threading.Thread | None = None

    @contextmanager
    def at(self, options: onnxruntime.RunOptions, ends_s: float) -> Iterator[None]:
        """Look after a run until ``ends_s`` of the monotonic clock."""
        key = id(options)
        with self._lock:
            self._runs[key] = ends_s, options
            if self._thread is None or not self._thread.is_alive():  # nor is it after a fork
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
