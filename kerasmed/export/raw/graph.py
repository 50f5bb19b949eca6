"""The serving graph as one TensorFlow function: from a recording to scores, labels, prediction sets and faults."""

from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from kerasmed.calibration import Calibration, Calibrations
from kerasmed.config.dataset import BeatExamples, ImageExamples, RecordExamples
from kerasmed.export.raw import describe as names
from kerasmed.export.raw.beats import cut_windows, inputs_of
from kerasmed.export.raw.images import example_of, full_scale, image_faults
from kerasmed.export.raw.ops import Tensor, at_least_one, without_nan
from kerasmed.export.raw.quality import signal_faults
from kerasmed.export.raw.records import record_input
from kerasmed.spec import ExampleSpec, TargetSpec

Answers = dict[str, Tensor]
MULTI_LABEL_THRESHOLD = 0.5


def serving_function(
    model: Any, spec: ExampleSpec, calibrations: Calibrations, rate_hz: float | None
) -> Callable[..., Answers]:
    """A `tf.function` with a signature, as `describe` tells of it.

    Args:
        model: From physical inputs to calibrated scores by target, on the TensorFlow backend.
        spec: What it reads and answers.
        calibrations: What decides on answers and prediction sets; scaling is in the model already.
        rate_hz: Of the recordings.
    """
    ((name, target),) = spec.targets.items()

    def answer(inputs: dict[str, Tensor], judged: Tensor, faults: Tensor) -> Answers:
        scores = model(inputs, training=False)[name]
        return _answers(scores, judged, faults, target, calibrations.get(name))

    if spec.recipe["kind"] == "beat_rows":
        return _of_rows(answer, spec)
    if spec.recipe["kind"] == "images":
        return _of_picture(answer, spec)
    assert rate_hz is not None, "refusal() asks for it"
    if spec.recipe["kind"] == "records":
        return _of_record(answer, spec, rate_hz)
    return _of_recording(answer, spec, rate_hz)


def _of_recording(answer: Callable[..., Answers], spec: ExampleSpec, rate_hz: float) -> Callable[..., Answers]:
    settings = BeatExamples.model_validate(spec.settings)
    contract = spec.contract
    assert contract is not None, "the specs of recordings have a contract"
    signature = [
        tf.TensorSpec([None, len(contract.leads)], tf.float32, name=names.SIGNAL),
        tf.TensorSpec([None], tf.int64, name=names.PEAKS),
        tf.TensorSpec([], tf.float32, name=names.RATE),
    ]

    @tf.function(input_signature=signature)
    def serving(signal_mv: Tensor, peaks: Tensor, rate_hz_of_caller: Tensor) -> Answers:
        count = tf.cast(tf.shape(signal_mv)[0], tf.int64)
        wrong_rate = _is_other_rate(rate_hz_of_caller, rate_hz)
        wrong_peaks = tf.reduce_any(peaks[1:] < peaks[:-1]) | tf.reduce_any((peaks < 0) | (peaks >= count))
        faults = tf.concat([[wrong_rate, wrong_peaks], signal_faults(signal_mv, rate_hz, contract)], axis=0)
        beats, kept = cut_windows(signal_mv, peaks, rate_hz, settings)
        return answer(inputs_of(at_least_one(beats), kept, at_least_one(peaks), rate_hz, settings), kept, faults)

    return serving


def _of_record(answer: Callable[..., Answers], spec: ExampleSpec, rate_hz: float) -> Callable[..., Answers]:
    settings = RecordExamples.model_validate(spec.settings)
    contract = spec.contract
    assert contract is not None, "the specs of recordings have a contract"
    signature = [
        tf.TensorSpec([None, len(contract.leads)], tf.float32, name=names.SIGNAL),
        tf.TensorSpec([], tf.float32, name=names.RATE),
    ]

    @tf.function(input_signature=signature)
    def serving(signal_mv: Tensor, rate_hz_of_caller: Tensor) -> Answers:
        signal_mv = at_least_one(signal_mv)
        wrong_rate = _is_other_rate(rate_hz_of_caller, rate_hz)
        faults = tf.concat([[wrong_rate], signal_faults(signal_mv, rate_hz, contract)], axis=0)
        return answer({"signal": record_input(signal_mv, rate_hz, settings)}, tf.ones([1], tf.bool), faults)

    return serving


def _is_other_rate(asked_hz: Tensor, rate_hz: float) -> Tensor:
    return ~(tf.abs(asked_hz - rate_hz) <= names.RATE_TOLERANCE * rate_hz)  # NaN is another too


def _of_rows(answer: Callable[..., Answers], spec: ExampleSpec) -> Callable[..., Answers]:
    length = spec.inputs["signal"].shape[0]

    @tf.function(input_signature=[tf.TensorSpec([None, length], tf.float32, name=names.ROWS)])
    def serving(beats: Tensor) -> Answers:
        sound = tf.reduce_all(tf.math.is_finite(beats))
        rows = at_least_one(beats)
        low, high = tf.reduce_min(rows, axis=1, keepdims=True), tf.reduce_max(rows, axis=1, keepdims=True)
        scaled = (rows - low) / tf.where(high > low, high - low, tf.ones_like(low))
        within = (tf.reduce_min(low) >= 0) & (tf.reduce_max(high) <= 1)
        signal = tf.where(within, rows, scaled)[:, :, None]
        return answer({"signal": signal}, tf.ones_like(beats[:, 0], tf.bool), ~sound[None])

    return serving


def _of_picture(answer: Callable[..., Answers], spec: ExampleSpec) -> Callable[..., Answers]:
    settings = ImageExamples.model_validate(spec.settings)
    contract = spec.image_contract
    assert contract is not None, "the specs of pictures have a contract"
    signature = [
        tf.TensorSpec([None, None], tf.int32, name=names.PIXELS),
        tf.TensorSpec([], tf.int32, name=names.LARGEST),
        tf.TensorSpec([], tf.bool, name=names.INVERTED),
    ]

    @tf.function(input_signature=signature)
    def serving(pixels: Tensor, largest: Tensor, inverted: Tensor) -> Answers:
        beyond = tf.reduce_any((pixels < 0) | (pixels > largest)) | (largest < 1) | (largest > 65535)
        values, full = full_scale(pixels, largest, inverted)
        faults = {"values": beyond, **image_faults(values, full, contract)}
        image = example_of(values, full, settings)
        return answer({"image": image}, tf.ones([1], tf.bool), tf.stack([faults[name] for name in names.IMAGE_FAULTS]))

    return serving


def _answers(
    scores: Tensor, judged: Tensor, faults: Tensor, target: TargetSpec, calibration: Calibration | None
) -> Answers:
    """Rows for all beats from those of the judged ones, which `scores` holds in their order (one row where none is)."""
    last = tf.shape(scores)[0] - 1
    rows = tf.clip_by_value(tf.cumsum(tf.cast(judged, tf.int32)) - 1, 0, last)
    spread = tf.gather(scores, rows)
    sound = judged[:, None] & ~tf.reduce_any(faults) & tf.reduce_all(tf.math.is_finite(spread), axis=1, keepdims=True)
    finite = without_nan(spread)
    answers = {
        names.SCORES: tf.where(sound, spread, np.float32("nan")),
        names.LABELS: _labels(finite, sound, target, calibration),
        names.FAULTY: faults,
    }
    if calibration is not None:
        answers[names.SETS] = _sets(finite, sound, target, calibration)
    return answers


def _labels(scores: Tensor, sound: Tensor, target: TargetSpec, calibration: Calibration | None) -> Tensor:
    """int64 (n,) of single_label; int64 (n, num_classes) of multi_label, where 1 is called and 0 is not."""
    deciding = None if calibration is None else calibration.deciding
    if target.task == "multi_label":
        called = scores >= tf.constant(deciding or [MULTI_LABEL_THRESHOLD] * len(target.classes), tf.float32)
        return tf.where(sound, tf.cast(called, tf.int64), -tf.ones_like(scores, tf.int64))
    weighed = scores if deciding is None else scores / tf.constant(deciding, tf.float32)
    weighed = tf.where(sound, weighed, tf.zeros_like(weighed))
    return tf.where(sound[:, 0], tf.argmax(weighed, axis=1), tf.constant(-1, tf.int64))


def _sets(scores: Tensor, sound: Tensor, target: TargetSpec, calibration: Calibration) -> Tensor:
    """Bool, as `Calibration.sets` has them; all true where nothing was judged."""
    limit = tf.constant(calibration.quantiles, tf.float64)
    wide = tf.cast(scores, tf.float64)
    if target.task == "single_label":
        return ~sound | (1.0 - wide <= limit)
    return ~sound[..., None] | (tf.stack([wide, 1.0 - wide], axis=-1) <= limit[:, None])
