"""Maps of a page from a trained network."""

import numpy as np

from kerasmed.data.records import Array
from kerasmed.inference.digitize.maps import PageMaps
from kerasmed.inference.page_maps import map_page, trace_strip
from kerasmed.inference.predictor import Predictor


def maps_by_network(predictor: Predictor, pixels: Array) -> PageMaps:
    """What the network sees of a page, in one pass.

    Args:
        predictor: `workflows.predict.open_model` of a model that reads pages.
        pixels: uint8 (H, W, 3).

    Raises:
        ContractError: The model reads no pages, or answers with what is not finite.
    """
    seen = map_page(predictor, pixels)
    grid = np.maximum(seen.grid, seen.major)

    def read_strip(start: float, slope: float, reach_px: float) -> tuple[Array, Array]:
        strip = trace_strip(predictor, pixels, (start, slope), reach_px, reach_px)
        return strip.y, strip.confidence

    return PageMaps(seen.trace, grid, seen.baseline, seen.angle_deg, maker=predictor.version, read_strip=read_strip)
