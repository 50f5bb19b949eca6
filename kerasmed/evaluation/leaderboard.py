"""One model among the published results, ordered by one metric."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from kerasmed.data.dataset import Protocol
from kerasmed.evaluation.names import METRICS
from kerasmed.evaluation.report import Estimate

OURS = "this model"


def make_leaderboard(protocol: Protocol, metrics: Mapping[str, Estimate], confidence: float) -> dict[str, Any] | None:
    """The leaderboard as JSON values, best first; None where nobody published a metric that `metrics` know.

    Args:
        protocol: The rules, with what others published.
        metrics: Of this model.
        confidence: Of its intervals.

    Returns:
        metric, confidence, and rows of place, work, value, shown ("0.930(05)"), ours, source.
    """
    metric = _ranked_by(protocol, metrics)
    if metric is None:
        return None
    estimate = metrics[metric]
    rows = [_row(OURS, estimate.value, farther_end(estimate), "", ours=True)]
    rows += [
        _row(work.work, work.metrics[metric], work.deviations.get(metric), work.source)
        for work in protocol.published
        if metric in work.metrics
    ]
    rows.sort(key=lambda row: row["value"], reverse=METRICS[metric].better == "higher")
    return {
        "metric": metric,
        "confidence": confidence,
        "rows": [{"place": place + 1, **row} for place, row in enumerate(rows)],
    }


def farther_end(estimate: Estimate) -> float | None:
    """Distance from the value to the farther end of its interval; None where there is none."""
    if estimate.value is None or estimate.low is None or estimate.high is None:
        return None
    return max(estimate.high - estimate.value, estimate.value - estimate.low)


def in_brackets(value: float, deviation: float | None) -> str:
    """Three decimals, and in brackets the deviation in units of the last: 0.930(05).

    The PTB-XL benchmark prints its table so, the deviation cut off and not rounded (github.com/helme/
    ecg_ptbxl_benchmarking), and so it is here.
    """
    if deviation is None:
        return f"{value:.3f}"
    return f"{value:.3f}({int(round(deviation * 1000, 9)):02d})"


def _row(work: str, value: float | None, deviation: float | None, source: str, ours: bool = False) -> dict[str, Any]:
    assert value is not None  # `_ranked_by` takes no metric without one
    return {"work": work, "value": value, "shown": in_brackets(value, deviation), "ours": ours, "source": source}


def _ranked_by(protocol: Protocol, metrics: Mapping[str, Estimate]) -> str | None:
    told = Counter(name for work in protocol.published for name in work.metrics)
    known = [name for name in METRICS if name in told and name in metrics and metrics[name].value is not None]
    if protocol.ranked_by in known:
        return protocol.ranked_by
    return max(known, key=lambda name: told[name], default=None)
