"""Beats of a WFDB record: R peaks, the windows that training would cut around them, and a class for each."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
from pydantic import ValidationError

from kerasmed.calibration import Calibration
from kerasmed.config.dataset import BeatExamples
from kerasmed.data.examples import beat_contract, beats_of
from kerasmed.data.labels import BEAT_SYMBOLS
from kerasmed.data.quality import check_signal
from kerasmed.data.readers.wfdb import read_annotations
from kerasmed.data.records import Array, SignalRecord
from kerasmed.errors import ContractError, DataError
from kerasmed.evaluation.judged import answers
from kerasmed.inference.beat_arrays import read_beat_array
from kerasmed.inference.detector import detect_peaks
from kerasmed.inference.predictor import Predictor, score_examples, score_physical
from kerasmed.inference.reading import read_leads
from kerasmed.spec import TargetSpec


@dataclass(frozen=True)
class BeatPrediction:
    """What a model says of the beats of one record or file.

    Attributes:
        name: Record id, or name of the file.
        version: The model that answered.
        classes: Names, one for each column of `scores`.
        scores: float32 (n, num_classes), one row for each beat that was judged.
        numbers: int64 (n,), which beat of the record each row is; beats between two rows were not judged.
        samples: int64 (n,), R peaks in samples of the record; None for beats without a record around them.
        rate_hz: Sampling rate of `samples`.
        duration_s: Of the record.
        notes: What was converted, chosen or left out.
        calibration: What the scores were calibrated with; None where they are as trained.
    """

    name: str
    version: str
    classes: tuple[str, ...]
    scores: Array
    numbers: Array
    samples: Array | None = None
    rate_hz: float | None = None
    duration_s: float | None = None
    notes: tuple[str, ...] = ()
    calibration: Calibration | None = None

    @cached_property
    def labels(self) -> Array:
        """int64 (n,): the class of the largest score, or what the thresholds say where they decide."""
        if self.calibration is None:
            return self.scores.argmax(axis=1)
        return answers(self.scores, self.calibration.target, self.calibration.deciding)

    @cached_property
    def set_names(self) -> list[list[str]] | None:
        """For each row the classes that cannot be ruled out, perhaps none; None where nothing was calibrated."""
        if self.calibration is None:
            return None
        members = self.calibration.sets(self.scores)
        return [[self.classes[place] for place in np.flatnonzero(row)] for row in members]

    @property
    def times_s(self) -> Array | None:
        """float64 (n,): time of each R peak from the start of the record."""
        return None if self.samples is None or self.rate_hz is None else self.samples / self.rate_hz


@dataclass(frozen=True)
class Predictions:
    """Predictions of a folder: those that succeeded, and the reason by record name of those that did not."""

    found: tuple[BeatPrediction, ...]
    failed: dict[str, str] = field(default_factory=dict)


def predict_path(
    predictor: Predictor, path: Path, *, annotator: str | None = "atr", leads: tuple[str, ...] = ()
) -> Predictions:
    """Predict a record (`.hea`), a file of beats (`.npy`), or every record in a folder.

    In a folder a bad record is listed, not fatal.

    Raises:
        DataError: The only file is bad, or the folder holds no record.
        ContractError: The files do not fit the model.
    """
    if path.is_dir():
        return _predict_folder(path, lambda record: predict_record(predictor, record, annotator=annotator, leads=leads))
    if path.suffix == ".npy":
        return Predictions((predict_beat_array(predictor, path),))
    if path.suffix in (".hea", ".dat"):
        return Predictions((predict_record(predictor, path.with_suffix(".hea"), annotator=annotator, leads=leads),))
    raise DataError(path.name, "is neither a WFDB record (.hea) nor a file of beats (.npy) nor a folder of records.")


def predict_record(
    predictor: Predictor, header: Path, *, annotator: str | None = "atr", leads: tuple[str, ...] = ()
) -> BeatPrediction:
    """Classify the beats of one record.

    R peaks come from the annotation file where there is one (its classes are never looked at), else from a detector on
    the first lead of the model.

    Args:
        predictor: A model of beats.
        header: The `.hea` file.
        annotator: Extension of the annotation file; None to detect in any case.
        leads: Leads to read in place of the model's, in its order.

    Raises:
        ContractError: The model is none of beats, or the record lacks a lead of it.
        DataError: The record cannot be read, is not what the contract of the model asks for, or no R peak can be found
            in it.
    """
    settings, target = _beat_model(predictor)
    record, notes = read_leads(header, settings.leads, settings.rate_hz, leads)
    notes += check_signal(record, predictor.spec.contract or beat_contract(settings))
    peaks, origin = _find_peaks(record, header, annotator)
    arrays, kept = beats_of(record, peaks, settings)
    numbers = np.flatnonzero(kept)
    if not len(numbers):
        raise DataError(record.record_id, f"none of its {len(peaks)} beats lies whole in the record.")
    notes += [f"R peaks: {origin}"]
    if len(numbers) < len(peaks):
        notes += [f"beats at an end or a gap of the record, not judged: {len(peaks) - len(numbers)}"]
    return BeatPrediction(
        name=record.record_id,
        version=predictor.version,
        classes=target.classes,
        scores=next(iter(score_examples(predictor, arrays).values())),
        numbers=numbers,
        samples=peaks[kept],
        rate_hz=record.rate_hz,
        duration_s=len(record.signal_mv) / record.rate_hz,
        notes=tuple(notes),
        calibration=_calibration(predictor),
    )


def predict_beat_array(predictor: Predictor, path: Path) -> BeatPrediction:
    """Classify a `.npy` file of beats that were cut already; see `read_beat_array` for what it may hold."""
    target = _only_target(predictor)
    beats, notes = read_beat_array(path, predictor.spec)
    (signal,) = predictor.spec.inputs
    (scores,) = score_physical(predictor, {signal: beats}).values()
    return BeatPrediction(
        path.name, predictor.version, target.classes, scores, np.arange(len(beats)), notes=notes,
        calibration=_calibration(predictor),
    )  # fmt: skip


def _predict_folder(folder: Path, predict: Callable[[Path], BeatPrediction]) -> Predictions:
    headers = sorted(folder.glob("*.hea"))
    if not headers:
        raise DataError(
            str(folder), "holds no WFDB record (.hea).", "Name a folder of records, a record or a .npy file."
        )
    found: list[BeatPrediction] = []
    failed: dict[str, str] = {}
    for header in headers:
        try:
            found.append(predict(header))
        except (DataError, ContractError) as error:
            failed[header.stem] = str(error)
    return Predictions(tuple(found), failed)


def _beat_model(predictor: Predictor) -> tuple[BeatExamples, TargetSpec]:
    recipe = dict(predictor.spec.recipe)
    if recipe.pop("kind", None) != "beats":
        raise ContractError(
            f"{predictor.version}: its examples are not cut from records as beats are, so it cannot read one; "
            "give it a .npy file of beats."
        )
    try:
        return BeatExamples.model_validate(recipe), _only_target(predictor)
    except ValidationError as error:
        raise ContractError(
            f"{predictor.version}: this version of kerasmed does not know how its beats are cut."
        ) from error


def _only_target(predictor: Predictor) -> TargetSpec:
    targets = list(predictor.spec.targets.values())
    if len(targets) != 1 or targets[0].task != "single_label":
        raise ContractError(
            f"{predictor.version}: answers {', '.join(predictor.spec.targets)}; one class per beat is needed."
        )
    return targets[0]


def _calibration(predictor: Predictor) -> Calibration | None:
    (name,) = predictor.spec.targets
    return predictor.calibrations.get(name)


def _find_peaks(record: SignalRecord, header: Path, annotator: str | None) -> tuple[Array, str]:
    """R peaks, ascending, and where they come from."""
    beside = header.with_suffix(f".{annotator}")
    origin = "detector"
    if annotator is not None and beside.is_file():
        marks = read_annotations(beside, len(record.signal_mv))
        peaks = np.unique(marks.samples[np.isin(marks.symbols, BEAT_SYMBOLS)])
        if len(peaks):
            return peaks, f"annotation file {beside.name}; its classes were not read"
        origin = f"detector, since {beside.name} marks no beat"
    return detect_peaks(record.record_id, record.signal_mv[:, 0], record.rate_hz), origin
