"""When each beat comes and what kind it is.

The sinus rhythm is the RR process of ECGSYN (source: `ecg_model`): its power spectrum has one Gaussian peak for the
Mayer waves of blood pressure, at 0.1 Hz, and one for respiratory sinus arrhythmia, at 0.25 Hz. Ectopic beats are then
laid over it with the timing that tells them apart: a premature atrial beat resets the sinus node, a premature
ventricular beat does not, so that the pause behind it makes up for it in full; escape beats come late.
"""

from dataclasses import dataclass

import numpy as np

from kerasmed.data.records import Array

# Low and high frequency peak: centre and width in Hz; power of the first to the second (the values of the paper).
_LOW_HZ, _HIGH_HZ, _PEAK_WIDTH_HZ, _LOW_TO_HIGH = 0.1, 0.25, 0.01, 0.5
_TACHOGRAM_HZ = 4.0

# Interval before the beat, as a share of the sinus interval: least and most.
_PREMATURE: dict[str, tuple[float, float]] = {
    "A": (0.62, 0.86),
    "a": (0.55, 0.72),
    "J": (0.62, 0.86),
    "V": (0.52, 0.80),
}
_LATE: dict[str, tuple[float, float]] = {"e": (1.3, 1.6), "j": (1.3, 1.6), "E": (1.5, 1.9)}
_NEARLY_ON_TIME: dict[str, tuple[float, float]] = {"F": (0.88, 0.98)}
_BEFORE = _PREMATURE | _LATE | _NEARLY_ON_TIME
_FULL_PAUSE = ("V", "F")  # interval before + interval behind = two sinus intervals
_SINUS_RESET = (1.0, 1.12)  # interval behind the other ectopic beats
# Share of all beats in a person of average burden.
_ECTOPIC_RATES = {
    "A": 0.045, "a": 0.008, "J": 0.008, "V": 0.08, "E": 0.003, "F": 0.04, "Q": 0.008, "e": 0.004, "j": 0.006,
}  # fmt: skip
_ALWAYS = ("A", "V", "F", "Q")  # each in every record, so that every class is on both sides of any split
_BLOCK_BEATS, _PACED_BEATS = 40, 14  # beats of an episode of bundle branch block, of pacing


@dataclass(frozen=True)
class Heart:
    """What decides the rhythm of one person.

    Attributes:
        mean_rr_s: Mean sinus interval.
        std_rr_s: Its standard deviation.
        conduction: Symbol of the conducted beats in episodes: "N", "L" or "R".
        paced: Has a pacemaker that steps in at times.
        burden: Factor of the rate of ectopic beats.
    """

    mean_rr_s: float
    std_rr_s: float
    conduction: str
    paced: bool
    burden: float


@dataclass(frozen=True)
class Rhythm:
    """Beats in the order of time.

    Attributes:
        peaks_s: float64 (n,), time of the R peak.
        rr_s: float64 (n,), sinus interval below each beat, whatever the beat did to it.
        symbols: str (n,), MIT-BIH symbol.
        paced: bool (n,), inside an episode of pacing.
    """

    peaks_s: Array
    rr_s: Array
    symbols: Array
    paced: Array


def draw_rhythm(heart: Heart, duration_s: float, rng: np.random.Generator) -> Rhythm:
    """Beats of `duration_s` seconds."""
    sinus_s = _sinus_intervals(heart, 1.25 * duration_s + 10, rng)
    paced = _episodes(len(sinus_s), _PACED_BEATS, 0.2 if heart.paced else 0.0, rng)
    symbols = _draw_symbols(heart, paced, duration_s, rng)
    intervals_s = sinus_s * _interval_shares(symbols, rng)
    intervals_s[np.isin(symbols, ["/", "f"])] = heart.mean_rr_s * 1.02  # a pacemaker keeps time
    peaks_s = 0.4 + np.cumsum(intervals_s) - intervals_s[0]
    kept = peaks_s < duration_s - 0.4
    return Rhythm(peaks_s[kept], sinus_s[kept], symbols[kept], paced[kept])


def _sinus_intervals(heart: Heart, duration_s: float, rng: np.random.Generator) -> Array:
    num_points = round(duration_s * _TACHOGRAM_HZ)
    frequencies_hz = np.fft.rfftfreq(num_points, 1 / _TACHOGRAM_HZ)
    low, high = (np.exp(-0.5 * ((frequencies_hz - peak) / _PEAK_WIDTH_HZ) ** 2) for peak in (_LOW_HZ, _HIGH_HZ))
    amplitude = np.sqrt(_LOW_TO_HIGH * low + high)
    phases = np.exp(2j * np.pi * rng.random(len(amplitude)))
    tachogram = np.fft.irfft(amplitude * phases, num_points)
    rr_s = np.maximum(heart.mean_rr_s + heart.std_rr_s * tachogram / tachogram.std(), 0.35)
    # The phase of the limit cycle runs at one turn per RR interval; a beat falls where it completes a turn.
    turns = np.cumsum(1 / rr_s) / _TACHOGRAM_HZ
    peaks_s = np.interp(np.arange(1, int(turns[-1])), turns, np.arange(num_points) / _TACHOGRAM_HZ)
    return np.diff(peaks_s)


def _draw_symbols(heart: Heart, paced: Array, duration_s: float, rng: np.random.Generator) -> Array:
    num_beats = len(paced)
    symbols = np.full(num_beats, "N")
    symbols[_episodes(num_beats, _BLOCK_BEATS, 0.2, rng)] = heart.conduction
    ectopic = rng.choice(
        ["", *_ECTOPIC_RATES], num_beats, p=_with_rest([rate * heart.burden for rate in _ECTOPIC_RATES.values()])
    )
    surely_recorded = int(0.7 * duration_s / heart.mean_rr_s)
    ectopic[rng.choice(np.arange(3, surely_recorded, 3), len(_ALWAYS), replace=False)] = _ALWAYS
    # A beat behind an ectopic one is the pause that makes it recognisable, so two never stand side by side.
    ectopic[1:][(ectopic[1:] != "") & (ectopic[:-1] != "") & ~np.isin(ectopic[1:], _ALWAYS)] = ""
    ectopic[:-1][(ectopic[1:] != "") & (ectopic[:-1] != "")] = ""
    ectopic[:2] = ""
    symbols[paced] = np.where(rng.random(paced.sum()) < 0.04, "f", "/")
    return np.where(ectopic == "", symbols, ectopic)


def _interval_shares(symbols: Array, rng: np.random.Generator) -> Array:
    shares = np.ones(len(symbols))
    for symbol, (least, most) in _BEFORE.items():
        at = np.flatnonzero(symbols == symbol)
        before = rng.uniform(least, most, len(at))
        behind = 2 - before if symbol in _FULL_PAUSE else rng.uniform(*_SINUS_RESET, len(at))
        shares[at] = before
        inside = at + 1 < len(symbols)
        shares[at[inside] + 1] = behind[inside]
    return shares


def _episodes(num_beats: int, length: int, share: float, rng: np.random.Generator) -> Array:
    return np.repeat(rng.random(num_beats // length + 1) < share, length)[:num_beats]


def _with_rest(rates: list[float]) -> list[float]:
    return [1 - sum(rates), *rates]
