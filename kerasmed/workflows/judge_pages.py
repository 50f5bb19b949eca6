"""Digitised pages against their truth: simulated pages, or pictures of records."""

import csv
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from kerasmed import runtime
from kerasmed.data.readers.wfdb import read_record
from kerasmed.data.records import Array
from kerasmed.errors import ConfigError, DataError
from kerasmed.evaluation import digitized
from kerasmed.inference.digitize.layouts import LEADS
from kerasmed.inference.digitize.leads import NUM_SAMPLES, RATE_HZ
from kerasmed.workflows.digitize import Read

TABLE = "pages.csv"
MEASURES = ("snr_2024_db", "snr_2025_db", "pearson_r", "grid_px", "angle_deg", "baseline_px")


@dataclass(frozen=True)
class Truth:
    """What a page shows.

    Attributes:
        signals_mv: float64 (12, 5000); NaN where not printed, or, of a picture of a record, the whole record.
        facts: Layout, look and the like.
        arrays: Of a simulated page: `homography`, `angle_deg`, `baseline_y`.
    """

    signals_mv: Array
    facts: dict[str, str]
    arrays: dict[str, Array]


def open_truth(path: Path, data_dir: Path | None) -> Callable[[list[Read], int], dict[str, Any]]:
    """A function that judges pages: those read, and how many could not be, to a JSON tree of measures.

    Args:
        path: A folder that `kerasmed data simulate ecg_pages` wrote, or a CSV file with the columns `image` and
            `truth_record` (a WFDB record of 500 Hz below the data folder).
        data_dir: The data folder; the one of the environment where it is None.

    Raises:
        ConfigError: There is no such folder or file.
    """
    if path.is_dir() and (path / TABLE).is_file():
        table = {row["page"]: row for row in _rows(path / TABLE)}
        return lambda found, failed: _judged(found, failed, lambda name: _simulated(path, name, table))
    if path.is_file():
        pairs = {Path(row["image"]).stem: row["truth_record"] for row in _rows(path)}
        root = runtime.data_root(data_dir)
        return lambda found, failed: _judged(found, failed, lambda name: _record(root, name, pairs))
    raise ConfigError(
        f"--truth {path}: name a folder with {TABLE}, or a CSV file with the columns image and truth_record."
    )


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def _simulated(folder: Path, name: str, table: dict[str, dict[str, str]]) -> Truth:
    if name not in table:
        raise DataError(name, f"is no page of {folder}.")
    with np.load(folder / "truth" / f"{name}.npz", allow_pickle=False) as stored:
        arrays = {key: stored[key] for key in ("signals", "homography", "angle_deg", "baseline_y")}
    return Truth(arrays["signals"].astype(np.float64), table[name], arrays)


def _record(root: Path, name: str, pairs: dict[str, str]) -> Truth:
    if name not in pairs:
        raise DataError(name, "is no image of the table of truths.")
    record = read_record(root / f"{pairs[name]}.hea")
    leads = [lead.casefold() for lead in record.leads]
    signals = np.full((len(LEADS), NUM_SAMPLES), np.nan)
    for row, lead in enumerate(LEADS):
        if lead.casefold() in leads:
            values = record.signal_mv[:NUM_SAMPLES, leads.index(lead.casefold())]
            signals[row, : len(values)] = values
    return Truth(signals, {"layout": "picture", "look": "picture"}, {})


def _judged(found: list[Read], failed: int, truth_of: Callable[[str], Truth]) -> dict[str, Any]:
    rows, powers = [], []
    for read in found:
        truth = truth_of(read.page.name)
        signals = truth.signals_mv if truth.arrays else _printed(truth.signals_mv, read)
        powers.append(digitized.powers_2025(signals, read.page.signals_mv, RATE_HZ))
        rows.append(_measures(read, truth, signals, powers[-1]))
    powers += [digitized.Powers(1.0, 1.0)] * failed  # nothing was read: 0 dB
    means = {name: _mean([row[name] for row in rows]) for name in MEASURES}
    by = {key: digitized.mean_by(rows, key, "snr_2025_db") for key in ("layout", "look")}
    return {
        "pages": rows,
        "mean": means,
        "score_2025_db": _number(digitized.snr_2025_db(powers)),
        "mean_snr_2025_db_by": by,
        "failed": failed,
    }


def _measures(read: Read, truth: Truth, signals: Array, powers: digitized.Powers) -> dict[str, Any]:
    page = read.page
    printed = [row for row in range(len(LEADS)) if np.isfinite(signals[row]).any()]
    snr = [digitized.snr_2024_db(signals[row], page.signals_mv[row], RATE_HZ) for row in printed]
    r = [digitized.pearson(signals[row], page.signals_mv[row]) for row in printed]
    measures: dict[str, Any] = {
        "page": page.name,
        "layout": truth.facts.get("layout", ""),
        "look": truth.facts.get("look", ""),
        "snr_2024_db": _number(float(np.mean(snr))),
        "snr_2025_db": _number(10 * float(np.log10(max(powers.ratio, 1e-6)))),
        "pearson_r": _number(float(np.nanmean(r)) if np.isfinite(r).any() else np.nan),
        **dict.fromkeys(("grid_px", "angle_deg", "baseline_px"), None),
    }
    if truth.arrays:
        matrix, turned = truth.arrays["homography"], float(truth.arrays["angle_deg"])
        measures["grid_px"] = _number(digitized.grid_error_px(matrix, page.grid.to_pixels, read.shape))
        measures["angle_deg"] = _number(digitized.angle_error_deg(turned, page.grid.angle_deg))
        measures["baseline_px"] = _number(_baseline_px(truth.arrays["baseline_y"], read))
    return measures


def _baseline_px(truth_y: Array, read: Read) -> float:
    """Distance of the zero lines, of each true row from the found one of its number."""
    columns = np.arange(truth_y.shape[1])
    found = [np.interp(columns, line[:, 0], line[:, 1], np.nan, np.nan) for line in read.page.zero_px]
    return digitized.baseline_error_px(truth_y, np.stack(found))


def _printed(signals: Array, read: Read) -> Array:
    """A record where its page shows it; a lead that was not found counts where its layout prints it."""
    shown = np.full_like(signals, np.nan)
    for row, lead in enumerate(read.page.quality):
        if lead.printed_s is not None:
            part = slice(*(round(moment * RATE_HZ) for moment in lead.printed_s))
            shown[row, part] = signals[row, part]
    return shown


def _mean(values: list[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return _number(float(np.mean(known))) if known else None


def _number(value: float) -> float | None:
    return round(value, 4) if np.isfinite(value) else None
