"""From the edges of a line's ink to the height of the line at every moment."""

import numpy as np

from kerasmed.data.records import Array
from kerasmed.inference.digitize.trace import Line

PEN_SHARE = 0.6
UP, DOWN = 0, 1


def line_width(line: Line) -> float:
    """Thickness of a line where it runs level: the lower quartile of its ink's heights, in pixels."""
    heights = (line.bottom - line.top)[line.seen]
    return float(max(1.0, np.percentile(heights, 30))) if len(heights) else 1.0


def read_line(line: Line) -> tuple[Array, Array]:
    """Knots of the line that drew the ink.

    A round pen draws each moment into several columns, and in a column everything between the highest and the lowest
    moment. The pen is taken off again, a little less than it is wide, since a pen too wide eats the tips of narrow
    peaks; what remains of a column's height is passed from one end to the other.

    Args:
        line: Edges of the ink, in pixels.

    Returns:
        Columns and heights of the knots, float64 (2 n,): two for each column with ink.
    """
    radius = PEN_SHARE * line_width(line) / 2
    top = -_thinned(np.where(line.seen, -line.top, np.inf), radius)
    bottom = _thinned(np.where(line.seen, line.bottom, np.inf), radius)
    crossed = top > bottom
    middle = (line.top + line.bottom) / 2
    top, bottom = np.where(crossed, middle, top), np.where(crossed, middle, bottom)
    columns = np.flatnonzero(line.seen)
    return _passed(columns, top[columns], bottom[columns])


def _thinned(edge: Array, radius: float) -> Array:
    """A lower edge (y grows downwards) after a disc that rolls along its inside is taken off."""
    reach = int(radius)
    found = edge - radius
    for step in range(1, reach + 1):
        lift = np.sqrt(radius**2 - step**2)
        found[:-step] = np.minimum(found[:-step], edge[step:] - lift)
        found[step:] = np.minimum(found[step:], edge[:-step] - lift)
    return found


def _passed(columns: Array, top: Array, bottom: Array) -> tuple[Array, Array]:
    """Pass each column upwards or downwards, so that the line jumps least and columns of one stroke go one way."""
    if not len(columns):
        return np.empty(0), np.empty(0)
    middle = (top + bottom) / 2
    cost, came = np.zeros(2), np.zeros((len(columns), 2), np.int64)
    for place in range(1, len(columns)):
        jump = cost[:, None] + _jumps(top, bottom, middle, place)
        came[place] = jump.argmin(axis=0)
        cost = jump.min(axis=0)
    order = np.empty(len(columns), np.int64)
    order[-1] = int(cost.argmin())
    for place in range(len(columns) - 1, 0, -1):
        order[place - 1] = came[place, order[place]]
    ends = np.where((order == UP)[:, None], np.stack([bottom, top], 1), np.stack([top, bottom], 1))
    times = columns[:, None] + np.array([-0.25, 0.25])
    return times.ravel(), _smoothed(ends, order).ravel()


def _jumps(top: Array, bottom: Array, middle: Array, place: int) -> Array:
    """Cost (2, 2) of going from the column before to this one, by the direction in either."""
    rise = middle[place - 1] - middle[place]  # y grows downwards
    up_up = max(0.0, top[place - 1] - bottom[place])
    down_down = max(0.0, top[place] - bottom[place - 1])
    return np.array(
        [
            [up_up + 2 * max(0.0, -rise), abs(top[place] - top[place - 1])],
            [abs(bottom[place] - bottom[place - 1]), down_down + 2 * max(0.0, rise)],
        ]
    )


def _smoothed(ends: Array, order: Array) -> Array:
    """Where two columns that are passed in one direction overlap, each gives half of the overlap away."""
    same = order[1:] == order[:-1]
    way = np.where(order[1:] == UP, -1.0, 1.0)
    over = np.where(same, np.maximum(0, way * (ends[:-1, 1] - ends[1:, 0])), 0.0)
    found = ends.copy()
    found[:-1, 1] -= way * over / 2
    found[1:, 0] += way * over / 2
    sign = np.where(order == UP, -1.0, 1.0)
    turned = sign * (found[:, 1] - found[:, 0]) < 0
    found[turned] = found[turned].mean(axis=1, keepdims=True)
    return found
