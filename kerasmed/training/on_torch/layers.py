"""Layers of keras as PyTorch itself would run them: the same weights and answers, in the time of plain PyTorch.

Keras writes batch normalisation as means, differences and products, of which autograd keeps each, where PyTorch has one
kernel; and it copies a picture twice for every convolution, to channels first and back (decision 0061). What is changed
here is a method of each layer of a model that is about to train: its class, its settings and its weights stay, and so
does every file that is written of it.
"""

from collections.abc import Callable, Sequence
from types import MethodType
from typing import TYPE_CHECKING, Any

import keras
from keras import layers, ops

from kerasmed.training.on_torch.draws import add_noise, drop
from kerasmed.training.on_torch.tape import tape_at_hand

if TYPE_CHECKING:
    import torch

# Where channels stand first: of (batch, channels), of signals, of pictures, of volumes.
TO_FIRST = {2: (0, 1), 3: (0, 2, 1), 4: (0, 3, 1, 2), 5: (0, 4, 1, 2, 3)}
TO_LAST = {2: (0, 1), 3: (0, 2, 1), 4: (0, 2, 3, 1), 5: (0, 2, 3, 4, 1)}


def use_kernels_of_torch(model: keras.Model) -> None:
    """Let the layers of `model` run as plain PyTorch runs them; on another backend nothing changes."""
    if keras.backend.backend() != "torch":
        return
    for layer in model._flatten_layers(include_self=False):
        if isinstance(layer, layers.Conv1D | layers.Conv2D | layers.Conv3D):
            order_in_memory(layer.kernel)
        method = _METHODS.get(type(layer))
        if method is not None and getattr(layer, "data_format", "channels_last") == "channels_last":
            name, function, applies = method
            if applies(layer):
                setattr(layer, name, MethodType(function, layer))


def move_averages(
    normalised: "Sequence[Any]", means: "Sequence[torch.Tensor]", inverses: "Sequence[torch.Tensor]"
) -> None:
    """Let the moving averages of layers follow the means and inverse deviations of a batch."""
    import torch

    with torch.no_grad():
        variances = [inverse.pow(-2) - layer.epsilon for layer, inverse in zip(normalised, inverses, strict=True)]
        moving = [layer.moving_mean.value for layer in normalised] + [
            layer.moving_variance.value for layer in normalised
        ]
        now = [value.to(average.dtype) for value, average in zip([*means, *variances], moving, strict=True)]
        keep = [layer.momentum for layer in normalised] * 2
        torch._foreach_mul_(moving, keep)
        torch._foreach_add_(moving, torch._foreach_mul(now, [1.0 - share for share in keep]))


def order_in_memory(kernel: Any) -> None:
    """Let the numbers of `kernel` (..., inputs, outputs) lie as PyTorch's own do, outputs first; its shape stays.

    Else every convolution copies it, forward and backward.
    """
    value = kernel.value
    first = (value.ndim - 1, value.ndim - 2, *range(value.ndim - 2))
    last = (*range(2, value.ndim), 1, 0)
    value.data = value.data.permute(first).contiguous().permute(last)


def _normalise(self: Any, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
    """`BatchNormalization.call`, with the one kernel of PyTorch where it learns."""
    if not (training and self.trainable) or mask is not None:
        return type(self).call(self, inputs, training=training, mask=mask)
    import torch

    x = ops.cast(inputs, keras.backend.result_type(inputs.dtype, "float32"))
    gamma, beta = (None if part is None else ops.cast(part, x.dtype) for part in (self.gamma, self.beta))
    first = x.permute(TO_FIRST[x.ndim])
    # Signals whose channels are last in memory are pictures of one line, for which there is a kernel without a copy.
    line = x.ndim == 3 and not first.is_contiguous()
    y, mean, inverse = torch.native_batch_norm(
        first.unsqueeze(2) if line else first, gamma, beta, None, None, True, 0.0, self.epsilon
    )
    tape = tape_at_hand()
    if tape is None:
        move_averages([self], [mean], [inverse])
    else:
        tape.moments.append((self, mean, inverse))
    y = (y.squeeze(2) if line else y).permute(TO_LAST[x.ndim])
    return ops.cast(y, self.compute_dtype)


def _convolve(self: Any, inputs: Any, kernel: Any) -> Any:
    """`convolution_op` on pictures and volumes whose channels stay last in memory."""
    import torch.nn.functional as F

    first = inputs.permute(TO_FIRST[inputs.ndim])
    padding: Any = 0
    if self.padding == "same":
        sides = zip(first.shape[2:], self.kernel_size, self.strides, self.dilation_rate, strict=True)
        missing = [
            max((-(-size // stride) - 1) * stride + (width - 1) * apart + 1 - size, 0)
            for size, width, stride, apart in sides
        ]
        if any(pixels % 2 for pixels in missing):
            first = F.pad(first, [side for pixels in reversed(missing) for side in (pixels // 2, pixels - pixels // 2)])
        else:
            padding = [pixels // 2 for pixels in missing]
    weight = ops.convert_to_tensor(kernel)
    weight = weight.permute(weight.ndim - 1, weight.ndim - 2, *range(weight.ndim - 2))
    convolution = F.conv2d if first.ndim == 4 else F.conv3d
    y = convolution(first, weight, None, self.strides, padding, self.dilation_rate, self.groups)
    return y.permute(TO_LAST[y.ndim])


def _pool(self: Any, inputs: Any) -> Any:
    """`call` of a maximum over windows that lie side by side; what sticks out at the end counts as it is."""
    import torch.nn.functional as F

    pool = F.max_pool2d if inputs.ndim == 4 else F.max_pool3d
    first = inputs.permute(TO_FIRST[inputs.ndim])
    return pool(first, self.pool_size, self.strides, ceil_mode=self.padding == "same").permute(TO_LAST[inputs.ndim])


def _learns_alone(layer: Any) -> bool:
    return layer.axis == -1 and not layer.renorm and not layer.synchronized


def _side_by_side(layer: Any) -> bool:
    return tuple(layer.pool_size) == tuple(layer.strides)


# Class of a layer to the method that is changed, what it becomes, and whether that fits the layer.
_METHODS: dict[type, tuple[str, Callable[..., Any], Callable[[Any], bool]]] = {
    layers.BatchNormalization: ("call", _normalise, _learns_alone),
    layers.Conv2D: ("convolution_op", _convolve, lambda layer: True),
    layers.Conv3D: ("convolution_op", _convolve, lambda layer: True),
    layers.MaxPooling2D: ("call", _pool, _side_by_side),
    layers.MaxPooling3D: ("call", _pool, _side_by_side),
    layers.Dropout: ("call", drop, lambda layer: 0 < round(layer.rate * 2**16) < 2**16),
    layers.GaussianNoise: ("call", add_noise, lambda layer: layer.stddev > 0),
}
