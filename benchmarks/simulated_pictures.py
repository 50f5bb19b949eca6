"""Pictures for benchmarks: a memory map of any size on disk, and a run that trains a small network on it."""

from pathlib import Path

import numpy as np

from kerasmed.config.load import load_run
from kerasmed.config.run import RunConfig
from kerasmed.data.loaders.batches import BatchStream
from kerasmed.spec import ArraySpec, ExampleSpec, TargetSpec

CLASSES = ("NORMAL", "PNEUMONIA")
SEED, ROWS_AT_ONCE = 0, 64
# Quick enough that a loader that lags is seen: the step of the network of the presets would hide it.
LIGHT = (
    "model.widths=[8,16,32]", "model.convolutions=[1,1,1]", "model.stem_stride=2", "model.dense_width=16",
    "trainer.epochs=1", "trainer.keep=last", "trainer.class_weights=none",
)  # fmt: skip


def picture_run(backend: str, words: list[str]) -> RunConfig:
    """The run chest_xray_pneumonia, its augmentation included, with a light network."""
    return load_run("chest_xray_pneumonia", [f"backend={backend}", *LIGHT, *words])


def picture_spec(side: int) -> ExampleSpec:
    """Grey pictures of 8 bits, two classes."""
    image = ArraySpec((side, side, 1), "uint8", 1 / 255, channels=("grey",))
    return ExampleSpec({"image": image}, {"label": TargetSpec("single_label", CLASSES)}, {"kind": "images"})


def write_pictures(path: Path, count: int, side: int) -> None:
    """A .npy of (count, side, side, 1) uint8, random, in the form of a prepared set, with little memory."""
    rng = np.random.default_rng(SEED)
    header = {"descr": "|u1", "fortran_order": False, "shape": (count, side, side, 1)}
    with path.open("wb") as file:
        np.lib.format.write_array_header_1_0(file, header)
        for start in range(0, count, ROWS_AT_ONCE):
            file.write(rng.bytes(min(ROWS_AT_ONCE, count - start) * side * side))


def picture_stream(path: Path, config: RunConfig) -> BatchStream:
    """The batches of the pictures at `path`, memory-mapped as those of a prepared set are."""
    images = np.load(path, mmap_mode="r")
    labels = (np.arange(len(images)) % len(CLASSES)).astype(np.int8)
    rows, weights = np.arange(len(images)), np.ones(len(images), np.float32)
    return BatchStream({"image": images}, {"label": labels}, rows, weights, config.loader.batch_size, SEED)
