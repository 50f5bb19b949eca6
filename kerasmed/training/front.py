"""What stands before the model in training only: stored integers become physical values, and are augmented.

It runs inside the compiled step, so the loader ships the smallest type there is, and no exported graph holds it.
"""

from typing import Any

import keras
from keras import ops

from kerasmed.config.run import Augmentation, Crops, Trainer
from kerasmed.errors import ConfigError
from kerasmed.spec import ArraySpec, ExampleSpec
from kerasmed.training import augment_image, augment_signal
from kerasmed.training.augment_image import AugmentImage, changes_pictures
from kerasmed.training.augment_signal import AugmentSignal, changes_signals
from kerasmed.training.augment_volume import AugmentVolume, changes_volumes
from kerasmed.training.crop import AnswerByCrops
from kerasmed.training.freezing import AnswerWhileFrozen
from kerasmed.training.mixup import Mix

# Axes of one example, without batch and with channels: of a signal, of a picture, of a volume.
SIGNAL_AXES, PICTURE_AXES, VOLUME_AXES = 2, 3, 4
CHANGES_BY_AXES = {SIGNAL_AXES: augment_signal.CHANGES, PICTURE_AXES: augment_image.CHANGES}


def build_trainee(
    model: keras.Model, spec: ExampleSpec, augmentation: Augmentation, crops: Crops | None = None,
    trainer: Trainer | None = None,
) -> keras.Model:  # fmt: skip
    """`model` behind its front: from stored arrays, as the loader ships them, to logits.

    Args:
        model: From physical values to logits; from windows of them where there are crops.
        spec: Of the examples as they are stored.
        augmentation: How signals, pictures and volumes change in training.
        crops: How `model` reads windows, if it does.
        trainer: Which of its layers stand still, and when.

    Raises:
        ConfigError: The augmentation changes what the examples do not have, or `model` has no encoder to stand still.
    """
    _refuse_changes_of_nothing(augmentation, spec)
    stored = {name: keras.Input(array.shape, dtype=array.dtype, name=name) for name, array in spec.inputs.items()}
    physical = {name: _front(stored[name], array, augmentation, spec) for name, array in spec.inputs.items()}
    answer: Any = model if trainer is None or not trainer.freeze_epochs else AnswerWhileFrozen(model, trainer)
    if crops is not None and crops.length_s is not None:
        answer = AnswerByCrops(answer, spec, crops)
    if augmentation.mixup:
        answer = Mix(answer, augmentation.mixup)
    return Trainee(stored, answer(physical), name="trainee")


class Trainee(keras.Model):
    """What is trained: a functional model that hands keras' jax loop its state without a look at each variable."""

    def __setattr__(self, name: str, value: Any) -> None:
        # After every step keras keeps the values of all variables here, and would track each: 0.6 ms of a step of 5.
        if name == "_jax_state":
            object.__setattr__(self, name, value)
        else:
            super().__setattr__(name, value)


def _front(stored: Any, array: ArraySpec, augmentation: Augmentation, spec: ExampleSpec) -> Any:
    x = ToPhysical(array.scale, dtype="float32")(stored)
    if len(array.shape) == SIGNAL_AXES and changes_signals(augmentation):
        return AugmentSignal(augmentation, array.rate_hz or 1.0, dtype="float32")(x)
    if len(array.shape) == PICTURE_AXES and changes_pictures(augmentation):
        return AugmentImage(augmentation, dtype="float32")(x)
    if len(array.shape) == VOLUME_AXES and changes_volumes(augmentation.volume):
        spacing = spec.recipe.get("voxel_mm") or (1.0, 1.0, 1.0)
        return AugmentVolume(augmentation.volume, tuple(spacing), dtype="float32")(x)
    return x


def _refuse_changes_of_nothing(augmentation: Augmentation, spec: ExampleSpec) -> None:
    axes = {len(array.shape) for array in spec.inputs.values()}
    made = {name for count, changes in CHANGES_BY_AXES.items() if count in axes for name in changes}
    known = {name for changes in CHANGES_BY_AXES.values() for name in changes}
    for name in sorted(known - made):
        if getattr(augmentation, name):
            changed = "signals" if name in augment_signal.CHANGES else "pictures"
            raise ConfigError(f"augmentation.{name} changes {changed}, and these examples have none; write 0.")
    if VOLUME_AXES not in axes and changes_volumes(augmentation.volume):
        raise ConfigError("augmentation.volume changes volumes, and these examples have none; leave it out.")


class ToPhysical(keras.layers.Layer):
    """`stored * scale` in float32."""

    def __init__(self, scale: float, **options: Any) -> None:
        super().__init__(autocast=False, **options)
        self.scale = scale

    def call(self, stored: Any) -> Any:
        """float32 of the same shape."""
        return ops.cast(stored, "float32") * self.scale
