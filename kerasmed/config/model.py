"""Settings of the networks. What the data decide (input shape, classes) comes in the spec."""

from typing import ClassVar, Literal, Self

from pydantic import Field, model_validator

from kerasmed.config.component import ComponentConfig


class SeResNet1D(ComponentConfig):
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
    dropout_rate: float = Field(default=0.2, ge=0, lt=1)
    feature_widths: tuple[int, ...] = Field(
        default=(32, 64), description="widths of the layers that read features such as RR"
    )
    feature_noise: float = Field(default=0.1, ge=0, description="noise on standardised features while training")
    head_dropout_rate: float = Field(default=0.2, ge=0, lt=1)


class CnnLstm(ComponentConfig):
    """Convolutions, then a bidirectional LSTM with attention over time (CPSC2018 winners' family)."""

    kind: Literal["cnn_lstm"] = "cnn_lstm"
    builder: ClassVar[str] = "kerasmed.models.cnn_lstm:build_cnn_lstm"

    conv_widths: tuple[int, ...] = (64, 128, 256)
    conv_kernels: tuple[int, ...] = (15, 9, 5)
    lstm_units: int = Field(default=64, ge=1)
    dropout_rate: float = Field(default=0.2, ge=0, lt=1)
    feature_widths: tuple[int, ...] = Field(
        default=(32, 64), description="widths of the layers that read features such as RR"
    )
    feature_noise: float = Field(default=0.1, ge=0, description="noise on standardised features while training")
    head_dropout_rate: float = Field(default=0.2, ge=0, lt=1)


class CustomCnn(ComponentConfig):
    """Plain 2-D network: blocks of 3x3 convolutions that halve the picture, then its mean (VGG's plan, narrower)."""

    kind: Literal["custom_cnn"] = "custom_cnn"
    builder: ClassVar[str] = "kerasmed.models.custom_cnn:build_custom_cnn"

    widths: tuple[int, ...] = Field(default=(32, 64, 128, 256, 384), min_length=1)
    convolutions: tuple[int, ...] = Field(default=(2, 2, 2, 2, 1), min_length=1, description="of each block")
    stem_stride: int = Field(default=2, ge=1, le=4, description="of the first convolution")
    dense_width: int = Field(default=128, ge=1)
    dropout_rate: float = Field(default=0.1, ge=0, lt=1, description="behind each block")
    feature_widths: tuple[int, ...] = Field(
        default=(32, 64), description="widths of the layers that read features beside the picture"
    )
    feature_noise: float = Field(default=0.1, ge=0, description="noise on standardised features while training")
    head_dropout_rate: float = Field(default=0.3, ge=0, lt=1)

    @model_validator(mode="after")
    def _as_many_blocks_as_widths(self) -> Self:
        if len(self.convolutions) != len(self.widths):
            raise ValueError(f"has {len(self.widths)} widths but convolutions of {len(self.convolutions)} blocks")
        return self


MODELS: dict[str, type[ComponentConfig]] = {
    "se_resnet1d": SeResNet1D,
    "cnn_lstm": CnnLstm,
    "custom_cnn": CustomCnn,
}
