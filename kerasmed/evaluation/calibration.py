"""Whether a score of 0.8 is right in 8 of 10 cases."""

from typing import Any

import numpy as np

from kerasmed.data.records import Array
from kerasmed.spec import TargetSpec

NUM_BINS = 15  # of equal width, as in Guo et al. 2017 (arXiv:1706.04599)


def confidences(scores: Array, truth: Array, predicted: Array, target: TargetSpec) -> tuple[Array, Array]:
    """What the model claimed, and whether that was so: (n, m) each.

    For single_label the claim is the score of the answer (m = 1); for multi_label the score of each label
    (m = num_classes).

    Args:
        scores: float32 (n, num_classes).
        truth: bool (n, num_classes).
        predicted: int64 (n,) of single_label; not used for multi_label.
        target: What was asked.
    """
    if target.task == "multi_label":
        return scores, truth
    rows = np.arange(len(scores))
    return scores[rows, predicted][:, None], truth[rows, predicted][:, None]


def bin_sums(confidence: Array, hit: Array, groups: Array, num_groups: int) -> Array:
    """float64 (num_groups, NUM_BINS, 3): claims, sum of confidence, sum of hits.

    Args:
        confidence: (n, m).
        hit: bool (n, m).
        groups: int64 (n,), group of each row.
        num_groups: How many there are.
    """
    bins = np.clip((confidence * NUM_BINS).astype(np.int64), 0, NUM_BINS - 1)
    cells = (groups[:, None] * NUM_BINS + bins).ravel()
    sums = [np.bincount(cells, weight, num_groups * NUM_BINS) for weight in (None, confidence.ravel(), hit.ravel())]
    return np.stack(sums, axis=-1).reshape(num_groups, NUM_BINS, 3)


def expected_calibration_error(bins: Array) -> float:
    """Mean distance between confidence and hit rate over the claims, from `bins` (NUM_BINS, 3)."""
    return float(np.abs(bins[:, 1] - bins[:, 2]).sum() / bins[:, 0].sum())


def reliability(bins: Array) -> list[dict[str, Any]]:
    """The calibration curve from `bins` (NUM_BINS, 3): one row for each bin that holds a claim."""
    edges = np.linspace(0.0, 1.0, NUM_BINS + 1)
    return [
        {
            "from": float(edges[place]),
            "to": float(edges[place + 1]),
            "count": int(count),
            "confidence": float(confidence / count),
            "hit_rate": float(hits / count),
        }
        for place, (count, confidence, hits) in enumerate(bins)
        if count
    ]
