"""Signals for benchmarks: a data set of any number of examples, leads and seconds, prepared as every other one is."""

from functools import partial
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np

from kerasmed.config.any_dataset import DatasetConfig
from kerasmed.data.dataset import Dataset, Protocol
from kerasmed.data.records import Examples, RecordRef
from kerasmed.data.splits import split_by_patient
from kerasmed.spec import ArraySpec, ExampleSpec, TargetSpec

LEADS = ("I", "II", "III", "aVR", "aVL", "aVF", "V1", "V2", "V3", "V4", "V5", "V6")
CLASSES = ("NORM", "MI")
RATE_HZ, STEP_MV, NOISE_STEPS, PER_RECORD = 100.0, 1e-3, 200.0, 64


class SimulatedSignals(DatasetConfig):
    """Noise whose mean tells the class."""

    kind: Literal["simulated_signals"] = "simulated_signals"
    builder: ClassVar[str] = "simulated_signals:build_simulated_signals"

    folder: str = "none"
    examples: int
    num_leads: int
    length_s: float


def build_simulated_signals(config: SimulatedSignals, data_root: Path) -> Dataset:
    """Records of so many examples each, every one of a patient of its own."""
    del data_root
    names = [f"r{number}" for number in range(-(-config.examples // PER_RECORD))]
    shape = (round(config.length_s * RATE_HZ), config.num_leads)
    signal = ArraySpec(shape, "int16", STEP_MV, "mV", RATE_HZ, LEADS[: config.num_leads])
    return Dataset(
        name="signals",
        spec=ExampleSpec({"signal": signal}, {"label": TargetSpec("single_label", CLASSES)}, {"kind": "records"}),
        records=tuple(RecordRef(name, name, ()) for name in names),
        make_examples=partial(draw, shape=shape),
        split=partial(split_by_patient, validation_rate=0.1, test_rate=0.1),
        protocol=Protocol(name="simulated", describe="Whole records to train, validation and test."),
        recipe=config.model_dump(),
    )


def draw(record: RecordRef, shape: tuple[int, int]) -> Examples:
    """The examples of a record: int16 (PER_RECORD, samples, leads)."""
    rng = np.random.default_rng(int(record.record_id[1:]))
    labels = rng.integers(len(CLASSES), size=PER_RECORD).astype(np.int8)
    noise = rng.normal(0, NOISE_STEPS, (PER_RECORD, *shape)).astype(np.int16)
    index = {
        "id": np.array([f"{record.record_id}:{number}" for number in range(PER_RECORD)]),
        "record": np.full(PER_RECORD, record.record_id),
        "patient": np.full(PER_RECORD, record.patient),
    }
    return Examples({"signal": noise + labels[:, None, None] * np.int16(NOISE_STEPS / 4), "label": labels}, index)
