"""Updates of keras' optimizers as TensorFlow itself would make them: the same steps, in the time of plain TensorFlow.

Keras writes a step of Adam as a dozen operations for each weight, where TensorFlow has one kernel (decision 0064). What
is changed here are methods of the optimizer of a model that is about to train: its class, its settings and its
variables stay, and so does every checkpoint.
"""

from collections.abc import Callable, Sequence
from types import MethodType
from typing import Any

import keras
from keras import ops

from kerasmed.training.layer_rates import LayerwiseAdam, LayerwiseAdamW, LayerwiseSGD


def use_updates_of_tensorflow(optimizer: keras.optimizers.Optimizer) -> None:
    """Let `optimizer`, one of ours, change weights as plain TensorFlow does; on another backend nothing changes."""
    if keras.backend.backend() != "tensorflow":
        return
    optimizer._backend_update_step = MethodType(_UPDATES[type(optimizer)], optimizer)
    optimizer._clip_gradients = MethodType(_clip, optimizer)
    optimizer._update_model_variables_moving_average = MethodType(_average, optimizer)
    if not hasattr(optimizer, "rates"):
        optimizer._apply_weight_decay = MethodType(_decay, optimizer)


def _adam(self: Any, gradients: Sequence[Any], variables: Sequence[Any], learning_rate: Any) -> None:
    """`Adam.update_step` of every variable."""
    import tensorflow as tf

    rate, steps = tf.cast(learning_rate, tf.float32), tf.cast(self.iterations + 1, tf.float32)
    powers = {"beta1_power": self.beta_1**steps, "beta2_power": self.beta_2**steps}
    settings = {"beta1": self.beta_1, "beta2": self.beta_2, "epsilon": self.epsilon}
    for gradient, variable in zip(gradients, variables, strict=True):
        place = self._get_variable_index(variable)
        tf.raw_ops.ResourceApplyAdam(
            var=variable.value.handle, m=self._momentums[place].value.handle, v=self._velocities[place].value.handle,
            grad=tf.convert_to_tensor(gradient), lr=rate * _factor(self, place), **powers, **settings,
        )  # fmt: skip


def _momentum(self: Any, gradients: Sequence[Any], variables: Sequence[Any], learning_rate: Any) -> None:
    """`SGD.update_step` of every variable."""
    import tensorflow as tf

    rate = tf.cast(learning_rate, tf.float32)
    for gradient, variable in zip(gradients, variables, strict=True):
        place = self._get_variable_index(variable)
        tf.raw_ops.ResourceApplyKerasMomentum(
            var=variable.value.handle, accum=self.momentums[place].value.handle, grad=tf.convert_to_tensor(gradient),
            lr=rate * _factor(self, place), momentum=self.momentum, use_nesterov=self.nesterov,
        )  # fmt: skip


def _factor(optimizer: Any, place: int) -> float:
    """What the learning rate of a variable is multiplied by."""
    rates: Sequence[float] | None = getattr(optimizer, "rates", None)
    return 1.0 if rates is None else rates[place]


def _clip(self: Any, gradients: Sequence[Any]) -> Sequence[Any]:
    """`_clip_gradients`, with one kernel for the norm of each."""
    import tensorflow as tf

    if not self.global_clipnorm:
        return gradients
    # The gradient of a table that is read by places names a place as often as it was read; the norm is that of the sum.
    whole = [tf.convert_to_tensor(gradient) for gradient in gradients]
    clipped: Sequence[Any] = tf.clip_by_global_norm(whole, self.global_clipnorm)[0]
    return clipped


def _decay(self: Any, variables: Sequence[Any]) -> None:
    """`_apply_weight_decay`, with the product of rate and decay taken once."""
    if self.weight_decay is None:
        return
    pull = ops.cast(self.learning_rate, "float32") * self.weight_decay
    for variable in variables:
        if self._use_weight_decay(variable):
            variable.value.assign_sub(variable.value * pull)


def _average(self: Any, variables: Sequence[Any]) -> None:
    """`_update_model_variables_moving_average`: the average moves to the weights, at the first step all the way."""
    import tensorflow as tf

    if not self.use_ema:
        return
    share = 1.0 - self.ema_momentum * tf.cast(self.iterations.value > 0, tf.float32)
    for variable, average in zip(variables, self._model_variables_moving_average, strict=True):
        tf.raw_ops.ResourceApplyGradientDescent(
            var=average.value.handle, alpha=share, delta=average.value - variable.value
        )


# Class of an optimizer to what changes its variables.
_UPDATES: dict[type, Callable[..., None]] = {
    keras.optimizers.Adam: _adam, keras.optimizers.AdamW: _adam, keras.optimizers.SGD: _momentum,
    LayerwiseAdam: _adam, LayerwiseAdamW: _adam, LayerwiseSGD: _momentum,
}  # fmt: skip
