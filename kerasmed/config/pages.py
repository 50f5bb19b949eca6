"""Settings of `kerasmed data simulate ecg_pages`."""

from typing import Literal

from pydantic import Field

from kerasmed.config.component import Settings

LAYOUTS = ("3x4+1", "3x4", "6x2", "12x1")
Layout = Literal["3x4+1", "3x4", "6x2", "12x1"]
LOOKS = ("clean", "scan", "phone", "damaged")
Look = Literal["clean", "scan", "phone", "damaged", "mixed"]


class EcgPages(Settings):
    """Pages of ECG paper with their truth."""

    pages: int = Field(default=100, ge=1, le=1_000_000, description="number of pages")
    records: str = Field(default="", description="folder of WFDB records of twelve leads; simulated people where empty")
    leave_out: tuple[str, ...] = Field(default=(), description="records that must not be printed, by name")
    look: Look = "mixed"
    layouts: tuple[Layout, ...] = Field(default=LAYOUTS, min_length=1)
    speeds_mm_s: tuple[float, ...] = Field(default=(25.0, 50.0), min_length=1)
    gains_mm_mv: tuple[float, ...] = Field(default=(5.0, 10.0, 20.0), min_length=1)
    height: int = Field(default=850, ge=200, le=4000, description="of the picture, px")
    width: int = Field(default=1100, ge=200, le=4000, description="of the picture, px")
    seed: int = Field(default=0, ge=0, le=2**63 - 1)
