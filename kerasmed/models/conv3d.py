"""The 3-D convolution of keras, as fast on jax without a GPU as that machine allows."""

from typing import Any

import keras
from keras import layers, ops


@keras.saving.register_keras_serializable(package="kerasmed")
class Conv3D(layers.Conv3D):
    """`keras.layers.Conv3D` with the same weights and answers; its padding is "same".

    XLA has no fast 3-D convolution for a CPU: the gradient of one took 3 to 27 times as long as that of a sum of 2-D
    ones, one for each plane of the kernel, which is what is done there; a step of resnet3d_10 took 1.8 times as long.
    """

    def convolution_op(self, inputs: Any, kernel: Any) -> Any:
        """(batch, depth, height, width, channels), convolved."""
        if self.padding != "same" or max(self.dilation_rate) > 1 or not _slow_in_one():
            return super().convolution_op(inputs, kernel)
        stride, planes = self.strides[0], self.kernel_size[0]
        _, depth, height, width, channels = inputs.shape
        after = -(-depth // stride)
        missing = max((after - 1) * stride + planes - depth, 0)
        if missing:
            inputs = ops.pad(inputs, ((0, 0), (missing // 2, missing - missing // 2), (0, 0), (0, 0), (0, 0)))
        reached = (after - 1) * stride + 1
        parts = [
            ops.conv(
                ops.reshape(inputs[:, plane : plane + reached : stride], (-1, height, width, channels)),
                kernel[plane], strides=self.strides[1:], padding="same", data_format="channels_last",
            )
            for plane in range(planes)
        ]  # fmt: skip
        total = sum(parts[1:], start=parts[0])
        return ops.reshape(total, (-1, after, *total.shape[1:]))


def _slow_in_one() -> bool:
    return keras.backend.backend() == "jax" and all(
        str(device).startswith("cpu") for device in keras.distribution.list_devices()
    )
