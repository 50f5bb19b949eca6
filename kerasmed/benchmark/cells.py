"""What a benchmark measures: its cells, each a program on a backend, a device, a precision and a batch size."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from kerasmed.config.run import Augmentation, Backend, Crops, Precision, RunConfig

Device = Literal["cpu", "gpu"]
DEVICES: tuple[Device, ...] = ("cpu", "gpu")
OURS, NATIVE = "kerasmed", "native"
# How a framework's own users run a step, eager first; benchmarks/native has a loop for each.
NATIVE_MODES: dict[Backend, tuple[str, ...]] = {
    "jax": ("jit",),
    "torch": ("eager", "compile"),
    "tensorflow": ("function", "xla"),
}
# What changes from step to step by chance, in the settings of networks.
CHANCES = ("dropout_rate", "head_dropout_rate", "drop_path_rate", "feature_noise")


@dataclass(frozen=True)
class Cell:
    """One thing to be measured.

    Attributes:
        program: `kerasmed`, or `native`: plain code of a framework; of inference also a format of a file.
        backend: That computes.
        device: Where.
        precision: Of the training.
        batch_size: Examples in a step.
        mode: How native code runs its steps; "" of kerasmed.
    """

    program: str
    backend: Backend
    device: Device
    precision: Precision
    batch_size: int
    mode: str = ""

    @property
    def name(self) -> str:
        """Program, backend and mode in words; a file by its format, which has one runtime."""
        if self.program not in (OURS, NATIVE):
            return self.program
        return " ".join(filter(None, (self.program, self.backend, self.mode)))

    @property
    def place(self) -> tuple[Device, Precision, int]:
        """What it shares with the cells that it is compared with."""
        return self.device, self.precision, self.batch_size

    def to_json(self) -> dict[str, Any]:
        """A JSON tree that makes an equal cell."""
        return asdict(self)


@dataclass(frozen=True)
class Plan:
    """What a benchmark is asked for.

    Attributes:
        config: The run; its backend, precision and batch size are those of each cell.
        backends: Of the cells.
        devices: Of the cells.
        precisions: Of the cells.
        batch_sizes: Of the cells.
        native: Whether plain code of each framework runs beside.
        inference: Whether answers are measured too.
        repeats: Turns of each cell.
        steps: Of a turn; None: as many as take `turn_s`.
        turn_s: How long a turn takes, about.
        parity_steps: First steps whose losses are compared, without chance; 0 for none.
        second_start: Whether each cell of ours is started once more, with what the first start has compiled.
        until: Metric and value that a whole training is to reach; None for no such training.
        start_together: Whether all cells of training start at once: sooner where there are many cores, and how long
            each of them took to start then says nothing.
        start_timeout_s: How long a cell may take to its first steps.
    """

    config: RunConfig
    backends: tuple[Backend, ...]
    devices: tuple[Device, ...] = ("cpu",)
    precisions: tuple[Precision, ...] = ("float32",)
    batch_sizes: tuple[int, ...] = ()
    native: bool = False
    inference: bool = False
    repeats: int = 5
    steps: int | None = None
    turn_s: float = 2.0
    parity_steps: int = 5
    second_start: bool = False
    until: tuple[str, float] | None = None
    start_together: bool = False
    start_timeout_s: float = 1800.0
    notes: tuple[str, ...] = field(default=())

    def groups(self) -> list[list[Cell]]:
        """Cells that run in turns: those of one device, precision and batch size, ours before native ones."""
        groups = self._places()
        return [[cell for group in groups for cell in group]] if self.start_together else groups

    def _places(self) -> list[list[Cell]]:
        return [
            [Cell(OURS, backend, device, precision, size) for backend in self.backends]
            + [
                Cell(NATIVE, backend, device, precision, size, mode)
                for backend in (self.backends if self.native else ())
                for mode in NATIVE_MODES[backend]
            ]
            for device in self.devices
            for precision in self.precisions
            for size in self.batch_sizes or (self.config.loader.batch_size,)
        ]


def config_of(config: RunConfig, cell: Cell) -> RunConfig:
    """The run of a cell: no checkpoint within its epoch, and nothing that ends it."""
    trainer = config.trainer.model_copy(
        update={
            "precision": cell.precision, "save_every": "epoch", "auto_batch": False, "early_stopping": None,
            "stop_after": None, "time_budget_min": None,
            "steps_per_execution": 1 if cell.backend == "torch" else config.trainer.steps_per_execution,
        }
    )  # fmt: skip
    loader = config.loader.model_copy(update={"batch_size": cell.batch_size})
    return config.model_copy(update={"backend": cell.backend, "trainer": trainer, "loader": loader})


def without_changes(config: RunConfig) -> RunConfig:
    """`config` on whole examples as they are stored, which plain code trains on too."""
    return config.model_copy(update={"augmentation": Augmentation(), "crops": Crops()})


def without_chance(config: RunConfig) -> RunConfig:
    """`config` whose losses are the same on every backend: nothing is dropped, changed or warmed up."""
    still = {name: 0.0 for name in CHANCES if name in type(config.model).model_fields}
    trainer = config.trainer.model_copy(update={"schedule": "constant", "warmup_epochs": 0.0})
    config = without_changes(config)
    return config.model_copy(update={"model": config.model.model_copy(update=still), "trainer": trainer})


def chosen(words: str, known: Sequence[Any]) -> tuple[Any, ...]:
    """Names in a list with commas; each once, in the order given.

    Raises:
        KeyError: With the name that is not `known`.
    """
    names = [word.strip() for word in words.split(",") if word.strip()]
    for name in names:
        if name not in known:
            raise KeyError(name)
    return tuple(dict.fromkeys(names))
