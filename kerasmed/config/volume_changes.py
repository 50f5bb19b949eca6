"""How volumes change at random inside the compiled training step."""

from typing import Literal

from pydantic import Field

from kerasmed.config.component import Settings


class VolumeChanges(Settings):
    """Random changes of volumes, drawn anew for each example; 0 turns one off."""

    flip_rate: float = Field(default=0.0, ge=0, le=1, description="chance of each of flip_axes to turn around")
    flip_axes: tuple[Literal["depth", "height", "width"], ...] = Field(
        default=("width",), description="axes that may turn around; none that tells sides apart"
    )
    rotate_deg: float = Field(
        default=0.0, ge=0, le=180, description="turn around each axis, at most, either way, in millimetres where known"
    )
    zoom_rate: float = Field(default=0.0, ge=0, lt=1, description="size drawn from 1 - rate .. 1 + rate")
    translate_rate: float = Field(default=0.0, ge=0, lt=1, description="shift, at most, in parts of each edge")
    crop_rate: float = Field(
        default=0.0, ge=0, lt=1, description="a window anywhere, its edges at most so much shorter, fills the volume"
    )
    contrast_rate: float = Field(
        default=0.0, ge=0, lt=1, description="contrast around the volume's mean, from 1 - rate .. 1 + rate"
    )
    noise: float = Field(default=0.0, ge=0, description="standard deviation of white noise, of values from 0 to 1")
