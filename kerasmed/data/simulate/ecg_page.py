"""One simulated page of ECG paper: its picture, its truth, its facts."""

from typing import Any

import numpy as np

from kerasmed.config.pages import LOOKS, MIXTURE, Distortions, EcgPages
from kerasmed.data.page_records import LEADS, RATE_HZ
from kerasmed.data.records import Array
from kerasmed.data.simulate import page_marks
from kerasmed.data.simulate.page_ink import Canvas, Colour
from kerasmed.data.simulate.page_layout import PagePlan, draw_plan
from kerasmed.data.simulate.page_light import light_page
from kerasmed.data.simulate.page_paint import Drawing, draw_page, paint_grid, truth_of
from kerasmed.data.simulate.page_style import PageStyle, draw_style
from kerasmed.data.simulate.page_view import angle_deg, draw_view, px_per_mm

_HUNDREDTH_INCH_MM = 0.254


def make_page(
    signals_mv: Array, settings: EcgPages, rng: np.random.Generator
) -> tuple[Array, dict[str, Array], dict[str, Any]]:
    """One page of a record.

    Args:
        signals_mv: float32 (12, 5000), in the order of `LEADS`, at 500 Hz.
        settings: What the page may look like.
        rng: Of everything drawn.

    Returns:
        The picture, uint8 (height, width, 3); the arrays of its truth, as `ecg_pages` has them; its layout, scale,
        look and angle.
    """
    look = settings.look if settings.look != "mixed" else str(rng.choice(list(MIXTURE), p=list(MIXTURE.values())))
    amounts = _times(LOOKS[look], settings.strength)
    plan, style = draw_plan(settings, rng), draw_style(rng)
    enlarged = float(rng.choice(settings.enlarge))
    shape = (round(settings.height * enlarged), round(settings.width * enlarged))
    homography = draw_view(plan.size_mm, shape, amounts, rng)
    scale, angle = px_per_mm(homography, plan.size_mm), angle_deg(homography, plan.size_mm)
    drawing = draw_page(plan, style, signals_mv, RATE_HZ)
    canvas = Canvas(*shape, homography)
    _paint(canvas, plan, style, drawing, amounts, scale, rng)
    picture = light_page(canvas.rgba()[..., :3], amounts, scale * _HUNDREDTH_INCH_MM, rng)
    truth = dict(truth_of(drawing, plan, style, canvas, scale))
    truth |= {"signals": printed(signals_mv, plan), "homography": homography, "angle_deg": np.array(angle)}
    facts = {
        "layout": plan.layout,
        "speed_mm_s": plan.speed_mm_s,
        "gain_mm_mv": plan.gain_mm_mv,
        "px_per_mm": round(scale, 4),
        "look": look,
        "angle_deg": round(angle, 4),
    }
    return picture, truth, facts


def printed(signals_mv: Array, plan: PagePlan) -> Array:
    """The signals where a page shows them, NaN elsewhere: float32 (12, num_samples)."""
    shown = np.full_like(signals_mv, np.nan)
    for strip in plan.strips:
        part = slice(round(strip.start_s * RATE_HZ), round(strip.end_s * RATE_HZ))
        shown[LEADS.index(strip.lead), part] = signals_mv[LEADS.index(strip.lead), part]
    return shown


def _paint(
    canvas: Canvas,
    plan: PagePlan,
    style: PageStyle,
    drawing: Drawing,
    amounts: Distortions,
    scale: float,
    rng: np.random.Generator,
) -> None:
    ground = _ground(rng)
    width, height = plan.size_mm
    canvas.areas(
        [np.array([[-width, -height], [2 * width, -height], [2 * width, 2 * height], [-width, 2 * height]])], ground
    )
    canvas.areas([np.array([[0, 0], [width, 0], [width, height], [0, height]])], style.paper)
    paint_grid(canvas, drawing, style, scale)
    if rng.random() < amounts.print:
        page_marks.print_text(canvas, plan, style, rng)
    canvas.lines([line for row in drawing.rows for line in row], style.trace_mm * scale, style.ink)
    canvas.lines(plan.pulses, style.trace_mm * scale, style.ink)
    page_marks.separate_leads(canvas, plan, style, scale, rng)
    if rng.random() < amounts.boxes:
        page_marks.box_leads(canvas, plan, drawing.rows, scale, rng)
    page_marks.name_leads(canvas, plan.labels, style)
    if rng.random() < amounts.handwriting:
        page_marks.write_by_hand(canvas, plan, scale, rng)
    if rng.random() < amounts.border:
        page_marks.tear_edges(canvas, plan, ground, rng)


def _ground(rng: np.random.Generator) -> Colour:
    """What a page lies on: black, white, or a desk."""
    kind = rng.random()
    if kind < 0.4:
        return (0.0, 0.0, 0.0)
    if kind < 0.6:
        return (1.0, 1.0, 1.0)
    red, green, blue = rng.uniform(0.1, 0.8, 3).tolist()
    return red, green, blue


def _times(usual: Distortions, factors: Distortions) -> Distortions:
    fields = Distortions.model_fields
    return Distortions(**{name: getattr(usual, name) * getattr(factors, name) for name in fields})
