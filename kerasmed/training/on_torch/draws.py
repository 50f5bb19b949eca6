"""Layers of keras that draw, on torch: what they draw stands apart from what they do with it (decision 0065)."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from keras import layers

from kerasmed.training.on_torch.tape import tape_at_hand

if TYPE_CHECKING:
    import torch


# Of each layer: the version of its state after its last draw, and what that drew from.
_seeds: "WeakKeyDictionary[Any, tuple[int, int]]" = WeakKeyDictionary()


@dataclass(frozen=True)
class Draw:
    """What a layer of `DRAWN_BY` multiplies its input by, or adds to it.

    Attributes:
        layer: That draws, from its seed and its count, as keras does.
        shape: Of what is drawn.
        order: Its axes as they lie in memory, as those of the input do: to mix them is slow.
        dtype: Of the input.
        device: Of the input.
    """

    layer: Any
    shape: tuple[int, ...]
    order: tuple[int, ...]
    dtype: "torch.dtype"
    device: "torch.device"

    @classmethod
    def like(cls, layer: Any, x: "torch.Tensor", lengths: Sequence[int | None] | None = None) -> "Draw":
        """For an input `x` (of `lengths`, where they are not None)."""
        known = lengths or (None,) * x.ndim
        shape = tuple(size if length is None else length for length, size in zip(known, x.shape, strict=True))
        order = tuple(sorted(range(x.ndim), key=lambda axis: -x.stride(axis)))
        return cls(layer, shape, order, x.dtype, x.device)

    def now(self) -> "torch.Tensor":
        """The next one."""
        import torch

        generator = torch.Generator(self.device).manual_seed(_next_seed(self.layer) & 0xFFFFFFFF)
        drawn = DRAWN_BY[type(self.layer)](self.layer, [self.shape[axis] for axis in self.order], generator)
        return drawn.to(self.dtype).permute([self.order.index(axis) for axis in range(len(self.order))])


def _next_seed(layer: Any) -> int:
    """Seed plus count, and the count goes on; read from the device only where somebody else has written it."""
    import torch

    state = layer.seed_generator.state.value
    version, seed = _seeds.get(layer, (None, 0))
    seed = seed + 1 if version == state._version else sum(state.tolist())
    with torch.no_grad():
        state[1] += 1
    _seeds[layer] = state._version, seed
    return seed


def drop(self: Any, inputs: Any, training: bool = False) -> Any:
    """`Dropout.call` as a product with zeros and 1 / (share kept)."""
    if not training:
        return inputs
    return inputs * _drawn(Draw.like(self, inputs, self.noise_shape))


def add_noise(self: Any, inputs: Any, training: bool = False) -> Any:
    """`GaussianNoise.call`."""
    return inputs + _drawn(Draw.like(self, inputs)) if training else inputs


def _drawn(draw: Draw) -> Any:
    tape = tape_at_hand()
    return draw.now() if tape is None else tape.take(draw)


def _kept(layer: Any, shape: Sequence[int], generator: Any) -> Any:
    """0 where the layer drops, else 1 / (share kept): of every 64 bits that are drawn, 16 decide of one value.

    PyTorch draws a number for each value, one after another, which took more time than the product itself.
    """
    import torch

    count, dropped = math.prod(shape), round(layer.rate * 2**16)
    words = torch.empty(-(-count // 4), dtype=torch.int64, device=generator.device)
    parts = words.random_(-(2**63), None, generator=generator).view(torch.int16)[:count].view(*shape)
    kept = torch.ge(parts, dropped - 2**15, out=torch.empty(*shape, device=generator.device))
    return kept.mul_(2**16 / (2**16 - dropped))


def _noise(layer: Any, shape: Sequence[int], generator: Any) -> Any:
    import torch

    return torch.normal(0.0, layer.stddev, tuple(shape), generator=generator, device=generator.device)


# Layers that draw, and how.
DRAWN_BY: dict[type, Callable[..., Any]] = {layers.Dropout: _kept, layers.GaussianNoise: _noise}
