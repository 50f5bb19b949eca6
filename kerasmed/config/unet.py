"""Settings of the network that reads pages of ECG paper."""

from typing import ClassVar, Literal

from pydantic import Field

from kerasmed.config.component import ComponentConfig, Settings


class MapWeights(Settings):
    """What each loss counts in the sum of all."""

    seg: float = Field(default=1.0, ge=0, description="pixels of traces: cross-entropy and Dice")
    grid: float = Field(default=0.5, ge=0, description="pixels of the grid: cross-entropy and Dice")
    baseline: float = Field(default=0.8, ge=0, description="zero lines: cross-entropy and Dice")
    theta: float = Field(default=0.3, ge=0, description="turn of the page")
    signal: float = Field(default=2.0, ge=0, description="row of one strip's trace in each column")


class EcgUnet(ComponentConfig):
    """U-Net (Ronneberger et al., arXiv:1505.04597) with added skips and five heads, for pages of any size."""

    kind: Literal["ecg_unet"] = "ecg_unet"
    builder: ClassVar[str] = "kerasmed.models.ecg_unet:build_ecg_unet"

    widths: tuple[int, ...] = Field(
        default=(16, 32, 48, 64, 96), min_length=4, max_length=5, description="channels from the page down, halving it"
    )
    strip_width: int = Field(default=32, ge=4, description="channels of the branch that follows one strip")
    dropout_rate: float = Field(default=0.1, ge=0, lt=1, description="of whole channels, where the page is smallest")
    loss_weights: MapWeights = MapWeights()
