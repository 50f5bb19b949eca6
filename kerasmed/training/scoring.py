"""Score rows with the model as it stands, and measure the scores."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import keras
import numpy as np
from keras import ops

from kerasmed.config.run import RunConfig
from kerasmed.data.loaders.batches import BatchStream, scoring_batches
from kerasmed.data.loaders.watch import Watch, watched
from kerasmed.models.windows import records_at_once
from kerasmed.spec import ExampleSpec
from kerasmed.training.losses import build_losses

Array = np.ndarray
# (logits, targets) by target name -> metrics by plain name; NaN where one is undefined.
Measure = Callable[[Mapping[str, Array], Mapping[str, Array]], dict[str, float]]


@dataclass(frozen=True)
class ValidationRows:
    """The rows scored after every epoch, and how they are measured."""

    rows: Array
    measure: Measure


def score(
    trainee: keras.Model, inputs: Mapping[str, Array], rows: Array, batch_size: int, watch: Watch | None = None
) -> dict[str, Array]:
    """float32 logits of `rows` by target name, from stored inputs; memory holds at most `batch_size` at a time."""
    # A power of 2, so that few shapes are compiled and few rows are scored for nothing.
    batch_size = min(batch_size, 1 << (len(rows) - 1).bit_length())
    read = scoring_batches(inputs, rows, batch_size)
    batches = ((batch,) for batch in (read if watch is None else watched(read, watch, "a validation batch")))
    outputs = trainee.predict(batches, steps=-(-len(rows) // batch_size), verbose=0)
    return {name: np.asarray(values[: len(rows)], dtype=np.float32) for name, values in outputs.items()}


def build_validation(
    trainee: keras.Model, spec: ExampleSpec, stream: BatchStream, validation: ValidationRows, config: RunConfig,
    watch: Watch,
) -> Callable[[], dict[str, float | None]]:  # fmt: skip
    """A function that scores the validation rows: loss and metrics by plain name, None where one is not finite."""
    targets = _targets(stream, validation)
    losses = build_losses(config.trainer, spec, stream)

    def validate() -> dict[str, float | None]:
        if not len(validation.rows):
            return {}
        logits = score(trainee, stream.inputs, validation.rows, records_at_once(config, spec), watch)
        total = float(sum(ops.convert_to_numpy(losses[name](targets[name], logits[name])) for name in logits))
        measured = {"loss": total, **validation.measure(logits, targets)}
        return {name: value if np.isfinite(value) else None for name, value in measured.items()}

    return validate


def known_metrics(spec: ExampleSpec, stream: BatchStream, validation: ValidationRows) -> set[str]:
    """Every metric that an epoch will report."""
    if not len(validation.rows):
        return {"loss"}
    blank = {
        name: np.zeros((len(validation.rows), len(target.classes)), np.float32) for name, target in spec.targets.items()
    }
    return {"loss", "val_loss", *(f"val_{name}" for name in validation.measure(blank, _targets(stream, validation)))}


def _targets(stream: BatchStream, validation: ValidationRows) -> dict[str, Array]:
    return {name: np.asarray(values[validation.rows]) for name, values in stream.targets.items()}
