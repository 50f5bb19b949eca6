"""Whole records to classes: the files, the examples that training would make of them, and the scores of each."""

import csv
import io
from collections import Counter
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import ValidationError

from kerasmed import files
from kerasmed.calibration import Calibration
from kerasmed.config.dataset import RecordExamples
from kerasmed.data.quality import check_signal
from kerasmed.data.readers.wfdb_header import find_leads
from kerasmed.data.record_examples import KIND, record_contract, record_example
from kerasmed.data.records import Array, SignalRecord
from kerasmed.errors import ContractError, DataError
from kerasmed.evaluation.judged import answers, one_hot
from kerasmed.inference.predictor import Predictor, score_examples
from kerasmed.inference.reading import read_leads
from kerasmed.inference.summary import RESEARCH
from kerasmed.spec import TargetSpec

MAX_LISTED = 50
# Records whose signals are held at the same time.
PORTION = 256


@dataclass(frozen=True)
class RecordsPrediction:
    """What a model says of one record, or of each record in a folder.

    Attributes:
        name: Record id, or name of the folder.
        version: The model that answered.
        target: What was asked.
        names: Id of each record.
        durations_s: Of each record, all of it.
        scores: float32 (n, num_classes).
        notes: For each record what was converted or stood out.
        failed: Name to reason, of the records that could not be judged.
        calibration: What the scores were calibrated with; None where they are as trained.
    """

    name: str
    version: str
    target: TargetSpec
    names: tuple[str, ...]
    durations_s: tuple[float, ...]
    scores: Array
    notes: tuple[tuple[str, ...], ...]
    failed: dict[str, str]
    calibration: Calibration | None = None

    @cached_property
    def labels(self) -> list[list[str]]:
        """The class of each record; of several labels those that were given, perhaps none."""
        found = answers(self.scores, self.target, self.calibration.deciding if self.calibration else None)
        return [self._named(row) for row in one_hot(found, self.target)]

    @cached_property
    def set_names(self) -> list[list[str]] | None:
        """For each record the classes that cannot be ruled out, perhaps none; None where nothing was calibrated."""
        if self.calibration is None:
            return None
        members = self.calibration.sets(self.scores)
        return [self._named(row) for row in (members if self.target.task == "single_label" else members[..., 1])]

    def _named(self, row: Array) -> list[str]:
        return [self.target.classes[place] for place in np.flatnonzero(row)]


def predict_records(predictor: Predictor, path: Path, leads: tuple[str, ...] = ()) -> RecordsPrediction:
    """Classify a record (`.hea`), or every record in a folder; the bad ones of a folder are listed.

    Args:
        predictor: A model of whole records.
        path: The header, its signal file, or a folder.
        leads: Leads to read in place of the model's, in its order.

    Raises:
        DataError: The only record cannot be read or is not what the model reads, or the folder holds none that can be
            judged.
        ContractError: The model is none of whole records, or the only record lacks a lead of it.
    """
    settings, target = _record_model(predictor)
    headers = _headers(path)
    names: list[str] = []
    durations_s: list[float] = []
    notes: list[tuple[str, ...]] = []
    scores: list[Array] = []
    failed: dict[str, str] = {}
    waiting: list[Array] = []
    for number, header in enumerate(headers, start=1):
        try:
            signal, duration_s, told = _example(predictor, header, settings, leads)
        except (DataError, ContractError) as error:
            if not path.is_dir():
                raise
            failed[header.stem] = str(error)
        else:
            names.append(header.stem)
            durations_s.append(duration_s)
            notes.append(told)
            waiting.append(signal)
        if waiting and (len(waiting) == PORTION or number == len(headers)):
            scores.append(next(iter(score_examples(predictor, {"signal": np.concatenate(waiting)}).values())))
            waiting.clear()
    if not names:
        raise DataError(f"{len(headers)} records", "none can be judged.", next(iter(failed.values())))
    (only,) = predictor.spec.targets
    return RecordsPrediction(
        path.resolve().name if path.is_dir() else names[0], predictor.version, target, tuple(names),
        tuple(durations_s), np.concatenate(scores), tuple(notes), failed, predictor.calibrations.get(only),
    )  # fmt: skip


def predict_signal(predictor: Predictor, record: SignalRecord) -> RecordsPrediction:
    """Classify a record that was read by others, which has the leads of the model in any order and company.

    Raises:
        DataError: It is not what the model reads, or lacks a lead of it.
        ContractError: The model is none of whole records.
    """
    settings, target = _record_model(predictor)
    columns = find_leads(record.leads, settings.leads, record.record_id)
    chosen = replace(record, signal_mv=record.signal_mv[:, columns], leads=settings.leads)
    signal, duration_s, notes = _example_of(predictor, chosen, settings, [])
    ((only, scores),) = score_examples(predictor, {"signal": signal}).items()
    return RecordsPrediction(
        record.record_id, predictor.version, target, (record.record_id,), (duration_s,), scores, (notes,), {},
        predictor.calibrations.get(only),
    )  # fmt: skip


def summarize(prediction: RecordsPrediction) -> dict[str, Any]:
    """The prediction as a JSON tree; durations in seconds."""
    calibration = prediction.calibration
    return {
        "name": prediction.name,
        "model": prediction.version,
        "task": prediction.target.task,
        "num_records": len(prediction.names),
        "records": [_record(prediction, row) for row in range(len(prediction.names))],
        "failed": prediction.failed,
        "calibration": None
        if calibration is None
        else {
            "method": calibration.method,
            "coverage": calibration.coverage,
            "thresholds": _by_class(prediction.target, np.asarray(calibration.thresholds)),
        },
        "disclaimer": RESEARCH,
    }


def summary_text(prediction: RecordsPrediction) -> str:
    """The prediction for a person: all scores of one record; of several, a line each."""
    lines = _one(prediction) if len(prediction.names) == 1 else _several(prediction)
    return "\n".join([*lines, "", *_note_lines(prediction), RESEARCH])


def write_records(prediction: RecordsPrediction, out: Path) -> list[str]:
    """Write `<name>.csv`: record, duration_s, label, score of every class, the prediction set if there is one, notes.

    Several labels, or classes of a set, are joined as in "MI+CD"; there may be none.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    sets = prediction.set_names
    head = ["record", "duration_s", "label", *(f"score_{name}" for name in prediction.target.classes)]
    writer.writerow([*head, *([] if sets is None else ["set"]), "notes"])
    for row, name in enumerate(prediction.names):
        cells = [name, f"{prediction.durations_s[row]:g}", "+".join(prediction.labels[row])]
        cells += [f"{score:.5f}" for score in prediction.scores[row]]
        cells += [] if sets is None else ["+".join(sets[row])]
        writer.writerow([*cells, "; ".join(prediction.notes[row])])
    path = out / f"{prediction.name}.csv"
    files.write_text(path, text.getvalue())
    return [str(path)]


def _record_model(predictor: Predictor) -> tuple[RecordExamples, TargetSpec]:
    recipe, targets = dict(predictor.spec.recipe), list(predictor.spec.targets.values())
    if recipe.pop("kind", None) != KIND:
        raise ContractError(f"{predictor.version}: reads no whole records.")
    if len(targets) != 1:
        raise ContractError(f"{predictor.version}: answers {', '.join(predictor.spec.targets)}; one target is needed.")
    try:
        return RecordExamples.model_validate(recipe), targets[0]
    except ValidationError as error:
        raise ContractError(f"{predictor.version}: this version does not know how its records are read.") from error


def _headers(path: Path) -> list[Path]:
    if path.is_dir():
        headers = sorted(path.glob("*.hea"))
        if not headers:
            raise DataError(str(path), "holds no WFDB record (.hea).", "Name a folder of records or a record.")
        return headers
    if path.suffix not in (".hea", ".dat", ".mat"):
        raise DataError(path.name, "is neither a WFDB record (.hea) nor a folder of records.")
    return [path.with_suffix(".hea")]


def _example(
    predictor: Predictor, header: Path, settings: RecordExamples, leads: tuple[str, ...]
) -> tuple[Array, float, tuple[str, ...]]:
    """The input of the model, how long the record is, and what is to be said of it."""
    record, notes = read_leads(header, settings.leads, settings.rate_hz, leads)
    return _example_of(predictor, record, settings, notes)


def _example_of(
    predictor: Predictor, record: SignalRecord, settings: RecordExamples, notes: list[str]
) -> tuple[Array, float, tuple[str, ...]]:
    notes += check_signal(record, predictor.spec.contract or record_contract(settings))
    duration_s = len(record.signal_mv) / record.rate_hz
    if duration_s > settings.duration_s:
        notes.append(f"the middle {settings.duration_s:g} s of {duration_s:g} s were judged")
    elif duration_s < settings.duration_s:
        notes.append(f"lasts {duration_s:g} s and stands between zeros in {settings.duration_s:g} s")
    return record_example(record, settings)["signal"], duration_s, tuple(notes)


def _by_class(target: TargetSpec, values: Array) -> dict[str, float]:
    return dict(zip(target.classes, np.round(values.astype(np.float64), 5).tolist(), strict=True))


def _record(prediction: RecordsPrediction, row: int) -> dict[str, Any]:
    told = {} if prediction.set_names is None else {"set": prediction.set_names[row]}
    return {
        "record": prediction.names[row],
        "duration_s": prediction.durations_s[row],
        "labels": prediction.labels[row],
        "scores": _by_class(prediction.target, prediction.scores[row]),
        **told,
        "notes": list(prediction.notes[row]),
    }


def _one(prediction: RecordsPrediction) -> list[str]:
    target, calibration = prediction.target, prediction.calibration
    given = "+".join(prediction.labels[0]) or "no class"
    lines = [f"{prediction.name}, {prediction.durations_s[0]:g} s: {given}. Model {prediction.version}.", ""]
    width = max(map(len, target.classes))
    for place in np.argsort(-prediction.scores[0], kind="stable"):
        mark = "*" if target.classes[place] in prediction.labels[0] else " "
        line = f"{mark} {target.classes[place]:<{width}}  {prediction.scores[0, place]:.3f}"
        if calibration is not None and calibration.deciding is not None:
            line += f"  (called from {calibration.thresholds[place]:.3f})"
        lines.append(line)
    if prediction.set_names is not None and calibration is not None:
        held = ", ".join(prediction.set_names[0]) or "none"
        lines += ["", f"Cannot be ruled out at {100 * calibration.coverage:g} %: {held}"]
    return lines


def _several(prediction: RecordsPrediction) -> list[str]:
    lines = [f"{prediction.name}: {len(prediction.names):,} records. Model {prediction.version}.", ""]
    width = max(map(len, prediction.names[:MAX_LISTED]))
    for row, name in enumerate(prediction.names[:MAX_LISTED]):
        scores = _by_class(prediction.target, prediction.scores[row])
        given = ", ".join(f"{label} {scores[label]:.3f}" for label in prediction.labels[row])
        lines.append(f"{name:<{width}}  {given or 'no class'}")
    if len(prediction.names) > MAX_LISTED:
        lines.append(f"and {len(prediction.names) - MAX_LISTED:,} more, listed in the CSV file")
    counts = Counter(label for labels in prediction.labels for label in labels)
    return [*lines, "", *(f"  {name}: {counts[name]:,}" for name in prediction.target.classes)]


def _note_lines(prediction: RecordsPrediction) -> list[str]:
    counts = Counter(note for notes in prediction.notes for note in notes)
    if len(prediction.names) == 1:
        return [f"Note: {note}." for note in counts]
    told = [f"Note: {count} of {len(prediction.names)} records: {note}." for note, count in counts.most_common(10)]
    return told if len(counts) <= len(told) else [*told, f"Note: {len(counts) - len(told)} others are in the CSV file."]
