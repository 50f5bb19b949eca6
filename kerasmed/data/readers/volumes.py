"""Volumes whatever holds them: an `.npy` file with one or many, a NIfTI file, or a folder of DICOM slices."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from kerasmed.config.volumes import VolumeExamples
from kerasmed.data.readers import dicom_series, nifti, volume_npy
from kerasmed.data.readers.dicom import is_dicom, patient_key
from kerasmed.data.readers.volume_axes import Spacing
from kerasmed.data.records import VolumeRecord
from kerasmed.errors import DataError

SUFFIXES = (".nii.gz", ".nii", volume_npy.SUFFIX)
KINDS = "an .npy, .nii or .nii.gz file, or a folder of DICOM slices"


@dataclass(frozen=True)
class FoundVolume:
    """A volume before it is read.

    Attributes:
        key: What a table calls it: its path without suffix, with :ROW where a file holds many.
        name: What it may be called: `key`, but of a DICOM series, whose folder may be named after the patient, not.
        path: Its file, or the folder of its slices.
        row: Its place in an .npy file of many.
    """

    key: str
    name: str
    path: Path
    row: int = 0

    @property
    def hidden(self) -> bool:
        """Whether the names of its files must not be told."""
        return self.name != self.key

    @property
    def paths(self) -> tuple[Path, ...]:
        """The files that hold it."""
        return tuple(dicom_series.slices_in(self.path)) if self.path.is_dir() else (self.path,)


def find_volumes(path: Path) -> Iterator[FoundVolume | DataError]:
    """Every volume at or below `path`, in the order of their paths; in place of a file that is none, why."""
    root = path if path.is_dir() and not dicom_series.is_series(path) else path.parent
    ones = [path] if root != path else sorted(one for one in path.rglob("*") if one.is_dir() or _suffix(one))
    for one in ones:
        if one.is_dir():
            if dicom_series.is_series(one):
                yield FoundVolume(one.relative_to(root).as_posix(), dicom_series.series_name(one), one)
        else:
            try:
                yield from volumes_of(one, root)
            except DataError as error:
                yield error


def volumes_of(path: Path, root: Path) -> list[FoundVolume]:
    """The volumes of one file below `root`.

    Raises:
        DataError: It holds none.
    """
    suffix = _suffix(path)
    key = path.relative_to(root).as_posix().removesuffix(suffix) if suffix else path.name
    if suffix != volume_npy.SUFFIX:
        if not suffix:
            told = "a DICOM file" if path.is_file() and is_dicom(path) else path.name
            raise DataError(told, "is no volume.", f"Name {KINDS}.")
        return [FoundVolume(key, key, path)]
    count = len(volume_npy.open_volumes(path, path.name, "first"))
    keys = [key] if count == 1 else [f"{key}:{row}" for row in range(count)]
    return [FoundVolume(one, one, path, row) for row, one in enumerate(keys)]


def read_volume(found: FoundVolume, settings: VolumeExamples) -> VolumeRecord:
    """One volume (depth, height, width).

    Raises:
        DataError: It cannot be trusted, or cannot be read.
        MissingPackageError: What reads it is missing.
    """
    if found.path.is_dir():
        return dicom_series.read_series(found.path, found.name, settings.plane)
    if _suffix(found.path) != volume_npy.SUFFIX:
        return nifti.read_nifti(found.path, found.name, settings.plane)
    voxels = volume_npy.open_volumes(found.path, found.path.name, settings.slices)[found.row]
    return VolumeRecord(found.name, voxels, settings.file_spacing_mm)


def geometry_of(found: FoundVolume, settings: VolumeExamples) -> tuple[tuple[int, ...], Spacing | None]:
    """Shape and voxel of what `read_volume` would give, from headers alone.

    Raises:
        DataError: The headers cannot be trusted.
        MissingPackageError: What reads them is missing.
    """
    if found.path.is_dir():
        return dicom_series.spacing_of(found.path, found.name, settings.plane)
    if _suffix(found.path) != volume_npy.SUFFIX:
        return nifti.spacing_of(found.path, found.name, settings.plane)
    volumes = volume_npy.open_volumes(found.path, found.path.name, settings.slices)
    return volumes.shape[1:], settings.file_spacing_mm


def patient_of(found: FoundVolume) -> bytes | None:
    """What two DICOM series of this process share if their PatientID is the same; None where no file says."""
    if not found.path.is_dir():
        return None
    try:
        return patient_key(found.paths[0], found.name)
    except DataError:
        return None  # reading it says what is wrong, and the run's policy for bad records decides what follows


def _suffix(path: Path) -> str:
    """What its name ends with, if volumes are read from such files; else ""."""
    return next((suffix for suffix in SUFFIXES if path.name.endswith(suffix)), "")
