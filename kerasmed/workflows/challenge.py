"""What the team_code.py of a PhysioNet Challenge calls: train, load a model, answer for a record."""

import shutil
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from kerasmed.calibration import THRESHOLDS
from kerasmed.config.any_dataset import DatasetConfig
from kerasmed.config.dataset import RecordExamples, WfdbHeaders
from kerasmed.config.load import load_run
from kerasmed.data.readers.wfdb_header import parse_header
from kerasmed.data.readers.wfdb_samples import to_millivolts
from kerasmed.data.records import Array, SignalRecord
from kerasmed.errors import ConfigError, ContractError, DataError
from kerasmed.export.formats import FORMAT_FILES
from kerasmed.export.onnx_file import open_onnx
from kerasmed.inference.predictor import Predictor
from kerasmed.inference.whole_records import RecordsPrediction, predict_records, predict_signal
from kerasmed.versions import CARD, SPEC
from kerasmed.workflows.places import Places

CONFIG = "config.yaml"
ONNX = FORMAT_FILES["onnx"].file
POSITIVE = "True"  # as the headers of 2025 say it
REFUSED = (False, 0.0)
# An entry that ends is worth nothing, and what is left out is told.
MAX_BAD_RATE = 0.2


@dataclass(frozen=True)
class Labels:
    """How the headers of a challenge say what is asked.

    Attributes:
        line: The comment that says it.
        task: single_label or multi_label.
        classes: In the order of the scores.
    """

    line: str
    task: Literal["single_label", "multi_label"]
    classes: tuple[str, ...]


def load(model_folder: Path) -> Predictor:
    """The model in the folder of an entry, of which `model.onnx` is asked in this process.

    Raises:
        ContractError: There is none.
    """
    model = open_onnx(model_folder / ONNX)
    return Predictor(model.spec, model.answers, model.version, model.calibrations)


def answer(predictor: Predictor, record: Path, positive: str, verbose: bool = False) -> tuple[bool, float]:
    """Whether the record has the class `positive`, and the score of that class: an answer of 2025.

    The harness wants an answer for every record and ends at the first error, so a record that the model refuses gets no
    call and the lowest score, which ranks it last; the reason is told where that is asked for.

    Args:
        predictor: From `load`.
        record: Path of the record, without suffix.
        positive: The class of the model that means yes. A model that was trained on the data of 2025 says "True".
        verbose: Whether to tell why a record is refused.
    """
    target = predictor.spec.target
    meant = positive if positive in target.classes else POSITIVE
    try:
        prediction = predict_records(predictor, record.with_name(f"{record.name}.hea"))
    except (DataError, ContractError) as error:
        if verbose:
            sys.stdout.write(f"refused: {error}\n")
        return REFUSED
    return meant in prediction.labels[0], float(prediction.scores[0, target.classes.index(meant)])


def answer_all(predictor: Predictor, header: str, recording: Array) -> tuple[list[str], list[int], list[float]]:
    """Every class, whether it is called, and its score: an answer of 2020 and 2021.

    Args:
        predictor: From `load`.
        header: Text of the header file.
        recording: Integers (num_leads, num_samples), as the file holds them.

    Raises:
        DataError: The record is not what the model reads, or lacks a lead of it; the harness writes an empty answer.
    """
    prediction = predict_signal(predictor, _record(header, recording))
    return (list(prediction.target.classes), _called(prediction), [float(score) for score in prediction.scores[0]])


def train(entry: Path, data_folder: Path, model_folder: Path, labels: Labels) -> None:
    """Train the model of the entry anew, by its config.yaml, on the records of a challenge; put it into `model_folder`.

    Args:
        entry: Folder of the entry.
        data_folder: Records whose headers say their labels.
        model_folder: Receives the model.
        labels: How they say them.

    Raises:
        DataError: The headers say no labels, or none of the classes.
    """
    from kerasmed.runtime import use_backend

    config = load_run(entry / CONFIG)
    place = data_folder.resolve()
    examples = record_examples(config.dataset)
    dataset = WfdbHeaders(
        folder=place.name, examples=examples, label_line=labels.line, task=labels.task, classes=labels.classes,
        max_bad_rate=MAX_BAD_RATE,
    )  # fmt: skip
    config = config.model_copy(update={"dataset": dataset})
    use_backend(config.backend)
    from kerasmed.workflows.export import export_run
    from kerasmed.workflows.train import train as fit

    with tempfile.TemporaryDirectory(prefix="kerasmed-entry-") as scratch:
        base = Path(scratch)
        folder, _ = fit(config, Places(place.parent, base / "runs", base / "cache"))
        place_model(export_run(folder, ("onnx",), base / "saved_models", "entry"), model_folder)


def place_model(version: Path, model_folder: Path) -> None:
    """Put what `load` needs of a version, and what tells of it, into `model_folder`."""
    model_folder.mkdir(parents=True, exist_ok=True)
    for name in (ONNX, SPEC, THRESHOLDS, CARD):
        if (version / name).is_file():
            shutil.copyfile(version / name, model_folder / name)


def record_examples(dataset: DatasetConfig) -> RecordExamples:
    """How a run makes an example of a record.

    Raises:
        ConfigError: It makes none of whole records.
    """
    examples = getattr(dataset, "examples", None)
    if not isinstance(examples, RecordExamples):
        raise ConfigError("an entry needs a model of whole records, such as one of ptbxl_superdiagnostic.")
    return examples


def _called(prediction: RecordsPrediction) -> list[int]:
    return [int(name in prediction.labels[0]) for name in prediction.target.classes]


def _record(header: str, recording: Array) -> SignalRecord:
    name = header.split(maxsplit=1)[0] if header.strip() else ""
    told = parse_header(header, f"{name}.hea")
    if recording.ndim != 2 or len(recording) != len(told.signals):
        raise DataError(name, f"has {len(told.signals)} leads in its header and {recording.shape} values.")
    signal_mv = to_millivolts(np.ascontiguousarray(recording.T).astype(np.int64), told.signals, name)
    return SignalRecord(name, name, signal_mv, told.rate_hz, told.leads)
