"""From the leads of a page to an answer of a model of whole records, which wants all leads for all of the time."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from kerasmed.data.page_records import RATE_HZ
from kerasmed.data.records import Array, SignalRecord
from kerasmed.errors import DataError
from kerasmed.inference import whole_records
from kerasmed.inference.digitize.consistency import WEIGHTS
from kerasmed.inference.digitize.layouts import LEADS
from kerasmed.inference.digitize.page import DigitizedPage
from kerasmed.inference.predictor import Predictor

OVERLAP_S, SHORTEST_PERIOD_S = 0.1, 1.0
LIMB_ROWS = tuple(LEADS.index(name) for name in WEIGHTS)


@dataclass(frozen=True)
class Diagnosis:
    """What a model says of a page.

    Attributes:
        prediction: Its answer.
        reading: Quality score of the worst lead, 0 to 1: how well the page was read.
        printed_rate: Share of the model's twelve leads and ten seconds that the page shows.
    """

    prediction: whole_records.RecordsPrediction
    reading: float
    printed_rate: float


def diagnose(page: DigitizedPage, predictor: Predictor) -> Diagnosis:
    """Hold the leads of a page against the model's contract, and let it answer.

    A page of short leads does not show what the model reads. Limb leads are worked out where two others were printed at
    the same time; then each group of leads goes on as it began: it is repeated with the period at which its end fits
    its beginning best. The answer says so.

    Raises:
        DataError: A lead could not be read, or the leads do not keep the model's contract.
        ContractError: The model reads no whole records.
    """
    lost = [f"{lead.lead} {lead.refused}" for lead in page.quality if lead.refused is not None]
    if lost:
        raise DataError(page.name, f"is not diagnosed: {'; '.join(lost)}.")
    printed = np.isfinite(page.signals_mv)
    record = SignalRecord(page.name, page.name, prolong(page.signals_mv).T.astype(np.float32), RATE_HZ, LEADS)
    prediction = whole_records.predict_signal(predictor, record)
    return Diagnosis(prediction, min(lead.score for lead in page.quality), float(printed.mean()))


def prolong(signals_mv: Array) -> Array:
    """Leads that are there in parts, repeated to the whole length: float64 (12, n) without NaN."""
    signals = _with_limb_leads(signals_mv)
    found = np.empty_like(signals)
    for rows in (list(LIMB_ROWS), [row for row in range(len(LEADS)) if row not in LIMB_ROWS]):
        known = np.isfinite(signals[rows])
        for part in {tuple(np.flatnonzero(line)[[0, -1]]) for line in known}:
            members = [
                row for row, line in zip(rows, known, strict=True) if tuple(np.flatnonzero(line)[[0, -1]]) == part
            ]
            found[members] = _repeated(signals[members, part[0] : part[1] + 1], signals.shape[1])
    return found


def summarize(diagnosis: Diagnosis) -> dict[str, Any]:
    """The answer and what it rests on, as a JSON tree."""
    return {
        **whole_records.summarize(diagnosis.prediction),
        "confidence": {"reading": diagnosis.reading, "printed_rate": round(diagnosis.printed_rate, 3)},
    }


def in_words(diagnosis: Diagnosis) -> str:
    """The answer for a person."""
    shown = f"{diagnosis.printed_rate:.0%} of what the model reads is printed; the rest is repetition"
    whole = "The page shows all that the model reads" if diagnosis.printed_rate > 0.99 else shown
    quality = f"Read off the page with quality {diagnosis.reading:.2f}. {whole}."
    return f"{whole_records.summary_text(diagnosis.prediction)}\n{quality}"


def _with_limb_leads(signals_mv: Array) -> Array:
    """All six limb leads wherever two of them are known; the same stretch of each, where there is one."""
    matrix = np.array(list(WEIGHTS.values()))
    limbs = signals_mv[list(LIMB_ROWS)]
    known = np.isfinite(limbs)
    full = np.full_like(limbs, np.nan)
    patterns, which = np.unique(known, axis=1, return_inverse=True)
    for number, pattern in enumerate(patterns.T):
        rows = np.flatnonzero(pattern)
        if len(rows) >= 2 and np.linalg.matrix_rank(matrix[rows]) == 2:
            at = np.flatnonzero(which.ravel() == number)
            full[:, at] = matrix @ np.linalg.lstsq(matrix[rows], limbs[np.ix_(rows, at)], rcond=None)[0]
    found = signals_mv.copy()
    if np.isfinite(full).any():
        found[list(LIMB_ROWS)] = full
    return found


def _repeated(part: Array, length: int) -> Array:
    """`part` (leads, n) carried on to `length` samples, each copy blended into the next."""
    overlap = round(OVERLAP_S * RATE_HZ)
    part = _bridged(part)
    if part.shape[1] >= length:
        return part[:, :length]
    level = part - np.median(part, axis=1, keepdims=True)
    periods = range(min(round(SHORTEST_PERIOD_S * RATE_HZ), part.shape[1] - overlap), part.shape[1] - overlap + 1)
    period = min(periods, key=lambda lag: float(np.square(level[:, lag : lag + overlap] - level[:, :overlap]).sum()))
    blend = np.linspace(0, 1, overlap)
    found = np.empty((len(part), length + part.shape[1]))
    found[:, : part.shape[1]] = part
    for start in range(period, length, period):
        joint = found[:, start : start + overlap] * (1 - blend) + part[:, :overlap] * blend
        found[:, start : start + part.shape[1]] = part
        found[:, start : start + overlap] = joint
    return found[:, :length]


def _bridged(part: Array) -> Array:
    """NaN inside a stretch interpolated."""
    found, places = part.copy(), np.arange(part.shape[1])
    for row in found:
        gap = np.isnan(row)
        if gap.any() and not gap.all():
            row[gap] = np.interp(places[gap], places[~gap], row[~gap])
    return found
