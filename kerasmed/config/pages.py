"""Settings of `kerasmed data simulate ecg_pages`."""

from types import MappingProxyType
from typing import Annotated, Literal

from pydantic import Field

from kerasmed.config.component import Settings

Layout = Literal["3x4+1", "3x4", "6x2", "12x1"]
LAYOUTS: tuple[Layout, ...] = ("3x4+1", "3x4", "6x2", "12x1")
Speed = Annotated[float, Field(ge=25, le=100)]
Gain = Annotated[float, Field(ge=1, le=40)]
Factor = Annotated[float, Field(ge=0.25, le=4)]
Look = Literal["clean", "scan", "phone", "damaged", "mixed"]


class Distortions(Settings):
    """How much happens to a page between the printer and the file; 0 is nothing.

    `LOOKS` has what is usual of each look; the settings multiply it.
    """

    rotation: float = Field(default=1.0, ge=0, description="largest turn of the page, degrees")
    perspective: float = Field(default=1.0, ge=0, description="largest move of a corner, as a share of the width")
    zoom: float = Field(default=1.0, ge=0, description="largest change of size, as a share")
    print: float = Field(default=1.0, ge=0, description="rate of printed text, codes and marks")
    boxes: float = Field(default=1.0, ge=0, description="rate of boxes drawn round leads and their names")
    handwriting: float = Field(default=1.0, ge=0, description="rate of handwriting")
    creases: float = Field(default=1.0, ge=0, description="contrast of wrinkles and folds")
    stains: float = Field(default=1.0, ge=0, description="darkness of stains")
    shadow: float = Field(default=1.0, ge=0, description="contrast of uneven light")
    texture: float = Field(default=1.0, ge=0, description="contrast of the paper's grain")
    tint: float = Field(default=1.0, ge=0, description="strength of a cast of colour, or of lost colour")
    blur: float = Field(default=1.0, ge=0, description="largest blur, px at 100 dpi")
    noise: float = Field(default=1.0, ge=0, description="largest noise, as a share of white")
    compression: float = Field(default=1.0, ge=0, description="largest loss by JPEG: 1 is quality 20")
    border: float = Field(default=1.0, ge=0, description="rate of torn or blackened edges")


def _look(**usual: float) -> Distortions:
    return Distortions(**{name: usual.get(name, 0.0) for name in Distortions.model_fields})


LOOKS = MappingProxyType(
    {
        "clean": _look(print=0.8, boxes=0.08, handwriting=0.15),
        "scan": _look(
            rotation=2.5, perspective=0.003, zoom=0.04, print=0.8, boxes=0.05, handwriting=0.3, creases=0.08,
            stains=0.05, shadow=0.12, texture=0.06, tint=0.25, blur=0.8, noise=0.04, compression=0.5, border=0.1,
        ),
        "phone": _look(
            rotation=10, perspective=0.03, zoom=0.08, print=0.8, boxes=0.05, handwriting=0.3, creases=0.2,
            stains=0.1, shadow=0.5, texture=0.08, tint=0.5, blur=1.0, noise=0.12, compression=0.7, border=0.05,
        ),
        "damaged": _look(
            rotation=6, perspective=0.006, zoom=0.05, print=0.8, boxes=0.25, handwriting=0.5, creases=0.55,
            stains=0.45, shadow=0.3, texture=0.12, tint=0.7, blur=0.9, noise=0.2, compression=0.6, border=0.35,
        ),
    }
)  # fmt: skip
# How many of the pages of "mixed" look so.
MIXTURE = MappingProxyType({"clean": 0.25, "scan": 0.25, "phone": 0.2, "damaged": 0.3})


class EcgPages(Settings):
    """Pages of ECG paper with their truth."""

    pages: int = Field(default=100, ge=1, le=1_000_000, description="number of pages")
    leave_out: tuple[str, ...] = Field(default=(), description="records that must not be printed, by name")
    look: Look = "mixed"
    strength: Distortions = Field(default=Distortions(), description="factors of what is usual of the look")
    layouts: tuple[Layout, ...] = Field(default=LAYOUTS, min_length=1, description="the first is the most frequent")
    speeds_mm_s: tuple[Speed, ...] = Field(default=(25.0, 50.0), min_length=1, description="likewise")
    gains_mm_mv: tuple[Gain, ...] = Field(default=(10.0, 5.0, 20.0), min_length=1, description="likewise")
    height: int = Field(default=850, ge=200, le=4000, description="of the picture, px")
    width: int = Field(default=1100, ge=200, le=4000, description="of the picture, px")
    enlarge: tuple[Factor, ...] = Field(
        default=(1.0,), min_length=1, description="of the size; one drawn for each page"
    )
    seed: int = Field(default=0, ge=0, le=2**63 - 1, description="of everything drawn")
