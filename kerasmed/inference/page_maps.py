"""What a network sees on a whole page: maps of trace, grid and zero lines, its turn, and the trace of a strip."""

from dataclasses import dataclass

import numpy as np

from kerasmed.data.page_examples import KIND
from kerasmed.data.records import Array
from kerasmed.errors import ContractError
from kerasmed.evaluation.map_metrics import read_places
from kerasmed.inference.predictor import Predictor

MULTIPLE = 16  # of height and width: the network halves them four times
STEPS = (-1, 0, 1)  # rows beside a place in which its trace may be
LARGEST_PX = 4000 * 4000


@dataclass(frozen=True)
class NetworkMaps:
    """What a network says of each pixel of a page, float32 (height, width), chances from 0 to 1.

    Attributes:
        trace: That the trace of any lead covers it.
        grid: That a line of the grid does.
        major: That a line of every fifth millimetre does.
        baseline: That the zero line of a row runs through it.
        angle_deg: Turn of the page, counter-clockwise positive as seen.
    """

    trace: Array
    grid: Array
    major: Array
    baseline: Array
    angle_deg: float


@dataclass(frozen=True)
class StripTrace:
    """Where the trace of one row runs, in pixels of the page.

    Attributes:
        y: float32 (width,), for each column of the page, to parts of a pixel; told also where there is no trace.
        confidence: float32 (width,) from 0 to 1: the chance that the network gives the rows around `y`, times the
            chance that there is a trace at all.
    """

    y: Array
    confidence: Array


def require_pages(predictor: Predictor) -> None:
    """Raise `ContractError` where a model reads no pages of ECG paper."""
    if predictor.spec.recipe.get("kind") != KIND or not predictor.spec.asks_for_maps:
        raise ContractError(f"{predictor.version}: reads no pages of ECG paper; kerasmed train ecg_pages makes one.")


def map_page(predictor: Predictor, page: Array) -> NetworkMaps:
    """Maps of a whole page, in one pass.

    Args:
        predictor: `workflows.predict.open_model` of a run, a saved model or an `.onnx` file.
        page: uint8 (height, width, 3), red, green, blue, at a scale that the network was trained at (3.5 to 8 pixels a
            millimetre, unless its settings say otherwise).

    Raises:
        ContractError: The model reads no pages, the page is no picture in colour or too large, or it is given no
            finite answer.
    """
    scores = _ask(predictor, page, (0.5 * page.shape[0], 0.0))
    seg, grid = scores["seg"], scores["grid"]
    return NetworkMaps(seg[..., 0], grid[..., 0], grid[..., 1], scores["baseline"][..., 0], float(scores["theta"][0]))


def trace_strip(
    predictor: Predictor, page: Array, zero_line: tuple[float, float], above_px: float, below_px: float
) -> StripTrace:
    """The trace of one row, read in a band of the page around its zero line.

    Args:
        predictor: As for `map_page`.
        page: As for `map_page`.
        zero_line: y of the row's zero line at column 0, and its slope.
        above_px: How far the band reaches above the highest point of that line.
        below_px: And below its lowest.

    Raises:
        ContractError: As for `map_page`.
    """
    start, slope = zero_line
    ends = (start, start + slope * (page.shape[1] - 1))
    top = int(np.clip(np.floor(min(ends) - above_px), 0, page.shape[0] - 1))
    bottom = int(np.clip(np.ceil(max(ends) + below_px), top + 1, page.shape[0]))
    band = page[top:bottom]
    scores = _ask(predictor, band, (start - top, slope))
    places, share = read_places(scores["signal"][None])
    rows = np.clip(np.rint(places[0]).astype(int), 0, len(band) - 1)
    near = np.stack([scores["seg"][np.clip(rows + step, 0, len(band) - 1), np.arange(len(rows)), 0] for step in STEPS])
    return StripTrace(places[0] + top, share[0] * near.max(axis=0))


def _ask(predictor: Predictor, page: Array, row: tuple[float, float]) -> dict[str, Array]:
    """Scores by target, without batch axis, at the pixels of `page`; its edge is repeated to a whole multiple."""
    require_pages(predictor)
    if page.ndim != 3 or page.shape[2] != 3 or page.dtype != np.uint8:
        raise ContractError(f"a page is uint8 (height, width, 3), and this is {page.dtype} {page.shape}.")
    height, width = page.shape[:2]
    if height * width > LARGEST_PX:
        raise ContractError(
            f"a page of {width} x {height} pixels is too large; scale it to 4 to 8 pixels a millimetre."
        )
    padded = np.pad(page, ((0, -height % MULTIPLE), (0, -width % MULTIPLE), (0, 0)), mode="edge")
    image = padded[None].astype(np.float32) * np.float32(predictor.spec.inputs["image"].scale)
    scores = predictor.scores({"image": image, "row": np.array([row], np.float32)})
    found = {name: np.asarray(values[0], np.float32) for name, values in scores.items()}
    for name, values in found.items():
        if not np.isfinite(values).all():
            raise ContractError(f"{predictor.version}: scores of {name} are not finite; the model is broken.")
    return {name: values[:height, :width] if values.ndim > 1 else values for name, values in found.items()}
