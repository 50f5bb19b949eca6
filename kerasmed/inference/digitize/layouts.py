"""Layouts of a page: which lead is printed in which row and column."""

from dataclasses import dataclass

from kerasmed.data import page_records

LEADS = page_records.LEADS


@dataclass(frozen=True)
class Layout:
    """Leads by row, from the left; a row of one lead is a rhythm strip, or a lead over the whole width."""

    rows: tuple[tuple[str, ...], ...]

    @property
    def num_rows(self) -> int:
        """How many rows the page has."""
        return len(self.rows)


_BY_FOUR = (("I", "aVR", "V1", "V4"), ("II", "aVL", "V2", "V5"), ("III", "aVF", "V3", "V6"))
LAYOUTS: dict[str, Layout] = {
    "3x4+1": Layout((*_BY_FOUR, ("II",))),
    "3x4": Layout(_BY_FOUR),
    "6x2": Layout(tuple((LEADS[row], LEADS[row + 6]) for row in range(6))),
    "12x1": Layout(tuple((lead,) for lead in LEADS)),
}
