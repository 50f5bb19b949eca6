"""The loss of a target, from logits; one value for each example, so that weights apply to examples."""

from typing import Any

import keras
from keras import ops

from kerasmed.config.run import Trainer
from kerasmed.spec import TargetSpec


def build_loss(config: Trainer, target: TargetSpec) -> keras.losses.Loss:
    """Cross-entropy or focal loss (Lin et al., arXiv:1708.02002), softmax or sigmoid as the task asks.

    In a pretraining the network itself gives its error.
    """
    if target.task == "masked_patches":
        return GivenLoss()
    gamma = config.focal_gamma if config.loss == "focal" else 0.0
    kind = SingleLabelLoss if target.task == "single_label" else MultiLabelLoss
    return kind(len(target.classes), gamma, config.label_smoothing)


class GivenLoss(keras.losses.Loss):
    """What the network answers is its error."""

    def __init__(self) -> None:
        super().__init__(name="given")

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """(batch,) of errors (batch, 1)."""
        return ops.reshape(ops.cast(y_pred, "float32"), (-1,))


class SingleLabelLoss(keras.losses.Loss):
    """Softmax cross-entropy against int classes (batch,)."""

    def __init__(self, num_classes: int, gamma: float, smoothing: float) -> None:
        super().__init__(name="single_label")
        self.num_classes, self.gamma, self.smoothing = num_classes, gamma, smoothing

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """(batch,) losses of logits (batch, num_classes)."""
        labels = ops.reshape(ops.cast(y_true, "int32"), (-1,))
        wanted = ops.one_hot(labels, self.num_classes, dtype="float32")
        log_p = ops.log_softmax(ops.cast(y_pred, "float32"), axis=-1)
        smoothed = wanted * (1.0 - self.smoothing) + self.smoothing / self.num_classes
        loss = -ops.sum(smoothed * log_p, axis=-1)
        if self.gamma == 0:
            return loss
        p_true = ops.exp(ops.sum(wanted * log_p, axis=-1))
        return (1.0 - p_true) ** self.gamma * loss


class MultiLabelLoss(keras.losses.Loss):
    """Mean sigmoid cross-entropy over classes against 0/1 targets (batch, num_classes)."""

    def __init__(self, num_classes: int, gamma: float, smoothing: float) -> None:
        super().__init__(name="multi_label")
        self.num_classes, self.gamma, self.smoothing = num_classes, gamma, smoothing

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """(batch,) losses of logits (batch, num_classes)."""
        wanted = ops.cast(y_true, "float32")
        logit = ops.cast(y_pred, "float32")
        smoothed = wanted * (1.0 - self.smoothing) + 0.5 * self.smoothing
        # softplus(z) - z * y is the cross-entropy without the overflow of log(sigmoid(z)).
        loss = ops.softplus(logit) - logit * smoothed
        if self.gamma > 0:
            p_true = ops.sigmoid(logit * (2.0 * wanted - 1.0))
            loss = (1.0 - p_true) ** self.gamma * loss
        return ops.mean(loss, axis=-1)
