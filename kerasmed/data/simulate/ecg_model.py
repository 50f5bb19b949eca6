"""Shapes of beats, and the signal they add up to.

The model is that of P. E. McSharry, G. D. Clifford, L. Tarassenko and L. A. Smith, "A dynamical model for generating
synthetic electrocardiogram signals", IEEE Trans. Biomed. Eng. 50(3):289-294, 2003 (ECGSYN). A point runs around a
circle once per beat, and as its phase passes the angle of a wave, dz/dt = -a dphi exp(-dphi^2 / 2 b^2) lifts it off and
puts it back. Between the events the phase advances at a constant rate w, and the pull to the baseline (1/s) is slow
against a wave (tens of ms), so each event integrates to a Gaussian bump of height a b^2 / w. We place these bumps
directly: heights in mV, angles and widths in the paper's phase, 360 degrees of which take one second at 60 beats per
minute.
"""

import numpy as np

from kerasmed.data.records import Array

LEADS = ("MLII", "V1")
WAVES = ("spike", "P", "Q", "R", "R'", "S", "T1", "T2")

Wave = tuple[float, float, float, float]  # angle in degrees, width in radians, height in MLII and in V1 in mV

# The angles and widths of P, Q, R and S stay near ECGSYN's defaults (-70, -15, 0, 15 degrees; 0.25, 0.1, 0.1, 0.1
# rad); T is two bumps, which gives it the slow rise and steep fall it has in people. Heights and the shapes other than
# the normal one are ours, from the textbook descriptions of each beat.
_NORMAL: dict[str, Wave] = {
    "P": (-66, 0.20, 0.14, 0.07),
    "Q": (-14, 0.07, -0.10, 0.0),
    "R": (0, 0.09, 1.15, 0.25),
    "S": (14, 0.08, -0.22, -0.75),
    "T1": (82, 0.50, 0.10, 0.05),
    "T2": (103, 0.28, 0.22, 0.10),
}
_LEFT_BLOCK: dict[str, Wave] = {
    "P": _NORMAL["P"],
    "R": (0, 0.16, 0.75, -0.10),
    "R'": (22, 0.18, 0.60, -0.40),
    "S": (14, 0.20, 0.0, -0.60),
    "T1": (98, 0.45, -0.12, 0.20),
    "T2": (114, 0.30, -0.15, 0.20),
}
_RIGHT_BLOCK: dict[str, Wave] = {
    "P": _NORMAL["P"],
    "Q": _NORMAL["Q"],
    "R": (0, 0.09, 1.00, 0.22),
    "S": (12, 0.07, -0.10, -0.45),
    "R'": (28, 0.18, -0.28, 0.80),
    "T1": (88, 0.45, 0.12, -0.12),
    "T2": (107, 0.28, 0.18, -0.12),
}
_ECTOPIC_P: Wave = (-48, 0.14, -0.11, 0.08)

# Beats by MIT-BIH symbol. "F", "f" and "Q" are sums of these (`FUSED`).
_SHAPES: dict[str, dict[str, Wave]] = {
    "N": _NORMAL,
    "L": _LEFT_BLOCK,
    "R": _RIGHT_BLOCK,
    "e": _NORMAL | {"P": (-58, 0.26, 0.05, -0.04)},
    "j": _NORMAL | {"P": (-40, 0.18, 0.0, 0.0)},
    "A": _NORMAL | {"P": _ECTOPIC_P},
    "a": _RIGHT_BLOCK | {"P": _ECTOPIC_P},
    "J": _NORMAL | {"P": (38, 0.14, -0.07, 0.04)},  # retrograde, behind the QRS
    "V": {
        "Q": (-30, 0.16, -0.12, 0.10),
        "R": (0, 0.25, 1.60, -0.90),
        "R'": (26, 0.24, 0.55, -0.35),
        "S": (54, 0.26, -0.50, 0.25),
        "T1": (112, 0.50, -0.32, 0.26),
        "T2": (136, 0.35, -0.25, 0.18),
    },
    "E": {
        "R": (0, 0.29, 0.85, 1.00),
        "R'": (28, 0.25, 0.40, 0.40),
        "T1": (118, 0.50, -0.22, -0.30),
        "T2": (140, 0.35, -0.15, -0.18),
    },
    "/": {
        "spike": (-16, 0.014, 1.30, 0.80),
        "R": (0, 0.24, -0.95, -0.80),
        "R'": (24, 0.24, -0.55, -0.50),
        "T1": (104, 0.50, 0.32, 0.28),
        "T2": (126, 0.32, 0.22, 0.18),
    },
}
SYMBOLS = tuple(_SHAPES)
# Two activations meet in one beat: symbol and share of each. "Q" is nothing anyone could name.
FUSED: dict[str, tuple[tuple[str, float], tuple[str, float]]] = {
    "F": (("N", 0.52), ("V", 0.48)),
    "f": (("N", 0.50), ("/", 0.50)),
    "Q": (("j", 0.45), ("V", -0.55)),
}
_VENTRICULAR = np.array([symbol in "VE/" for symbol in SYMBOLS])
# Powers of the RR interval by which a wave moves away from R and widens (`ti` and `bi` in ECGSYN scale so).
_OFFSET_POWER = np.array([0.0, 0.75, 0.5, 0.5, 0.5, 0.5, 0.75, 0.75])
_WIDTH_POWER = np.array([0.0, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5])
_BEFORE_S, _AFTER_S = 0.5, 1.0  # no wave reaches further from its R peak


def draw_shapes(rng: np.random.Generator) -> Array:
    """The beats of one person: the same heart, seen through the same chest, in every kind of beat.

    Returns:
        float64 (kinds of `SYMBOLS`, waves, 4): offset from the R peak in s at 60 beats per minute, width in s, height
        in MLII and in V1 in mV.
    """
    flat = [[_SHAPES[symbol].get(wave, (0.0, 0.1, 0.0, 0.0)) for wave in WAVES] for symbol in SYMBOLS]
    shapes = np.array(flat) * [1 / 360, 1 / (2 * np.pi), 1.0, 1.0]
    # Conducted beats vary together, and those that start in a ventricle do, so that a fusion lies between the two.
    for group in (~_VENTRICULAR, _VENTRICULAR):
        shapes[group, :, 0] *= rng.normal(1.0, 0.05, len(WAVES))
        shapes[group, :, 1] *= rng.lognormal(0.0, 0.08, len(WAVES))
        shapes[group, :, 2:] *= rng.lognormal(0.0, 0.15, (len(WAVES), len(LEADS)))
    shapes[:, :, 2:] *= rng.lognormal(0.0, 0.18, len(LEADS))
    return shapes


def split_fused(symbols: Array, gains: Array, rng: np.random.Generator) -> tuple[Array, Array, Array]:
    """Write fused beats as two.

    Args:
        symbols: str (n,), any of `SYMBOLS` and `FUSED`.
        gains: float64 (n,), height of each beat.
        rng: How far each fusion leans to either side.

    Returns:
        For each of the m >= n activations: the row of `symbols` it belongs to, its row in `SYMBOLS`, and its gain.
    """
    parts = [FUSED.get(symbol, ((symbol, 1.0),)) for symbol in symbols.tolist()]
    rows = np.repeat(np.arange(len(parts)), [len(part) for part in parts])
    kinds = np.array([SYMBOLS.index(symbol) for part in parts for symbol, _ in part], np.int64)
    shares = np.array([share for part in parts for _, share in part])
    shares *= np.where(np.isin(symbols[rows], list(FUSED)), rng.lognormal(0.0, 0.25, len(rows)), 1.0)
    return rows, kinds, shares * gains[rows]


def synthesize(shapes: Array, peaks_s: Array, rr_s: Array, kinds: Array, gains: Array, time_s: Array) -> Array:
    """Add up the waves of all beats.

    Args:
        shapes: Of one person, from `draw_shapes`.
        peaks_s: float64 (n,), time of each R peak.
        rr_s: float64 (n,), RR interval of the rhythm below; sets how fast each beat runs.
        kinds: int64 (n,), rows of `shapes`.
        gains: float64 (n,), factor of the height of each beat.
        time_s: float64 (num_samples,), evenly spaced, from 0.

    Returns:
        float64 (num_samples, leads), mV.
    """
    offsets_s = shapes[kinds, :, 0] * rr_s[:, None] ** _OFFSET_POWER  # (n, waves)
    widths_s = shapes[kinds, :, 1] * rr_s[:, None] ** _WIDTH_POWER
    heights_mv = shapes[kinds, :, 2:] * gains[:, None, None]  # (n, waves, leads)
    step_s = time_s[1] - time_s[0]
    window = np.arange(-round(_BEFORE_S / step_s), round(_AFTER_S / step_s))
    samples = np.round(peaks_s / step_s).astype(np.int64)[:, None] + window  # (n, window)
    from_peak_s = samples * step_s - peaks_s[:, None]
    beats_mv = np.zeros((*samples.shape, len(LEADS)))
    for wave in range(len(WAVES)):
        used = np.flatnonzero(heights_mv[:, wave].any(axis=1))
        phase = (from_peak_s[used] - offsets_s[used, wave, None]) / widths_s[used, wave, None]
        beats_mv[used] += np.exp(-0.5 * phase**2)[..., None] * heights_mv[used, wave, None, :]
    inside = (samples >= 0) & (samples < len(time_s))
    leads = (np.bincount(samples[inside], beats_mv[inside, lead], len(time_s)) for lead in range(len(LEADS)))
    return np.stack(list(leads), axis=1)
