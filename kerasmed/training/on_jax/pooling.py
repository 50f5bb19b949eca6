"""Maximum pooling whose gradient jax finds in less time: the same values to the same places (decision 0070).

XLA looks for the place of every maximum once more, with a variadic reduction that it does not vectorise on a processor.
Here each place of a window is compared in turn, in a third to a tenth of the time.
"""

import itertools
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

import jax
from jax import lax, numpy


@partial(jax.custom_vjp, nondiff_argnums=(1, 2, 3))
def largest(x: Any, window: Sequence[int], strides: Sequence[int], padding: str) -> Any:
    """Maximum of every window.

    Args:
        x: Real numbers, (batch, *axes, channels).
        window: Length along each of `axes`.
        strides: From one window to the next, likewise.
        padding: `same` or `valid`, as keras has them.

    Returns:
        (batch, *windows, channels), of the type of `x`. The gradient goes to the first maximum of a window.
    """
    whole, steps = (1, *window, 1), (1, *strides, 1)
    return lax.reduce_window(x, -numpy.inf, lax.max, whole, steps, padding.upper())


def _forward(x: Any, window: Sequence[int], strides: Sequence[int], padding: str) -> tuple[Any, Any]:
    y = largest(x, window, strides, padding)
    return y, (x, y)


def _backward(window: Sequence[int], strides: Sequence[int], padding: str, kept: Any, gradient: Any) -> tuple[Any]:
    x, y = kept
    pads = lax.padtype_to_pads(x.shape[1:-1], window, strides, padding.upper())
    framed = lax.pad(
        x, numpy.array(-numpy.inf, x.dtype), [(0, 0, 0), *((low, high, 0) for low, high in pads), (0, 0, 0)]
    )
    zero = numpy.zeros((), gradient.dtype)
    total, taken = numpy.zeros(framed.shape, gradient.dtype), numpy.zeros(y.shape, bool)
    for place in itertools.product(*map(range, window)):
        starts, ends = (0, *place, 0), tuple(_ends(place, strides, y.shape))
        values = lax.slice(framed, starts, ends, (1, *strides, 1))
        found = (values == y) & ~taken
        taken |= found
        rooms = zip(starts, framed.shape, ends, (1, *strides, 1), strict=True)
        total += lax.pad(
            numpy.where(found, gradient, zero), zero, [(low, size - end, step - 1) for low, size, end, step in rooms]
        )
    inner = (slice(low, low + size) for (low, _), size in zip(pads, x.shape[1:-1], strict=True))
    return (total[(slice(None), *inner)],)


def _ends(place: Sequence[int], strides: Sequence[int], pooled: Sequence[int]) -> Iterator[int]:
    """Behind the last value at `place` of the windows, along each axis."""
    batch, *windows, channels = pooled
    yield batch
    for start, stride, count in zip(place, strides, windows, strict=True):
        yield start + (count - 1) * stride + 1
    yield channels


largest.defvjp(_forward, _backward)
