"""What the settings of every dataset have."""

from typing import Literal

from pydantic import Field

from kerasmed.config.component import ComponentConfig

# A name, or names under one another: a database lies below the data root, never beside it.
FOLDER = r"^[A-Za-z0-9_][A-Za-z0-9._-]*(/[A-Za-z0-9_][A-Za-z0-9._-]*)*$"
LINE = r"^[A-Za-z][A-Za-z0-9 _-]{0,39}$"
BadRecords = Literal["skip", "fail"]


class DatasetConfig(ComponentConfig):
    """What every dataset shares."""

    folder: str = Field(pattern=FOLDER, description="folder of the database below the data root")
    bad_records: BadRecords = "skip"
    max_bad_rate: float = Field(default=0.01, ge=0, le=1, description="share of bad records above which the run ends")
    label_rate: float | None = Field(
        default=None, gt=0, le=1, description="share of the training patients that is used; null: all of them"
    )
