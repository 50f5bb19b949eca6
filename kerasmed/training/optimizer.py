"""Optimizer and learning-rate schedule of a run."""

import math
from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from kerasmed.config.run import Trainer
from kerasmed.training.layer_rates import LayerwiseAdam, LayerwiseAdamW, LayerwiseSGD
from kerasmed.training.on_tensorflow.updates import use_updates_of_tensorflow

PLAIN = {"adamw": keras.optimizers.AdamW, "adam": keras.optimizers.Adam, "sgd": keras.optimizers.SGD}
LAYERWISE = {"adamw": LayerwiseAdamW, "adam": LayerwiseAdam, "sgd": LayerwiseSGD}


def build_optimizer(
    config: Trainer, steps_per_epoch: int, rates: Sequence[float] | None = None
) -> keras.optimizers.Optimizer:
    """Adam, AdamW or SGD with clipping, accumulation and averaging as set.

    Args:
        config: How to train.
        steps_per_epoch: Batches in an epoch.
        rates: For each variable that will be trained, in order, what the learning rate is multiplied by; all alike
            without them.
    """
    options: dict[str, Any] = {
        "learning_rate": _learning_rate(config, steps_per_epoch),
        "global_clipnorm": config.clip_norm,
        "gradient_accumulation_steps": config.accumulate_steps if config.accumulate_steps > 1 else None,
        "use_ema": config.ema_decay is not None,
        "ema_momentum": config.ema_decay or 0.99,
    }
    if config.optimizer == "sgd":
        options |= {"momentum": 0.9, "nesterov": True}
    if config.optimizer == "adamw":
        options["weight_decay"] = config.weight_decay
    optimizer: Any = (PLAIN if rates is None else LAYERWISE)[config.optimizer](**options)
    if rates is not None:
        optimizer.rates = rates
    if config.optimizer == "adamw":
        # Decay pulls kernels to zero; a bias or a scale has nothing to gain from it (arXiv:1812.01187).
        optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    use_updates_of_tensorflow(optimizer)
    return optimizer


def has_rate_variable(config: Trainer) -> bool:
    """Whether the learning rate is a number that callbacks may set, and not a function of the step."""
    return config.schedule == "plateau" or (config.schedule == "constant" and config.warmup_epochs == 0)


def _learning_rate(config: Trainer, steps_per_epoch: int) -> Any:
    if has_rate_variable(config):
        return config.learning_rate
    updates = max(1, steps_per_epoch // config.accumulate_steps)
    if config.schedule == "one_cycle":
        peak, all_updates = config.learning_rate, config.epochs * updates
        start, end = peak / config.cycle_start_div, peak / config.cycle_end_div
        return OneCycleSchedule(peak, start, end, round(config.cycle_rise * all_updates), all_updates)
    warmup = round(config.warmup_epochs * updates)
    total = config.epochs * updates if config.schedule == "cosine" else None
    return WarmupSchedule(config.learning_rate, warmup, total)


class OneCycleSchedule(keras.optimizers.schedules.LearningRateSchedule):
    """Half a cosine up from `start` to `peak` over `rise` updates, then half a cosine down to `end` at update `total`.

    Smith and Topin, arXiv:1708.07120, with the cosines of fastai. The momentum stays as it is: keras' optimizers hold
    it as a number of their own and not as a function of the step.
    """

    def __init__(self, peak: float, start: float, end: float, rise: int, total: int) -> None:
        super().__init__()
        self.peak, self.start, self.end, self.rise, self.total = peak, start, end, rise, total

    def __call__(self, step: Any) -> Any:
        """Learning rate at update `step`."""
        step = ops.cast(step, "float32")
        risen = ops.clip(step / max(1, self.rise), 0.0, 1.0)
        fallen = ops.clip((step - self.rise) / max(1, self.total - self.rise), 0.0, 1.0)
        rising = self.start + (self.peak - self.start) * 0.5 * (1.0 - ops.cos(math.pi * risen))
        falling = self.end + (self.peak - self.end) * 0.5 * (1.0 + ops.cos(math.pi * fallen))
        return ops.where(step < self.rise, rising, falling)

    def get_config(self) -> dict[str, Any]:
        """Arguments that make an equal schedule."""
        return {name: getattr(self, name) for name in ("peak", "start", "end", "rise", "total")}


class WarmupSchedule(keras.optimizers.schedules.LearningRateSchedule):
    """Linear from 0 to `peak` over `warmup` updates; then half a cosine down to 0 at update `total`, or flat."""

    def __init__(self, peak: float, warmup: int, total: int | None) -> None:
        super().__init__()
        self.peak, self.warmup, self.total = peak, warmup, total

    def __call__(self, step: Any) -> Any:
        """Learning rate at update `step`."""
        step = ops.cast(step, "float32")
        rising = (step + 1.0) / max(1, self.warmup)
        if self.total is None:
            return self.peak * ops.minimum(rising, 1.0)
        span = max(1, self.total - self.warmup)
        done = ops.clip((step - self.warmup) / span, 0.0, 1.0)
        falling = 0.5 * (1.0 + ops.cos(math.pi * done))
        return self.peak * ops.where(step < self.warmup, rising, falling)

    def get_config(self) -> dict[str, Any]:
        """Arguments that make an equal schedule."""
        return {"peak": self.peak, "warmup": self.warmup, "total": self.total}
