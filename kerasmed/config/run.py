"""One run as data: dataset, model, loader, augmentation, crops, trainer, evaluation, calibration, backend, seed."""

import re
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, PositiveFloat, SerializeAsAny, field_validator, model_validator

from kerasmed.config.any_dataset import DatasetConfig
from kerasmed.config.component import ComponentConfig, Settings
from kerasmed.config.volume_changes import VolumeChanges
from kerasmed.errors import ConfigError

Backend = Literal["jax", "torch", "tensorflow"]
Precision = Literal["float32", "mixed_float16", "mixed_bfloat16"]
TRACKING_SCHEMES = ("http", "https", "sqlite", "postgresql", "mysql", "mssql")
Rate = Annotated[float, Field(gt=0, lt=1)]
SECRET = re.compile(r"(pass|token|secret|key)", re.IGNORECASE)


class Loader(Settings):
    """How batches reach the device."""

    engine: Literal["auto", "grain", "tfdata"] = Field(
        default="auto", description="auto: tfdata on TensorFlow, grain on the others; batches are equal"
    )
    batch_size: int = Field(default=128, ge=1, le=1_000_000)
    num_threads: int = Field(default=1, ge=0, le=64, description="threads that gather batches; 0: in the loop")
    prefetch: int = Field(default=4, ge=1, le=256, description="batches made ahead")
    timeout_s: float = Field(default=30.0, gt=0, description="a batch that takes longer to read ends the run")
    class_shares: dict[str, float] | None = Field(
        default=None, description="draw examples so that each class gets this share; classes left out are never drawn"
    )
    record_balance: float = Field(
        default=0.0, ge=0, le=1, description="with class_shares: 0 draws beats alike, 1 gives every record the same say"
    )
    examples_per_epoch: int | None = Field(default=None, ge=1, description="with class_shares: draws in an epoch")

    @model_validator(mode="after")
    def _drawing_needs_shares(self) -> Self:
        if self.class_shares is None and (self.record_balance or self.examples_per_epoch):
            raise ValueError("record_balance and examples_per_epoch need class_shares")
        shares = None if self.class_shares is None else [*self.class_shares.values()]
        if shares is not None and (sum(shares) <= 0 or min(shares) < 0):
            raise ValueError("class_shares are shares: none below 0, not all 0")
        return self


class Augmentation(Settings):
    """Random changes inside the compiled training step; never part of an exported graph. 0 turns one off.

    Signals have the first eight, pictures the others, volumes their own; signals and pictures have noise, all mixup.
    """

    amplitude_rate: float = Field(default=0.0, ge=0, lt=1, description="gain drawn from 1 - rate .. 1 + rate")
    shift_samples: int = Field(default=0, ge=0, description="shift in time, at most, either way")
    noise: float = Field(
        default=0.0,
        ge=0,
        description="standard deviation of white noise, in the unit of what is read; for pictures, at most",
    )
    wander: float = Field(default=0.0, ge=0, description="amplitude of slow baseline wander, at most, in its unit")
    powerline: float = Field(default=0.0, ge=0, description="amplitude of mains hum, at most, in its unit")
    powerline_hz: tuple[PositiveFloat, ...] = Field(
        default=(50.0, 60.0), min_length=1, description="frequencies of the mains, one of which each example draws"
    )
    motion: float = Field(default=0.0, ge=0, description="amplitude of electrode motion, at most, in its unit")
    motion_events: int = Field(default=2, ge=1, le=16, description="bumps and steps in each lead, at most")
    lead_dropout_rate: float = Field(
        default=0.0, ge=0, lt=1, description="chance of each lead to be all zero; one lead always stays"
    )
    flip_rate: float = Field(
        default=0.0,
        ge=0,
        le=1,
        description="chance of left and right to change places; not for chests, which have sides",
    )
    rotate_deg: float = Field(default=0.0, ge=0, le=180, description="turn, at most, either way")
    zoom_rate: float = Field(default=0.0, ge=0, lt=1, description="size drawn from 1 - rate .. 1 + rate")
    stretch_rate: float = Field(default=0.0, ge=0, lt=1, description="width against height, from 1 - rate .. 1 + rate")
    translate_rate: float = Field(default=0.0, ge=0, lt=1, description="shift, at most, in parts of height and width")
    contrast_rate: float = Field(
        default=0.0, ge=0, lt=1, description="contrast around the picture's mean, from 1 - rate .. 1 + rate"
    )
    brightness: float = Field(default=0.0, ge=0, le=1, description="added or taken, at most, of 0 (black) .. 1 (white)")
    tint: float = Field(default=0.0, ge=0, le=1, description="added or taken, at most, of each channel by itself")
    gamma_rate: float = Field(default=0.0, ge=0, lt=1, description="exponent of the grey values, 1 - rate .. 1 + rate")
    cutout_rate: float = Field(
        default=0.0,
        ge=0,
        lt=1,
        description="side, at most, of a square that is painted over, in parts of the picture's",
    )
    mixup: float = Field(
        default=0.0, ge=0, le=0.5, description="share of another example mixed in, at most, of what is read and asked"
    )
    volume: VolumeChanges = VolumeChanges()


class Crops(Settings):
    """A network that reads windows of long signals: random ones in training, all of them, pooled, everywhere else."""

    length_s: float | None = Field(default=None, gt=0, description="of a window; null: the network reads whole records")
    stride_s: float | None = Field(
        default=None, gt=0, description="from window to window where all are read; null: half of length_s"
    )
    pool: Literal["max", "mean"] = Field(
        default="max", description="what becomes of the windows' scores, class by class"
    )

    @model_validator(mode="after")
    def _windows_leave_no_gap(self) -> Self:
        if self.stride_s is not None and self.length_s is None:
            raise ValueError("stride_s needs a length_s")
        if self.length_s is not None and (self.stride_s or 0) > self.length_s:
            raise ValueError("a stride_s longer than length_s would leave parts of a record unread")
        return self


class Trainer(Settings):
    """How a model is fitted."""

    epochs: int = Field(default=25, ge=1, le=100_000)
    optimizer: Literal["adam", "adamw", "sgd"] = "adamw"
    learning_rate: float = Field(default=1e-3, gt=0, le=10)
    weight_decay: float = Field(default=1e-4, ge=0, le=1, description="of adamw")
    layer_decay: float | None = Field(
        default=None, gt=0, le=1, description="of an encoder: each block learns at this share of the one above it"
    )
    freeze_epochs: int = Field(
        default=0, ge=0, description="of an encoder: epochs in which it stands still, its batch normalisation too"
    )
    unfreeze_rate: float = Field(
        default=0.1, gt=0, le=1, description="share of the learning rate at which it learns after freeze_epochs"
    )
    unfreeze_stages: int | None = Field(
        default=None, ge=1, description="stages, from the last one down, that learn after freeze_epochs; null: all"
    )
    schedule: Literal["constant", "cosine", "plateau", "one_cycle"] = "cosine"
    warmup_epochs: float = Field(default=1.0, ge=0, description="of constant and cosine")
    cycle_rise: float = Field(default=0.3, gt=0, lt=1, description="of one_cycle: share of the updates that rise")
    cycle_start_div: float = Field(default=25.0, ge=1, description="of one_cycle: starts at learning_rate / this")
    cycle_end_div: float = Field(default=2.5e5, ge=1, description="of one_cycle: ends at learning_rate / this")
    plateau_patience: int = Field(default=3, ge=1)
    plateau_factor: float = Field(default=0.3, gt=0, lt=1)
    clip_norm: float | None = Field(default=1.0, gt=0)
    accumulate_steps: int = Field(default=1, ge=1)
    ema_decay: float | None = Field(default=None, gt=0, lt=1, description="average of the weights, used to evaluate")
    loss: Literal["cross_entropy", "focal"] = "cross_entropy"
    focal_gamma: float = Field(default=2.0, ge=0)
    label_smoothing: float = Field(default=0.0, ge=0, lt=1)
    class_weights: Literal["none", "sqrt_balanced", "balanced"] = Field(
        default="none", description="of one class of several"
    )
    positive_weights: Literal["none", "sqrt_balanced", "balanced"] = Field(
        default="none",
        description="of several labels: the positives of a label weigh negatives / positives, or its root",
    )
    positive_weight_cap: float = Field(default=20.0, ge=1, description="the highest of positive_weights")
    monitor: str = Field(
        default="val_loss", pattern=r"^(val_[a-z0-9_]+|loss)$", description="metric that picks the best epoch"
    )
    early_stopping: int | None = Field(default=None, ge=1, description="epochs without a better monitor")
    keep: Literal["best", "last"] = Field(default="best", description="the weights that are evaluated and exported")
    checkpoint_every: int | None = Field(default=None, ge=1, description="epochs between further checkpoints")
    save_every: str = Field(
        default="epoch", pattern=r"^(epoch|[1-9][0-9]* ?steps|[0-9]+(\.[0-9]+)? ?min)$",
        description="checkpoints to go on from between the ends of epochs: 500steps, 10min",
    )  # fmt: skip
    auto_batch: bool = Field(
        default=False, description="before the run, find the largest loader.batch_size that fits in memory"
    )
    time_budget_min: float | None = Field(default=None, gt=0)
    stop_after: int | None = Field(
        default=None, ge=1, description="end after so many epochs, on the schedule of all of them; can be raised later"
    )
    precision: Precision = "float32"
    steps_per_execution: int = Field(default=1, ge=1, description="1 on torch, which refuses more")


class Pretraining(Settings):
    """Masked pretraining (kerasmed pretrain): the network tells hidden patches of a signal from those it sees."""

    mask_rate: float = Field(default=0.4, gt=0, lt=1, description="share of the patches that is hidden")


class Tracking(Settings):
    """Trackers that follow the run folder. None of them can stop or alter a training."""

    tensorboard: bool = Field(default=False, description="scalars in the run's folder `tensorboard`")
    mlflow: bool = Field(default=False, description="parameters, metrics, tags, artefacts")
    mlflow_uri: str | None = Field(
        default=None, description="tracking server or database; mlflow.db beside the runs where it is null"
    )
    wandb: Literal["disabled", "offline", "online"] = "disabled"
    project: str = Field(
        default="kerasmed", pattern=r"^[A-Za-z0-9][A-Za-z0-9 ._-]{0,63}$",
        description="experiment in MLflow, project in Weights & Biases",
    )  # fmt: skip

    @field_validator("mlflow_uri")
    @classmethod
    def _holds_no_secret(cls, uri: str | None) -> str | None:
        """Refuse what would end in config.yaml; the message does not repeat the address."""
        address = urlsplit(uri or "")
        scheme = address.scheme.partition("+")[0]
        named = address.username if scheme in ("http", "https") else None  # there it may be a token
        if address.password is not None or named is not None or SECRET.search(address.query):
            raise ConfigError(
                "tracking.mlflow_uri holds credentials, which would be written into config.yaml: leave them out and "
                "set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD (of a database: its own, as PGPASSWORD)."
            )
        if scheme == "sqlite" and not address.path.startswith("//"):
            raise ValueError("a database file needs its whole path: sqlite:////folder/mlflow.db")
        if uri is not None and scheme not in TRACKING_SCHEMES:
            raise ValueError(f"starts with one of {', '.join(f'{name}://' for name in TRACKING_SCHEMES)}")
        return uri


class Evaluation(Settings):
    """How a model is judged."""

    batch_size: int = Field(
        default=512, ge=1, description="examples scored at once; of records read in windows, windows"
    )
    bootstrap: int = Field(default=500, ge=0, le=100_000, description="resamples behind the intervals")
    confidence: float = Field(default=0.95, gt=0, lt=1)
    redraw: Literal["multi_label", "always", "never"] = Field(
        default="multi_label",
        description="tasks whose resamples are drawn again until each class has an example inside and one outside",
    )
    fixed_rates: tuple[Rate, ...] = Field(
        default=(0.9, 0.95),
        description="specificities at which sensitivity is told, and sensitivities at which specificity is",
    )
    explained: int = Field(
        default=6, ge=0, le=50, description="worst answers, and best ones, whose Grad-CAM the report shows"
    )


class Calibrator(Settings):
    """How scores become probabilities, answers and prediction sets; used by `kerasmed calibrate`, never in training."""

    method: Literal["auto", "none", "temperature", "platt"] = Field(
        default="auto",
        description="auto: one temperature for one class of several, a logistic curve for each of several labels",
    )
    rule: Literal["max_f1", "sensitivity", "ppv", "youden"] = Field(
        default="max_f1", description="what the threshold of each class is chosen by; sensitivity and ppv need a floor"
    )
    floor: float | None = Field(default=None, gt=0, le=1, description="lowest sensitivity or predictive value wanted")
    decide: Literal["highest", "thresholds"] = Field(
        default="highest", description="what gives the answer where there is one class of several"
    )
    coverage: float = Field(default=0.9, gt=0, lt=1, description="share of truths that prediction sets shall hold")
    unit: Literal["patient", "example"] = Field(
        default="patient", description="what counts the same in prediction sets: every patient, or every example"
    )

    @model_validator(mode="after")
    def _a_floor_has_a_rule(self) -> Self:
        if (self.floor is None) == (self.rule in ("sensitivity", "ppv")):
            raise ValueError("rule sensitivity and rule ppv need a floor, the other rules have none")
        return self


class RunConfig(Settings):
    """Everything that decides what a run does; where data and runs lie is the machine's."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$")
    dataset: SerializeAsAny[DatasetConfig]
    model: SerializeAsAny[ComponentConfig]
    loader: Loader = Loader()
    augmentation: Augmentation = Augmentation()
    crops: Crops = Crops()
    trainer: Trainer = Trainer()
    pretraining: Pretraining | None = Field(default=None, description="null: the run learns classes")
    evaluation: Evaluation = Evaluation()
    calibration: Calibrator = Calibrator()
    tracking: Tracking = Tracking()
    backend: Backend = "jax"
    seed: int = Field(default=0, ge=0, lt=2**31)
