"""Volumes to classes: the files, the examples that training would make of them, and a class for each."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from pydantic import ValidationError

from kerasmed.config.volumes import VolumeExamples
from kerasmed.data.readers.volume_npy import SUFFIX, open_volumes
from kerasmed.data.records import Array
from kerasmed.data.volume_examples import KIND, volume_example
from kerasmed.errors import ContractError, DataError
from kerasmed.inference.images import ImagePrediction
from kerasmed.inference.predictor import Predictor, score_examples
from kerasmed.spec import TargetSpec


def predict_volumes(predictor: Predictor, path: Path) -> ImagePrediction:
    """Classify the volumes of an `.npy` file, or of every `.npy` file in a folder; the bad ones of several are listed.

    Raises:
        DataError: The only volume is bad, or none can be judged.
        ContractError: The model is none of volumes.
    """
    settings, target = _volume_model(predictor)
    (only,) = predictor.spec.targets
    names: list[str] = []
    scores: list[Array] = []
    failed: dict[str, str] = {}
    for name, source, row in _volumes_of(path, failed):
        try:
            voxels = open_volumes(source, source.name, settings.slices)[row]
            example = volume_example(name, voxels, settings)
        except DataError as error:
            failed[name] = str(error)
            continue
        names.append(name)
        # One at a time: a volume may take as much memory as a thousand pictures.
        scores.append(score_examples(predictor, {"volume": example[None]})[only])
    if not names:
        raise DataError(path.name, "no volume of it can be judged.", next(iter(failed.values()), ""))
    return ImagePrediction(
        path.resolve().name.removesuffix(SUFFIX), predictor.version, target, tuple(names), np.concatenate(scores),
        ((),) * len(names), failed, predictor.calibrations.get(only), noun="volume",
    )  # fmt: skip


def _volumes_of(path: Path, failed: dict[str, str]) -> Iterator[tuple[str, Path, int]]:
    """Name, file and row of each volume; into `failed` go files that are none."""
    if not path.exists():
        raise DataError(path.name, "does not exist.", f"Name an {SUFFIX} file of volumes or a folder of them.")
    for source in sorted(path.glob(f"*{SUFFIX}")) if path.is_dir() else [path]:
        try:
            count = len(open_volumes(source, source.name, "first"))
        except DataError as error:
            failed[source.name] = str(error)
            continue
        for row in range(count):
            yield source.name if count == 1 else f"{source.stem}:{row}", source, row


def _volume_model(predictor: Predictor) -> tuple[VolumeExamples, TargetSpec]:
    targets = list(predictor.spec.targets.values())
    if predictor.spec.recipe.get("kind") != KIND:
        raise ContractError(f"{predictor.version}: reads no volumes.")
    if len(targets) != 1 or targets[0].task != "single_label":
        raise ContractError(f"{predictor.version}: one class for each volume is needed.")
    try:
        return VolumeExamples.model_validate(predictor.spec.settings), targets[0]
    except ValidationError as error:
        raise ContractError(f"{predictor.version}: this version does not know how its volumes are made.") from error
