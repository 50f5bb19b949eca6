"""What else is on a page: marks between leads, print, codes, boxes round leads, handwriting. Lengths in mm."""

import string

import numpy as np

from kerasmed.data.records import Array
from kerasmed.data.simulate.page_ink import Canvas, Colour
from kerasmed.data.simulate.page_layout import Label, PagePlan
from kerasmed.data.simulate.page_style import PageStyle

_PENS: tuple[Colour, ...] = ((0.05, 0.05, 0.05), (0.1, 0.15, 0.5), (0.1, 0.25, 0.75), (0.7, 0.1, 0.15), (0.3, 0.3, 0.3))
_BOXES: tuple[Colour, ...] = ((1.0, 0.0, 0.0), (1.0, 0.0, 0.0), (0.0, 0.0, 1.0), (0.0, 0.6, 0.0), (1.0, 0.5, 0.0))
_FIELDS: tuple[Colour, ...] = ((0.0, 0.5, 0.0), (0.0, 0.5, 0.0), (0.9, 0.9, 0.2), (0.8, 0.2, 0.2), (0.2, 0.4, 0.9))
_HEADS = ("ID:", "Name:", "Age:", "Sex:", "Date:", "Height:", "Weight:", "Ward", "Rate", "PR", "QRS", "QT/QTc", "Axis")


def separate_leads(canvas: Canvas, plan: PagePlan, style: PageStyle, scale: float, rng: np.random.Generator) -> None:
    """Mark where a lead ends and the next begins: a short bar, a thin line, two ticks, or nothing."""
    kind = rng.choice(["bar", "line", "ticks", "none"], p=[0.5, 0.15, 0.1, 0.25])
    width = {"bar": rng.uniform(0.5, 1.1), "line": rng.uniform(0.2, 0.35), "ticks": 0.3}.get(str(kind))
    half = rng.uniform(2.0, 4.0) if kind == "bar" else rng.uniform(2.0, 12.0)
    if width is None:
        return
    bars = []
    for strip in plan.strips:
        if not strip.new:
            continue
        gap = half / 2 if kind == "ticks" else 0.0
        ends = [(gap, half), (-half, -gap)] if gap else [(-half, half)]
        bars += [np.array([[strip.x_mm, strip.y_mm + top], [strip.x_mm, strip.y_mm + low]]) for top, low in ends]
    canvas.lines(bars, max(0.7, width * scale), style.ink)


def name_leads(canvas: Canvas, labels: tuple[Label, ...], style: PageStyle) -> None:
    """Print the names of the leads."""
    for label in labels:
        canvas.words(label.text, label.x_mm, label.y_mm, label.height_mm, style.font, style.ink)


def print_text(canvas: Canvas, plan: PagePlan, style: PageStyle, rng: np.random.Generator) -> None:
    """Print who and when into the corners above, speed and gain below; at times a code of squares."""
    width, height = plan.size_mm
    size = float(rng.uniform(1.8, 3.2))
    for column in range(int(rng.integers(1, 5))):
        x = rng.uniform(1, 6) + column * width * rng.uniform(0.2, 0.28)
        for line in range(int(rng.integers(1, 5))):
            canvas.words(_print(rng), x, 2 + size + line * size * 1.8, size, style.font, style.ink)
    if rng.random() < 0.8:
        y = height - rng.uniform(1.5, 8)
        canvas.words(f"{plan.speed_mm_s:g}mm/s", width * rng.uniform(0.02, 0.3), y, size, style.font, style.ink)
        canvas.words(f"{plan.gain_mm_mv:g}mm/mV", width * rng.uniform(0.35, 0.5), y, size, style.font, style.ink)
        if rng.random() < 0.5:
            canvas.words("0.05 - 150 Hz  50~", width * rng.uniform(0.6, 0.75), y, size, style.font, style.ink)
    if rng.random() < 0.5:
        _print_code(canvas, plan, rng)


def box_leads(
    canvas: Canvas, plan: PagePlan, rows: tuple[tuple[Array, ...], ...], scale: float, rng: np.random.Generator
) -> None:
    """Draw a box round each lead and fill one behind each name, as programs do that look for leads."""
    colour, field = (palette[int(rng.integers(len(palette)))] for palette in (_BOXES, _FIELDS))
    around = rng.uniform(0.0, 1.5)
    corners = [(line.min(axis=0) - around, line.max(axis=0) + around) for row in rows for line in row if len(line)]
    if rng.random() < 0.9:
        canvas.lines([_rectangle(low, high) for low, high in corners], rng.uniform(0.4, 1.2) * scale, colour)
    framed, alpha = rng.random() < 0.4, 1.0 if rng.random() < 0.7 else 0.5
    if rng.random() < 0.8:
        for label in plan.labels:
            low = np.array([label.x_mm - 0.6, label.y_mm - label.height_mm - 1.0])
            high = np.array([label.x_mm + 0.75 * label.height_mm * len(label.text) + 0.6, label.y_mm + 1.0])
            if framed:
                canvas.lines([_rectangle(low, high)], rng.uniform(0.6, 1.2) * scale, field)
            else:
                canvas.areas([_rectangle(low, high)], field, alpha)


def write_by_hand(canvas: Canvas, plan: PagePlan, scale: float, rng: np.random.Generator) -> None:
    """Scribble a few words, mostly above the rows; at times a circle or a line across the traces."""
    width, height = plan.size_mm
    pen = _PENS[int(rng.integers(len(_PENS)))]
    thick = max(0.8, rng.uniform(0.25, 0.7) * scale)
    top = plan.rows_mm[0, 2]
    for _ in range(int(rng.integers(1, 7))):
        anywhere = rng.random() < 0.3
        place = np.array([rng.uniform(3, width * 0.75), rng.uniform(5, height - 5 if anywhere else max(10, top * 0.8))])
        canvas.lines(_word(place, rng), thick, pen)
    if rng.random() < 0.25:
        centre = np.array([rng.uniform(0.1, 0.9) * width, rng.uniform(0.2, 0.9) * height])
        canvas.lines([_loop(centre, rng)], thick, pen)
    if rng.random() < 0.2:
        ends = rng.uniform([0, 0], [width, height], (2, 2))
        canvas.lines([ends + rng.normal(0, 1, (2, 2))], thick, pen)


def tear_edges(canvas: Canvas, plan: PagePlan, colour: Colour, rng: np.random.Generator) -> None:
    """Hide a ragged strip along one or two edges of the page."""
    width, height = plan.size_mm
    for edge in rng.choice(4, int(rng.integers(1, 3)), replace=False):
        length, breadth = (height, width) if edge < 2 else (width, height)
        along = np.sort(rng.uniform(0, length, int(rng.integers(6, 60))))
        steps = rng.uniform(1.0, 8.0) * rng.uniform(0.3, 1.0, len(along))
        if rng.random() < 0.5:  # steps instead of slopes
            along, steps = np.repeat(along, 2)[1:], np.repeat(steps, 2)[:-1]
        depth = np.concatenate([[-9, steps[0]], steps, [steps[-1], -9]])
        depth = depth if edge % 2 == 0 else breadth - depth
        outline = np.stack([depth, np.concatenate([[0, 0], along, [length, length]])], axis=1)
        canvas.areas([outline if edge < 2 else outline[:, ::-1]], colour)


def _word(place: Array, rng: np.random.Generator) -> list[Array]:
    """Letters that lean alike: each a smooth curve through a few drawn points."""
    size, slant = rng.uniform(2, 6), rng.normal(0.25, 0.15)
    rise = rng.normal(0, 0.06)
    letters, x = [], 0.0
    for _ in range(int(rng.integers(3, 11))):
        tall = rng.choice([1.0, 1.0, 1.9])
        num = int(rng.integers(3, 7))
        knots = np.stack([np.sort(rng.uniform(0, 0.9, num)) + rng.normal(0, 0.2, num), rng.uniform(-0.2, tall, num)], 1)
        letters.append((knots + np.array([x, 0.0])) * size)
        x += rng.uniform(0.6, 1.1)
    joined = [np.vstack(letters)] if rng.random() < 0.6 else letters
    lean = np.array([[1.0, rise], [slant, -1.0]])
    return [_smooth(points) @ lean + place for points in joined]


def _smooth(knots: Array) -> Array:
    """A curve through the points: Catmull-Rom, eight pieces between two of them."""
    padded = np.concatenate([knots[:1], knots, knots[-1:]])
    before, start, end, behind = (padded[i : len(padded) - 3 + i, None] for i in range(4))
    t = np.linspace(0, 1, 8, endpoint=False)[None, :, None]
    curve = start + t * (end - before) / 2
    curve = curve + t**2 * (before - 2.5 * start + 2 * end - behind / 2)
    curve = curve + t**3 * (1.5 * (start - end) + (behind - before) / 2)
    return np.vstack([curve.reshape(-1, 2), knots[-1:]])


def _loop(centre: Array, rng: np.random.Generator) -> Array:
    turn = np.linspace(0, 2 * np.pi * rng.uniform(1.0, 1.3), 60)
    radius = rng.uniform(5, 25) * (1 + 0.1 * np.sin(turn + rng.uniform(0, 6)))
    return centre + np.stack([radius * np.cos(turn) * rng.uniform(1, 1.8), radius * np.sin(turn)], axis=1)


def _print(rng: np.random.Generator) -> str:
    letters = np.array(list(string.ascii_letters + string.digits * 3 + " .-/"))
    rest = "".join(rng.choice(letters, int(rng.integers(2, 18))))
    return f"{_HEADS[int(rng.integers(len(_HEADS)))]} {rest}".rstrip()


def _print_code(canvas: Canvas, plan: PagePlan, rng: np.random.Generator) -> None:
    """A white block of black squares, or of bars, in an upper corner."""
    side, modules = rng.uniform(12, 20), int(rng.integers(18, 28))
    x, y = (plan.size_mm[0] - side if rng.random() < 0.8 else 0.0), 0.0
    canvas.areas([_rectangle(np.array([x, y]), np.array([x + side, y + side]))], (1.0, 1.0, 1.0))
    step = side * 0.76 / modules
    cells = rng.random((modules, modules)) < 0.5
    if rng.random() < 0.3:
        cells[:] = cells[:1]
    else:
        for row, column in ((0, 0), (0, modules - 7), (modules - 7, 0)):  # the finders of a QR code
            cells[row : row + 7, column : column + 7] = False
            cells[row : row + 7, column : column + 7][[0, -1]] = True
            cells[row : row + 7, column : column + 7][:, [0, -1]] = True
            cells[row + 2 : row + 5, column + 2 : column + 5] = True
    corner = np.array([x, y]) + side * 0.12
    places = np.argwhere(cells)[:, ::-1] * step + corner
    canvas.areas([_rectangle(low, low + step) for low in places], (0.0, 0.0, 0.0))


def _rectangle(low: Array, high: Array) -> Array:
    return np.array([low, [high[0], low[1]], high, [low[0], high[1]], low])
