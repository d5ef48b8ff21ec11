"""The devices of a training (all GPUs of this machine, or its processor) and its precision."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from genre_model.core.processor import processor_has_bfloat16
from genre_model.training.networks.base import TrainingSpec

# The NVIDIA compute capability from which on a GPU calculates in bfloat16.
BFLOAT16_SINCE = (8, 0)


def gpus() -> list[str]:
    """TensorFlow's names of the GPUs that it can use."""
    import tensorflow as tf

    return [device.name for device in tf.config.list_logical_devices("GPU")]


def strategy_over(devices: Sequence[str]) -> Any:
    """The strategy that copies a network to several devices, each with a part of every batch.

    With one device, or in the scope of another strategy, it is the current strategy.
    """
    import tensorflow as tf

    if len(devices) > 1 and not tf.distribute.has_strategy():
        return tf.distribute.MirroredStrategy(devices)
    return tf.distribute.get_strategy()


def sum_variable(shape: Sequence[int], dtype: str = "float32") -> Any:
    """A variable, initially 0, that each device adds to; outside the devices it is their sum."""
    import tensorflow as tf

    return tf.Variable(
        tf.zeros(shape, dtype),
        trainable=False,
        synchronization=tf.VariableSynchronization.ON_READ,
        aggregation=tf.VariableAggregation.SUM,
    )


def precision_of(spec: TrainingSpec) -> str:
    """Keras' name of the precision that layers calculate in; weights are always float32.

    bfloat16 has the range of float32: unlike in float16, no gradient vanishes, and the loss needs
    no scaling.  Devices that cannot multiply in bfloat16 calculate in float32.
    """
    if spec.exact:
        return "float32"
    return "mixed_bfloat16" if multiplies_in_bfloat16() else "float32"


def multiplies_in_bfloat16() -> bool:
    """Whether all GPUs multiply in bfloat16; without a GPU, whether the processor is known to."""
    import tensorflow as tf

    found = tf.config.list_physical_devices("GPU")
    if not found:
        return processor_has_bfloat16()
    return all(
        tf.config.experimental.get_device_details(device).get("compute_capability", (0, 0))
        >= BFLOAT16_SINCE
        for device in found
    )


@contextmanager
def calculating_in(precision: str) -> Iterator[None]:
    """Make layers that are built in this context calculate in this precision."""
    import keras

    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(precision)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)
