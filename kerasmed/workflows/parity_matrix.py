"""kerasmed parity --matrix: every network x every training backend x every format, and which holes are known."""

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from kerasmed.config.component import ComponentConfig
from kerasmed.config.model import CnnLstm, CustomCnn, ResNet1DWang, SeResNet1D, XResNet1D
from kerasmed.config.pictures import DenseNet121, EfficientNetB0, ResNet50, Vgg16
from kerasmed.config.run import Backend
from kerasmed.config.transformers import EcgTransformer, Heartbeit, Heartbeit1D
from kerasmed.config.volumetric import Cnn3D, R2Plus1D, ResNet3D
from kerasmed.errors import KerasmedError
from kerasmed.export.child_process import run_module
from kerasmed.export.format_names import FORMATS, Format
from kerasmed.export.formats import require_packages
from kerasmed.export.parity import LIMIT
from kerasmed.spec import ArraySpec, ExampleSpec, TargetSpec

CHILD = "kerasmed.workflows.parity_child"
TIMEOUT_S = 1800.0
# Every network with all its kinds of layers, small enough for each format to take seconds.
SMALL: dict[str, ComponentConfig] = {
    "se_resnet1d": SeResNet1D(
        stem_width=8, stem_kernel=7, stem_stride=2, stage_widths=(8, 16), stage_blocks=(1, 1), squeeze=4,
        feature_widths=(4,),
    ),
    "cnn_lstm": CnnLstm(conv_widths=(8, 16), conv_kernels=(7, 5), lstm_units=8, feature_widths=(4,)),
    "resnet1d_wang": ResNet1DWang(width=8, hidden_width=8, feature_widths=(4,)),
    "xresnet1d": XResNet1D(
        stem_widths=(4, 8), stage_widths=(4, 4), stage_blocks=(1, 2), hidden_width=8, feature_widths=(4,)
    ),
    "ecg_transformer": EcgTransformer(dim=16, num_layers=2, num_heads=2, feature_widths=(4,)),
    "heartbeit": Heartbeit(dim=16, num_layers=2, num_heads=2, image_px=32, patch_px=8, feature_widths=(4,)),
    "heartbeit_1d": Heartbeit1D(dim=16, num_layers=2, num_heads=2, patch_s=0.05, feature_widths=(4,)),
    "custom_cnn": CustomCnn(widths=(8, 12), convolutions=(2, 1), dense_width=8, feature_widths=(4,)),
    "efficientnet_b0": EfficientNetB0(
        stem_width=8, stage_widths=(8, 8, 12), stage_blocks=(1, 2, 1), top_width=16, feature_widths=(4,)
    ),
    "resnet50": ResNet50(stem_width=8, stage_widths=(4, 8), stage_blocks=(2, 1), feature_widths=(4,)),
    "densenet121": DenseNet121(stem_width=8, growth=4, stage_blocks=(2, 2), feature_widths=(4,)),
    "vgg16": Vgg16(widths=(8, 12), convolutions=(2, 1), feature_widths=(4,)),
    "cnn3d": Cnn3D(widths=(8, 12), dense_width=8, feature_widths=(4,)),
    "resnet3d": ResNet3D(stem_width=4, stage_widths=(4, 8), stage_blocks=(2, 1), feature_widths=(4,)),
    "r2plus1d": R2Plus1D(stem_width=4, stage_widths=(4, 8), stage_blocks=(2, 1), feature_widths=(4,)),
}  # fmt: skip
SIGNAL = ArraySpec((64, 2), "int16", 1e-3, "mV", 128.0, ("MLII", "V1"))
IMAGE = ArraySpec((24, 24, 1), "uint8", 1 / 255, channels=("grey",))
VOLUME = ArraySpec((12, 12, 12, 1), "uint8", 1 / 255, channels=("grey",))
FEATURES = ArraySpec((3,), "float32", channels=("previous", "next", "local"))
# Networks that read pictures, and those that read volumes; the others read signals.
READ_PICTURES = frozenset({"custom_cnn", "efficientnet_b0", "resnet50", "densenet121", "vgg16"})
READ_VOLUMES = frozenset({"cnn3d", "resnet3d", "r2plus1d"})
# What a format cannot do, and whose limit that is: (network, format) to the reason.
LIMITS: dict[tuple[str, Format], str] = {
    ("cnn_lstm", "litert"): (
        "takes one example at a time: TensorFlow 2.21 converts no LSTM with a free batch axis to LiteRT's own "
        "operators (TensorListReserve needs a static shape)"
    ),
    ("cnn3d", "litert"): "is not written: LiteRT has no operator of its own that pools volumes (MaxPool3D)",
}


def spec_of(kind: str) -> ExampleSpec:
    """What a network of this kind reads and answers in the matrix."""
    read = {"signal": SIGNAL}
    if kind in READ_PICTURES:
        read = {"image": IMAGE}
    elif kind in READ_VOLUMES:
        read = {"volume": VOLUME}
    return ExampleSpec({**read, "rr": FEATURES}, {"label": TargetSpec("single_label", ("N", "S", "V"))})


@dataclass(frozen=True)
class Cell:
    """One format of one network from one training backend.

    Attributes:
        model: Kind of the network.
        backend: That made it.
        format: That was written.
        difference: The largest from the network's own answers; None where there are none.
        batch: The only batch size that the file takes; None where it takes every one.
        reason: Why there is no difference; "" where there is one.
    """

    model: str
    backend: Backend
    format: Format
    difference: float | None
    batch: int | None = None
    reason: str = ""

    @property
    def limit(self) -> str:
        """The known limit of this format for this network; "" where there is none."""
        return LIMITS.get((self.model, self.format), "")

    @property
    def sound(self) -> bool:
        """Whether it agrees, at every batch size, or a known limit says why it cannot."""
        if self.difference is None:
            return bool(self.limit)
        return self.difference <= LIMIT and (self.batch is None or bool(self.limit))

    def to_json(self) -> dict[str, Any]:
        """A JSON tree; a difference that is no number is null."""
        tree = {**asdict(self), "limit": self.limit, "sound": self.sound}
        return tree if self.difference is None or np.isfinite(self.difference) else {**tree, "difference": None}


def parity_matrix(
    kinds: Sequence[str],
    backends: Sequence[Backend],
    formats: Sequence[Format],
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> list[Cell]:
    """Export each network, with random weights, from a process on each backend, to every format."""
    formats = [name for name in FORMATS if name == "keras" or name in formats]
    rows = [(kind, backend) for kind in kinds for backend in backends]
    cells: list[Cell] = []
    for done, (kind, backend) in enumerate(rows):
        progress(done, len(rows))
        cells += _row(kind, backend, formats)
    progress(len(rows), len(rows))
    return cells


def _row(kind: str, backend: Backend, formats: Sequence[Format]) -> list[Cell]:
    missing = {name: reason for name in formats if (reason := _missing(name))}
    wanted = [name for name in formats if name not in missing]
    with tempfile.TemporaryDirectory(prefix="kerasmed-parity-") as scratch:
        order = {
            "backend": backend, "model": kind, "formats": wanted, "folder": scratch,
            "report": str(Path(scratch) / "report.json"), "timeout_s": TIMEOUT_S,
        }  # fmt: skip
        try:
            found = run_module(CHILD, order, TIMEOUT_S)["cells"]
        except KerasmedError as error:
            found = {name: {"reason": str(error)} for name in wanted}
    return [
        Cell(kind, backend, name, **{"difference": None, "reason": missing.get(name, ""), **found.get(name, {})})
        for name in formats
    ]


def _missing(name: Format) -> str:
    try:
        require_packages(name)
    except KerasmedError as error:
        return str(error)
    return ""
