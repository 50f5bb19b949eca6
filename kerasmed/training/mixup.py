"""Mixup inside the training step: an example, and the one before it in the batch with a share of less than a half.

What is asked is mixed too: the loss is that share of the other's (Zhang et al., arXiv:1710.09412). The share must reach
the loss, which sees nothing but targets and logits, so in training it stands behind the logits as one more column.
"""

import random
from typing import Any

import keras
from keras import ops


class Mix(keras.layers.Layer):
    """Mixes the inputs of `network` while training, and appends the share of the other example to its logits."""

    def __init__(self, network: Any, most: float) -> None:
        super().__init__(dtype="float32", name="mix")
        self.network, self.most = network, most
        self.seed = keras.random.SeedGenerator(random.randrange(2**31))  # noqa: S311

    def call(self, inputs: dict[str, Any], training: bool = False) -> Any:
        """Logits (batch, num_classes) by target, in training (batch, num_classes + 1), from physical values by name."""
        if not training:
            return self.network(inputs, training=False)
        count = ops.shape(next(iter(inputs.values())))[0]
        share = keras.random.uniform((count, 1), 0.0, self.most, seed=self.seed)
        answers = self.network({name: _mixed(x, share) for name, x in inputs.items()}, training=True)
        return {name: ops.concatenate([ops.cast(z, "float32"), share], axis=-1) for name, z in answers.items()}


def _mixed(x: Any, share: Any) -> Any:
    share = ops.reshape(share, (-1, *[1] * (len(x.shape) - 1)))
    return (1.0 - share) * x + share * ops.roll(x, 1, axis=0)


class MixedLoss(keras.losses.Loss):
    """A loss against the targets of an example and of the one mixed into it; the loss itself without a share."""

    def __init__(self, loss: Any, num_classes: int) -> None:
        super().__init__(name=f"mixed_{loss.name}")
        self.loss, self.num_classes = loss, num_classes

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """(batch,) losses of logits (batch, num_classes), or (batch, num_classes + 1) with shares behind them."""
        if y_pred.shape[-1] == self.num_classes:
            return self.loss.call(y_true, y_pred)
        logits, share = y_pred[..., :-1], y_pred[..., -1]
        other = ops.roll(y_true, 1, axis=0)
        return (1.0 - share) * self.loss.call(y_true, logits) + share * self.loss.call(other, logits)
