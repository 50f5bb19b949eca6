"""Settings of the networks that read volumes (depth, height, width, channels)."""

from typing import ClassVar, Literal, Self

from pydantic import Field, model_validator

from kerasmed.config.network import NetworkConfig


class VolumeNetwork(NetworkConfig):
    """What every network of volumes shares."""

    standardise: bool = Field(
        default=True,
        description="each volume by its own mean and deviation, inside the network and thus in its exports",
    )


class Cnn3D(VolumeNetwork):
    """Plain 3-D network: blocks of one convolution and pooling, then a dense layer over what is left."""

    kind: Literal["cnn3d"] = "cnn3d"
    builder: ClassVar[str] = "kerasmed.models.cnn3d:build_cnn3d"

    widths: tuple[int, ...] = Field(default=(32, 64), min_length=1, description="of the convolutions, one each block")
    kernel: int = Field(default=3, ge=1)
    stem_stride: int = Field(default=2, ge=1, le=4, description="of the first convolution")
    pool: int = Field(default=2, ge=2, le=4)
    dense_width: int = Field(default=128, ge=1)
    head_dropout_rate: float = Field(default=0.3, ge=0, lt=1)


class ResNet3D(VolumeNetwork):
    """Residual network of 3x3x3 convolutions (Tran et al., arXiv:1711.11248, "R3D"; Hara et al., arXiv:1711.09577)."""

    kind: Literal["resnet3d"] = "resnet3d"
    builder: ClassVar[str] = "kerasmed.models.resnet3d:build_resnet3d"

    stem_width: int = Field(default=64, ge=1)
    stem_kernel: tuple[int, int, int] = (3, 7, 7)
    stem_stride: tuple[int, int, int] = Field(default=(2, 2, 2), description="of depth, height and width")
    stage_widths: tuple[int, ...] = Field(default=(64, 128, 256, 512), min_length=1)
    stage_blocks: tuple[int, ...] = Field(default=(2, 2, 2, 2), min_length=1)

    @model_validator(mode="after")
    def _as_many_blocks_as_widths(self) -> Self:
        if len(self.stage_blocks) != len(self.stage_widths):
            raise ValueError(f"has {len(self.stage_widths)} stage_widths but {len(self.stage_blocks)} stage_blocks")
        return self


class R2Plus1D(ResNet3D):
    """`ResNet3D` whose convolutions are a plane and then a line through the planes (Tran et al., arXiv:1711.11248)."""

    kind: Literal["r2plus1d"] = "r2plus1d"  # type: ignore[assignment]
    builder: ClassVar[str] = "kerasmed.models.resnet3d:build_r2plus1d"
