"""The network inside a training step: a random crop of each record in training, all windows of it elsewhere."""

import random
from collections.abc import Mapping
from typing import Any

import keras
from keras import ops

from kerasmed.config.run import Crops
from kerasmed.models.windows import Cut, answer_by_windows, cuts_of
from kerasmed.spec import ExampleSpec


class AnswerByCrops(keras.layers.Layer):
    """From whole records to logits: of one random crop each while training, of all windows pooled otherwise."""

    def __init__(self, network: keras.Model, spec: ExampleSpec, crops: Crops) -> None:
        super().__init__(dtype="float32", name="answer_by_crops")
        self.network, self.spec, self.crops = network, spec, crops
        self.cuts = cuts_of(spec, crops)
        self.seed = keras.random.SeedGenerator(random.randrange(2**31))  # noqa: S311

    def call(self, inputs: Mapping[str, Any], training: bool = False) -> Any:
        """Logits (batch, num_classes) by target from physical values by name."""
        if not training:
            return answer_by_windows(self.network, inputs, self.spec, self.crops)
        # One draw for all signals of a record, so that they show the same time.
        some = next(iter(inputs.values()))
        where = keras.random.uniform((ops.shape(some)[0], 1), 0.0, 1.0, seed=self.seed)
        return self.network(
            {name: _crop(x, self.cuts[name], where) if name in self.cuts else x for name, x in inputs.items()}
        )


def _crop(x: Any, cut: Cut, where: Any) -> Any:
    """(batch, length, leads) from (batch, samples, leads); `where` (batch, 1) from 0 to 1 says how late it starts."""
    start = ops.minimum(ops.floor(where * (cut.last + 1)), cut.last)
    places = ops.cast(start, "int32") + ops.reshape(ops.arange(cut.length, dtype="int32"), (1, cut.length))
    return ops.take_along_axis(x, ops.expand_dims(places, -1), axis=1)
