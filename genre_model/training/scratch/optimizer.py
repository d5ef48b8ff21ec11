"""The optimiser of a training from scratch, with the initial values of its accumulators."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from genre_model.training.networks.base import TrainingSpec

# Keras' name for RMSProp's running means of the squared gradients.
VELOCITY = "velocity"


def make_optimizer(spec: TrainingSpec, variables: Sequence[Any]) -> Any:
    """Keras' optimiser for the variables, in its state before the first step.

    TensorFlow 1 starts RMSProp's running means of squared gradients at 1.  Keras starts them at 0,
    which makes the first steps larger: (1 - rho) ** -0.5 learning rates, however small the
    gradient.
    """
    import keras
    import tensorflow as tf

    settings = {"learning_rate": spec.learning_rate, **dict(spec.optimizer_settings)}
    optimizer = keras.optimizers.get({"class_name": spec.optimizer, "config": settings})
    if tf.distribute.get_strategy().num_replicas_in_sync == 1:
        # TensorFlow keeps a reference to all that is reduced, for ever: three times the weights.
        optimizer._all_reduce_sum_gradients = list
    optimizer.build(list(variables))
    if spec.first_accumulator:
        for variable in optimizer.variables:
            if VELOCITY in variable.path:
                variable.assign(keras.ops.full_like(variable, spec.first_accumulator))
    return optimizer
