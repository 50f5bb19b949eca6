"""A learning rate for each variable: layers near the input of an encoder change less than those near the answer."""

import re
from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from kerasmed.config.run import Trainer
from kerasmed.errors import ConfigError

# Of a variable's path, as models/encoder.py names layers.
_BLOCK, _EMBEDDING = re.compile(r"encoder_(\d+)_"), "encoder_embedding"


def layer_rates(paths: Sequence[str], decay: float) -> list[float]:
    """Factor of the learning rate for each variable (Clark et al., arXiv:2003.10555).

    The head has 1, the last block `decay`, the block before it `decay` squared, and so on down to the embedding.

    Args:
        paths: Of the variables.
        decay: Between 0 and 1.

    Raises:
        ConfigError: The network has no encoder whose layers could be counted.
    """
    depths = encoder_depths(paths, "trainer.layer_decay")
    top = top_of(depths)
    return [1.0 if depth is None else decay ** (top - depth) for depth in depths]


def rates_in(epoch: int, paths: Sequence[str], trainer: Trainer) -> list[float]:
    """Factor of the learning rate for each variable in an epoch (from 0): decay by layer, and what stands still.

    Raises:
        ConfigError: The network has no encoder whose layers could be counted.
    """
    rates = [1.0] * len(paths) if trainer.layer_decay is None else layer_rates(paths, trainer.layer_decay)
    if not trainer.freeze_epochs:
        return rates
    depths = encoder_depths(paths, "trainer.freeze_epochs")
    still = frozen_below(epoch, top_of(depths), trainer)
    return [
        rate if depth is None else 0.0 if depth < still else rate * trainer.unfreeze_rate
        for rate, depth in zip(rates, depths, strict=True)
    ]


def frozen_below(epoch: int, top: int, trainer: Trainer) -> int:
    """The depth below which an encoder of `top` depths stands still in an epoch (from 0); 0 where all of it learns."""
    if epoch < trainer.freeze_epochs:
        return top
    return 0 if trainer.unfreeze_stages is None or not trainer.freeze_epochs else max(0, top - trainer.unfreeze_stages)


def encoder_depths(paths: Sequence[str], asked_by: str) -> list[int | None]:
    """Of each variable or layer: 0 in the embedding, 1 and more in the blocks, None above them.

    Raises:
        ConfigError: None is in an encoder; `asked_by` is the setting that needs one.
    """
    depths = [depth_of(path) for path in paths]
    if all(depth is None for depth in depths):
        raise ConfigError(
            f"{asked_by} needs a network whose blocks are counted: ecg_transformer, heartbeit, heartbeit_1d, or one "
            "for pictures."
        )
    return depths


def top_of(depths: Sequence[int | None]) -> int:
    """The depth of the head: one above that of the last block."""
    return max(depth for depth in depths if depth is not None) + 1


def depth_of(path: str) -> int | None:
    """Of a variable by its path, or of a layer by its name."""
    block = _BLOCK.match(path)
    if block:
        return int(block[1]) + 1
    return 0 if path.startswith(_EMBEDDING) else None


class _LayerRates:
    """Of an optimizer: scales step and weight decay of each variable.

    A scaled gradient would not do: Adam divides it by its own size. The factors are no state, so that a checkpoint
    holds what it holds without them.
    """

    rates: Sequence[float]

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """The step of the optimizer, at the variable's own rate."""
        super().update_step(gradient, variable, learning_rate * self._rate_of(variable))  # type: ignore[misc]

    def _apply_weight_decay(self: Any, variables: Sequence[Any]) -> None:
        if self.weight_decay is None:
            return
        for variable in variables:
            if self._use_weight_decay(variable):
                pull = ops.cast(self.learning_rate * self.weight_decay * self._rate_of(variable), variable.dtype)
                variable.assign(variable * (1 - pull))

    def _rate_of(self: Any, variable: Any) -> float:
        rate: float = self.rates[self._get_variable_index(variable)]
        return rate


class LayerwiseAdamW(_LayerRates, keras.optimizers.AdamW):
    """AdamW with a rate for each variable."""


class LayerwiseAdam(_LayerRates, keras.optimizers.Adam):
    """Adam with a rate for each variable."""


class LayerwiseSGD(_LayerRates, keras.optimizers.SGD):
    """SGD with a rate for each variable."""
