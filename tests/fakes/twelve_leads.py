"""A toy task of several labels on 12 leads: a label is a sine of its own frequency, longer than any crop."""

import numpy as np

from kerasmed.config.dataset import KaggleBeats
from kerasmed.config.run import Augmentation, Crops, Loader, RunConfig, Trainer
from kerasmed.data.loaders.batches import BatchStream
from kerasmed.spec import ArraySpec, ExampleSpec, TargetSpec
from tests.fakes.toy import SMALL_MODELS

LEADS = ("I", "II", "III", "AVR", "AVL", "AVF", "V1", "V2", "V3", "V4", "V5", "V6")
CLASSES = ("MI", "STTC", "HYP")
RATE_HZ, NUM_SAMPLES = 100.0, 80
# Windows of 32 samples from 0, 16, 32 and 48.
CROPS = Crops(length_s=0.32, stride_s=0.16)


def twelve_lead_spec() -> ExampleSpec:
    return ExampleSpec(
        inputs={
            "signal": ArraySpec((NUM_SAMPLES, 12), "int16", 1e-3, "mV", RATE_HZ, LEADS),
            "age": ArraySpec((1,), "float32", channels=("age",)),
        },
        targets={"label": TargetSpec("multi_label", CLASSES)},
        recipe={"kind": "toy"},
    )


def twelve_lead_arrays(num_examples: int, seed: int = 0) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Stored inputs by name, and labels int8 (n, 3)."""
    rng = np.random.default_rng(seed)
    labels = (rng.random((num_examples, 3)) < [0.5, 0.3, 0.2]).astype(np.int8)
    waves = np.sin(np.arange(NUM_SAMPLES)[:, None] * [0.3, 0.8, 1.6])  # (samples, classes)
    signal = 500.0 * np.einsum("nc,tc->nt", labels, waves)[:, :, None] * np.linspace(0.5, 1.5, 12)
    signal = signal + rng.normal(0, 60, signal.shape)
    return {"signal": signal.astype(np.int16), "age": rng.normal(0, 1, (num_examples, 1)).astype(np.float32)}, labels


def twelve_lead_stream(num_examples: int = 256) -> BatchStream:
    inputs, labels = twelve_lead_arrays(num_examples)
    rows = np.arange(num_examples * 3 // 4)
    return BatchStream(inputs, {"label": labels}, rows, np.ones(len(rows), np.float32), 32, 0)


def twelve_lead_config(crops: Crops = CROPS, **trainer: object) -> RunConfig:
    """Everything that the published numbers of PTB-XL hang on, small."""
    settings = {
        "epochs": 2, "learning_rate": 0.02, "schedule": "one_cycle", "positive_weights": "sqrt_balanced", **trainer,
    }  # fmt: skip
    return RunConfig(
        name="toy", dataset=KaggleBeats(), model=SMALL_MODELS["se_resnet1d"], loader=Loader(batch_size=32),
        augmentation=Augmentation(lead_dropout_rate=0.1, shift_samples=3, motion=0.1), crops=crops,
        trainer=Trainer(**settings),
    )  # fmt: skip
