"""Settings of the datasets of volumes (depth, height, width)."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from kerasmed.config.any_dataset import FOLDER, DatasetConfig
from kerasmed.config.component import Settings

Edge = Annotated[int, Field(ge=4, le=512)]
Millimetres = Annotated[float, Field(gt=0, le=100)]


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
    spacing_mm: tuple[Millimetres, Millimetres, Millimetres] | None = Field(
        default=None, description="edges of an example's voxel (depth, height, width); null: not known"
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
