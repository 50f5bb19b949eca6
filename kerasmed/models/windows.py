"""A network of short signals that answers for a long one: it reads windows, and their answers become one.

The network never learns of it: it is built for one window, trained on random ones, and stands inside a functional model
that cuts the windows, asks the network about each and pools what it says. That model is scored, calibrated, exported
and served, so that whoever asks hands in the whole record.

Pooling is a matter of scores and not of logits: of several labels, the highest or the mean probability of each; of one
class of several, the same for each class, scaled to a sum of 1. It is written in logits, which is what models answer
and calibrations scale, so that the sigmoid or the softmax of a pooled logit is the pooled score.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import keras
import numpy as np
from keras import ops

from kerasmed.build import build
from kerasmed.config.run import Crops, RunConfig
from kerasmed.errors import ConfigError
from kerasmed.spec import ArraySpec, ExampleSpec, Task

TINY = 1e-6  # seconds, and shares of a stride, that differ by less are the same


@dataclass(frozen=True)
class Cut:
    """How windows lie in one signal, in samples; every window is `length` long."""

    length: int
    starts: tuple[int, ...]

    @property
    def last(self) -> int:
        """Where the last window starts: the latest start of a random crop, too."""
        return self.starts[-1]


def build_network(config: RunConfig, spec: ExampleSpec) -> keras.Model:
    """The network of a run, built for what it reads at once: a window of each signal where the run trains on crops."""
    network: keras.Model = build(config.model, window_spec(spec, config.crops))
    return network


def whole_model(network: keras.Model, spec: ExampleSpec, crops: Crops) -> keras.Model:
    """A model of whole records around `network`, whose weights it shares; `network` itself without crops."""
    if crops.length_s is None:
        return network
    inputs = {name: keras.Input(array.shape, dtype="float32", name=name) for name, array in spec.inputs.items()}
    return keras.Model(inputs, answer_by_windows(network, inputs, spec, crops), name=network.name)


def window_spec(spec: ExampleSpec, crops: Crops) -> ExampleSpec:
    """`spec` of one window."""
    cuts = cuts_of(spec, crops)
    inputs = {
        name: replace(array, shape=(cuts[name].length, *array.shape[1:])) if name in cuts else array
        for name, array in spec.inputs.items()
    }
    return replace(spec, inputs=inputs)


def cuts_of(spec: ExampleSpec, crops: Crops) -> dict[str, Cut]:
    """How the windows lie in each signal of `spec`; none without crops.

    Raises:
        ConfigError: There is no signal, one is shorter than a window, or signals are not of one length.
    """
    if crops.length_s is None:
        return {}
    signals = {name: array for name, array in spec.inputs.items() if array.rate_hz is not None}
    if not signals:
        raise ConfigError("crops.length_s: no input of this data set is a signal; write crops.length_s=null.")
    cuts = {name: _cut(name, array, crops) for name, array in signals.items()}
    if len({len(cut.starts) for cut in cuts.values()}) > 1:
        raise ConfigError(f"crops.length_s: the signals {', '.join(cuts)} are not of one length.")
    return cuts


def records_at_once(config: RunConfig, spec: ExampleSpec) -> int:
    """How many records of `spec` are scored together: their windows are no more than `evaluation.batch_size`."""
    cuts = cuts_of(spec, config.crops)
    windows = len(next(iter(cuts.values())).starts) if cuts else 1
    return max(1, config.evaluation.batch_size // windows)


def answer_by_windows(
    network: keras.Model, inputs: Mapping[str, Any], spec: ExampleSpec, crops: Crops
) -> dict[str, Any]:
    """Logits of whole records by target.

    Args:
        network: From windows to logits.
        inputs: Physical values by name, (batch, *shape) each.
        spec: Of the whole records.
        crops: How windows lie, and how their answers become one.
    """
    cuts = cuts_of(spec, crops)
    count = len(next(iter(cuts.values())).starts)
    windows = {
        name: _windows(inputs[name], cuts[name]) if name in cuts else ops.repeat(inputs[name], count, axis=0)
        for name in spec.inputs
    }
    return {
        name: pool_logits(ops.reshape(logits, (-1, count, logits.shape[-1])), spec.targets[name].task, crops.pool)
        for name, logits in network(windows).items()
    }


def pool_logits(logits: Any, task: Task, pool: str) -> Any:
    """Logits (batch, num_classes) whose scores are the pooled scores of `logits` (batch, windows, num_classes)."""
    if task == "single_label":
        chances = ops.log_softmax(logits, axis=-1)
        return ops.max(chances, axis=1) if pool == "max" else ops.logsumexp(chances, axis=1)
    if pool == "max":
        return ops.max(logits, axis=1)
    # log(p / (1 - p)) of a mean p, from the logarithms of both sides: nothing is lost where p is near 0 or 1.
    return ops.logsumexp(ops.log_sigmoid(logits), axis=1) - ops.logsumexp(ops.log_sigmoid(-logits), axis=1)


def _cut(name: str, array: ArraySpec, crops: Crops) -> Cut:
    assert crops.length_s is not None
    assert array.rate_hz is not None
    samples, length_s, stride_s = array.shape[0], crops.length_s, crops.stride_s or crops.length_s / 2
    if samples is None or samples / array.rate_hz < length_s:
        lasts = "has no fixed length" if samples is None else f"lasts {samples / array.rate_hz:g} s"
        raise ConfigError(f"crops.length_s={length_s:g}: {name} {lasts}; take shorter crops or null.")
    if min(length_s, stride_s) * array.rate_hz < 1:
        raise ConfigError(f"crops: {length_s:g} s every {stride_s:g} s is less than one sample of {name}.")
    length = round(length_s * array.rate_hz)
    # Counted in seconds, so that signals of several rates are cut at the same times.
    rest_s = samples / array.rate_hz - length_s
    count = int(rest_s / stride_s + TINY) + 1
    starts = [min(round(place * stride_s * array.rate_hz), samples - length) for place in range(count)]
    # What is left at the end gets a window of its own, so that no part of a record goes unread.
    left = rest_s - (count - 1) * stride_s > TINY
    return Cut(length, (*(starts if left else starts[:-1]), samples - length))


def _windows(signal: Any, cut: Cut) -> Any:
    """(batch, samples, leads) -> (batch * windows, length, leads), the windows of one record one after the other.

    One gather and one reshape: of slices tf2onnx makes slices of every axis, which bound the batch from above, and
    OpenVINO stumbles over that bound.
    """
    places = np.add.outer(cut.starts, np.arange(cut.length)).ravel().astype(np.int32)
    return ops.reshape(ops.take(signal, places, axis=1), (-1, cut.length, signal.shape[2]))
