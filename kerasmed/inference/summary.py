"""What a prediction says, for a person: beats by class, heart rate, events with their times, runs."""

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from kerasmed.data.records import Array
from kerasmed.inference.beats import BeatPrediction

RESEARCH = "Research use only; not a medical device. Every finding needs a physician's reading of the ECG."
USUAL = "N"
MEANING = {
    "N": "normal, bundle branch block, escape of atrium or node",
    "S": "supraventricular ectopic",
    "V": "ventricular ectopic",
    "F": "fusion of ventricular and normal",
    "Q": "paced or unclassifiable",
}
RATE_BEATS = 8  # intervals behind "slowest" and "fastest"


@dataclass(frozen=True)
class Run:
    """Beats of one class in a row, with no other beat between them.

    Attributes:
        label: Name of the class.
        first: Row of its first beat in the prediction.
        num_beats: Its length.
        per_minute: Its rate; None where times are unknown or it is a single beat.
    """

    label: str
    first: int
    num_beats: int
    per_minute: float | None


def find_runs(prediction: BeatPrediction) -> list[Run]:
    """Every stretch of beats of the same class other than N, in order; a beat that was not judged ends a stretch."""
    labels, numbers = prediction.labels, prediction.numbers
    breaks = np.flatnonzero((np.diff(labels) != 0) | (np.diff(numbers) != 1)) + 1
    edges = [0, *breaks.tolist(), len(labels)]
    names = prediction.classes
    stretches = [(first, end) for first, end in pairwise(edges) if end > first and names[labels[first]] != USUAL]
    return [
        Run(names[labels[first]], first, end - first, _rate(prediction.times_s, first, end)) for first, end in stretches
    ]


def summarize(prediction: BeatPrediction) -> dict[str, Any]:
    """The summary as a JSON tree; times in seconds."""
    counts = np.bincount(prediction.labels, minlength=len(prediction.classes)).tolist()
    return {
        "name": prediction.name,
        "model": prediction.version,
        "duration_s": prediction.duration_s,
        "num_beats": len(prediction.labels),
        "beats": dict(zip(prediction.classes, counts, strict=True)),
        "calibration": _calibration(prediction),
        "heart_rate": heart_rate(prediction),
        "runs": [
            {"class": run.label, "beats": run.num_beats, "per_minute": run.per_minute, **_place(prediction, run.first)}
            for run in find_runs(prediction)
            if run.num_beats > 1
        ],
        "events": [
            {
                "class": prediction.classes[prediction.labels[row]],
                "score": score_of(prediction, row),
                **({} if prediction.set_names is None else {"set": prediction.set_names[row]}),
                **_place(prediction, row),
            }
            for row in event_rows(prediction)
        ],
        "notes": list(prediction.notes),
        "disclaimer": RESEARCH,
    }


def heart_rate(prediction: BeatPrediction) -> dict[str, float] | None:
    """Beats per minute: "mean", and "slowest" and "fastest" over eight intervals; None without times."""
    times = prediction.times_s
    if times is None:
        return None
    intervals = np.diff(times)[np.diff(prediction.numbers) == 1]
    if not len(intervals) or intervals.min() <= 0:
        return None
    width = min(RATE_BEATS, len(intervals))
    local = np.convolve(intervals, np.ones(width) / width, "valid")
    rates = {"mean": intervals.mean(), "slowest": local.max(), "fastest": local.min()}
    return {name: round(60 / float(interval), 1) for name, interval in rates.items()}


def event_rows(prediction: BeatPrediction) -> list[int]:
    """Rows of every beat that is not N."""
    usual = prediction.classes.index(USUAL) if USUAL in prediction.classes else -1
    rows: list[int] = np.flatnonzero(prediction.labels != usual).tolist()
    return rows


def score_of(prediction: BeatPrediction, row: int) -> float:
    """The score of the class that was chosen for a row."""
    return round(float(prediction.scores[row, prediction.labels[row]]), 4)


def summary_text(prediction: BeatPrediction, max_events: int = 100) -> str:
    """The summary as text of a page or two; events beyond `max_events` are counted, not listed."""
    return "\n".join(
        [
            *_head(prediction),
            "",
            *_class_lines(prediction),
            *_set_lines(prediction),
            "",
            *_rate_lines(prediction),
            *_run_lines(prediction),
            "",
            *_event_lines(prediction, max_events),
            "",
            *(f"Note: {note}." for note in prediction.notes),
            RESEARCH,
        ]
    )


def clock(seconds: float) -> str:
    """`mm:ss.mmm`; minutes go on beyond an hour."""
    milliseconds = round(seconds * 1000)
    minutes, rest = divmod(milliseconds, 60_000)
    return f"{minutes:02d}:{rest // 1000:02d}.{rest % 1000:03d}"


def _head(prediction: BeatPrediction) -> list[str]:
    duration = "" if prediction.duration_s is None else f", {clock(prediction.duration_s)} long"
    return [f"{prediction.name}{duration}. Model {prediction.version}."]


def _class_lines(prediction: BeatPrediction) -> list[str]:
    total = len(prediction.labels)
    counts = np.bincount(prediction.labels, minlength=len(prediction.classes))
    lines = [f"Beats: {total:,}"]
    for name, count in zip(prediction.classes, counts, strict=True):
        lines.append(f"  {name:<4}{count:>8,}  {100 * count / total:5.1f} %  {MEANING.get(name, '')}".rstrip())
    return lines


def _calibration(prediction: BeatPrediction) -> dict[str, Any] | None:
    """How the scores were calibrated, and how many beats have a set of one class, of several and of none."""
    calibration, sets = prediction.calibration, prediction.set_names
    if calibration is None or sets is None:
        return None
    sizes = [len(names) for names in sets]
    one, none = sizes.count(1), sizes.count(0)
    return {
        "method": calibration.method,
        "coverage": calibration.coverage,
        "promised_for_new_patients": bool(calibration.facts.get("sets", {}).get("promised_for_new_patients")),
        "sets": {"one": one, "several": len(sizes) - one - none, "empty": none},
    }


def _set_lines(prediction: BeatPrediction) -> list[str]:
    told = _calibration(prediction)
    if told is None:
        return []
    sizes = told["sets"]
    promise = "" if told["promised_for_new_patients"] else " (without a promise for new patients)"
    return [
        f"Prediction sets of {100 * told['coverage']:g} %{promise}: one class for {sizes['one']:,} beats, several for "
        f"{sizes['several']:,}, none for {sizes['empty']:,}"
    ]


def _rate_lines(prediction: BeatPrediction) -> list[str]:
    rate = heart_rate(prediction)
    if rate is None:
        return []
    return [
        f"Heart rate: mean {rate['mean']:.0f}, slowest {rate['slowest']:.0f}, fastest {rate['fastest']:.0f} per minute "
        f"(over {RATE_BEATS} intervals)"
    ]


def _run_lines(prediction: BeatPrediction) -> list[str]:
    runs = find_runs(prediction)
    lines = []
    for name in prediction.classes:
        lengths = [run.num_beats for run in runs if run.label == name]
        if name in ("S", "V") and lengths:
            num_runs = sum(length > 2 for length in lengths)
            lines.append(
                f"{name}: single {lengths.count(1)}, couplets {lengths.count(2)}, runs of 3 or more {num_runs}"
            )
    longest = [run for run in runs if run.num_beats > 2 and run.label in ("S", "V")]
    for run in sorted(longest, key=lambda run: -run.num_beats)[:5]:
        rate = "" if run.per_minute is None else f", {run.per_minute:.0f} per minute"
        lines.append(f"  run of {run.num_beats} {run.label} at {_when(prediction, run.first)}{rate}")
    return lines


def _event_lines(prediction: BeatPrediction, max_events: int) -> list[str]:
    rows = event_rows(prediction)
    if not rows:
        return ["Events: none; every beat was classed N."]
    lines = [f"Events: {len(rows):,}", "  time        class  score"]
    for row in rows[:max_events]:
        name = prediction.classes[prediction.labels[row]]
        lines.append(f"  {_when(prediction, row):<12}{name:<7}{score_of(prediction, row):.2f}")
    if len(rows) > max_events:
        lines.append(f"  and {len(rows) - max_events:,} more, listed in the CSV file")
    return lines


def _when(prediction: BeatPrediction, row: int) -> str:
    times = prediction.times_s
    return f"beat {row}" if times is None else clock(float(times[row]))


def _place(prediction: BeatPrediction, row: int) -> dict[str, Any]:
    times = prediction.times_s
    return {"beat": int(prediction.numbers[row]), "time_s": None if times is None else round(float(times[row]), 4)}


def _rate(times_s: Array | None, first: int, end: int) -> float | None:
    if times_s is None or end - first < 2 or times_s[end - 1] <= times_s[first]:
        return None
    return round(60 * (end - first - 1) / float(times_s[end - 1] - times_s[first]), 1)
