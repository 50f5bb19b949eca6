"""Whether an export makes a serving graph, of what, and what its manifest says of that."""

from collections.abc import Mapping
from typing import Any

from kerasmed.calibration import Calibrations
from kerasmed.export.format_names import Format
from kerasmed.export.raw.describe import checked_rate, describe, refusal
from kerasmed.export.raw.proof import RAW_LIMIT
from kerasmed.spec import ExampleSpec

Raw = Mapping[str, Any]


def raw_request(
    spec: ExampleSpec, calibrations: Calibrations, thresholds: Mapping[str, Any] | None, rate_hz: float | None
) -> dict[str, Any] | None:
    """What the child process is told of the serving graph; None where there is to be none.

    Args:
        spec: Of the model.
        calibrations: Of its targets.
        thresholds: The tree of thresholds.json that they come from.
        rate_hz: Sampling rate of the recordings; that of the contract where None.

    Raises:
        ConfigError: `rate_hz` is no rate of an ECG.
    """
    rate_hz = checked_rate(rate_hz) or (spec.contract.rate_hz if spec.contract else None)
    if refusal(spec, rate_hz):
        return None
    return {"rate_hz": rate_hz, "thresholds": thresholds, "description": describe(spec, calibrations, rate_hz)}


def serving_facts(spec: ExampleSpec, raw: Raw | None, differences: Mapping[Format, float]) -> dict[str, Any]:
    """The entry of the manifest: how the serving graph is used and how it was proven, or why there is none."""
    if raw is None or not differences:
        return {"not_made": refusal(spec, None if raw is None else raw["rate_hz"]) or "neither saved_model nor onnx"}
    return {**raw["description"], "limit": RAW_LIMIT, "max_abs_difference": dict(differences)}
