"""Losses of maps: masks, angles, and the row in which a line runs. One value for each example, from logits."""

from typing import Any

import keras
from keras import ops

FULL = 255.0  # of a pixel that wholly belongs to a mask
DICE_FLOOR = 16.0  # pixels: where hardly any is meant, Dice says little
ANGLE_UNIT_DEG = 2.0  # below it the loss of an angle is quadratic
SPREAD_PX = 1.0  # standard deviation of the place that is wanted
PULL = 0.05  # what a pixel of distance counts beside the divergence


class MaskLoss(keras.losses.Loss):
    """Sigmoid cross-entropy and 1 - Dice (Milletari et al., arXiv:1606.04797), the means over pixels and classes."""

    def __init__(self) -> None:
        super().__init__(name="mask")

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """(batch,) losses of logits (batch, height, width, classes) against 0..255 of the same shape."""
        wanted = ops.cast(y_true, "float32") / FULL
        logit = ops.cast(y_pred, "float32")
        entropy = ops.mean(ops.softplus(logit) - logit * wanted, axis=(1, 2, 3))
        share = ops.sigmoid(logit)
        both = ops.sum(share * wanted, axis=(1, 2))
        dice = (2.0 * both + DICE_FLOOR) / (ops.sum(share, axis=(1, 2)) + ops.sum(wanted, axis=(1, 2)) + DICE_FLOOR)
        return entropy + 1.0 - ops.mean(dice, axis=-1)


class AngleLoss(keras.losses.Loss):
    """Huber's loss of degrees, in units of `ANGLE_UNIT_DEG`."""

    def __init__(self) -> None:
        super().__init__(name="angle")

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """(batch,) losses of degrees (batch, 1)."""
        off = ops.abs(ops.reshape(ops.cast(y_pred, "float32") - ops.cast(y_true, "float32"), (-1,))) / ANGLE_UNIT_DEG
        return ops.where(off < 1.0, 0.5 * off * off, off - 0.5)


class RowPlaceLoss(keras.losses.Loss):
    """How far a softmax over rows is from a bell around the true row, and its mean row from that row.

    The divergence of the bell from the softmax is 0 where they agree. To it comes the distance of the softmax's mean,
    which pulls chances together that lie on two lines. Columns whose row is NaN count nothing.
    """

    def __init__(self) -> None:
        super().__init__(name="row_place")

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """(batch,) losses of logits (batch, height, width) against rows (batch, width), the mean over known columns."""
        row = ops.cast(y_true, "float32")
        known = ops.logical_not(ops.isnan(row))
        row = ops.expand_dims(ops.where(known, row, ops.zeros_like(row)), 1)  # (batch, 1, width)
        log_p = ops.log_softmax(ops.cast(y_pred, "float32"), axis=1)
        rows = ops.reshape(ops.arange(ops.shape(y_pred)[1], dtype="float32"), (1, -1, 1))
        log_bell = ops.log_softmax(-0.5 * ((rows - row) / SPREAD_PX) ** 2, axis=1)
        divergence = ops.sum(ops.exp(log_bell) * (log_bell - log_p), axis=1)
        off = ops.abs(ops.sum(ops.exp(log_p) * rows, axis=1) - row[:, 0])
        weight = ops.cast(known, "float32")
        return ops.sum(weight * (divergence + PULL * off), axis=1) / ops.maximum(ops.sum(weight, axis=1), 1.0)
