"""Settings of the networks of keras.applications, for pictures: each can start from its ImageNet weights."""

from typing import ClassVar, Literal, Self

from pydantic import Field, model_validator

from kerasmed.config.network import EncoderConfig


class Vgg16(EncoderConfig):
    """Plain 3x3 convolutions (Simonyan and Zisserman, arXiv:1409.1556)."""

    kind: Literal["vgg16"] = "vgg16"
    builder: ClassVar[str] = "kerasmed.models.vgg16:build_vgg16"
    imagenet: ClassVar[str | None] = "VGG16"

    widths: tuple[int, ...] = Field(default=(64, 128, 256, 512, 512), min_length=1)
    convolutions: tuple[int, ...] = Field(default=(2, 2, 3, 3, 3), min_length=1, description="of each stage")
    batch_norm: bool = Field(
        default=False, description="behind each convolution: from scratch it hardly learns without; ImageNet's has none"
    )

    @model_validator(mode="after")
    def _fits(self) -> Self:
        _same_length(self.widths, "widths", self.convolutions, "convolutions")
        if self.batch_norm and self.weights == "imagenet":
            raise ValueError("ImageNet's weights are of the network without batch_norm; write batch_norm=false")
        return self


class ResNet50(EncoderConfig):
    """Residual bottlenecks (He et al., arXiv:1512.03385)."""

    kind: Literal["resnet50"] = "resnet50"
    builder: ClassVar[str] = "kerasmed.models.resnet50:build_resnet50"
    imagenet: ClassVar[str | None] = "ResNet50"

    stem_width: int = Field(default=64, ge=1)
    stage_widths: tuple[int, ...] = Field(
        default=(64, 128, 256, 512), min_length=1, description="of the bottlenecks; a stage is four times as wide"
    )
    stage_blocks: tuple[int, ...] = Field(default=(3, 4, 6, 3), min_length=1)

    @model_validator(mode="after")
    def _fits(self) -> Self:
        _same_length(self.stage_widths, "stage_widths", self.stage_blocks, "stage_blocks")
        return self


class DenseNet121(EncoderConfig):
    """Blocks in which every layer reads all before it (Huang et al., arXiv:1608.06993)."""

    kind: Literal["densenet121"] = "densenet121"
    builder: ClassVar[str] = "kerasmed.models.densenet121:build_densenet121"
    imagenet: ClassVar[str | None] = "DenseNet121"

    stem_width: int = Field(default=64, ge=1)
    growth: int = Field(default=32, ge=1, description="channels that a layer adds")
    stage_blocks: tuple[int, ...] = Field(default=(6, 12, 24, 16), min_length=1)


class EfficientNetB0(EncoderConfig):
    """Inverted residuals with squeeze-and-excitation and stochastic depth (Tan and Le, arXiv:1905.11946)."""

    kind: Literal["efficientnet_b0"] = "efficientnet_b0"
    builder: ClassVar[str] = "kerasmed.models.efficientnet_b0:build_efficientnet_b0"
    imagenet: ClassVar[str | None] = "EfficientNetB0"

    stem_width: int = Field(default=32, ge=1)
    stage_widths: tuple[int, ...] = Field(default=(16, 24, 40, 80, 112, 192, 320), min_length=1, max_length=7)
    stage_blocks: tuple[int, ...] = Field(default=(1, 2, 2, 3, 3, 4, 1), min_length=1)
    top_width: int = Field(default=1280, ge=1)
    drop_path_rate: float = Field(
        default=0.2, ge=0, lt=1, description="stochastic depth: of a block behind the last; that of the first is 0"
    )

    @model_validator(mode="after")
    def _fits(self) -> Self:
        _same_length(self.stage_widths, "stage_widths", self.stage_blocks, "stage_blocks")
        return self


def _same_length(widths: tuple[int, ...], name: str, counts: tuple[int, ...], of: str) -> None:
    if len(widths) != len(counts):
        raise ValueError(f"has {len(widths)} {name} but {of} of {len(counts)} stages")
