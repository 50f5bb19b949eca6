"""Volumes to classes: the files, the examples that training would make of them, and a class for each."""

import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np
from pydantic import ValidationError

from kerasmed.config.volumes import VolumeExamples
from kerasmed.data.readers import dicom_series
from kerasmed.data.readers.dicom import is_dicom
from kerasmed.data.readers.volumes import KINDS, SUFFIXES, FoundVolume, find_volumes, read_volume
from kerasmed.data.records import Array, VolumeRecord
from kerasmed.data.volume_examples import KIND, settings_of, volume_example
from kerasmed.errors import ConfigError, ContractError, DataError
from kerasmed.inference.images import ImagePrediction
from kerasmed.inference.predictor import Predictor, score_examples
from kerasmed.spec import TargetSpec

UNKNOWN_SIDE = "its side is not known: taken as a right one"
MIRRORED = "mirrored as of the left side"


def predict_volumes(predictor: Predictor, path: Path, left: bool | None = None) -> ImagePrediction:
    """Classify a volume, or every volume below a folder; the bad ones of several are listed.

    Args:
        predictor: The model.
        path: An .npy, .nii or .nii.gz file, a folder of DICOM slices, or a folder of such.
        left: Whether volumes that do not say their side are of the left side; None: not known.

    Raises:
        DataError: The only volume is bad, or none can be judged.
        ContractError: The model is none of volumes.
        ConfigError: A side is given to a model that mirrors none.
        MissingPackageError: What reads the files is missing.
    """
    settings, target = _volume_model(predictor)
    if left is not None and settings.mirror_left is None:
        raise ConfigError(f"--side is for models that mirror left volumes; {predictor.version} mirrors none.")
    if not path.exists():
        raise DataError(path.name, "does not exist.", f"Name {KINDS}, or a folder of such.")
    (only,) = predictor.spec.targets
    names: list[str] = []
    scores: list[Array] = []
    notes: list[tuple[str, ...]] = []
    failed: dict[str, str] = {}
    for found in find_volumes(path):
        try:
            record = _read(found, settings, left)
            example = volume_example(record, settings)
        except DataError as error:
            failed[error.record] = str(error)
            continue
        names.append(record.record_id)
        notes.append((*record.notes, *_side_notes(record, settings)))
        # One at a time: a volume may take as much memory as a thousand pictures.
        scores.append(score_examples(predictor, {"volume": example[None]})[only])
    if not names:
        raise DataError(told_path(path), "no volume of it can be judged.", next(iter(failed.values()), ""))
    return ImagePrediction(
        told_path(path), predictor.version, target, tuple(names), np.concatenate(scores), tuple(notes), failed,
        predictor.calibrations.get(only), noun="volume",
    )  # fmt: skip


def told_path(path: Path) -> str:
    """What a file or folder may be called: one with DICOM files in it, whose own name may be the patient's, by them."""
    if path.is_file():
        return "dicom" if is_dicom(path) else _bare(path.resolve())
    if not path.is_dir():
        return path.name
    if dicom_series.is_series(path):
        return dicom_series.series_name(path)
    inner = [dicom_series.series_name(one) for one in sorted(path.rglob("*")) if dicom_series.is_series(one)]
    return f"volumes-{hashlib.sha256(''.join(inner).encode()).hexdigest()[:12]}" if inner else path.resolve().name


def _bare(path: Path) -> str:
    suffix = next((one for one in SUFFIXES if path.name.endswith(one)), "")
    return path.name.removesuffix(suffix)


def _read(found: FoundVolume | DataError, settings: VolumeExamples, left: bool | None) -> VolumeRecord:
    if isinstance(found, DataError):
        raise found
    record = read_volume(found, settings)
    return record if record.left is not None else replace(record, left=left)


def _side_notes(record: VolumeRecord, settings: VolumeExamples) -> tuple[str, ...]:
    if settings.mirror_left is None:
        return ()
    return (UNKNOWN_SIDE,) if record.left is None else (MIRRORED,) if record.left else ()


def _volume_model(predictor: Predictor) -> tuple[VolumeExamples, TargetSpec]:
    targets = list(predictor.spec.targets.values())
    if predictor.spec.recipe.get("kind") != KIND:
        raise ContractError(f"{predictor.version}: reads no volumes.")
    if len(targets) != 1 or targets[0].task != "single_label":
        raise ContractError(f"{predictor.version}: one class for each volume is needed.")
    try:
        return settings_of(predictor.spec), targets[0]
    except ValidationError as error:
        raise ContractError(f"{predictor.version}: this version does not know how its volumes are made.") from error
