"""Settings of the datasets: which records, which examples of them, which split."""

from typing import ClassVar, Literal

from pydantic import Field

from kerasmed.config.component import ComponentConfig, Settings

# A name, or names under one another: a database lies below the data root, never beside it.
FOLDER = r"^[A-Za-z0-9_][A-Za-z0-9._-]*(/[A-Za-z0-9_][A-Za-z0-9._-]*)*$"
BadRecords = Literal["skip", "fail"]


class BeatExamples(Settings):
    """How a beat is cut out of a record.

    The window reaches from `before_s` ahead of the R peak to `after_s` behind it, band-limited resampled to `rate_hz`.
    """

    before_s: float = Field(default=0.4, gt=0, le=5)
    after_s: float = Field(default=0.5, gt=0, le=5)
    rate_hz: float = Field(default=180.0, gt=0, le=2000)
    leads: tuple[str, ...] = Field(default=("MLII",), min_length=1, description="leads by name; never by position")
    remove_baseline: bool = Field(default=True, description="subtract the running medians of 0.2 s and 0.6 s")
    scaling: Literal["none", "record", "min_max"] = Field(
        default="record", description="record: by the record's usual QRS height; min_max: each window to 0..1"
    )
    template: Literal["none", "residual", "both"] = Field(
        default="residual", description="residual: the beat less the record's usual beat; both: beat and residual"
    )
    rr: Literal["none", "whole", "so_far"] = Field(
        default="whole", description="RR features against the whole record, or against the record so far"
    )
    shape: bool = Field(default=True, description="features of how far the beat is from the record's usual beat")


class DatasetConfig(ComponentConfig):
    """What every dataset shares."""

    folder: str = Field(pattern=FOLDER, description="folder of the database below the data root")
    bad_records: BadRecords = "skip"
    max_bad_rate: float = Field(default=0.01, ge=0, le=1, description="share of bad records above which the run ends")
    label_rate: float | None = Field(
        default=None, gt=0, le=1, description="share of the training patients that is used; null: all of them"
    )


class BeatDataset(DatasetConfig):
    """What every dataset of annotated beats shares."""

    examples: BeatExamples = BeatExamples()


class MitbihBeats(BeatDataset):
    """MIT-BIH Arrhythmia Database, AAMI classes, by one of the published protocols (docs/data.md)."""

    kind: Literal["mitbih_beats"] = "mitbih_beats"
    builder: ClassVar[str] = "kerasmed.data.sources.mitbih:build_mitbih_beats"

    folder: str = Field(default="mitdb", pattern=FOLDER)
    protocol: Literal["ds1", "ds1_ds2", "ds1_ds2_strict", "intra"] = "ds1"
    validation_records: tuple[str, ...] = ("112", "205", "207", "223")
    cross_validate: bool = Field(default=False, description="leave records out in turn; needs protocol ds1")
    num_folds: int = Field(default=22, ge=2, le=22, description="folds of cross_validate; 22 leaves out one record")
    allow_missing: bool = Field(default=False, description="go on without some records; every report says so")


class WfdbBeats(BeatDataset):
    """A folder of WFDB records with beat annotations, split by patient."""

    kind: Literal["wfdb_beats"] = "wfdb_beats"
    builder: ClassVar[str] = "kerasmed.data.sources.wfdb_beats:build_wfdb_beats"

    annotator: str = Field(default="atr", pattern=r"^[A-Za-z0-9_]{1,16}$")
    validation_rate: float = Field(default=0.2, gt=0, lt=1, description="share of the patients")
    test_rate: float = Field(default=0.2, gt=0, lt=1, description="share of the patients")


class KaggleBeats(DatasetConfig):
    """The Kaggle files mitbih_train.csv and mitbih_test.csv: 187 samples at 125 Hz, label in the last column."""

    kind: Literal["kaggle_beats"] = "kaggle_beats"
    builder: ClassVar[str] = "kerasmed.data.sources.kaggle:build_kaggle_beats"

    folder: str = Field(default="heartbeat", pattern=FOLDER)
    validation_rate: float = Field(default=0.1, gt=0, lt=1, description="share of the rows of mitbih_train.csv")


DATASETS: dict[str, type[DatasetConfig]] = {
    "mitbih_beats": MitbihBeats,
    "wfdb_beats": WfdbBeats,
    "kaggle_beats": KaggleBeats,
}
