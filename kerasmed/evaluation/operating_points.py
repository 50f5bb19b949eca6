"""From which score on a class is called: one threshold for each class, chosen by a stated rule."""

from typing import Any

import numpy as np

from kerasmed.config.run import Calibrator
from kerasmed.data.records import Array
from kerasmed.evaluation.judged import THRESHOLD
from kerasmed.evaluation.ranking import curve

SMALLEST = 1e-6  # a threshold is above 0, so that it can divide


def operating_point(scores: Array, positive: Array, settings: Calibrator) -> dict[str, Any]:
    """The threshold of one class by the rule of `settings`, and what it gave on the rows it was chosen on.

    It lies half way between two neighbouring scores, so that rounding in another format changes no answer.

    Args:
        scores: float (n,), calibrated.
        positive: bool (n,), whether the example is of the class.
        settings: The rule: max_f1; sensitivity: the highest threshold that reaches the floor; ppv: the lowest that
            does, so that most is found; youden: sensitivity + specificity.

    Returns:
        threshold, sensitivity, ppv, specificity, f1; `reason` where the rule could not be followed.
    """
    falling = np.unique(scores.astype(np.float64))[::-1]
    true, false = (counts[1:] for counts in curve(scores.astype(np.float64), positive))
    positives, negatives = int(true[-1]), int(false[-1])
    if not positives or not negatives:
        lacking = "no example of the class" if not positives else "no example outside the class"
        return {"threshold": THRESHOLD, "reason": f"{lacking} among the rows; {THRESHOLD:g} stands in"}
    rates = {
        "sensitivity": true / positives,
        "ppv": true / (true + false),
        "specificity": 1.0 - false / negatives,
        "f1": 2.0 * true / (true + false + positives),
    }
    place, reason = _place(rates, settings)
    below = falling[place + 1] if place + 1 < len(falling) else 0.0
    found = {"threshold": max(float(falling[place] + below) / 2.0, SMALLEST)}
    found |= {name: float(values[place]) for name, values in rates.items()}
    return {**found, "reason": reason} if reason else found


def _place(rates: dict[str, Array], settings: Calibrator) -> tuple[int, str]:
    """Which of the falling thresholds the rule takes, and why it is not what was asked for."""
    if settings.rule == "max_f1":
        return int(rates["f1"].argmax()), ""
    if settings.rule == "youden":
        return int((rates["sensitivity"] + rates["specificity"]).argmax()), ""
    assert settings.floor is not None  # the settings say so
    reached = np.flatnonzero(rates[settings.rule] >= settings.floor)
    if settings.rule == "sensitivity":
        return int(reached[0]), ""
    if len(reached):
        return int(reached[-1]), ""
    best = int(rates["ppv"].argmax())
    return best, f"no threshold reaches a predictive value of {settings.floor:g}; this is the best"
