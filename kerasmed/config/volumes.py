"""Settings of the datasets of volumes (depth, height, width)."""

from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from kerasmed.config.any_dataset import FOLDER, DatasetConfig
from kerasmed.config.component import Settings

Edge = Annotated[int, Field(ge=4, le=512)]
Millimetres = Annotated[float, Field(gt=0, le=100)]
Voxel = tuple[Millimetres, Millimetres, Millimetres]


class VolumeExamples(Settings):
    """How a volume becomes an example: one channel, each axis resized on its own, values from 0 to 1."""

    shape: tuple[Edge, Edge, Edge] = Field(default=(64, 64, 64), description="depth, height and width")
    bits: Literal[8, 16] = Field(default=8, description="of a stored voxel; 16 keeps what deeper files tell apart")
    intensity: Literal["full", "min_max", "percentiles"] = Field(
        default="percentiles",
        description="what becomes 0 and 1: the ends of the file's integer type, or of each volume its least and "
        "largest value, or its 0.5th and 99.5th percentile",
    )
    slices: Literal["first", "last"] = Field(
        default="first", description="axis of an .npy volume that counts its slices; it becomes the depth"
    )
    plane: Literal["axial", "coronal", "sagittal"] = Field(
        default="axial", description="plane of the slices that .nii files and DICOM series are turned to"
    )
    file_spacing_mm: Voxel | None = Field(
        default=None, description="edges of a voxel (depth, height, width) of .npy files, which do not say"
    )
    spacing_mm: Voxel | None = Field(
        default=None,
        description="edges of an example's voxel (depth, height, width): volumes are resampled to it, then cut or "
        "filled with black around their middle; null: each axis is resized to shape",
    )
    mirror_left: Literal["depth", "height", "width"] | None = Field(
        default=None, description="axis from left to right along which volumes of the left side are mirrored"
    )


class VolumeDataset(DatasetConfig):
    """What every dataset of volumes shares."""

    examples: VolumeExamples = VolumeExamples()


class MedMnist3D(VolumeDataset):
    """A MedMNIST file of grey volumes, split as its arrays are (Yang et al., arXiv:2110.14795)."""

    kind: Literal["medmnist_3d"] = "medmnist_3d"
    builder: ClassVar[str] = "kerasmed.data.sources.medmnist_3d:build_medmnist_3d"

    folder: str = Field(default="medmnist", pattern=FOLDER)
    examples: VolumeExamples = VolumeExamples(intensity="full")
    file: str = Field(default="adrenalmnist3d_64.npz", pattern=r"^[A-Za-z0-9_][A-Za-z0-9._-]*\.npz$")
    classes: tuple[str, ...] = Field(default=("normal", "hyperplasia"), min_length=2, description="in the file's order")


class VolumeTable(Settings):
    """A CSV file with a row for each volume: its class, its patient, its side."""

    file: str = Field(pattern=FOLDER, description="below the folder of the database")
    volume: str = Field(
        default="volume",
        description="column of the volumes: a file without its suffix, with :ROW where it holds many, or a folder of "
        "DICOM slices",
    )
    label: str | None = Field(default=None, description="column of the class; null: `files` says it")
    patient: str | None = Field(default=None, description="column of the patient, whose volumes stay in one part")
    side: str | None = Field(default=None, description="column of L or R, for examples.mirror_left")


class VolumeNpy(VolumeDataset):
    """Volumes in .npy, .nii or DICOM files: one for each class, or a folder of them and a table (docs/volumes.md)."""

    kind: Literal["volume_npy"] = "volume_npy"
    builder: ClassVar[str] = "kerasmed.data.sources.volume_npy:build_volume_npy"

    folder: str = Field(default="volumes", pattern=FOLDER)
    examples: VolumeExamples = VolumeExamples()
    files: dict[str, Annotated[str, Field(pattern=FOLDER)]] = Field(
        default={}, description="from each class to its file; none: every volume below, labelled by the table"
    )
    classes: tuple[str, ...] = Field(default=(), description="in the order of the scores; none: as `files` has them")
    table: VolumeTable | None = Field(default=None, description="a CSV file of classes, patients and sides")
    validation_rate: float = Field(default=0.15, gt=0, lt=1, description="share of the patients")
    test_rate: float = Field(default=0.15, gt=0, lt=1, description="share of the patients")

    @model_validator(mode="after")
    def _says_the_class(self) -> Self:
        by_table = self.table is not None and self.table.label is not None
        if by_table == bool(self.files):
            raise ValueError("the class of a volume is said by files or by table.label; write one of them")
        if len(self.classes or self.files) < 2:
            raise ValueError("needs two classes; write classes: [NAME, NAME]")
        if self.table is not None and self.table.side is not None and self.examples.mirror_left is None:
            raise ValueError("table.side is for mirroring; write examples.mirror_left: depth, height or width")
        if self.files and self.classes and set(self.classes) != set(self.files):
            raise ValueError(f"files are of {', '.join(self.files)}, but classes are {', '.join(self.classes)}")
        return self
