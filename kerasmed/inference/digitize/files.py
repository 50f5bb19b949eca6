"""What is written of a page: a table of millivolts, a WFDB record, what was found, and the picture with its lines."""

import io
import json
import re
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from kerasmed.data.page_records import RATE_HZ
from kerasmed.data.records import Array
from kerasmed.errors import MissingPackageError
from kerasmed.files import write_bytes, write_text
from kerasmed.inference.digitize.layouts import LEADS
from kerasmed.inference.digitize.page import DigitizedPage

STEPS_PER_MV = 1000  # of the WFDB record: 1 uV
# Of a page, one colour a row, in turn.
COLOURS = ((214, 39, 40), (31, 119, 180), (44, 160, 44), (148, 103, 189))
NO_RECORD_NAME = re.compile(r"[^A-Za-z0-9_-]")


def write_page(page: DigitizedPage, pixels: Array, out: Path) -> list[str]:
    """Write `NAME.csv`, the WFDB record `NAME.hea` and `NAME.dat`, `NAME.json` and `NAME.png` into a folder.

    In the record's name, what WFDB does not allow in one is "_".

    Raises:
        MissingPackageError: wfdb or pillow is missing.
    """
    out.mkdir(parents=True, exist_ok=True)
    written = [out / f"{page.name}.csv", *write_record(page, out), out / f"{page.name}.json", out / f"{page.name}.png"]
    write_text(written[0], as_csv(page.signals_mv))
    write_text(written[-2], json.dumps(describe(page), indent=2, allow_nan=False) + "\n")
    write_bytes(written[-1], draw_overlay(page, pixels))
    return [str(path) for path in written]


def as_csv(signals_mv: Array) -> str:
    """Columns I, II, III, aVR, aVL, aVF, V1 to V6 in mV, a row for each of the 5000 samples; empty where unknown."""
    rows = (",".join("" if np.isnan(value) else f"{value:.4f}" for value in row) for row in signals_mv.T)
    return "\n".join([",".join(LEADS), *rows]) + "\n"


def write_record(page: DigitizedPage, out: Path) -> list[Path]:
    """The leads as a WFDB record in steps of 1 uV, format 16; unknown samples are WFDB's own, -32768."""
    try:
        import wfdb
    except ImportError as error:
        raise MissingPackageError("wfdb", "ecg", "writing WFDB records") from error
    name = NO_RECORD_NAME.sub("_", page.name)
    known = np.isfinite(page.signals_mv)
    steps = np.clip(np.rint(np.nan_to_num(page.signals_mv) * STEPS_PER_MV), -32767, 32767)
    stored = np.where(known, steps, -32768).astype(np.int64).T
    count = len(LEADS)
    record = wfdb.Record(
        record_name=name, n_sig=count, fs=RATE_HZ, sig_len=len(stored), d_signal=stored,
        file_name=[f"{name}.dat"] * count, fmt=["16"] * count, adc_gain=[float(STEPS_PER_MV)] * count,
        baseline=[0] * count, units=["mV"] * count, sig_name=list(LEADS), adc_res=[16] * count, adc_zero=[0] * count,
        init_value=stored[0].tolist(), checksum=(stored.sum(axis=0) % 65536).tolist(), block_size=[0] * count,
        comments=[f"read off a page by {page.maker}"],
    )  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        record.wrsamp(write_dir=folder)
        for suffix in (".dat", ".hea"):
            write_bytes(out / f"{name}{suffix}", (Path(folder) / f"{name}{suffix}").read_bytes())
    return [out / f"{name}.hea", out / f"{name}.dat"]


def describe(page: DigitizedPage) -> dict[str, Any]:
    """What was found, as a JSON tree."""
    grid, told = page.grid, page.consistency
    return {
        "page": page.name,
        "maps": page.maker,
        "layout": page.layout,
        "speed_mm_s": page.speed_mm_s,
        "gain_mm_mv": page.gain_mm_mv,
        "grid": {
            "px_per_mm": round(grid.px_per_mm, 4),
            "angle_deg": round(grid.angle_deg, 3),
            "error_px": round(grid.error_px, 3),
            "to_pixels": grid.to_pixels.tolist(),
        },
        "pulse_mm": None if page.pulse is None else page.pulse.height_mm,
        "limb_leads": {
            "off_mv": None if told.rms_mv is None else round(told.rms_mv, 4),
            "mended": told.used,
            "second_print_of_ii_r": None if told.second_print_r is None else round(told.second_print_r, 4),
        },
        "leads": {
            lead.lead: {
                "score": lead.score,
                "printed_s": lead.printed_s,
                "seen_rate": round(lead.seen_rate, 4),
                "longest_gap_s": lead.longest_gap_s,
                "refused": lead.refused,
            }
            for lead in page.quality
        },
        "notes": list(page.notes),
    }


def draw_overlay(page: DigitizedPage, pixels: Array) -> bytes:
    """The page, pale, with the line of each row and its zero line drawn in: a PNG."""
    try:
        from PIL import Image, ImageDraw
    except ImportError as error:
        raise MissingPackageError("pillow", "imaging", "drawing pages") from error
    picture = Image.fromarray((127 + pixels // 2).astype(np.uint8))
    draw = ImageDraw.Draw(picture)
    for number, (line, zero) in enumerate(zip(page.rows_px, page.zero_px, strict=True)):
        colour = COLOURS[number % len(COLOURS)]
        draw.line([(x, y) for x, y in zero.tolist()], fill=(255, 160, 0))
        for part in _unbroken(line):
            draw.line([(x, y) for x, y in part], fill=colour, width=max(1, round(page.grid.px_per_mm / 5)))
    content = io.BytesIO()
    picture.save(content, "PNG")
    return content.getvalue()


def _unbroken(points: Array) -> list[list[tuple[float, float]]]:
    """The stretches of a line without NaN, of two points at least."""
    known = np.isfinite(points).all(axis=1)
    parts = np.split(points, np.flatnonzero(np.diff(known.astype(int))) + 1)
    return [part.tolist() for part in parts if len(part) > 1 and np.isfinite(part).all()]
