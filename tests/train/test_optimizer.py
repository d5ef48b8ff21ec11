"""RMSProp equals that of TensorFlow 1, step by step."""

from dataclasses import replace

import numpy as np
import pytest

from genre_model.training.keras_export import require_tensorflow
from genre_model.training.networks.pelchat2019 import TRAINING
from genre_model.training.scratch.optimizer import make_optimizer

pytestmark = pytest.mark.tensorflow

# Six steps of three weights; a gradient may be tiny, huge or zero.
GRADIENTS = np.array(
    [[1e-4, 3.0, 0.0], [1e-4, -2.0, 0.0], [5e-3, 0.5, 1e-12], [0.0, 100.0, 0.0]] + [[1, 1, 1]] * 2
)


def steps_of_keras(spec):
    import keras

    weights = keras.Variable(np.ones(3, np.float32))
    optimizer = make_optimizer(spec, [weights])
    found = []
    for gradient in GRADIENTS:
        optimizer.apply([keras.ops.convert_to_tensor(gradient, "float32")], [weights])
        found.append(np.asarray(weights).copy())
    return np.array(found)


def steps_of_tensorflow_1():
    import tensorflow as tf

    v1 = tf.compat.v1
    found = []
    with tf.Graph().as_default(), v1.Session() as session:
        weights = v1.get_variable("weights", initializer=np.ones(3, np.float32))
        gradient = v1.placeholder(tf.float32, (3,))
        settings = dict(TRAINING.optimizer_settings)
        optimizer = v1.train.RMSPropOptimizer(
            TRAINING.learning_rate, decay=settings["rho"], epsilon=settings["epsilon"]
        )
        step = optimizer.apply_gradients([(gradient, weights)])
        session.run(v1.global_variables_initializer())
        for values in GRADIENTS:
            session.run(step, {gradient: values})
            found.append(session.run(weights))
    return np.array(found)


def test_the_papers_rmsprop_is_that_of_tensorflow_1():
    require_tensorflow("this test")
    theirs, ours = steps_of_tensorflow_1(), steps_of_keras(TRAINING)
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=2e-7)
    keras_start = steps_of_keras(replace(TRAINING, first_accumulator=0.0))
    first = 1 - keras_start[0]
    np.testing.assert_allclose(first[:2], TRAINING.learning_rate * 0.1**-0.5, rtol=0.06)
    assert abs(keras_start - theirs).max() > 1e-3
