"""A learning rate for each variable: layers near the input of an encoder change less than those near the answer."""

import re
from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

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
    depths = [_depth(path) for path in paths]
    if all(depth is None for depth in depths):
        raise ConfigError(
            "trainer.layer_decay needs a network whose blocks are counted: ecg_transformer, heartbeit or heartbeit_1d."
        )
    top = max(depth for depth in depths if depth is not None) + 1
    return [1.0 if depth is None else decay ** (top - depth) for depth in depths]


def _depth(path: str) -> int | None:
    """0 for the embedding, 1 and more for the blocks, None for what is above them."""
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
