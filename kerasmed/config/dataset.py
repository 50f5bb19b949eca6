"""Settings of the datasets: which records, which examples of them, which split."""

import re
from typing import ClassVar, Literal, Self

from pydantic import Field, field_validator, model_validator

from kerasmed.config.any_dataset import FOLDER, LINE, DatasetConfig
from kerasmed.config.component import Settings
from kerasmed.config.page_crops import EcgPageSet
from kerasmed.config.volumes import MedMnist3D, VolumeNpy


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


class RecordExamples(Settings):
    """How a whole record becomes an example: the leads by name, at one rate, of one length, in mV.

    Of a longer record the middle is taken; a shorter one is refused, or stands in the middle between zeros.
    """

    leads: tuple[str, ...] = Field(
        default=("I", "II", "III", "AVR", "AVL", "AVF", "V1", "V2", "V3", "V4", "V5", "V6"),
        min_length=1,
        description="leads by name, never by position; aVR and AVR are one",
    )
    rate_hz: float = Field(default=100.0, gt=0, le=2000)
    duration_s: float = Field(default=10.0, gt=0, le=3600)
    shorter: Literal["refuse", "pad"] = Field(default="refuse", description="pad: with zeros on both sides")

    @field_validator("leads")
    @classmethod
    def _are_all_other(cls, leads: tuple[str, ...]) -> tuple[str, ...]:
        if len({lead.casefold() for lead in leads}) < len(leads):
            raise ValueError(f"names a lead twice: {', '.join(leads)}")
        return leads


class Folds(Settings):
    """A CSV file that deals records to folds, such as ECGBench publishes, known by its digest (docs/twelve_lead.md)."""

    file: str = Field(pattern=FOLDER, description="below the folder of the database")
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$", description="digest of the file; another file is refused")
    record: str = Field(default="record", description="column of the records, by their ids here")
    patient: str = Field(default="patient", description="column of the patients, none of whom may be in two folds")
    fold: str = Field(default="fold", description="column of the folds, whole numbers")
    train: tuple[int, ...] = Field(default=(1, 2, 3, 4, 5, 6, 7, 8), min_length=1)
    validation: tuple[int, ...] = Field(default=(9,), min_length=1)
    test: tuple[int, ...] = Field(default=(10,), min_length=1)

    @model_validator(mode="after")
    def _are_apart(self) -> Self:
        named = [*self.train, *self.validation, *self.test]
        if len(set(named)) < len(named):
            raise ValueError("a fold can train, choose the epoch or judge, and not two of these")
        return self


class BeatDataset(DatasetConfig):
    """What every dataset of annotated beats shares."""

    examples: BeatExamples = BeatExamples()


class RecordDataset(DatasetConfig):
    """What every dataset of whole records shares."""

    examples: RecordExamples = RecordExamples()


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


class WfdbSignals(DatasetConfig):
    """A folder of WFDB records without labels, cut into windows: for kerasmed pretrain alone."""

    kind: Literal["wfdb_signals"] = "wfdb_signals"
    builder: ClassVar[str] = "kerasmed.data.sources.wfdb_signals:build_wfdb_signals"

    leads: tuple[str, ...] = Field(
        default=("I", "II", "III", "AVR", "AVL", "AVF", "V1", "V2", "V3", "V4", "V5", "V6"), min_length=1,
        description="leads by name; never by position",
    )  # fmt: skip
    rate_hz: float = Field(default=100.0, gt=0, le=2000, description="of the windows, whatever that of the records")
    window_s: float = Field(default=10.0, gt=0, le=60)
    validation_rate: float = Field(default=0.1, gt=0, lt=1, description="share of the patients")


class KaggleBeats(DatasetConfig):
    """The Kaggle files mitbih_train.csv and mitbih_test.csv: 187 samples at 125 Hz, label in the last column."""

    kind: Literal["kaggle_beats"] = "kaggle_beats"
    builder: ClassVar[str] = "kerasmed.data.sources.kaggle:build_kaggle_beats"

    folder: str = Field(default="heartbeat", pattern=FOLDER)
    validation_rate: float = Field(default=0.1, gt=0, lt=1, description="share of the rows of mitbih_train.csv")


class Ptbxl(RecordDataset):
    """PTB-XL, 12 leads, 10 s; several labels, folds of the database (docs/twelve_lead.md)."""

    kind: Literal["ptbxl"] = "ptbxl"
    builder: ClassVar[str] = "kerasmed.data.sources.ptbxl:build_ptbxl"

    folder: str = Field(default="ptbxl", pattern=FOLDER)
    task: Literal["superdiagnostic", "subdiagnostic", "diagnostic", "form", "rhythm", "all"] = "superdiagnostic"
    rate_hz: Literal[100, 500] = Field(default=100, description="which of the two files of a record is read")
    folds: Folds | None = Field(default=None, description="other folds than those of the database")
    allow_missing: bool = Field(default=False, description="go on without some files; every report says so")


class WfdbFolder(RecordDataset):
    """Your own WFDB records with a CSV file of labels, split by patient (docs/twelve_lead.md)."""

    kind: Literal["wfdb_folder"] = "wfdb_folder"
    builder: ClassVar[str] = "kerasmed.data.sources.wfdb_folder:build_wfdb_folder"

    folder: str = Field(default="wfdb_folder", pattern=FOLDER)
    labels: str = Field(default="labels.csv", pattern=FOLDER, description="CSV file below the folder")
    record_column: str = "record"
    patient_column: str | None = Field(default="patient", description="null: each record is a patient of its own")
    label_column: str | None = Field(default="label", description="null: a column of 0 and 1 for each class")
    task: Literal["single_label", "multi_label"] = Field(
        default="single_label", description="multi_label: a record may have several classes, in a cell apart by ';'"
    )
    classes: tuple[str, ...] = Field(
        default=(), description="in the order of the scores; none: what the label column holds, or the other columns"
    )
    folds: Folds | None = Field(default=None, description="null: patients are dealt by the shares below")
    validation_rate: float = Field(default=0.15, gt=0, lt=1, description="share of the patients")
    test_rate: float = Field(default=0.15, gt=0, lt=1, description="share of the patients")


class WfdbHeaders(RecordDataset):
    """WFDB records whose header comments say their labels, as in the PhysioNet Challenges (docs/twelve_lead.md)."""

    kind: Literal["wfdb_headers"] = "wfdb_headers"
    builder: ClassVar[str] = "kerasmed.data.sources.wfdb_headers:build_wfdb_headers"

    folder: str = Field(default="challenge", pattern=FOLDER, description="records lie in it, or below it")
    label_line: str = Field(default="Dx", pattern=LINE, description="the comment `# Dx: ...` says the labels")
    patient_line: str = Field(default="Patient ID", pattern=LINE, description="the comment that says the patient")
    task: Literal["single_label", "multi_label"] = Field(
        default="multi_label", description="multi_label: a record may have several labels, apart by ','"
    )
    classes: tuple[str, ...] = Field(
        default=(),
        description="in the order of the scores; none: all that headers say. Of several labels others count not",
    )
    validation_rate: float = Field(default=0.1, gt=0, lt=1, description="share of the patients")
    test_rate: float = Field(default=0.1, gt=0, lt=1, description="share of the patients")


class Cpsc2018(RecordDataset):
    """China Physiological Signal Challenge 2018: nine classes, any of which a record may have."""

    kind: Literal["cpsc2018"] = "cpsc2018"
    builder: ClassVar[str] = "kerasmed.data.sources.cpsc2018:build_cpsc2018"

    folder: str = Field(default="cpsc2018", pattern=FOLDER)
    examples: RecordExamples = RecordExamples(shorter="pad")
    allow_missing: bool = Field(default=False, description="go on without some records; every report says so")


class Icentia11k(DatasetConfig):
    """What both tasks of Icentia11k share: which windows are drawn."""

    folder: str = Field(default="icentia11k", pattern=FOLDER)
    segments_per_patient: int = Field(default=2, ge=1, le=50, description="drawn of up to 50, 70 minutes each")
    windows_per_segment: int = Field(default=2, ge=1, le=4000)
    draw_seed: int = Field(default=0, ge=0, description="of the windows, whatever the seed of the run")
    validation_rate: float = Field(default=0.1, gt=0, lt=1, description="share of the patients")
    test_rate: float = Field(default=0.1, gt=0, lt=1, description="share of the patients")


class Icentia11kBeats(Icentia11k):
    """Beats of Icentia11k: N, S, V and Q (undecided), from stretches drawn of each patient."""

    kind: Literal["icentia11k_beats"] = "icentia11k_beats"
    builder: ClassVar[str] = "kerasmed.data.sources.icentia11k:build_icentia11k_beats"

    examples: BeatExamples = BeatExamples(leads=("ecg",))
    window_s: float = Field(default=60.0, ge=10, le=3600, description="length of a stretch")


class Icentia11kRhythm(Icentia11k):
    """Rhythms of Icentia11k: sinus rhythm, atrial fibrillation and flutter, from windows within one rhythm."""

    kind: Literal["icentia11k_rhythm"] = "icentia11k_rhythm"
    builder: ClassVar[str] = "kerasmed.data.sources.icentia11k:build_icentia11k_rhythm"

    examples: RecordExamples = RecordExamples(leads=("ecg",), duration_s=30.0)


class MimicIvEcg(RecordDataset):
    """MIMIC-IV-ECG, labelled by the statements of the machine or by discharge diagnoses (docs/twelve_lead.md)."""

    kind: Literal["mimic_iv_ecg"] = "mimic_iv_ecg"
    builder: ClassVar[str] = "kerasmed.data.sources.mimic_iv_ecg:build_mimic_iv_ecg"

    folder: str = Field(default="mimic_iv_ecg", pattern=FOLDER)
    max_bad_rate: float = Field(default=0.03, ge=0, le=1, description="1.3 % of the records hold missing samples")
    labels: Literal["statements", "icd"] = Field(
        default="statements", description="icd: discharge diagnoses of MIMIC-IV-ECG-Ext-ICD, beside the records"
    )
    doubtful: bool = Field(default=False, description="a statement that is doubtful (possible, cannot rule out) counts")
    icd_column: Literal["ed_diag_ed", "ed_diag_hosp", "hosp_diag_hosp", "all_diag_hosp", "all_diag_all"] = (
        "all_diag_all"
    )
    icd_least_records: int = Field(default=2000, ge=1, description="a code of fewer records is no class")
    max_patients: int | None = Field(default=None, ge=20, description="only so many, drawn by their ids; null: all")
    allow_missing: bool = Field(default=False, description="go on without some records; every report says so")


class ImageExamples(Settings):
    """How a picture becomes an example: one channel, resized once with its aspect kept, padded with black."""

    height: int = Field(default=224, ge=8, le=2048)
    width: int = Field(default=224, ge=8, le=2048)
    bits: Literal[8, 16] = Field(default=8, description="of a stored pixel; 16 keeps what deeper files tell apart")
    resize: Literal["area", "lanczos"] = Field(
        default="area", description="area: mean of the pixels that a new one covers; both without aliasing"
    )
    window: Literal["file", "full"] = Field(
        default="file", description="of DICOM: the window or VOI LUT of the file, or the whole range of its values"
    )


class LabelColumn(Settings):
    """A column of a CSV file that says the class of each picture."""

    file: str = Field(pattern=FOLDER, description="below the folder of the database")
    image: str = Field(default="image_id", description="column of the file names, with or without suffix")
    label: str = Field(default="label", description="column of the class")
    values: dict[str, str] = Field(default={}, description="from what the column says to the class; none: as it says")


class ImageDataset(DatasetConfig):
    """What every dataset of pictures shares."""

    examples: ImageExamples = ImageExamples()


class ImageFolder(ImageDataset):
    """Pictures in folders that name their class, in train/val/test or not, or named by a CSV file (docs/images.md)."""

    kind: Literal["image_folder"] = "image_folder"
    builder: ClassVar[str] = "kerasmed.data.sources.image_folder:build_image_folder"

    folder: str = Field(default="images", pattern=FOLDER)
    classes: tuple[str, ...] = Field(default=(), description="in the order of the scores; none: the folders, sorted")
    labels: LabelColumn | None = Field(default=None, description="a CSV file that says the class; null: the folders")
    patient_pattern: str = Field(
        default=r"(person\d+)_", max_length=200,
        description="what of a file's name is the patient; its first group that matches",
    )  # fmt: skip
    kin_pattern: str = Field(
        default="", max_length=200, description="what else of a name keeps pictures in one part, where we deal them"
    )
    hide_names: Literal["dicom", "all"] = Field(
        default="dicom", description="files whose names no report, cache or message holds; they are called by content"
    )
    near_bits: int = Field(
        default=12, ge=0, le=64, description="pictures whose 256-bit hashes differ in at most so many are duplicates"
    )
    least_validation: int = Field(
        default=50, ge=0, description="an official validation part that is smaller is dealt anew from train"
    )
    validation_rate: float = Field(default=0.15, gt=0, lt=1, description="share of the pictures, where we deal them")
    test_rate: float = Field(default=0.15, gt=0, lt=1, description="share of the pictures, where we deal them")

    @field_validator("patient_pattern", "kin_pattern")
    @classmethod
    def _is_a_pattern(cls, pattern: str) -> str:
        try:
            groups = re.compile(pattern).groups
        except re.error as error:
            raise ValueError(f"is no regular expression: {error}") from error
        if pattern and not groups:
            raise ValueError("needs a group in round brackets around what names the patient")
        return pattern


class MedMnist(ImageDataset):
    """A MedMNIST file of grey 2-D pictures, split as its arrays are (Yang et al., arXiv:2110.14795)."""

    kind: Literal["medmnist"] = "medmnist"
    builder: ClassVar[str] = "kerasmed.data.sources.medmnist:build_medmnist"

    folder: str = Field(default="medmnist", pattern=FOLDER)
    examples: ImageExamples = ImageExamples(height=28, width=28)
    file: str = Field(default="pneumoniamnist.npz", pattern=r"^[A-Za-z0-9_][A-Za-z0-9._-]*\.npz$")
    classes: tuple[str, ...] = Field(default=("normal", "pneumonia"), min_length=2, description="in the file's order")


DATASETS: dict[str, type[DatasetConfig]] = {
    "mitbih_beats": MitbihBeats,
    "wfdb_beats": WfdbBeats,
    "wfdb_signals": WfdbSignals,
    "kaggle_beats": KaggleBeats,
    "ptbxl": Ptbxl,
    "image_folder": ImageFolder,
    "medmnist": MedMnist,
    "medmnist_3d": MedMnist3D,
    "volume_npy": VolumeNpy,
    "ecg_pages": EcgPageSet,
    "wfdb_folder": WfdbFolder,
    "wfdb_headers": WfdbHeaders,
    "cpsc2018": Cpsc2018,
    "icentia11k_beats": Icentia11kBeats,
    "icentia11k_rhythm": Icentia11kRhythm,
    "mimic_iv_ecg": MimicIvEcg,
}
