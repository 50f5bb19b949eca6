"""Layers of keras as TensorFlow itself would run them: the same weights and answers, in the time of plain TensorFlow.

Keras writes batch normalisation as moments, differences and products, where TensorFlow has one kernel (decision 0064).
What is changed here is a method of each layer of a model that is about to train: its class, its settings and its
weights stay, and so does every file that is written of it.
"""

from types import MethodType
from typing import Any

import keras
from keras import ops


def use_kernels_of_tensorflow(model: keras.Model) -> None:
    """Let batch normalisation of `model` run as plain TensorFlow runs it; on another backend nothing changes."""
    if keras.backend.backend() != "tensorflow":
        return
    for layer in model._flatten_layers(include_self=False):
        if type(layer) is keras.layers.BatchNormalization and _learns_alone(layer):
            layer.call = MethodType(_normalise, layer)


def _normalise(self: Any, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
    """`BatchNormalization.call`, with the one kernel of TensorFlow where it learns."""
    if not (training and self.trainable) or mask is not None:
        return type(self).call(self, inputs, training=training, mask=mask)
    import tensorflow as tf

    x = tf.cast(inputs, tf.float32)
    shape, width = tf.shape(x), x.shape[-1]
    # The kernel is for pictures: signals and volumes are pictures of one line.
    flat = x if x.shape.rank == 4 else tf.reshape(x, [shape[0], 1, -1, width])
    gamma = tf.ones([width]) if self.gamma is None else tf.convert_to_tensor(self.gamma)
    beta = tf.zeros([width]) if self.beta is None else tf.convert_to_tensor(self.beta)
    y, mean, variance = tf.compat.v1.nn.fused_batch_norm(flat, gamma, beta, epsilon=self.epsilon, is_training=True)
    # The kernel divides by n - 1 where keras divides by n.
    variance -= variance * tf.cast(width, tf.float32) / tf.cast(tf.size(x), tf.float32)
    for moving, now in ((self.moving_mean, mean), (self.moving_variance, variance)):
        before = tf.convert_to_tensor(moving)
        moving.assign(before + (now - before) * (1.0 - self.momentum))
    y = y if x.shape.rank == 4 else tf.ensure_shape(tf.reshape(y, shape), x.shape)
    return ops.cast(y, self.compute_dtype)


def _learns_alone(layer: Any) -> bool:
    return layer.axis == -1 and not layer.renorm and not layer.synchronized
