"""Pictures to classes: the files, the examples that training would make of them, and a class for each."""

import csv
import hashlib
import io
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import ValidationError

from kerasmed import files
from kerasmed.calibration import Calibration
from kerasmed.config.dataset import ImageExamples
from kerasmed.data.image_examples import KIND, content_name, pixels_of, read_images
from kerasmed.data.image_tree import find_images
from kerasmed.data.readers.dicom import SUFFIXES as DICOM_SUFFIXES
from kerasmed.data.records import Array, ImageRecord
from kerasmed.errors import ContractError, DataError
from kerasmed.evaluation.judged import answers
from kerasmed.inference.predictor import Predictor, score_examples
from kerasmed.spec import TargetSpec

RESEARCH = "Research use only; not a medical device. Every finding needs a physician's reading of the picture."
MAX_LISTED = 50


@dataclass(frozen=True)
class ImagePrediction:
    """What a model says of the pictures of one file or folder.

    Attributes:
        name: What the file or folder may be called.
        version: The model that answered.
        target: What was asked.
        names: One for each picture: its file's, or for DICOM what is in it.
        scores: float32 (n, num_classes).
        notes: For each picture what was converted.
        failed: Name to reason, of the pictures that could not be judged.
        calibration: What the scores were calibrated with; None where they are as trained.
        noun: What was judged.
    """

    name: str
    version: str
    target: TargetSpec
    names: tuple[str, ...]
    scores: Array
    notes: tuple[tuple[str, ...], ...]
    failed: dict[str, str]
    calibration: Calibration | None = None
    noun: str = "picture"

    @cached_property
    def labels(self) -> list[str]:
        """The class of each picture."""
        found = answers(self.scores, self.target, self.calibration.deciding if self.calibration else None)
        return [self.target.classes[place] for place in found]

    @cached_property
    def set_names(self) -> list[list[str]] | None:
        """For each picture the classes that cannot be ruled out, perhaps none; None where nothing was calibrated."""
        if self.calibration is None:
            return None
        return [
            [self.target.classes[place] for place in np.flatnonzero(row)] for row in self.calibration.sets(self.scores)
        ]


def predict_images(predictor: Predictor, path: Path) -> ImagePrediction:
    """Classify a picture (.png, .jpg, .dcm) or every picture below a folder; the bad ones of a folder are listed.

    Raises:
        DataError: The only picture is bad or is none, or the folder holds none that can be judged.
        ContractError: The model is none of pictures.
    """
    settings, target = _image_model(predictor)
    if not path.exists():
        raise DataError(path.name, "does not exist.", "Name a picture (.png, .jpg, .dcm) or a folder of them.")
    paths = [image.path for image in find_images(path).images] if path.is_dir() else [path]
    records: list[ImageRecord] = []
    images: list[Array] = []
    failed: dict[str, str] = {}
    for one in paths:
        name = told_name(one)
        try:
            found = read_images(one, name, settings, predictor.spec.image_contract)
        except DataError as error:
            if len(paths) == 1:
                raise
            failed[name] = str(error)
            continue
        records += [_without_pixels(record) for record in found]
        images.append(pixels_of(found, settings))
    if not images:
        raise DataError(f"{len(paths)} pictures", "none can be judged.", next(iter(failed.values())))
    scores = score_examples(predictor, {"image": np.concatenate(images)})
    (only,) = predictor.spec.targets
    return ImagePrediction(
        _folder_name(path, paths), predictor.version, target, tuple(record.record_id for record in records),
        scores[only], tuple(record.notes for record in records), failed, predictor.calibrations.get(only),
    )  # fmt: skip


def told_name(path: Path) -> str:
    """What a file may be called: a DICOM file, whose own name often is the patient's, is called by its content."""
    return content_name(path) if path.suffix.lower() in DICOM_SUFFIXES and path.is_file() else path.name


def summarize(prediction: ImagePrediction) -> dict[str, Any]:
    """The prediction as a JSON tree."""
    return {
        "name": prediction.name,
        "model": prediction.version,
        f"num_{prediction.noun}s": len(prediction.names),
        f"{prediction.noun}s": [_picture(prediction, row) for row in range(len(prediction.names))],
        "failed": prediction.failed,
        "calibration": None if prediction.calibration is None else prediction.calibration.method,
        "disclaimer": RESEARCH,
    }


def summary_text(prediction: ImagePrediction) -> str:
    """The prediction for a person: a line for each picture, and what was converted; many are counted."""
    lines = [f"{prediction.name}: {len(prediction.names)} {prediction.noun}s. Model {prediction.version}.", ""]
    width = max(map(len, prediction.names))
    for row, (name, label) in enumerate(zip(prediction.names, prediction.labels, strict=True)):
        if row == MAX_LISTED:
            lines.append(f"and {len(prediction.names) - MAX_LISTED} more, listed in the CSV file")
            break
        score = prediction.scores[row, prediction.target.classes.index(label)]
        told = "" if prediction.set_names is None else f"  set {'+'.join(prediction.set_names[row]) or 'none'}"
        lines.append(f"{name:<{width}}  {label}  {score:.3f}{told}")
    if len(prediction.names) > 1:
        counts = ((name, prediction.labels.count(name)) for name in prediction.target.classes)
        lines += ["", *(f"  {name}: {count:,}" for name, count in counts)]
    return "\n".join([*lines, "", *_note_lines(prediction), RESEARCH])


def write_images(prediction: ImagePrediction, out: Path) -> list[str]:
    """Write `<name>.csv`: picture, label, the score of every class, the prediction set where there is one, notes."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    sets = prediction.set_names
    head = [prediction.noun, "label", *(f"score_{name}" for name in prediction.target.classes)]
    writer.writerow([*head, *([] if sets is None else ["set"]), "notes"])
    for row, (name, label) in enumerate(zip(prediction.names, prediction.labels, strict=True)):
        cells = [name, label, *(f"{score:.5f}" for score in prediction.scores[row])]
        writer.writerow([*cells, *([] if sets is None else ["+".join(sets[row])]), "; ".join(prediction.notes[row])])
    path = out / f"{prediction.name}.csv"
    files.write_text(path, text.getvalue())
    return [str(path)]


def _image_model(predictor: Predictor) -> tuple[ImageExamples, TargetSpec]:
    recipe, targets = dict(predictor.spec.recipe), list(predictor.spec.targets.values())
    if recipe.pop("kind", None) != KIND:
        raise ContractError(f"{predictor.version}: reads no pictures.")
    if len(targets) != 1 or targets[0].task != "single_label":
        raise ContractError(f"{predictor.version}: one class for each picture is needed.")
    try:
        return ImageExamples.model_validate(recipe), targets[0]
    except ValidationError as error:
        raise ContractError(f"{predictor.version}: this version does not know how its pictures are made.") from error


def _without_pixels(record: ImageRecord) -> ImageRecord:
    return replace(record, pixels=np.zeros((0, 0), np.uint8))


def _folder_name(path: Path, paths: list[Path]) -> str:
    if not path.is_dir():
        return told_name(path)
    if any(one.suffix.lower() in DICOM_SUFFIXES for one in paths):
        told = hashlib.sha256("\n".join(map(told_name, paths)).encode()).hexdigest()
        return f"pictures-{told[:12]}"
    return path.resolve().name


def _picture(prediction: ImagePrediction, row: int) -> dict[str, Any]:
    scores = dict(
        zip(prediction.target.classes, np.round(prediction.scores[row].astype(np.float64), 5).tolist(), strict=True)
    )
    told = {} if prediction.set_names is None else {"set": prediction.set_names[row]}
    return {
        prediction.noun: prediction.names[row],
        "label": prediction.labels[row],
        "scores": scores,
        **told,
        "notes": list(prediction.notes[row]),
    }


def _note_lines(prediction: ImagePrediction) -> list[str]:
    counts: dict[str, int] = {}
    for note in (note for notes in prediction.notes for note in notes):
        counts[note] = counts.get(note, 0) + 1
    if len(prediction.names) == 1:
        return [f"Note: {note}." for note in counts]
    return [f"Note: {count} of {len(prediction.names)} {prediction.noun}s: {note}." for note, count in counts.items()]
