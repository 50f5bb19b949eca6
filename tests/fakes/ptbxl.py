"""A small PTB-XL of true files: 12 leads that keep Einthoven's equations, the two tables, folds and patients."""

import csv
from pathlib import Path

import numpy as np

from tests.fakes.wfdb_files import write_record

LEADS = ("I", "II", "III", "AVR", "AVL", "AVF", "V1", "V2", "V3", "V4", "V5", "V6")
STATEMENTS = {
    "NORM": ("1.0", "", "", "NORM", "NORM"),
    "IMI": ("1.0", "", "", "MI", "IMI"),
    "ASMI": ("1.0", "", "", "MI", "AMI"),
    "NDT": ("1.0", "1.0", "", "STTC", "STTC"),
    "LAFB": ("1.0", "", "", "CD", "LAFB/LPFB"),
    "LVH": ("1.0", "", "", "HYP", "LVH"),
    "ABQRS": ("", "1.0", "", "", ""),
    "SR": ("", "", "1.0", "", ""),
    "AFIB": ("", "", "1.0", "", ""),
}
CODES = (
    "{'NORM': 100.0, 'SR': 0.0}", "{'IMI': 35.0, 'ASMI': 0.0, 'SR': 0.0}", "{'NDT': 100.0, 'LVH': 50.0}",
    "{'LAFB': 100.0, 'ABQRS': 0.0}",
)  # fmt: skip
NO_LABEL = "{'SR': 0.0}"
HEAD = (
    "ecg_id", "patient_id", "age", "sex", "site", "device", "report", "scp_codes", "baseline_drift", "static_noise",
    "burst_noise", "electrodes_problems", "pacemaker", "strat_fold", "filename_lr", "filename_hr",
)  # fmt: skip


def heart_mv(duration_s: float, rate_hz: float, seed: int = 0, height_mv: float = 1.0) -> np.ndarray:
    """float64 (num_samples, 12), in the order of `LEADS`: a beat of 60 ms every 0.8 s, a T wave, noise of 5 uV."""
    rng = np.random.default_rng(seed)
    time_s = np.arange(round(duration_s * rate_hz)) / rate_hz
    beats_s = np.arange(0.4 + rng.uniform(0, 0.2), duration_s, 0.8)
    qrs = np.exp(-(((time_s[:, None] - beats_s) / 0.02) ** 2)).sum(axis=1)
    wave = height_mv * (qrs + 0.2 * np.exp(-(((time_s[:, None] - beats_s - 0.25) / 0.05) ** 2)).sum(axis=1))
    first, second = wave, 0.8 * wave + 0.05 * np.roll(wave, 1)
    chest = wave[:, None] * np.linspace(-0.8, 1.2, 6)
    noise = rng.normal(0, 0.005, (len(time_s), 8))
    first, second, chest = first + noise[:, 0], second + noise[:, 1], chest + noise[:, 2:]
    limbs = (first, second, second - first, -(first + second) / 2, first - second / 2, second - first / 2)
    return np.concatenate([np.stack(limbs, axis=1), chest], axis=1)


def row_of(number: int, **cells: str) -> dict[str, str]:
    """The row of ptbxl_database.csv of a record; every fold, code and device in turn."""
    name = f"{number // 1000 * 1000:05d}/{number:05d}"
    row = {
        "ecg_id": str(number), "patient_id": f"{1000 + number}.0", "age": f"{20 + number}.0", "sex": str(number % 2),
        "site": "0.0", "device": "CS-12   E", "report": "sinus rhythm,\nnormal",
        "scp_codes": CODES[number % len(CODES)], "strat_fold": str(number % 10 + 1),
        "filename_lr": f"records100/{name}_lr", "filename_hr": f"records500/{name}_hr",
    }  # fmt: skip
    return dict.fromkeys(HEAD, "") | row | cells


def write_ptbxl(root: Path, rows: list[dict[str, str]] | None = None, *, rates_hz: tuple[int, ...] = (100,)) -> Path:
    """Write the database into `root`/ptbxl; its folder. Forty records where none are given."""
    folder = root / "ptbxl"
    folder.mkdir(parents=True)
    rows = [row_of(number) for number in range(1, 41)] if rows is None else rows
    write_tables(folder, rows)
    for row in rows:
        for rate_hz in rates_hz:
            path = folder / row["filename_lr" if rate_hz == 100 else "filename_hr"]
            signal_mv = heart_mv(10, rate_hz, int(row["ecg_id"]))
            write_record(path.parent, path.name, signal_mv, rate_hz, LEADS, adc_gain=1000)
    return folder


def write_tables(folder: Path, rows: list[dict[str, str]]) -> None:
    with (folder / "ptbxl_database.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, HEAD)
        writer.writeheader()
        writer.writerows(rows)
    with (folder / "scp_statements.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["", "diagnostic", "form", "rhythm", "diagnostic_class", "diagnostic_subclass"])
        table.writerows([code, *cells] for code, cells in STATEMENTS.items())
