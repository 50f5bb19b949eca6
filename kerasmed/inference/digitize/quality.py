"""How well each lead was read, and which are refused."""

from dataclasses import dataclass

import numpy as np

from kerasmed.data.page_records import RATE_HZ
from kerasmed.data.records import Array
from kerasmed.inference.digitize.layouts import LEADS
from kerasmed.inference.digitize.leads import Strip

LEAST_SEEN = 0.6
LONGEST_GAP_S = 0.5
LARGEST_MV, SMALLEST_MV = 8.0, 0.02


@dataclass(frozen=True)
class LeadQuality:
    """How well a lead was read.

    Attributes:
        lead: Its name.
        score: 0 to 1: share of its print with ink, less for long gaps.
        printed_s: First and last moment that are printed, s; None where it is not on the page.
        seen_rate: Share of its print with ink.
        longest_gap_s: Longest stretch that was bridged.
        refused: Why it is not told; None where it is.
    """

    lead: str
    score: float
    printed_s: tuple[float, float] | None
    seen_rate: float
    longest_gap_s: float
    refused: str | None = None


def judge_leads(signals: Array, seen: Array, strips: list[Strip]) -> tuple[LeadQuality, ...]:
    """The quality of each lead of `LEADS`.

    Args:
        signals: float64 (12, n), mV.
        seen: bool (12, n), where there was ink, or other leads tell what there was.
        strips: All prints of leads.
    """
    return tuple(_judge(lead, signals[row], seen[row], strips) for row, lead in enumerate(LEADS))


def _judge(lead: str, values: Array, seen: Array, strips: list[Strip]) -> LeadQuality:
    own = [strip for strip in strips if strip.lead == lead]
    if not own:
        return LeadQuality(lead, 0.0, None, 0.0, 0.0, "is not on the page")
    first = min(strip.first for strip in own)
    last = max(strip.first + len(strip.values_mv) for strip in own)
    part = seen[first:last]
    rate = float(part.mean())
    edges = np.diff(np.concatenate([[0], ~part, [0]]).astype(int))
    runs = np.flatnonzero(edges == -1) - np.flatnonzero(edges == 1)
    gap_s = float(runs.max() / RATE_HZ) if len(runs) else 0.0
    printed = (first / RATE_HZ, last / RATE_HZ)
    score = round(rate * max(0.0, 1 - gap_s / (2 * LONGEST_GAP_S)), 3)
    return LeadQuality(lead, score, printed, rate, gap_s, _refusal(values[first:last], rate, gap_s))


def _refusal(values: Array, rate: float, gap_s: float) -> str | None:
    if not np.isfinite(values).any() or rate == 0:
        return "has no ink"
    if rate < LEAST_SEEN:
        return f"has ink in {rate:.0%} of its print; {LEAST_SEEN:.0%} are needed"
    if gap_s > LONGEST_GAP_S:
        return f"misses {gap_s:.2g} s at a stretch; {LONGEST_GAP_S:g} s may be"
    swing = float(np.nanmax(values) - np.nanmin(values))
    if swing > LARGEST_MV:
        return f"would swing by {swing:.3g} mV, which no heart does: the line was lost"
    return None
