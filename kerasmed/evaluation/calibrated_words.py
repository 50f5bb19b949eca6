"""What a report says of its calibration, in sentences for a terminal and for a page."""

from collections.abc import Mapping
from typing import Any

from kerasmed.evaluation.names import in_words
from kerasmed.evaluation.report import Estimate


def how_calibrated(part: Mapping[str, Any]) -> list[str]:
    """Sentences on the `calibrated` part of a report: method, claims before and after, sets, promise."""
    rows, ece, found = part["fitted_on"], part["claims"]["ece"], part["coverage_found"]
    before, after, change = (ece[name]["value"] for name in ("before", "after", "change"))
    sizes = found["sizes"]
    return [
        f"Calibrated by {method_in_words(part)}, fitted on {rows['examples']:,} examples of "
        f"{rows['patients']:,} patients.",
        f"Calibration error {in_words('ece', before)} before, {in_words('ece', after)} after: "
        f"{change:+.3f}{_ends(ece['change'], 1, '+.3f')}.",
        f"Prediction sets of {100 * found['requested']:g} % hold the truth of {share_in_words(found['examples'])} of "
        f"the examples, of {share_in_words(found['patients'])} in the mean patient (lowest "
        f"{100 * found['lowest_patient']:.1f} %); {100 * sizes['one']:.1f} % name one class, "
        f"{100 * sizes['several']:.1f} % several, {100 * sizes['empty']:.1f} % none.",
        *([] if part["sets"]["promised_for_new_patients"] else [no_promise(part)]),
    ]


def method_in_words(part: Mapping[str, Any]) -> str:
    """How logits were scaled: "temperature 1.37", "platt" or "none"."""
    return f"temperature {part['temperature']:.2f}" if "temperature" in part else str(part["method"])


def no_promise(part: Mapping[str, Any]) -> str:
    """Why the sets promise nothing for patients who were not there."""
    sets, rows = part["sets"], part["fitted_on"]
    if sets["unit"] == "example":
        return "Prediction sets promise nothing for new patients: examples counted the same, not patients."
    return (
        f"Prediction sets promise nothing for new patients: they were fitted on {rows['patients']}, and it takes "
        f"{sets['fewest_patients']} for this coverage."
    )


def share_in_words(tree: Mapping[str, Any]) -> str:
    """A share with its interval: "91.2 % (88.0 - 94.1)"; "undefined" where there is no value."""
    estimate = Estimate(**tree)
    if estimate.value is None:
        return "undefined"
    return f"{100 * estimate.value:.1f} %{_ends(tree, 100, '.1f')}"


def _ends(tree: Mapping[str, Any], factor: float, form: str) -> str:
    if tree["low"] is None or tree["high"] is None:
        return ""
    return f" ({format(factor * tree['low'], form)} - {format(factor * tree['high'], form)})"
