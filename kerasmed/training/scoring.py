"""Score rows with the model as it stands, and measure the scores."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import keras
import numpy as np
from keras import ops

from kerasmed.config.run import RunConfig
from kerasmed.data.loaders.batches import BatchStream, scoring_batches
from kerasmed.data.loaders.watch import Watch, watched
from kerasmed.models.windows import records_at_once
from kerasmed.spec import ExampleSpec
from kerasmed.training.losses import build_losses, loss_weights

Array = np.ndarray
# (logits, targets) by target name -> metrics by plain name; NaN where one is undefined.
Measure = Callable[[Mapping[str, Array], Mapping[str, Array]], dict[str, float]]


class Tally(Protocol):
    """Measures answers batch by batch, where those of all rows would not fit in memory."""

    @property
    def names(self) -> tuple[str, ...]:
        """The metrics, by plain name."""

    def add(self, logits: Mapping[str, Array], targets: Mapping[str, Array]) -> None:
        """Take in a batch, by target name."""

    def metrics(self) -> dict[str, float]:
        """Metrics of everything taken in; NaN where one is undefined."""


@dataclass(frozen=True)
class ValidationRows:
    """The rows scored after every epoch, and how they are measured: all at once, or batch by batch.

    Attributes:
        rows: int64.
        measure: Of all rows.
        tally: Begins a tally; where there is one it measures, and `measure` does not.
    """

    rows: Array
    measure: Measure
    tally: Callable[[], Tally] | None = None


def score(
    trainee: keras.Model, inputs: Mapping[str, Array], rows: Array, batch_size: int, watch: Watch | None = None
) -> dict[str, Array]:
    """float32 logits of `rows` by target name, from stored inputs; memory holds two batches at a time."""
    # A power of 2, so that few shapes are compiled and few rows are scored for nothing.
    batch_size = min(batch_size, 1 << (len(rows) - 1).bit_length())
    read = scoring_batches(inputs, rows, batch_size)
    batches = ((batch,) for batch in (read if watch is None else watched(read, watch, "a validation batch")))
    outputs = trainee.predict(batches, steps=-(-len(rows) // batch_size), callbacks=[_WaitForAnswers()], verbose=0)
    return {name: np.asarray(values[: len(rows)], dtype=np.float32) for name, values in outputs.items()}


def score_batches(
    trainee: keras.Model, inputs: Mapping[str, Array], rows: Array, batch_size: int, watch: Watch | None = None
) -> Iterator[tuple[Array, dict[str, Array]]]:
    """Rows, and their float32 logits by target name, in batches of at most `batch_size`."""
    read = scoring_batches(inputs, rows, batch_size)
    batches = read if watch is None else watched(read, watch, "a validation batch")
    for start, batch in zip(range(0, len(rows), batch_size), batches, strict=True):
        chosen = rows[start : start + batch_size]
        outputs = trainee.predict_on_batch(batch)
        yield chosen, {name: np.asarray(values[: len(chosen)], np.float32) for name, values in outputs.items()}


def build_validation(
    trainee: keras.Model, spec: ExampleSpec, stream: BatchStream, validation: ValidationRows, config: RunConfig,
    watch: Watch,
) -> Callable[[], dict[str, float | None]]:  # fmt: skip
    """A function that scores the validation rows: loss and metrics by plain name, None where one is not finite."""
    losses = build_losses(config.trainer, spec, stream)
    if validation.tally is not None and len(validation.rows):
        return _build_tallied(
            trainee, losses, loss_weights(config), stream, validation, validation.tally, config, watch
        )
    targets = _targets(stream, validation)

    def validate() -> dict[str, float | None]:
        if not len(validation.rows):
            return {}
        logits = score(trainee, stream.inputs, validation.rows, records_at_once(config, spec), watch)
        total = float(sum(ops.convert_to_numpy(losses[name](targets[name], logits[name])) for name in logits))
        measured = {"loss": total, **validation.measure(logits, targets)}
        return {name: value if np.isfinite(value) else None for name, value in measured.items()}

    return validate


def _build_tallied(
    trainee: keras.Model, losses: Mapping[str, keras.losses.Loss], weights: Mapping[str, float] | None,
    stream: BatchStream, validation: ValidationRows, begin: Callable[[], Tally], config: RunConfig, watch: Watch,
) -> Callable[[], dict[str, float | None]]:  # fmt: skip
    """As `build_validation`, batch by batch: besides the whole loss the loss of each target."""

    def validate() -> dict[str, float | None]:
        tally, sums = begin(), dict.fromkeys(losses, 0.0)
        for rows, logits in score_batches(trainee, stream.inputs, validation.rows, config.evaluation.batch_size, watch):
            targets = {name: np.asarray(stream.targets[name][rows]) for name in losses}
            for name, loss in losses.items():
                sums[name] += float(ops.convert_to_numpy(loss(targets[name], logits[name]))) * len(rows)
            tally.add(logits, targets)
        by_target = {name: total / len(validation.rows) for name, total in sums.items()}
        total = sum(value * (weights or {}).get(name, 1.0) for name, value in by_target.items())
        told = {f"{name}_loss": value for name, value in by_target.items()}
        measured = {"loss": total, **told, **tally.metrics()}
        return {name: value if np.isfinite(value) else None for name, value in measured.items()}

    return validate


def known_metrics(spec: ExampleSpec, stream: BatchStream, validation: ValidationRows) -> set[str]:
    """Every metric that an epoch will report."""
    if not len(validation.rows):
        return {"loss"}
    if validation.tally is not None:
        told = (*(f"{name}_loss" for name in spec.targets), *validation.tally().names)
        return {"loss", "val_loss", *(f"val_{name}" for name in told)}
    blank = {
        name: np.zeros((len(validation.rows), len(target.classes)), np.float32) for name, target in spec.targets.items()
    }
    return {"loss", "val_loss", *(f"val_{name}" for name in validation.measure(blank, _targets(stream, validation)))}


def _targets(stream: BatchStream, validation: ValidationRows) -> dict[str, Array]:
    return {name: np.asarray(values[validation.rows]) for name, values in stream.targets.items()}


class _WaitForAnswers(keras.callbacks.Callback):
    """Waits for the answers to one batch while the next one is read: jax would take 32 batches before it answers."""

    def __init__(self) -> None:
        super().__init__()
        self.before: Any = None

    def on_predict_batch_end(self, batch: int, logs: Any = None) -> None:
        """Wait for those of the batch before."""
        if self.before is not None:
            ops.convert_to_numpy(self.before)
        self.before = next(iter(logs.values()))
