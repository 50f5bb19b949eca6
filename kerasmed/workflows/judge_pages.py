"""Digitised pages against their truth: simulated pages, or pictures of records (`data/sources/page_folders`)."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from kerasmed.data.page_records import RATE_HZ, PageRef, read_printed
from kerasmed.data.records import Array
from kerasmed.data.sources.page_folders import TruthSignals, find_pages
from kerasmed.errors import DataError
from kerasmed.evaluation import digitized
from kerasmed.inference.digitize.layouts import LEADS
from kerasmed.workflows.digitize import Read

MEASURES = ("snr_2024_db", "snr_2025_db", "pearson_r", "grid_px", "angle_deg", "baseline_px")


def open_truth(folder: Path, data_root: Path | None) -> Callable[[list[Read], int], dict[str, Any]]:
    """A function that judges pages: those read, and how many could not be, to a JSON tree of measures.

    Args:
        folder: Pages with their truth, of any kind that has one.
        data_root: Where records lie that a table names; the folder above without it.

    Raises:
        DataError: The folder holds no page with a truth.
    """
    pages = {page.image.resolve(): page for page in find_pages(folder, data_root=data_root) if page.printed is not None}
    if not pages:
        raise DataError(str(folder), "holds no page whose signals are known.", "Name a folder of simulated pages.")
    return lambda found, failed: _judged(found, failed, pages)


def _judged(found: list[Read], failed: int, pages: dict[Path, PageRef]) -> dict[str, Any]:
    rows, powers = [], []
    for read in found:
        page = pages.get(read.source.path.resolve())
        signals = None if page is None else read_printed(page)
        if page is None or signals is None:
            raise DataError(read.page.name, "is no page of the folder of truths.")
        printed = _where_printed(signals.astype(np.float64), read)
        powers.append(digitized.powers_2025(printed, read.page.signals_mv, RATE_HZ))
        rows.append({**_signal_measures(printed, read, powers[-1], page.look), **_page_measures(page, read)})
    powers += [digitized.Powers(1.0, 1.0)] * failed  # nothing was read: 0 dB
    by = {key: digitized.mean_by(rows, key, "snr_2025_db") for key in ("layout", "look")}
    return {
        "pages": rows,
        "mean": {name: _mean([row[name] for row in rows]) for name in MEASURES},
        "score_2025_db": _number(digitized.snr_2025_db(powers)),
        "mean_snr_2025_db_by": by,
        "failed": failed,
    }


def _signal_measures(signals: Array, read: Read, powers: digitized.Powers, look: str) -> dict[str, Any]:
    found = read.page.signals_mv
    printed = [row for row in range(len(LEADS)) if np.isfinite(signals[row]).any()]
    snr = [digitized.snr_2024_db(signals[row], found[row], RATE_HZ) for row in printed]
    r = [digitized.pearson(signals[row], found[row]) for row in printed]
    known = [value for value in r if np.isfinite(value)]
    return {
        "page": read.page.name,
        "layout": read.page.layout,
        "look": look or "unknown",
        "snr_2024_db": _number(float(np.mean(snr))),
        "snr_2025_db": _number(10 * float(np.log10(max(powers.ratio, 1e-6)))),
        "pearson_r": _mean(known),
    }


def _page_measures(page: PageRef, read: Read) -> dict[str, Any]:
    """Errors of grid, angle and zero lines; nothing where the truth has signals alone."""
    if not isinstance(page.printed, TruthSignals):
        return dict.fromkeys(("grid_px", "angle_deg", "baseline_px"))
    with np.load(page.printed.path, allow_pickle=False) as stored:
        matrix, angle_deg, baseline_y = (stored[name] for name in ("homography", "angle_deg", "baseline_y"))
    enlarged = baseline_y.shape[1] / read.shape[1]  # of a page that was made smaller before it was read
    to_pixels = np.diag([enlarged, enlarged, 1]) @ read.page.grid.to_pixels
    shape = (round(read.shape[0] * enlarged), baseline_y.shape[1])
    return {
        "grid_px": _number(digitized.grid_error_px(matrix, to_pixels, shape)),
        "angle_deg": _number(digitized.angle_error_deg(float(angle_deg), read.page.grid.angle_deg)),
        "baseline_px": _number(_baseline_px(baseline_y, read, enlarged)),
    }


def _baseline_px(truth_y: Array, read: Read, enlarged: float) -> float:
    """Distance of the zero lines, of each true row from the found one of its number."""
    columns = np.arange(truth_y.shape[1])
    lines = [enlarged * line for line in read.page.zero_px]
    found = [np.interp(columns, line[:, 0], line[:, 1], np.nan, np.nan) for line in lines]
    return digitized.baseline_error_px(truth_y, np.stack(found))


def _where_printed(signals: Array, read: Read) -> Array:
    """The truth of what is on the page; where a source gives the whole record, the found layout says what that is."""
    if not np.isfinite(signals).all():
        return signals
    shown = np.full_like(signals, np.nan)
    for row, lead in enumerate(read.page.quality):
        if lead.printed_s is not None:
            part = slice(*(round(moment * RATE_HZ) for moment in lead.printed_s))
            shown[row, part] = signals[row, part]
    return shown


def _mean(values: list[float]) -> float | None:
    known = [value for value in values if value is not None]
    return _number(float(np.mean(known))) if known else None


def _number(value: float) -> float | None:
    return round(value, 4) if np.isfinite(value) else None
