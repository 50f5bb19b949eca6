"""Simulated pages of ECG paper with exact truth: the folder that datasets of kind `ecg_pages` read.

The folder holds `pages.csv` (its columns: `COLUMNS`), `images/PAGE.png` (8-bit RGB) and `truth/PAGE.npz`:

- `trace` uint16 (height, width): bit r set where row r (0 at the top) has ink of its trace; no pulse, no print.
- `grid` uint8 (height, width): 1 minor line, 2 major line.
- `trace_y` float32 (rows, width): y of each row's trace at the middle of each column; NaN where there is none.
- `baseline_y` float32 (rows, width): y of each row's zero line, likewise.
- `signals` float32 (12, 5000): mV at 500 Hz in the order I, II, III, aVR, aVL, aVF, V1 to V6; NaN where not printed.
- `homography` float64 (3, 3): from mm on the flat page (x right, y down, origin top left) to pixels of the picture.
- `angle_deg` float64: of the page, counter-clockwise as seen.

A pixel's centre has whole coordinates: (0, 0) is the middle of the first pixel.
"""

import csv
import io
import os
import pickle
import re
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from kerasmed.config.pages import EcgPages
from kerasmed.data.making import MOST_PROCESSES, by_processes
from kerasmed.data.simulate.ecg_page import make_page
from kerasmed.data.simulate.out_folder import require_own_folder
from kerasmed.data.simulate.page_signals import PrintedRecord, list_printable, read_printable, simulated_people
from kerasmed.errors import DataError, MissingPackageError
from kerasmed.files import committed_folder, write_text

TABLE, IMAGES, TRUTH = "pages.csv", "images", "truth"
COLUMNS = (
    "page", "image", "record", "patient", "layout", "speed_mm_s", "gain_mm_mv", "px_per_mm",  "look", "seed",
    "angle_deg",
)  # fmt: skip
_Job = tuple[int, PrintedRecord]
_PORTION, _LEAST_FOR_PROCESSES = 4, 8
_OURS = re.compile(rf"{re.escape(TABLE)}|{IMAGES}|{TRUTH}")


def simulate_ecg_pages(
    folder: Path,
    settings: EcgPages,
    records: Path | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> list[dict[str, Any]]:
    """Write pages of ECG paper.

    Equal settings and records give byte-identical files. A page does not change with the number of pages.

    Args:
        folder: To be made, or to be replaced where it holds nothing but an earlier simulation.
        settings: How many pages, and how they look.
        records: Folder of WFDB records with twelve leads, anywhere below it; None for simulated people.
        progress: Told the number of pages that are done, and of all.

    Returns:
        The rows of `pages.csv`.

    Raises:
        ConfigError: The folder holds other files.
        DataError: A record cannot be printed.
        MissingPackageError: pillow is not installed.
    """
    require_own_folder(folder, _OURS, "pages")
    _check_pillow()
    people = simulated_people(settings) if records is None else list_printable(records, settings.leave_out)
    jobs = [(number, people[place]) for number, place in enumerate(_places(len(people), settings))]
    rows: list[dict[str, Any]] = []
    with committed_folder(folder) as beside:
        for part in (IMAGES, TRUTH):
            (beside / part).mkdir()
        make = partial(write_page, folder=beside, settings=settings)
        for done, row in enumerate(_rows(make, jobs), start=1):
            if isinstance(row, DataError):
                raise row
            rows.append(row)
            progress(done, len(jobs))
        write_text(beside / TABLE, _as_csv(rows))
    return rows


def _rows(make: Callable[[_Job], dict[str, Any]], jobs: Sequence[_Job]) -> Iterator[dict[str, Any] | DataError]:
    """What `make` returns for each job; by processes where that is worth their start."""
    num_processes = min(len(os.sched_getaffinity(0)), MOST_PROCESSES)
    if len(jobs) < _LEAST_FOR_PROCESSES or num_processes == 1:
        return (make(job) for job in jobs)
    return by_processes(pickle.dumps(make), jobs, num_processes, _PORTION)


def write_page(job: _Job, folder: Path, settings: EcgPages) -> dict[str, Any]:
    """Make one page and write its picture and truth below `folder`; returns its row of `pages.csv`."""
    from PIL import Image

    number, record = job
    rng = np.random.default_rng([settings.seed, number])
    signals = read_printable(record)
    page = f"P{number + 1:05d}"
    picture, truth, facts = make_page(signals, settings, rng)
    Image.fromarray(picture).save(folder / IMAGES / f"{page}.png", compress_level=1)
    np.savez_compressed(folder / TRUTH / f"{page}.npz", allow_pickle=False, **truth)
    named = {"page": page, "image": f"{IMAGES}/{page}.png", "record": record.name, "patient": record.patient}
    return named | facts | {"seed": settings.seed}


def _places(num_records: int, settings: EcgPages) -> list[int]:
    """The record of each page: all of them in a drawn order, again and again."""
    order = np.random.default_rng([settings.seed, 1]).permutation(num_records)
    return [int(order[number % num_records]) for number in range(settings.pages)]


def _as_csv(rows: list[dict[str, Any]]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def _check_pillow() -> None:
    try:
        import PIL  # noqa: F401
    except ImportError as error:
        raise MissingPackageError("pillow", "imaging", "writing pages") from error
