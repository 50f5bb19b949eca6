"""Settings of the convolutional networks, and the table of all networks."""

from typing import ClassVar, Literal, Self

from pydantic import Field, model_validator

from kerasmed.config.component import ComponentConfig
from kerasmed.config.network import EncoderConfig, NetworkConfig
from kerasmed.config.pictures import DenseNet121, EfficientNetB0, ResNet50, Vgg16
from kerasmed.config.transformers import EcgTransformer, Heartbeit, Heartbeit1D
from kerasmed.config.unet import EcgUnet
from kerasmed.config.volumetric import Cnn3D, R2Plus1D, ResNet3D


class SeResNet1D(NetworkConfig):
    """1-D residual network with squeeze-and-excitation (Zhao et al., CinC 2020; Hu et al., arXiv:1709.01507)."""

    kind: Literal["se_resnet1d"] = "se_resnet1d"
    builder: ClassVar[str] = "kerasmed.models.se_resnet1d:build_se_resnet1d"

    stem_width: int = Field(default=64, ge=1)
    stem_kernel: int = Field(default=15, ge=1)
    stem_stride: int = Field(default=2, ge=1)
    stem_pool: bool = True
    stage_widths: tuple[int, ...] = (64, 128, 256, 512)
    stage_blocks: tuple[int, ...] = (2, 2, 2, 2)
    kernel: int = Field(default=7, ge=1)
    squeeze: int = Field(default=16, ge=1, description="reduction of squeeze-and-excitation")


class CnnLstm(NetworkConfig):
    """Convolutions, then a bidirectional LSTM with attention over time (CPSC2018 winners' family)."""

    kind: Literal["cnn_lstm"] = "cnn_lstm"
    builder: ClassVar[str] = "kerasmed.models.cnn_lstm:build_cnn_lstm"

    conv_widths: tuple[int, ...] = (64, 128, 256)
    conv_kernels: tuple[int, ...] = (15, 9, 5)
    lstm_units: int = Field(default=64, ge=1)


class ResNet1DWang(NetworkConfig):
    """The residual network of the PTB-XL benchmark that goes back to Wang et al. (arXiv:1611.06455, 2004.13701)."""

    kind: Literal["resnet1d_wang"] = "resnet1d_wang"
    builder: ClassVar[str] = "kerasmed.models.resnet1d_wang:build_resnet1d_wang"

    dropout_rate: float = Field(default=0.25, ge=0, lt=1, description="between the pooled signal and the hidden layer")
    head_dropout_rate: float = Field(default=0.5, ge=0, lt=1)
    width: int = Field(default=128, ge=1)
    stem_kernel: int = Field(default=7, ge=1)
    kernels: tuple[int, int] = Field(default=(5, 3), description="of the two convolutions of a block")
    num_blocks: int = Field(default=3, ge=1)
    hidden_width: int = Field(default=128, ge=1)


class XResNet1D(NetworkConfig):
    """The xresnet of the PTB-XL benchmark (He et al., arXiv:1812.01187, over time; Strodthoff et al., 2004.13701)."""

    kind: Literal["xresnet1d"] = "xresnet1d"
    builder: ClassVar[str] = "kerasmed.models.xresnet1d:build_xresnet1d"

    dropout_rate: float = Field(default=0.25, ge=0, lt=1, description="between the pooled signal and the hidden layer")
    head_dropout_rate: float = Field(default=0.5, ge=0, lt=1)
    stem_widths: tuple[int, ...] = (32, 32, 64)
    stage_widths: tuple[int, ...] = Field(default=(64, 64, 64, 64), description="of the bottleneck of each stage")
    stage_blocks: tuple[int, ...] = (3, 4, 23, 3)
    expansion: int = Field(default=4, ge=1, description="output width of a block, by that of its bottleneck")
    kernel: int = Field(default=5, ge=1)
    hidden_width: int = Field(default=128, ge=1)


class CustomCnn(EncoderConfig):
    """Plain 2-D network: blocks of 3x3 convolutions that halve the picture, then its mean (VGG's plan, narrower)."""

    kind: Literal["custom_cnn"] = "custom_cnn"
    builder: ClassVar[str] = "kerasmed.models.custom_cnn:build_custom_cnn"

    widths: tuple[int, ...] = Field(default=(32, 64, 128, 256, 384), min_length=1)
    convolutions: tuple[int, ...] = Field(default=(2, 2, 2, 2, 1), min_length=1, description="of each block")
    stem_stride: int = Field(default=2, ge=1, le=4, description="of the first convolution")
    standardise: bool = Field(
        default=False, description="each picture by its own mean and deviation: brightness and contrast tell nothing"
    )
    dense_width: int = Field(default=128, ge=1)
    dropout_rate: float = Field(default=0.1, ge=0, lt=1, description="behind each block")
    head_dropout_rate: float = Field(default=0.3, ge=0, lt=1)

    @model_validator(mode="after")
    def _as_many_blocks_as_widths(self) -> Self:
        if len(self.convolutions) != len(self.widths):
            raise ValueError(f"has {len(self.widths)} widths but convolutions of {len(self.convolutions)} blocks")
        return self


MODELS: dict[str, type[ComponentConfig]] = {
    "se_resnet1d": SeResNet1D,
    "cnn_lstm": CnnLstm,
    "resnet1d_wang": ResNet1DWang,
    "xresnet1d": XResNet1D,
    "ecg_transformer": EcgTransformer,
    "heartbeit": Heartbeit,
    "heartbeit_1d": Heartbeit1D,
    "custom_cnn": CustomCnn,
    "efficientnet_b0": EfficientNetB0,
    "resnet50": ResNet50,
    "densenet121": DenseNet121,
    "vgg16": Vgg16,
    "cnn3d": Cnn3D,
    "resnet3d": ResNet3D,
    "r2plus1d": R2Plus1D,
    "ecg_unet": EcgUnet,
}
