"""Settings of a dataset of pages of ECG paper: which pages, and how crops are cut out of them."""

from typing import ClassVar, Literal, Self

from pydantic import Field, model_validator

from kerasmed.config.any_dataset import FOLDER, DatasetConfig
from kerasmed.config.component import Settings

# A network that halves a crop four times must find whole pixels each time.
CROP_MULTIPLE = 16


class PageCrops(Settings):
    """How crops are cut out of a page: around a strip of it, at a scale that is drawn for each."""

    height: int = Field(default=256, ge=32, multiple_of=CROP_MULTIPLE)
    width: int = Field(default=384, ge=32, multiple_of=CROP_MULTIPLE)
    per_page: int = Field(default=6, ge=1, le=64)
    px_per_mm: tuple[float, float] = Field(default=(3.5, 8.0), description="least and largest scale of a crop")
    shift_mm: float = Field(default=12.0, ge=0, description="how far, at most, its middle is from the strip's")
    jitter_mm: float = Field(default=1.5, ge=0, description="how wrong, at most, the network is told the strip's place")

    @model_validator(mode="after")
    def _scales_ascend(self) -> Self:
        least, largest = self.px_per_mm
        if not 1 <= least <= largest <= 40:
            raise ValueError("px_per_mm goes from a least to a largest scale, between 1 and 40")
        return self


class EcgPageSet(DatasetConfig):
    """Pages of ECG paper with their truth, as `kerasmed data simulate ecg_pages` writes them, split by patient."""

    kind: Literal["ecg_pages"] = "ecg_pages"
    builder: ClassVar[str] = "kerasmed.data.sources.ecg_pages:build_ecg_pages"

    folder: str = Field(default="ecg_pages", pattern=FOLDER)
    examples: PageCrops = PageCrops()
    max_pages: int | None = Field(default=None, ge=3, description="so many of the pages; null: all of them")
    validation_rate: float = Field(default=0.08, gt=0, lt=1, description="share of the patients")
    test_rate: float = Field(default=0.08, gt=0, lt=1, description="share of the patients")

    @model_validator(mode="after")
    def _has_no_labels(self) -> Self:
        if self.label_rate is not None:
            raise ValueError("label_rate is for examples with classes; max_pages takes fewer pages")
        return self
