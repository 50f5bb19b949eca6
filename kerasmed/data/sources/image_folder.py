"""Pictures in folders: the class is the folder's name or a column of a CSV file, the patient part of a file's name."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from kerasmed.config.dataset import ImageExamples, ImageFolder
from kerasmed.data.dataset import Dataset, Protocol
from kerasmed.data.image_examples import content_name, examples_of, image_spec, read_images
from kerasmed.data.image_splits import split_images, split_official
from kerasmed.data.image_tree import FoundImage, ImageTree, find_images
from kerasmed.data.protocols import SELF_JUDGED
from kerasmed.data.readers.dicom import SUFFIXES as DICOM_SUFFIXES
from kerasmed.data.readers.dicom import patient_key
from kerasmed.data.readers.label_csv import read_labels
from kerasmed.data.records import Examples, RecordRef
from kerasmed.errors import DataError

NO_PATIENTS = "patients are not known: pictures of one may be in several parts"


@dataclass(frozen=True)
class Labelled:
    """A picture on its way to an example: its file under the name that may be told, its class, its part, its kin."""

    ref: RecordRef
    label: str
    part: str
    kin: str


def build_image_folder(config: ImageFolder, data_root: Path) -> Dataset:
    """The pictures below a folder.

    Raises:
        DataError: There is no such folder, no picture with a class, or a CSV file that cannot be used.
        ConfigError: `classes` names a class that is none.
    """
    tree = find_images(data_root / config.folder)
    pictures, notes = name_pictures(tree, config)
    found = sorted({picture.label for picture in pictures})
    classes = config.classes or tuple(found)
    strange = sorted(set(found) - set(classes))
    if strange or len(classes) < 2:
        said = f"has pictures of {', '.join(strange)}, which is not among" if strange else "has fewer than two classes:"
        raise DataError(config.folder, f"{said} {', '.join(classes)}.", "Set dataset.classes, or move those pictures.")
    table = {picture.ref.record_id: picture for picture in pictures}
    official = bool(tree.parts)
    return Dataset(
        name=Path(config.folder).name,
        spec=image_spec(config.examples, classes),
        records=tuple(picture.ref for picture in pictures),
        make_examples=partial(read_examples, table=table, classes=classes, settings=config.examples),
        split=_split(config, official),
        protocol=_protocol(tree, pictures, config),
        recipe={"source": "image_folder", "labels": [[p.ref.record_id, p.label, p.part, p.kin] for p in pictures]},
        notes=(*notes, *_split_notes(tree, pictures, config)),
    )


def read_examples(
    ref: RecordRef, table: Mapping[str, Labelled], classes: tuple[str, ...], settings: ImageExamples
) -> Examples:
    """Read one file: an example of each of its frames.

    Raises:
        DataError: It cannot be used.
    """
    labelled = table[ref.record_id]
    columns = {"record": ref.record_id, "patient": ref.patient, "part": labelled.part, "kin": labelled.kin}
    return examples_of(
        read_images(ref.files[0], ref.record_id, settings), settings, classes.index(labelled.label), columns
    )


def name_pictures(tree: ImageTree, config: ImageFolder) -> tuple[list[Labelled], list[str]]:
    """Every picture that has a class, and what is to be said of the others."""
    labels, notes = _labels(tree, config)
    kept = [image for image in tree.images if labels.get(image.path)]
    if len(kept) < len(tree.images):
        notes.append(f"left out, since nothing says their class: {len(tree.images) - len(kept)} pictures")
    if not kept:
        raise DataError(config.folder, "no picture lies in a folder that names its class.", "See docs/images.md.")
    names = _names(kept, tree.root, config)
    patients = _patients(kept, names, config)
    kin = re.compile(config.kin_pattern) if config.kin_pattern else None
    pictures = [
        Labelled(
            RecordRef(name, patient, (image.path,), is_hidden(image.path, config)),
            labels[image.path],
            image.part,
            _matched(kin, image.path.name),
        )
        for image, name, patient in zip(kept, names, patients, strict=True)
    ]
    return pictures, notes


def name_tree(tree: ImageTree) -> list[str]:
    """The name that may be told of every picture in `tree`, in its order."""
    return _names(list(tree.images), tree.root, ImageFolder())


def is_hidden(path: Path, config: ImageFolder) -> bool:
    """Whether the name of a file must not be told."""
    return config.hide_names == "all" or path.suffix.lower() in DICOM_SUFFIXES


def _names(images: list[FoundImage], root: Path, config: ImageFolder) -> list[str]:
    """A name for each file, each once: its path below `root`, or what is in it."""
    names: list[str] = []
    taken: dict[str, int] = {}
    for image in images:
        name = content_name(image.path) if is_hidden(image.path, config) else image.path.relative_to(root).as_posix()
        taken[name] = taken.get(name, 0) + 1
        names.append(name if taken[name] == 1 else f"{name}-{taken[name]}")
    return names


def _patients(images: list[FoundImage], names: list[str], config: ImageFolder) -> list[str]:
    """Who each picture is of: what its name says, or a number in place of the PatientID; else nobody but itself."""
    pattern = re.compile(config.patient_pattern) if config.patient_pattern else None
    numbers: dict[bytes | str, int] = {}
    patients = []
    key: bytes | str | None
    for image, name in zip(images, names, strict=True):
        if image.path.suffix.lower() in DICOM_SUFFIXES:
            key = _dicom_patient(image.path, name)
        elif is_hidden(image.path, config):
            key = _matched(pattern, image.path.name)
        else:
            patients.append(_matched(pattern, image.path.name) or name)
            continue
        patients.append(f"patient-{numbers.setdefault(key, len(numbers) + 1):05d}" if key else name)
    return patients


def _dicom_patient(path: Path, name: str) -> bytes | None:
    try:
        return patient_key(path, name)
    except DataError:
        # Reading its pixels says what is wrong, and the run's policy for bad records decides what follows.
        return None


def _matched(pattern: re.Pattern[str] | None, name: str) -> str:
    found = pattern.search(name) if pattern else None
    return next((group for group in found.groups() if group), "") if found else ""


def _labels(tree: ImageTree, config: ImageFolder) -> tuple[dict[Path, str], list[str]]:
    column = config.labels
    if column is None:
        return {image.path: image.label for image in tree.images}, []
    said = read_labels(tree.root / column.file, column.image, column.label, column.values)
    labels = {image.path: said.get(image.path.name) or said.get(image.path.stem) or "" for image in tree.images}
    notes = [f"classes are those of {Path(column.file).name}, column {column.label}"]
    other = [image for image in tree.images if image.label and labels[image.path] not in ("", image.label)]
    if other and set(tree.labels) <= set(labels.values()):
        named = ", ".join(image.path.stem for image in other[:5] if not is_hidden(image.path, config))
        notes.append(
            f"pictures in a folder of another class than {Path(column.file).name} says: {len(other)} ({named})"
        )
    absent = len(set(said)) - len(
        {name for image in tree.images for name in (image.path.name, image.path.stem)} & set(said)
    )
    if absent:
        notes.append(f"rows of {Path(column.file).name} without a picture: {absent}")
    return labels, notes


def _split(config: ImageFolder, official: bool) -> partial:  # type: ignore[type-arg]
    if official:
        return partial(
            split_official, validation_rate=config.validation_rate, least_validation=config.least_validation,
            near_bits=config.near_bits,
        )  # fmt: skip
    return partial(
        split_images, validation_rate=config.validation_rate, test_rate=config.test_rate, near_bits=config.near_bits
    )


def _protocol(tree: ImageTree, pictures: list[Labelled], config: ImageFolder) -> Protocol:
    badges = () if _num_known(pictures) else (NO_PATIENTS,)
    if not tree.parts:
        describe = "Pictures are dealt to train, validation and test, patients and near duplicates whole."
        return Protocol("image_folder", describe, badges=badges, near_bits=config.near_bits)
    judged_on = "test" if "test" in tree.parts else "validation"
    rebuilt = sum(picture.part == "validation" for picture in pictures) < config.least_validation
    chosen = "part of train, dealt by patient, chooses the epoch" if rebuilt else "the official validation part chooses"
    describe = f"The official parts are kept: {chosen}; judged on {judged_on}."
    if judged_on == "validation":
        badges = (*badges, SELF_JUDGED)
        return Protocol("image_folder_official", describe, "validation", badges, near_bits=config.near_bits)
    return Protocol("image_folder_official", describe, badges=badges, near_bits=config.near_bits)


def _num_known(pictures: list[Labelled]) -> int:
    return sum(picture.ref.patient != picture.ref.record_id for picture in pictures)


def _split_notes(tree: ImageTree, pictures: list[Labelled], config: ImageFolder) -> list[str]:
    known, notes = _num_known(pictures), []
    if 0 < known < len(pictures):
        notes.append(f"patients are known of {known} of {len(pictures)} pictures; each other one counts as its own")
    if not tree.parts:
        return notes
    small = sum(picture.part == "validation" for picture in pictures)
    if small < config.least_validation:
        notes.append(f"the official validation part has {small} pictures; one was dealt anew from train, by patient")
    if "test" not in tree.parts:
        notes.append("there is no test part: judged on validation")
    return notes
