"""A training step on TensorFlow without what keras puts around it.

Keras wraps the logs of every step into an optional, so that a set of data may end, opens it again from python, and has
tf.function compare the types of its arguments: a millisecond on a small network (decision 0064). Our batches never
end and all look alike, so the function that was traced for the first is called for each.
"""

import weakref
from collections.abc import Callable
from types import MethodType
from typing import Any

import keras

from kerasmed.training.on_tensorflow.room import require_memory


def use_plain_steps(trainee: keras.Model) -> None:
    """Let `trainee`, which is compiled, make such steps; several in one go, XLA and other backends stay with keras."""
    if keras.backend.backend() != "tensorflow":
        return
    if not (trainee.jit_compile or trainee.run_eagerly or trainee.steps_per_execution > 1):
        trainee.make_train_function = MethodType(_make_train_function, trainee)


def _make_train_function(self: Any, force: bool = False) -> None:
    """`Model.make_train_function`."""
    if self.train_function is None or force:
        type(self).make_train_function(self, force)
        self.train_function = _PlainSteps(self.train_step, self.train_function)


class _PlainSteps:
    """Steps on the batches of an iterator of tf.data; keras' own function has whatever else there is."""

    def __init__(self, step: Callable[[Any], Any], other: Callable[[Any], Any]) -> None:
        import tensorflow as tf

        self.kind, self.other = tf.data.Iterator, other
        self.traced = tf.function(lambda iterator: step(iterator.get_next()), autograph=False)
        # A batch is made ahead by the threads of its iterator: to keep it would keep them.
        self.last: Callable[[], Any] = lambda: None
        self.call: Callable[[Any], Any] = other

    def __call__(self, iterator: Any) -> Any:
        if not isinstance(iterator, self.kind):
            return self.other(iterator)
        if self.last() is not iterator:
            traced = self.traced.get_concrete_function(iterator)
            if self.call is not traced:
                require_memory(traced)
            self.last, self.call = weakref.ref(iterator), traced
        return self.call(iterator)
