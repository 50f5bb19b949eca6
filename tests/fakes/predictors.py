"""A predictor whose rules are known, so that tests can say what must come out."""

import numpy as np

from kerasmed.config.dataset import BeatExamples
from kerasmed.data.examples import beat_spec
from kerasmed.data.labels import CLASSES
from kerasmed.inference.predictor import Predictor
from kerasmed.spec import ArraySpec, ExampleSpec, TargetSpec


def early_beat_predictor(leads: tuple[str, ...] = ("MLII",), rate_hz: float = 128.0) -> Predictor:
    """V where the window falls below -0.5 mV, else S where the interval before is below 0.8 of the mean, else N."""
    spec = beat_spec(
        BeatExamples(leads=leads, rate_hz=rate_hz, remove_baseline=False, scaling="none", template="none", shape=False),
        CLASSES,
    )

    def scores(inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        label = np.where(inputs["rr"][:, 0] < 0.8, 1, 0)
        label = np.where(inputs["signal"][:, :, 0].min(axis=1) < -0.5, 2, label)
        return {"label": np.float32(0.9) * np.eye(5, dtype=np.float32)[label] + np.float32(0.02)}

    return Predictor(spec, scores, "rules/1")


def window_predictor(unit: str = "1", length: int = 187) -> Predictor:
    """Reads one window of `length` samples; V where its last value is the largest, else N. Remembers no beat."""
    signal = ArraySpec((length, 1), "float32", 1.0, unit, 125.0, ("MLII",))
    spec = ExampleSpec({"signal": signal}, {"label": TargetSpec("single_label", CLASSES)}, {"kind": "rows"})

    def scores(inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        window = inputs["signal"][:, :, 0]
        assert window.dtype == np.float32
        return {"label": np.eye(5, dtype=np.float32)[np.where(window.argmax(axis=1) == length - 1, 2, 0)]}

    return Predictor(spec, scores, "windows/1")
