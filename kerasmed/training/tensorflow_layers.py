"""Layers and updates of keras by TensorFlow's own kernels: the same weights and answers, in the time of plain TensorFlow.

Keras writes batch normalisation as moments, differences and products, and a step of Adam as a dozen operations for each
weight, where TensorFlow has one kernel for each (decision 0064). What is changed here are methods of the layers of a
model that is about to train and of its optimizer: classes, settings and variables stay, and so does every file.
"""

from collections.abc import Callable, Sequence
from types import MethodType
from typing import Any

import keras
from keras import ops

from kerasmed.training.layer_rates import LayerwiseAdam, LayerwiseAdamW, LayerwiseSGD


def use_kernels_of_tensorflow(model: keras.Model) -> None:
    """Let batch normalisation of `model` run as plain TensorFlow runs it; on another backend nothing changes."""
    if keras.backend.backend() != "tensorflow":
        return
    for layer in model._flatten_layers(include_self=False):
        if type(layer) is keras.layers.BatchNormalization and _learns_alone(layer):
            layer.call = MethodType(_normalise, layer)


def use_updates_of_tensorflow(optimizer: keras.optimizers.Optimizer) -> None:
    """Let `optimizer` change weights and averages as plain TensorFlow does; on another backend nothing changes."""
    update = _UPDATES.get(type(optimizer))
    if keras.backend.backend() != "tensorflow" or update is None:
        return
    optimizer._backend_update_step = MethodType(update, optimizer)
    optimizer._clip_gradients = MethodType(_clip, optimizer)
    optimizer._update_model_variables_moving_average = MethodType(_average, optimizer)
    if not hasattr(optimizer, "rates"):
        optimizer._apply_weight_decay = MethodType(_decay, optimizer)


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


def _adam(self: Any, gradients: Sequence[Any], variables: Sequence[Any], learning_rate: Any) -> None:
    """`Adam.update_step` of every variable."""
    import tensorflow as tf

    rate, steps = tf.cast(learning_rate, tf.float32), tf.cast(self.iterations + 1, tf.float32)
    powers = {"beta1_power": self.beta_1**steps, "beta2_power": self.beta_2**steps}
    settings = {"beta1": self.beta_1, "beta2": self.beta_2, "epsilon": self.epsilon}
    for gradient, variable in zip(gradients, variables, strict=True):
        if not _is_plain(gradient, variable):
            self.update_step(gradient, variable.value, learning_rate)
            continue
        place = self._get_variable_index(variable)
        tf.raw_ops.ResourceApplyAdam(
            var=variable.value.handle, m=self._momentums[place].value.handle, v=self._velocities[place].value.handle,
            grad=gradient, lr=rate * _factor(self, place), **powers, **settings,
        )  # fmt: skip


def _momentum(self: Any, gradients: Sequence[Any], variables: Sequence[Any], learning_rate: Any) -> None:
    """`SGD.update_step` of every variable."""
    import tensorflow as tf

    rate = tf.cast(learning_rate, tf.float32)
    for gradient, variable in zip(gradients, variables, strict=True):
        if not _is_plain(gradient, variable) or not self.momentum:
            self.update_step(gradient, variable.value, learning_rate)
            continue
        place = self._get_variable_index(variable)
        tf.raw_ops.ResourceApplyKerasMomentum(
            var=variable.value.handle, accum=self.momentums[place].value.handle, grad=gradient,
            lr=rate * _factor(self, place), momentum=self.momentum, use_nesterov=self.nesterov,
        )  # fmt: skip


def _clip(self: Any, gradients: Sequence[Any]) -> Sequence[Any]:
    """`_clip_gradients`, with one kernel for the norm of each."""
    import tensorflow as tf

    if not self.global_clipnorm:
        return gradients
    clipped: Sequence[Any] = tf.clip_by_global_norm(gradients, self.global_clipnorm)[0]
    return clipped


def _decay(self: Any, variables: Sequence[Any]) -> None:
    """`_apply_weight_decay`, with the product of rate and decay taken once."""
    if self.weight_decay is None:
        return
    pull = ops.cast(self.learning_rate, "float32") * self.weight_decay
    for variable in variables:
        if self._use_weight_decay(variable):
            variable.value.assign_sub(variable * ops.cast(pull, variable.dtype))


def _average(self: Any, variables: Sequence[Any]) -> None:
    """`_update_model_variables_moving_average`: the average moves to the weights, at the first step all the way."""
    import tensorflow as tf

    if not self.use_ema:
        return
    share = 1.0 - self.ema_momentum * tf.cast(self.iterations.value > 0, tf.float32)
    for variable, average in zip(variables, self._model_variables_moving_average, strict=True):
        if average is not None:
            tf.raw_ops.ResourceApplyGradientDescent(
                var=average.value.handle, alpha=tf.cast(share, average.dtype), delta=average.value - variable.value
            )


def _is_plain(gradient: Any, variable: Any) -> bool:
    """Whether the kernels take it: a tensor, in full precision, and not the rows of one."""
    import tensorflow as tf

    return isinstance(gradient, tf.Tensor) and gradient.dtype == variable.value.dtype == tf.float32


def _factor(optimizer: Any, place: int) -> float:
    """What the learning rate of a variable is multiplied by."""
    rates: Sequence[float] | None = getattr(optimizer, "rates", None)
    return 1.0 if rates is None else rates[place]


# Class of an optimizer to what changes its variables.
_UPDATES: dict[type, Callable[..., None]] = {
    keras.optimizers.Adam: _adam, keras.optimizers.AdamW: _adam, keras.optimizers.SGD: _momentum,
    LayerwiseAdam: _adam, LayerwiseAdamW: _adam, LayerwiseSGD: _momentum,
}  # fmt: skip
