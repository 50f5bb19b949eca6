"""Small true pages of ECG paper with their truth, drawn by hand: two rows of waves on a grid, perhaps turned."""

import csv
from pathlib import Path

import numpy as np
from PIL import Image

from kerasmed.config.page_crops import PageCrops
from kerasmed.data.loaders.batches import BatchStream
from kerasmed.data.page_examples import crops_of
from kerasmed.data.readers.ecg_page import PageTruth

HEIGHT, WIDTH, PX_PER_MM = 96, 128, 4.0
CROPS = PageCrops(height=32, width=64, per_page=2, px_per_mm=(3.0, 5.0), shift_mm=1.0)
COLUMNS = ("page", "image", "record", "patient", "layout", "px_per_mm", "look")


def draw_page(seed: int, turn_deg: float = 0.0) -> tuple[np.ndarray, PageTruth]:
    """A page and its truth."""
    rng = np.random.default_rng(seed)
    x = np.arange(WIDTH)
    slope = -np.tan(np.radians(turn_deg))
    zeros = np.array([[30.0], [66.0]]) + slope * x
    heights = zeros + rng.uniform(4, 9, (2, 1)) * np.sin(x / rng.uniform(4, 7, (2, 1)))
    heights[:, :6] = np.nan
    page = np.full((HEIGHT, WIDTH, 3), 250, np.uint8)
    grid = np.zeros((HEIGHT, WIDTH), np.uint8)
    grid[::4], grid[:, ::4] = 1, 1
    grid[::20], grid[:, ::20] = 2, 2
    page[grid == 1], page[grid == 2] = (255, 215, 215), (250, 140, 140)
    trace = np.zeros((HEIGHT, WIDTH), np.uint16)
    for row, line in enumerate(heights):
        covered = np.abs(np.arange(HEIGHT)[:, None] - line) <= 1.0
        trace[covered] |= 1 << row
    page[trace > 0] = (20, 20, 40)
    angle = np.radians(turn_deg)
    homography = PX_PER_MM * np.array(
        [[np.cos(angle), np.sin(angle), 0], [-np.sin(angle), np.cos(angle), 0], [0, 0, 0]]
    )
    homography[2, 2] = 1.0
    truth = PageTruth(
        trace, grid, heights.astype(np.float32), zeros.astype(np.float32),
        np.full((12, 5000), np.nan, np.float32), homography, np.float64(turn_deg),
    )  # fmt: skip
    return page, truth


def write_pages(folder: Path, num_pages: int = 6) -> None:
    """A folder as `kerasmed data simulate ecg_pages` writes it; each page is of a person of its own."""
    for part in ("images", "truth"):
        (folder / part).mkdir(parents=True)
    rows = []
    for number in range(num_pages):
        name = f"P{number:05d}"
        page, truth = draw_page(number, turn_deg=(number % 3 - 1) * 2.0)
        Image.fromarray(page).save(folder / "images" / f"{name}.png")
        np.savez_compressed(folder / "truth" / f"{name}.npz", **vars(truth))
        look = ("clean", "scan")[number % 2]
        rows.append((name, f"images/{name}.png", f"r{number}", f"p{number}", "3x4", PX_PER_MM, look))
    with (folder / "pages.csv").open("w", newline="") as file:
        csv.writer(file).writerows([COLUMNS, *rows])


def page_arrays(num_pages: int = 8) -> dict[str, np.ndarray]:
    """Crops of several pages with what is asked of them, by name."""
    rng = np.random.default_rng(0)
    parts = [crops_of(str(seed), *draw_page(seed), PX_PER_MM, CROPS, rng) for seed in range(num_pages)]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def page_stream(batch_size: int = 4, num_pages: int = 8, seed: int = 0) -> BatchStream:
    """Training batches of them."""
    arrays = page_arrays(num_pages)
    inputs = {name: arrays.pop(name) for name in ("image", "row")}
    rows = np.arange(len(inputs["row"]))
    return BatchStream(inputs, arrays, rows, np.ones(len(rows), np.float32), batch_size, seed)
