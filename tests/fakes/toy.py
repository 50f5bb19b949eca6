"""Toy tasks that every network learns in seconds: windows, pictures or volumes whose sine has the class's frequency."""

import numpy as np

from kerasmed.config.dataset import KaggleBeats
from kerasmed.config.model import CnnLstm, CustomCnn, ResNet1DWang, SeResNet1D, XResNet1D
from kerasmed.config.pictures import DenseNet121, EfficientNetB0, ResNet50, Vgg16
from kerasmed.config.run import Loader, RunConfig, Trainer
from kerasmed.config.transformers import EcgTransformer, Heartbeit, Heartbeit1D
from kerasmed.config.unet import EcgUnet
from kerasmed.config.volumetric import Cnn3D, R2Plus1D, ResNet3D
from kerasmed.data.loaders.batches import BatchStream
from kerasmed.data.page_examples import page_spec
from kerasmed.spec import ArraySpec, ExampleSpec, TargetSpec
from tests.fakes.ecg_pages import CROPS, page_arrays, page_stream

CLASSES = ("N", "S", "V")
NUM_SAMPLES = 48
SIDE = 16
EDGE = 8
SMALL_MODELS = {
    "se_resnet1d": SeResNet1D(
        stem_width=8, stem_kernel=7, stem_stride=1, stem_pool=False, stage_widths=(8,), stage_blocks=(1,),
        squeeze=4, dropout_rate=0.1, feature_widths=(4,),
    ),
    "cnn_lstm": CnnLstm(conv_widths=(8, 16), conv_kernels=(7, 5), lstm_units=8, dropout_rate=0.1, feature_widths=(4,)),
    "resnet1d_wang": ResNet1DWang(width=8, num_blocks=2, hidden_width=8, feature_widths=(4,)),
    "xresnet1d": XResNet1D(
        stem_widths=(4, 8), stage_widths=(4, 4), stage_blocks=(1, 1), expansion=2, hidden_width=8, feature_widths=(4,),
    ),
    "ecg_transformer": EcgTransformer(dim=16, num_layers=1, num_heads=2, drop_path_rate=0.1, feature_widths=(4,)),
    "heartbeit": Heartbeit(
        dim=16, num_layers=2, num_heads=2, image_px=32, patch_px=8, dropout_rate=0.1, feature_widths=(4,),
    ),
    "heartbeit_1d": Heartbeit1D(
        dim=16, num_layers=2, num_heads=2, patch_s=0.05, dropout_rate=0.1, feature_widths=(4,),
    ),
    "custom_cnn": CustomCnn(
        widths=(8, 12), convolutions=(2, 1), stem_stride=1, dense_width=8, dropout_rate=0.1, feature_widths=(4,)
    ),
    "efficientnet_b0": EfficientNetB0(
        stem_width=8, stage_widths=(8, 8), stage_blocks=(1, 2), top_width=8, feature_widths=(4,),
    ),
    "resnet50": ResNet50(stem_width=8, stage_widths=(4, 4), stage_blocks=(1, 1), feature_widths=(4,)),
    "densenet121": DenseNet121(stem_width=8, growth=4, stage_blocks=(1, 2), feature_widths=(4,)),
    "vgg16": Vgg16(widths=(8, 12), convolutions=(1, 1), feature_widths=(4,)),
    "cnn3d": Cnn3D(widths=(8, 12), stem_stride=1, dense_width=8, dropout_rate=0.1, feature_widths=(4,)),
    "resnet3d": ResNet3D(
        stem_width=4, stem_kernel=(3, 3, 3), stem_stride=(1, 1, 1), stage_widths=(4, 8), stage_blocks=(1, 1),
        dropout_rate=0.1, feature_widths=(4,),
    ),
    "r2plus1d": R2Plus1D(
        stem_width=4, stem_kernel=(3, 3, 3), stem_stride=(1, 1, 1), stage_widths=(4, 8), stage_blocks=(1, 1),
        dropout_rate=0.1, feature_widths=(4,),
    ),
    "ecg_unet": EcgUnet(widths=(4, 6, 8, 8), strip_width=6, dropout_rate=0.1),
}  # fmt: skip

# Networks that answer with maps (tests/fakes/ecg_pages.py has their examples); the others answer with classes.
MAP_MODELS = frozenset({"ecg_unet"})
CLASS_MODELS = tuple(kind for kind in SMALL_MODELS if kind not in MAP_MODELS)
# Networks that read pictures, and those that read volumes; the others read signals.
IMAGE_MODELS = frozenset({"custom_cnn", "efficientnet_b0", "resnet50", "densenet121", "vgg16"})
VOLUME_MODELS = frozenset({"cnn3d", "resnet3d", "r2plus1d"})


def main_input(kind: str) -> str:
    """The input that a network of this kind reads besides features."""
    if kind in VOLUME_MODELS:
        return "volume"
    return "image" if kind in IMAGE_MODELS | MAP_MODELS else "signal"


def toy_spec(task: str = "single_label", kind: str = "se_resnet1d") -> ExampleSpec:
    if kind in MAP_MODELS:
        return page_spec(CROPS)
    arrays = {
        "signal": ArraySpec((NUM_SAMPLES, 2), "int16", 1e-3, "mV", 128.0, ("MLII", "V1")),
        "image": ArraySpec((SIDE, SIDE, 1), "uint8", 1 / 255, channels=("grey",)),
        "volume": ArraySpec((EDGE, EDGE, EDGE, 1), "uint8", 1 / 255, channels=("grey",)),
    }
    return ExampleSpec(
        inputs={
            main_input(kind): arrays[main_input(kind)],
            "rr": ArraySpec((3,), "float32", channels=("previous", "next", "local")),
        },
        targets={"label": TargetSpec(task, CLASSES)},
        recipe={"kind": "toy"},
    )


def toy_arrays(num_examples: int, seed: int = 0, kind: str = "se_resnet1d") -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Stored inputs by name, and labels int8 (n,)."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, len(CLASSES), num_examples).astype(np.int8)
    phase = np.arange(NUM_SAMPLES) * (0.15 + 0.2 * labels[:, None].astype(float))
    wave = 800.0 * np.sin(phase)[:, :, None] + rng.normal(0, 80, (num_examples, NUM_SAMPLES, 2))
    if kind in IMAGE_MODELS:
        return _toy_pictures(labels, rng), labels
    if kind in VOLUME_MODELS:
        return _toy_volumes(labels, rng), labels
    features = rng.normal(0, 0.3, (num_examples, 3)) + labels[:, None].astype(float)
    return {"signal": wave.astype(np.int16), "rr": features.astype(np.float32)}, labels


def _toy_pictures(labels: np.ndarray, rng: np.random.Generator) -> dict[str, np.ndarray]:
    phase = np.arange(SIDE) * (0.4 + 0.6 * labels[:, None].astype(float)) + rng.uniform(0, 0.5, (len(labels), 1))
    waves = 128 + 90 * np.sin(phase)[:, :, None] + rng.normal(0, 8, (len(labels), SIDE, SIDE))
    features = rng.normal(0, 0.3, (len(labels), 3)) + labels[:, None].astype(float)
    return {"image": waves.clip(0, 255).astype(np.uint8)[..., None], "rr": features.astype(np.float32)}


def _toy_volumes(labels: np.ndarray, rng: np.random.Generator) -> dict[str, np.ndarray]:
    phase = np.arange(EDGE) * (0.4 + 0.6 * labels[:, None].astype(float)) + rng.uniform(0, 0.5, (len(labels), 1))
    waves = 128 + 90 * np.sin(phase)[:, :, None, None] + rng.normal(0, 8, (len(labels), EDGE, EDGE, EDGE))
    features = rng.normal(0, 0.3, (len(labels), 3)) + labels[:, None].astype(float)
    return {"volume": waves.clip(0, 255).astype(np.uint8)[..., None], "rr": features.astype(np.float32)}


def toy_physical(num_examples: int, kind: str) -> dict[str, np.ndarray]:
    """float32 inputs as the model itself reads them."""
    spec = toy_spec(kind=kind)
    arrays = page_arrays(num_examples // 2) if kind in MAP_MODELS else toy_arrays(num_examples, kind=kind)[0]
    return {name: arrays[name].astype(np.float32) * np.float32(array.scale) for name, array in spec.inputs.items()}


def toy_stream(num_examples: int = 256, batch_size: int = 32, seed: int = 0, kind: str = "se_resnet1d") -> BatchStream:
    if kind in MAP_MODELS:
        return page_stream(seed=seed)
    inputs, labels = toy_arrays(num_examples, kind=kind)
    rows = np.arange(num_examples * 3 // 4)
    return BatchStream(inputs, {"label": labels}, rows, np.ones(len(rows), np.float32), batch_size, seed)


def toy_config(model: str = "se_resnet1d", **trainer: object) -> RunConfig:
    settings = {"epochs": 2, "learning_rate": 0.01, "warmup_epochs": 0.0, **trainer}
    return RunConfig(
        name="toy", dataset=KaggleBeats(), model=SMALL_MODELS[model], loader=Loader(batch_size=32),
        trainer=Trainer(**settings),
    )  # fmt: skip
