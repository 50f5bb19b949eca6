"""What a serving graph takes, answers and leaves to its caller: told in every file that holds one. No TensorFlow."""

from collections.abc import Mapping
from typing import Any

from kerasmed.calibration import Calibrations
from kerasmed.data.quality import FAULTS
from kerasmed.errors import ConfigError
from kerasmed.spec import ExampleSpec

FORMAT = 1
SIGNATURE = "serving"
ONNX_FILE = "model.serving.onnx"
ASSET = "assets.extra/serving.json"  # the folder that TensorFlow Serving leaves to whoever writes a SavedModel
KEY = "kerasmed_serving"  # of the metadata of the ONNX file

SIGNAL, PEAKS, RATE, ROWS = "signal_mv", "peaks", "rate_hz", "beats"
PIXELS, LARGEST, INVERTED = "pixels", "largest", "inverted"
SCORES, LABELS, SETS, FAULTY = "scores", "labels", "sets", "faults"
# Faults that only a caller can make: another rate than that of the file, R peaks out of order or outside the signal.
RATE_FAULT, PEAK_FAULT = "rate", "peaks"
RECORDED = ("beats", "records")  # kinds of examples that are made of a recording at one rate
IMAGE_FAULTS = ("values", "size", "aspect", "contrast", "levels", "black", "white", "noise")
RATE_TOLERANCE = 1e-4  # relative

R_PEAKS = "finding R peaks: give their places, as `kerasmed predict` or any detector finds them"
DICOM = "rescale slope, intercept and window of DICOM: give the values after them"
NOT_HELD = {
    "beats": (R_PEAKS, "choosing leads by their name"),
    "records": ("choosing leads by their name", "converting units: give millivolts"),
    "beat_rows": ("cutting beats out of a recording",),
    "images": ("decoding a file, and telling colour from grey", DICOM),
}


def refusal(spec: ExampleSpec, rate_hz: float | None) -> str:
    """Why no serving graph can be made for `spec`; empty where one can."""
    kind = spec.recipe.get("kind")
    if kind not in NOT_HELD:
        return f"examples of kind {kind!r} are not made inside a graph"
    if kind in RECORDED and rate_hz is None:
        return "the sampling rate of its recordings is not known; name it with --rate-hz"
    if kind == "beats" and spec.recipe.get("rr") == "so_far":
        return "dataset.examples.rr=so_far goes from beat to beat, which no graph holds; rr=whole can be"
    return ""


def checked_rate(rate_hz: float | None) -> float | None:
    """`rate_hz` as a rate at which an ECG can be served.

    Raises:
        ConfigError: It is none.
    """
    if rate_hz is not None and not 50 <= rate_hz <= 10_000:
        raise ConfigError(f"--rate-hz {rate_hz:g}: the rate of an ECG is between 50 and 10000 Hz.")
    return rate_hz


def fault_names(spec: ExampleSpec) -> tuple[str, ...]:
    """Name of each value of the output `faults`, in its order."""
    kinds = {
        "beats": (RATE_FAULT, PEAK_FAULT, *FAULTS),
        "records": (RATE_FAULT, *FAULTS),
        "beat_rows": ("missing",),
        "images": IMAGE_FAULTS,
    }
    return kinds[spec.recipe["kind"]]


def describe(spec: ExampleSpec, calibrations: Calibrations, rate_hz: float | None) -> dict[str, Any]:
    """A JSON tree that tells a caller who has nothing else how to use the graph."""
    ((name, target),) = spec.targets.items()
    calibration = calibrations.get(name)
    classes = len(target.classes)
    rows = 1 if spec.recipe["kind"] in ("images", "records") else "beats"
    several = target.task == "multi_label"
    label, members = (
        (
            "of each class 1 where it is called, 0 where not; -1 where nothing was judged",
            "of each class whether its absence, and whether its presence, cannot be ruled out; all where not judged",
        )
        if several
        else (
            "place of the answer in classes; -1 where none was given",
            "classes that cannot be ruled out; all where not judged",
        )
    )
    outputs = {
        SCORES: _array("float32", [rows, classes], "score of each class; NaN where one row or all was not judged"),
        LABELS: _array("int64", [rows, classes] if several else [rows], label),
        FAULTY: _array(
            "bool", [len(fault_names(spec))], "what is wrong with the input; any of them and nothing is judged"
        ),
    }
    if calibration is not None:
        outputs[SETS] = _array("bool", [rows, classes, 2] if several else [rows, classes], members)
    return {
        "format": FORMAT,
        "inputs": _inputs(spec, rate_hz),
        "outputs": outputs,
        "target": name,
        "task": target.task,
        "classes": list(target.classes),
        "faults": list(fault_names(spec)),
        "decide": "highest" if calibration is None else calibration.decide,
        "thresholds": None if calibration is None else list(calibration.thresholds),
        "coverage": None if calibration is None else calibration.coverage,
        "not_held": list(NOT_HELD[spec.recipe["kind"]]),
    }


def _inputs(spec: ExampleSpec, rate_hz: float | None) -> dict[str, Any]:
    if spec.recipe["kind"] == "beat_rows":
        length = spec.inputs["signal"].shape[0]
        return {ROWS: _array("float32", ["beats", length], "beats; scaled to 0..1 one by one unless all are within it")}
    if spec.recipe["kind"] == "images":
        return {
            PIXELS: _array("int32", ["height", "width"], "values of one grey picture, as its file holds them"),
            LARGEST: _array(
                "int32", [], "the largest value that the depth of the file allows: 255 of 8 bits, 4095 of 12"
            ),
            INVERTED: _array("bool", [], "whether the largest value means black (MONOCHROME1)"),
        }
    assert spec.contract is not None, "the specs of recordings have a contract"
    contract = spec.contract
    signal = _array("float32", ["samples", len(contract.leads)], "the recording; NaN where samples are missing")
    inputs = {
        SIGNAL: {**signal, "unit": contract.unit, "leads": list(contract.leads), "rate_hz": rate_hz},
        PEAKS: _array("int64", ["beats"], "R peaks of all beats, ascending, counted in samples from 0"),
        RATE: _array("float32", [], f"sampling rate of the recording: {rate_hz:g}, or nothing is judged"),
    }
    if spec.recipe["kind"] == "records":
        del inputs[PEAKS]
    return inputs


def _array(dtype: str, shape: list[Any], meaning: str) -> dict[str, Any]:
    return {"dtype": dtype, "shape": shape, "meaning": meaning}


def raw_names(tree: Mapping[str, Any]) -> tuple[list[str], list[str]]:
    """Names of the inputs and of the outputs in a description."""
    return list(tree["inputs"]), list(tree["outputs"])
