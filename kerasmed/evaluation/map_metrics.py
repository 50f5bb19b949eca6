"""How near maps of pages come to the truth: overlap of masks, distances of lines in pixels, angles in degrees."""

from collections.abc import Mapping

import numpy as np

from kerasmed.data.records import Array
from kerasmed.spec import TargetSpec

NAMES = ("trace_dice", "grid_dice", "grid_px", "baseline_px", "angle_deg", "signal_px", "signal_hit")
MEANING = {
    "trace_dice": "overlap of the pixels called trace with those that are",
    "grid_dice": "overlap of the pixels called grid with those that are",
    "grid_px": "mean distance of true and found lines of the grid from each other",
    "baseline_px": "mean distance of the likeliest row near a zero line from that line",
    "angle_deg": "mean distance of the angle",
    "signal_px": "mean distance of the strip's trace, over columns that have one",
    "signal_hit": "share of those columns in which it is within a pixel",
}
HALF = 128  # of 255: from here on a pixel belongs to a mask
RIDGE = 250  # of 255: on a zero line
REACH_PX = 12  # how far from a zero line it is searched for
FAR_PX = 20.0  # no distance counts more
NEAR_ROWS = 3  # beside the likeliest row, whose chances decide where between the rows a line runs
HIT_PX = 1.0


class MapTally:
    """Measures of every example of a page network, batch by batch.

    Attributes:
        rows: float32 (examples of a batch, len(NAMES)) of each batch; NaN where a measure has no meaning.
    """

    def __init__(self) -> None:
        self.rows: list[Array] = []

    @property
    def names(self) -> tuple[str, ...]:
        """The metrics."""
        return NAMES

    @property
    def measured(self) -> Array:
        """float32 (examples, len(NAMES))."""
        return np.concatenate(self.rows) if self.rows else np.zeros((0, len(NAMES)), np.float32)

    def add(self, logits: Mapping[str, Array], targets: Mapping[str, Array]) -> None:
        """Take in a batch."""
        self.rows.append(measure_maps(logits, targets))

    def metrics(self) -> dict[str, float]:
        """The mean over the examples in which a measure has a meaning."""
        return dict(zip(NAMES, map(float, mean_known(self.measured)), strict=True))


def mean_known(values: Array) -> Array:
    """float64 (n,): the mean of each column of `values` over its rows that are not NaN; NaN where all are."""
    known = np.isfinite(values)
    counts = known.sum(axis=0)
    sums = np.where(known, values, 0.0).sum(axis=0, dtype=np.float64)
    return np.divide(sums, counts, out=np.full(values.shape[1], np.nan), where=counts > 0)


def measure_maps(logits: Mapping[str, Array], targets: Mapping[str, Array]) -> Array:
    """float32 (batch, len(NAMES)).

    Args:
        logits: Of "seg", "grid", "baseline" (batch, height, width, classes), "theta" (batch, 1) in degrees and "signal"
            (batch, height, width).
        targets: As a prepared set holds them.
    """
    places, _ = read_places(softmax_rows(logits["signal"]))
    off = np.abs(places - targets["signal"])
    found = []
    for number in range(len(logits["theta"])):
        grid, line = logits["grid"][number, ..., 0] > 0, targets["grid"][number, ..., 0] >= HALF
        trace = logits["seg"][number, ..., 0] > 0
        known = off[number][np.isfinite(off[number])]
        found.append(
            [
                dice(trace, targets["seg"][number, ..., 0] >= HALF),
                dice(grid, line),
                lines_px(grid, line),
                ridges_px(logits["baseline"][number, ..., 0], targets["baseline"][number, ..., 0]),
                float(abs(logits["theta"][number, 0] - targets["theta"][number, 0])),
                float(known.mean()) if len(known) else np.nan,
                float((known <= HIT_PX).mean()) if len(known) else np.nan,
            ]
        )
    return np.array(found, np.float32)


def dice(found: Array, true: Array) -> float:
    """Twice the common pixels over the sum of both; NaN where there is none in either."""
    total = int(found.sum()) + int(true.sum())
    return 2.0 * int((found & true).sum()) / total if total else float("nan")


def lines_px(found: Array, true: Array) -> float:
    """Mean distance in pixels of what was found from what is true, and the other way, the mean of both.

    No distance counts more than `FAR_PX`; NaN where nothing is true.
    """
    from scipy.ndimage import distance_transform_edt

    if not true.any():
        return float("nan")
    if not found.any():
        return FAR_PX
    from_true = np.minimum(distance_transform_edt(~true), FAR_PX)[found].mean()
    from_found = np.minimum(distance_transform_edt(~found), FAR_PX)[true].mean()
    return float(from_true + from_found) / 2


def ridges_px(logit: Array, true: Array) -> float:
    """Mean distance of the likeliest row within `REACH_PX` of a zero line from it; NaN where there is none.

    Args:
        logit: float (height, width).
        true: uint8 (height, width), at least `RIDGE` on a line.
    """
    rows, columns = np.nonzero(true >= RIDGE)
    if not len(rows):
        return float("nan")
    steps = np.arange(-REACH_PX, REACH_PX + 1)
    padded = np.pad(logit, ((REACH_PX, REACH_PX), (0, 0)), constant_values=-np.inf)
    around = padded[rows[:, None] + steps + REACH_PX, columns[:, None]]
    return float(np.abs(steps[around.argmax(axis=1)]).mean())


def map_scores(logits: Array, target: TargetSpec) -> Array:
    """float32 of the shape of `logits`: chances of masks and of places; an angle in degrees as it is."""
    from scipy.special import expit

    if target.task == "angle":
        return logits.astype(np.float32)
    return softmax_rows(logits) if target.task == "row_place" else expit(logits.astype(np.float32))


def softmax_rows(logits: Array) -> Array:
    """float32 (batch, height, width): the chance of each row of a column."""
    shifted = np.exp(logits - logits.max(axis=1, keepdims=True))
    chances: Array = shifted / shifted.sum(axis=1, keepdims=True)
    return chances


def read_places(chances: Array) -> tuple[Array, Array]:
    """Where a line runs: the mean of the rows around the likeliest one, by their chances.

    Args:
        chances: float (batch, height, width), of the rows of each column.

    Returns:
        float32 (batch, width) rows, and float32 (batch, width) the chance of all rows that decided.
    """
    best = chances.argmax(axis=1)
    rows = best[:, None] + np.arange(-NEAR_ROWS, NEAR_ROWS + 1)[:, None]
    inside = (rows >= 0) & (rows < chances.shape[1])
    near = np.take_along_axis(chances, np.clip(rows, 0, chances.shape[1] - 1), axis=1) * inside
    share = near.sum(axis=1)
    place = (near * rows).sum(axis=1) / np.maximum(share, np.finfo(np.float32).tiny)
    return place.astype(np.float32), share.astype(np.float32)
