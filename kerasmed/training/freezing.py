"""A warm-up in which the encoder stands still, and the step that lets it learn.

Nothing of it is a variable: rates and modes are those of the epoch, read when keras traces the step, and the step is
traced anew where they change. So a checkpoint holds what it holds without a warm-up, and a resumed run goes on in the
mode of its epoch.
"""

import logging
from typing import Any

import keras

from kerasmed.config.run import Trainer
from kerasmed.training.layer_rates import depth_of, encoder_depths, frozen_below, rates_in, top_of

log = logging.getLogger(__name__)


class AnswerWhileFrozen(keras.layers.Layer):
    """A network whose frozen layers are in inference mode while the others train.

    Args:
        network: With an encoder.
        trainer: When which of its stages stand still.
    """

    def __init__(self, network: keras.Model, trainer: Trainer) -> None:
        super().__init__(dtype="float32", name="answer_while_frozen")
        self.network = network
        top = top_of(encoder_depths([layer.name for layer in network.layers], "trainer.freeze_epochs"))
        self.frozen = frozen_below(0, top, trainer)
        wanted = {frozen_below(epoch, top, trainer) for epoch in (0, trainer.freeze_epochs)} - {0}
        # Keras refuses new parts once a layer is built, so both are cut now.
        self.halves = {str(depth): _halves(network, depth) for depth in wanted if _has_statistics(network, depth)}

    def call(self, inputs: dict[str, Any], training: bool = False) -> Any:
        """Logits (batch, num_classes) by target from physical values by name."""
        halves = self.halves.get(str(self.frozen)) if training else None
        if halves is None:
            return self.network(inputs, training=training)
        below, above = halves
        features = [inputs[name] for name in _features(self.network)]
        return above([below(inputs, training=False), *features], training=True)


class Unfreeze(keras.callbacks.Callback):
    """Gives every epoch its rates, and has keras trace the step anew where they change."""

    def __init__(self, trainer: Trainer) -> None:
        super().__init__()
        self.trainer = trainer
        self.rates: list[float] | None = None

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Freeze or let learn."""
        paths = [variable.path for variable in self.model.trainable_variables]
        rates = rates_in(epoch, paths, self.trainer)
        if rates == self.rates:
            return
        self.rates = rates
        answer = _answer_of(self.model)
        answer.frozen = frozen_below(epoch, top_of(encoder_depths(paths, "trainer.freeze_epochs")), self.trainer)
        optimizer = self.model.optimizer
        # Half precision puts a scaler of the loss around it.
        getattr(optimizer, "inner_optimizer", optimizer).rates = rates
        self.model.make_train_function(force=True)
        still = sum(rate == 0 for rate in rates)
        log.info("epoch %d: %d of %d variables stand still", epoch + 1, still, len(rates))


def unfreezing(trainer: Trainer) -> list[keras.callbacks.Callback]:
    """The callback, where a warm-up is asked for."""
    return [Unfreeze(trainer)] if trainer.freeze_epochs else []


def _answer_of(trainee: keras.Model) -> AnswerWhileFrozen:
    layer: Any = trainee.layers[-1]
    while not isinstance(layer, AnswerWhileFrozen):
        layer = layer.network
    return layer


def _halves(network: keras.Model, depth: int) -> tuple[keras.Model, keras.Model]:
    """What lies below the stage at `depth`, and what lies above: it reads what the former gives, and features."""
    last = [layer for layer in network.layers if _is_below(layer, depth)][-1].output
    return keras.Model(network.input, last), keras.Model([last, *_features(network).values()], network.output)


def _features(network: keras.Model) -> dict[str, Any]:
    """The inputs of rank 1, which join above the encoder, by name."""
    return {name: tensor for name, tensor in network.input.items() if len(tensor.shape) == 2}


def _has_statistics(network: keras.Model, depth: int) -> bool:
    """Without them there is nothing that inference mode would keep still."""
    return any(
        isinstance(layer, keras.layers.BatchNormalization) for layer in network.layers if _is_below(layer, depth)
    )


def _is_below(layer: keras.layers.Layer, depth: int) -> bool:
    found = depth_of(layer.name)
    return found is not None and found < depth
