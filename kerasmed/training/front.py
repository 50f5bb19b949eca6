"""What stands before the model in training only: stored integers become physical values, and are augmented.

It runs inside the compiled step, so the loader ships the smallest type there is, and no exported graph holds it.
"""

from typing import Any

import keras
from keras import ops

from kerasmed.config.run import Augmentation, Crops
from kerasmed.spec import ArraySpec, ExampleSpec
from kerasmed.training.augment_signal import AugmentSignal, changes_signals
from kerasmed.training.augment_volume import AugmentVolume, changes_volumes
from kerasmed.training.crop import AnswerByCrops


def build_trainee(
    model: keras.Model, spec: ExampleSpec, augmentation: Augmentation, crops: Crops | None = None
) -> keras.Model:
    """`model` behind its front: from stored arrays, as the loader ships them, to logits.

    Args:
        model: From physical values to logits; from windows of them where there are crops.
        spec: Of the examples as they are stored.
        augmentation: How signals change in training.
        crops: How `model` reads windows, if it does.
    """
    stored = {name: keras.Input(array.shape, dtype=array.dtype, name=name) for name, array in spec.inputs.items()}
    physical = {name: _front(stored[name], array, augmentation, spec) for name, array in spec.inputs.items()}
    answer = model if crops is None or crops.length_s is None else AnswerByCrops(model, spec, crops)
    return keras.Model(stored, answer(physical), name="trainee")


def _front(stored: Any, array: ArraySpec, augmentation: Augmentation, spec: ExampleSpec) -> Any:
    x = ToPhysical(array.scale, dtype="float32")(stored)
    if len(array.shape) == 2 and changes_signals(augmentation):
        return AugmentSignal(augmentation, array.rate_hz or 1.0, dtype="float32")(x)
    if len(array.shape) == 4 and changes_volumes(augmentation.volume):
        spacing = spec.recipe.get("spacing_mm") or (1.0, 1.0, 1.0)
        return AugmentVolume(augmentation.volume, tuple(spacing), dtype="float32")(x)
    return x


class ToPhysical(keras.layers.Layer):
    """`stored * scale` in float32."""

    def __init__(self, scale: float, **options: Any) -> None:
        super().__init__(autocast=False, **options)
        self.scale = scale

    def call(self, stored: Any) -> Any:
        """float32 of the same shape."""
        return ops.cast(stored, "float32") * self.scale
