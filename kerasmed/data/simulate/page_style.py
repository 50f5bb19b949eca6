"""Colours and widths of a page: the paper, its grid and the ink."""

from dataclasses import dataclass

import numpy as np

from kerasmed.data.simulate.page_ink import FONTS, Colour

# Paper, minor lines, major lines; 0 is black. Usual prints first, then those whose lines are as dark as the trace.
_PAPERS: tuple[tuple[Colour, Colour, Colour], ...] = (
    ((1.00, 1.00, 1.00), (1.00, 0.80, 0.80), (0.90, 0.35, 0.35)),
    ((1.00, 0.96, 0.95), (0.97, 0.75, 0.72), (0.88, 0.45, 0.42)),
    ((1.00, 1.00, 1.00), (0.94, 0.85, 0.80), (0.80, 0.10, 0.10)),
    ((0.98, 0.99, 1.00), (0.75, 0.83, 0.97), (0.35, 0.50, 0.90)),
    ((0.96, 1.00, 0.96), (0.72, 0.90, 0.72), (0.30, 0.65, 0.35)),
    ((1.00, 1.00, 1.00), (0.85, 0.85, 0.85), (0.55, 0.55, 0.55)),
    ((1.00, 0.99, 0.93), (0.96, 0.84, 0.66), (0.90, 0.60, 0.30)),
    ((1.00, 1.00, 1.00), (0.45, 0.45, 0.45), (0.10, 0.10, 0.10)),
    ((0.93, 1.00, 0.96), (0.20, 0.30, 0.20), (0.00, 0.15, 0.00)),
    ((0.85, 0.97, 0.97), (0.25, 0.25, 0.70), (0.15, 0.50, 0.25)),
    ((0.70, 0.76, 0.95), (0.66, 0.70, 0.90), (0.62, 0.18, 0.28)),
)
_INKS: tuple[Colour, ...] = (
    (0.0, 0.0, 0.0),
    (0.12, 0.12, 0.12),
    (0.05, 0.05, 0.25),
    (0.25, 0.25, 0.28),
    (0.2, 0.1, 0.1),
)


@dataclass(frozen=True)
class PageStyle:
    """How a page is printed.

    Attributes:
        paper: Colour of the bare paper, 0 to 1.
        minor: Colour of the lines 1 mm apart.
        major: Colour of those 5 mm apart.
        ink: Colour of trace, pulse and print.
        minor_mm: Width of a minor line; 0 where there is none.
        major_mm: Width of a major line.
        trace_mm: Width of the trace.
        dashes: Lengths of line and gap in mm of the vertical, of the horizontal lines; (0, 0) where they are whole.
        offset_mm: Of the grid from the corner of the page.
        font: Name.
    """

    paper: Colour
    minor: Colour
    major: Colour
    ink: Colour
    minor_mm: float
    major_mm: float
    trace_mm: float
    dashes: tuple[tuple[float, float], tuple[float, float]]
    offset_mm: tuple[float, float]
    font: str


def draw_style(rng: np.random.Generator) -> PageStyle:
    """Choose colours and widths."""
    paper, minor, major = (_near(colour, rng) for colour in _PAPERS[int(rng.integers(len(_PAPERS)))])
    minor_mm = float(rng.uniform(0.06, 0.3)) if rng.random() < 0.93 else 0.0
    offset = (0.0, 0.0) if rng.random() < 0.5 else (float(rng.uniform(0, 5)), float(rng.uniform(0, 5)))
    dashes = ((0.0, 0.0), (0.0, 0.0))
    if rng.random() < 0.15:
        dash = (float(rng.uniform(0.3, 1.2)), float(rng.uniform(0.15, 0.6)))
        dashes = (dash, dash if rng.random() < 0.5 else (0.0, 0.0))
    return PageStyle(
        paper=paper,
        minor=minor,
        major=major,
        ink=_near(_INKS[int(rng.integers(len(_INKS)))], rng),
        minor_mm=minor_mm,
        major_mm=max(minor_mm, float(rng.uniform(0.12, 0.45))),
        trace_mm=float(rng.uniform(0.2, 0.55)),
        dashes=dashes,
        offset_mm=offset,
        font=FONTS[int(rng.choice(len(FONTS), p=[0.6, 0.14, 0.13, 0.13]))],
    )


def _near(colour: Colour, rng: np.random.Generator) -> Colour:
    red, green, blue = np.clip(np.asarray(colour) + rng.normal(0, 0.03, 3), 0, 1).tolist()
    return red, green, blue
