"""The loss of a target, from logits; one value for each example, so that weights apply to examples."""

import logging
from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from kerasmed.config.run import RunConfig, Trainer
from kerasmed.config.unet import EcgUnet
from kerasmed.data.loaders.batches import BatchStream
from kerasmed.errors import ConfigError
from kerasmed.spec import ExampleSpec, TargetSpec, Task
from kerasmed.training.map_losses import AngleLoss, MaskLoss, RowPlaceLoss

Array = np.ndarray
log = logging.getLogger(__name__)


def build_losses(config: Trainer, spec: ExampleSpec, stream: BatchStream) -> dict[str, keras.losses.Loss]:
    """The loss of each target; what it takes from the data it takes from the rows that `stream` trains on.

    The same rows give the same losses, so that a resumed training needs nothing else to go on by its own.

    Raises:
        ConfigError: `trainer.positive_weights` without a target of several labels.
    """
    several = [name for name, target in spec.targets.items() if target.task == "multi_label"]
    if config.positive_weights != "none" and not several:
        raise ConfigError(
            f"trainer.positive_weights={config.positive_weights}: {', '.join(spec.targets)} asks for one class of "
            "several, not for labels; write trainer.class_weights instead."
        )
    weights: dict[str, tuple[float, ...]] = {}
    for name in several if config.positive_weights != "none" else ():
        weights[name] = positive_weights(np.asarray(stream.targets[name][stream.rows]), config)
    return {name: build_loss(config, target, weights.get(name)) for name, target in spec.targets.items()}


def loss_weights(config: RunConfig) -> dict[str, float] | None:
    """What the loss of each target counts in the whole; None where they count alike."""
    return config.model.loss_weights.model_dump() if isinstance(config.model, EcgUnet) else None


def tell_positive_weights(losses: dict[str, keras.losses.Loss], spec: ExampleSpec) -> None:
    """Log what a positive of each label weighs, where that is not 1."""
    for name, loss in losses.items():
        if isinstance(loss, MultiLabelLoss) and loss.positive_weights is not None:
            told = zip(spec.targets[name].classes, loss.positive_weights, strict=True)
            log.info("weights of positives: %s", ", ".join(f"{label} {weight:.3g}" for label, weight in told))


def build_loss(
    config: Trainer, target: TargetSpec, positive_weights: Sequence[float] | None = None
) -> keras.losses.Loss:
    """Cross-entropy or focal loss (Lin et al., arXiv:1708.02002), softmax or sigmoid as the task asks.

    Args:
        config: Which.
        target: What is asked.
        positive_weights: Of several labels: how much more a positive of each counts than a negative.

    In a pretraining the network itself gives its error; masks, angles and places have losses of their own.
    """
    if target.task in OF_TASK:
        return OF_TASK[target.task]()
    gamma = config.focal_gamma if config.loss == "focal" else 0.0
    if target.task == "single_label":
        return SingleLabelLoss(len(target.classes), gamma, config.label_smoothing)
    return MultiLabelLoss(len(target.classes), gamma, config.label_smoothing, positive_weights)


def positive_weights(targets: Array, config: Trainer) -> tuple[float, ...]:
    """Negatives / positives of each label (balanced), or the root of it, between 1 / cap and cap.

    Args:
        targets: 0 or 1 (n, num_classes).
        config: The rule and the cap; a label without a positive or without a negative weighs 1.
    """
    positives = targets.sum(axis=0, dtype=np.float64)
    negatives = len(targets) - positives
    ratio = np.where((positives > 0) & (negatives > 0), negatives / np.maximum(positives, 1.0), 1.0)
    if config.positive_weights == "sqrt_balanced":
        ratio = np.sqrt(ratio)
    cap = config.positive_weight_cap
    return tuple(np.clip(ratio, 1.0 / cap, cap).tolist())


class GivenLoss(keras.losses.Loss):
    """What the network answers is its error."""

    def __init__(self) -> None:
        super().__init__(name="given")

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """(batch,) of errors (batch, 1)."""
        return ops.reshape(ops.cast(y_pred, "float32"), (-1,))


# Tasks with one loss, which no setting changes.
OF_TASK: dict[Task, Callable[[], keras.losses.Loss]] = {
    "masked_patches": GivenLoss,
    "mask": MaskLoss,
    "angle": AngleLoss,
    "row_place": RowPlaceLoss,
}


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
    """Mean sigmoid cross-entropy over classes against 0/1 targets (batch, num_classes).

    With weights, what a positive of a label adds to the loss is multiplied by the weight of the label.
    """

    def __init__(
        self, num_classes: int, gamma: float, smoothing: float, positive_weights: Sequence[float] | None = None
    ) -> None:
        super().__init__(name="multi_label")
        self.num_classes, self.gamma, self.smoothing = num_classes, gamma, smoothing
        self.positive_weights = None if positive_weights is None else tuple(positive_weights)

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
        if self.positive_weights is not None:
            weights = ops.convert_to_tensor(self.positive_weights, dtype="float32")
            loss = loss * (1.0 + wanted * (weights - 1.0))
        return ops.mean(loss, axis=-1)
