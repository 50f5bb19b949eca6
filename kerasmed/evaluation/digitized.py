"""How well leads were read off a page: SNR by the rules of two challenges, correlation, and the errors of the maps."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

Array = np.ndarray
# PhysioNet/CinC 2024: shifts up to half a second and 1 mV.
SHIFT_2024_S, SHIFT_2024_MV = 0.5, 1.0
# PhysioNet at Kaggle 2025: shifts up to 0.2 s, any height; no ratio counts for more than 60 dB.
SHIFT_2025_S, LARGEST_RATIO = 0.2, 1e6


@dataclass(frozen=True)
class Powers:
    """What the rule of 2025 sums: power of the truth and of what is left of it."""

    signal: float
    noise: float

    @property
    def ratio(self) -> float:
        """Signal to noise; 0 without a signal."""
        if self.signal <= 0:
            return 0.0
        return min(self.signal / self.noise, LARGEST_RATIO) if self.noise > 0 else LARGEST_RATIO


def snr_2024_db(truth: Array, found: Array, rate_hz: float) -> float:
    """SNR of one lead by the rule of the challenge of 2024.

    Args:
        truth: float (n,), mV; what is not finite is left out.
        found: float (n,), mV; what is not finite counts as covered less.
        rate_hz: Of both.

    Returns:
        `10 log10(mean(x^2) / mean((x - y)^2))` over the samples that both have, after the shift in time and height that
        fits best, times the share of the truth that `found` covers. 0 where nothing was found.
    """
    known = np.isfinite(truth)
    if not (known & np.isfinite(found)).any():
        return 0.0
    moved = _aligned(truth, found, round(SHIFT_2024_S * rate_hz), SHIFT_2024_MV)
    both = known & np.isfinite(moved)
    covered = both.sum() / known.sum()
    if not both.any():
        return 0.0
    noise = float(np.mean(np.square(truth[both] - moved[both])))
    signal = float(np.mean(np.square(truth[both])))
    if noise == 0 or signal == 0:
        return float("inf") if noise == 0 and signal > 0 else 0.0
    return float(covered * 10 * np.log10(signal / noise))


def powers_2025(truth: Array, found: Array, rate_hz: float) -> Powers:
    """Power of signal and noise of one page by the rule of 2025.

    Args:
        truth: float (leads, n), mV; NaN where a lead is not printed.
        found: float (leads, n), mV; NaN counts as 0 mV.
        rate_hz: Of both.

    Returns:
        Sums over all leads, each after the shift in time (up to 0.2 s) and in height that fits best.
    """
    signal = noise = 0.0
    for lead, given in zip(truth, found, strict=True):
        known = np.isfinite(lead)
        if not known.any():
            continue
        moved = _aligned(lead, np.where(np.isfinite(given), given, 0.0), round(SHIFT_2025_S * rate_hz), np.inf)
        signal += float(np.square(lead[known]).sum())
        noise += float(np.square(lead[known] - moved[known]).sum())
    return Powers(signal, noise)


def snr_2025_db(pages: Iterable[Powers]) -> float:
    """Score of several pages by the rule of 2025: the mean of the ratios, in dB; good pages outweigh bad ones."""
    ratios = [page.ratio for page in pages]
    mean = float(np.mean(ratios)) if ratios else 0.0
    return 10 * float(np.log10(mean)) if mean > 0 else float("-inf")


def pearson(truth: Array, found: Array) -> float:
    """Correlation over the samples that both have; NaN where there are fewer than two or one does not move."""
    both = np.isfinite(truth) & np.isfinite(found)
    if both.sum() < 2 or truth[both].std() == 0 or found[both].std() == 0:
        return float("nan")
    return float(np.corrcoef(truth[both], found[both])[0, 1])


def dice(truth: Array, found: Array) -> float:
    """Dice coefficient of two masks (H, W); 1 where both are empty."""
    total = int(truth.sum()) + int(found.sum())
    return 2 * float((truth & found).sum()) / total if total else 1.0


def angle_error_deg(truth_deg: float, found_deg: float) -> float:
    """Difference of two angles, 0 to 180."""
    return float(abs((found_deg - truth_deg + 180) % 360 - 180))


def grid_error_px(truth: Array, found: Array, shape: tuple[int, int]) -> float:
    """Mean distance of where two homographies (3, 3; mm to pixels) put the paper's lines, once both are in step.

    The origin of a grid is arbitrary, so the shift that fits best, in whole millimetres of the found paper or parts of
    them, is taken out first. Measured at 13 by 13 places of a page (height, width).
    """
    y, x = np.meshgrid(np.linspace(0, shape[0] - 1, 13), np.linspace(0, shape[1] - 1, 13), indexing="ij")
    pixels = np.stack([x.ravel(), y.ravel()], axis=1)
    truth_mm, found_mm = (_through(np.linalg.inv(matrix), pixels) for matrix in (truth, found))
    off_mm = truth_mm - found_mm
    there = _through(truth, found_mm + np.median(off_mm, axis=0))
    return float(np.linalg.norm(there - pixels, axis=1).mean())


def baseline_error_px(truth_y: Array, found_y: Array) -> float:
    """Mean distance of zero lines (R, W), over the columns that both have; NaN where the numbers of rows differ."""
    if truth_y.shape != found_y.shape:
        return float("nan")
    off = np.abs(truth_y - found_y)
    return float(np.nanmean(off)) if np.isfinite(off).any() else float("nan")


def mean_by(rows: Iterable[Mapping[str, object]], key: str, value: str) -> dict[str, float]:
    """Mean of a column of finite numbers by the values of another."""
    groups: dict[str, list[float]] = {}
    for row in rows:
        number = row[value]
        if isinstance(number, float) and np.isfinite(number):
            groups.setdefault(str(row[key]), []).append(number)
    return {name: float(np.mean(values)) for name, values in sorted(groups.items())}


def _through(matrix: Array, points: Array) -> Array:
    lifted = points @ matrix[:, :2].T + matrix[:, 2]
    return np.asarray(lifted[:, :2] / lifted[:, 2:])


def _aligned(truth: Array, found: Array, most: int, most_mv: float) -> Array:
    """`found` moved in time by up to `most` samples and in height by up to `most_mv`, so that least is left over.

    What moves in at an end is the sample that stood there, as in both challenges' code.
    """
    known = np.isfinite(truth) & np.isfinite(found)
    if not known.any():
        return found
    first, last = int(np.flatnonzero(known)[0]), int(np.flatnonzero(known)[-1])
    part, whole = truth[first : last + 1], found[first : last + 1]
    best, chosen = np.inf, found
    for shift in sorted(range(-most, most + 1), key=abs):
        moved = whole[np.clip(np.arange(len(whole)) + shift, 0, len(whole) - 1)]
        off = part - moved
        height = float(np.clip(np.nanmean(off), -most_mv, most_mv))
        left = float(np.nanmean(np.square(off - height)))
        if left < best - 1e-15:
            best = left
            chosen = found.copy()
            chosen[first : last + 1] = moved + height
    return chosen
