"""Pages that lie on their side or head: which way up the leads agree with one another."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from kerasmed.data.records import Array
from kerasmed.errors import DataError
from kerasmed.inference.digitize.grid import project
from kerasmed.inference.digitize.maps import PageMaps
from kerasmed.inference.digitize.page import DigitizedPage, Wishes, digitize

QUARTER_DEG = 90
# Quarters of a turn, counter-clockwise, after which a page may stand upright; scanned upside down is the most frequent.
TURNS = (2, 1, 3)


def digitize_upright(
    name: str, pixels: Array, wishes: Wishes, make_maps: Callable[[Array], PageMaps] | None = None
) -> DigitizedPage:
    """Read the leads off a page, whichever way up it lies.

    A page is read as it lies. Where its limb leads then contradict Einthoven and Goldberger, or nothing can be read, it
    is turned and read by darkness; a turn after which they agree is the page's, and everything is read again with it.
    Places in the result are those of the picture as it was given.

    Args:
        name: Of the page, for errors.
        pixels: uint8 (H, W, 3).
        wishes: What is known of the page.
        make_maps: A network's maps of a picture; by colour and darkness where there is none.

    Raises:
        DataError: No grid, no rows or no layout can be seen, as it lies and after a turn.
    """

    def read(turned: Array, with_network: bool = True) -> DigitizedPage:
        return digitize(name, turned, make_maps(turned) if make_maps and with_network else None, wishes)

    try:
        page: DigitizedPage | DataError = read(pixels)
    except DataError as fault:
        page = fault
    if isinstance(page, DigitizedPage) and page.consistency.used:
        return page
    for turn in TURNS:
        turned = np.ascontiguousarray(np.rot90(pixels, turn))
        try:
            if read(turned, with_network=False).consistency.used:
                return _turned_back(read(turned), turn, pixels.shape)
        except DataError:
            continue  # not this way up
    if isinstance(page, DataError):
        raise page
    return page


def _turned_back(page: DigitizedPage, turn: int, shape: tuple[int, ...]) -> DigitizedPage:
    """The page with its places in the picture as it lay."""
    height, width = shape[:2]
    back = {
        1: np.array([[0.0, -1, width - 1], [1, 0, 0], [0, 0, 1]]),
        2: np.array([[-1.0, 0, width - 1], [0, -1, height - 1], [0, 0, 1]]),
        3: np.array([[0.0, 1, 0], [-1, 0, height - 1], [0, 0, 1]]),
    }[turn]
    angle = (page.grid.angle_deg - turn * QUARTER_DEG + 180) % 360 - 180
    return replace(
        page,
        grid=replace(page.grid, to_pixels=back @ page.grid.to_pixels, angle_deg=angle),
        rows_px=tuple(project(back, line) for line in page.rows_px),
        zero_px=tuple(project(back, line) for line in page.zero_px),
        notes=(*page.notes, f"the page lay turned by {angle:.0f} degrees"),
    )
