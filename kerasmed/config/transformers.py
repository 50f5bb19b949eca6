"""Settings of the transformers, which can be pretrained on unlabelled records."""

from typing import ClassVar, Literal, Self

from pydantic import Field, model_validator

from kerasmed.config.network import EncoderConfig


class TransformerConfig(EncoderConfig):
    """What all transformers have: width, depth, heads."""

    dropout_rate: float = Field(default=0.1, ge=0, lt=1, description="of what each half of a block adds")
    drop_path_rate: float = Field(
        default=0.0, ge=0, lt=1, description="stochastic depth: of the last block; that of the first is 0"
    )
    head_dropout_rate: float = Field(default=0.1, ge=0, lt=1)
    dim: int = Field(default=192, ge=2, description="width of a token")
    num_layers: int = Field(default=6, ge=1)
    num_heads: int = Field(default=6, ge=1)
    mlp_ratio: float = Field(default=4.0, gt=0, description="hidden width of the second half of a block, by dim")

    @model_validator(mode="after")
    def _heads_share_the_width(self) -> Self:
        if self.dim % (2 * self.num_heads):
            raise ValueError(f"dim is a multiple of 2 * num_heads, here of {2 * self.num_heads}")
        return self


class EcgTransformer(TransformerConfig):
    """Convolutional patches over time, sinusoidal positions, pre-norm blocks, mean over time (Natarajan, CinC 2020)."""

    kind: Literal["ecg_transformer"] = "ecg_transformer"
    builder: ClassVar[str] = "kerasmed.models.ecg_transformer:build_ecg_transformer"

    patch_s: float = Field(default=0.1, gt=0, description="seconds from token to token; each sees twice as much")


class Heartbeit(TransformerConfig):
    """The ECG drawn as an image and read by a BEiT (Vaid et al., npj Digit Med 6:108; Bao et al., arXiv:2106.08254)."""

    kind: Literal["heartbeit"] = "heartbeit"
    builder: ClassVar[str] = "kerasmed.models.heartbeit:build_heartbeit"

    dropout_rate: float = Field(default=0.0, ge=0, lt=1, description="of what each half of a block adds")
    drop_path_rate: float = Field(default=0.1, ge=0, lt=1, description="stochastic depth: of the last block")
    head_dropout_rate: float = Field(default=0.0, ge=0, lt=1)
    dim: int = Field(default=768, ge=2)
    num_layers: int = Field(default=12, ge=1)
    num_heads: int = Field(default=12, ge=1)
    layer_scale: float = Field(default=0.1, gt=0, description="start of the learned gains of what a block adds")
    image_px: int = Field(default=224, ge=8, description="height and width of the image")
    patch_px: int = Field(default=16, ge=2)
    columns: int = Field(default=2, ge=1, description="of leads; column j shows the j-th part of the time, as on paper")
    range_mv: float = Field(default=2.0, gt=0, description="a lead's cell shows -range .. range; beyond it is cut off")

    @model_validator(mode="after")
    def _patches_fill_the_image(self) -> Self:
        if self.image_px % self.patch_px:
            raise ValueError(f"image_px is a multiple of patch_px, here of {self.patch_px}")
        return self


class Heartbeit1D(TransformerConfig):
    """The same encoder on patches of the signal itself, all leads of a patch in one token."""

    kind: Literal["heartbeit_1d"] = "heartbeit_1d"
    builder: ClassVar[str] = "kerasmed.models.heartbeit:build_heartbeit_1d"

    dropout_rate: float = Field(default=0.0, ge=0, lt=1, description="of what each half of a block adds")
    drop_path_rate: float = Field(default=0.1, ge=0, lt=1, description="stochastic depth: of the last block")
    num_layers: int = Field(default=12, ge=1)
    layer_scale: float = Field(default=0.1, gt=0, description="start of the learned gains of what a block adds")
    patch_s: float = Field(default=0.25, gt=0, description="seconds of a patch")
