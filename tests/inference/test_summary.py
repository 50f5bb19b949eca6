"""What a person reads of a prediction."""

import numpy as np

from kerasmed.inference.beats import BeatPrediction
from kerasmed.inference.summary import RESEARCH, clock, find_runs, heart_rate, summarize, summary_text

CLASSES = ("N", "S", "V", "F", "Q")


def prediction_of(labels: str, every: int = 300, numbers=None, samples: bool = True) -> BeatPrediction:
    """Beats of the classes named, `every` samples apart at 360 Hz, each with a score of 0.9."""
    places = np.array([CLASSES.index(label) for label in labels])
    scores = np.full((len(labels), 5), 0.025, np.float32)
    scores[np.arange(len(labels)), places] = 0.9
    beat_numbers = np.arange(len(labels)) if numbers is None else np.asarray(numbers)
    return BeatPrediction(
        name="a", version="rules/1", classes=CLASSES, scores=scores, numbers=beat_numbers,
        samples=400 + every * beat_numbers if samples else None, rate_hz=360.0 if samples else None,
        duration_s=30.0 if samples else None, notes=("R peaks: detector",),
    )  # fmt: skip


def test_beats_are_counted_by_class() -> None:
    assert summarize(prediction_of("NNSVVN"))["beats"] == {"N": 3, "S": 1, "V": 2, "F": 0, "Q": 0}


def test_percentages_are_of_all_beats_judged() -> None:
    assert "  V          2   20.0 %  ventricular ectopic" in summary_text(prediction_of("NNNNNNNNVV")).splitlines()


def test_the_heart_rate_comes_from_the_intervals() -> None:
    assert heart_rate(prediction_of("NNNN", every=360)) == {"mean": 60.0, "slowest": 60.0, "fastest": 60.0}


def test_an_interval_across_a_beat_that_was_not_judged_is_no_interval() -> None:
    assert heart_rate(prediction_of("NNNN", every=360, numbers=[0, 1, 5, 6]))["mean"] == 60.0


def test_beats_without_times_have_no_heart_rate() -> None:
    assert heart_rate(prediction_of("NNNN", samples=False)) is None


def test_one_beat_has_no_heart_rate() -> None:
    assert heart_rate(prediction_of("N")) is None


def test_runs_are_beats_of_one_class_in_a_row() -> None:
    runs = find_runs(prediction_of("NVVVNSSN"))
    assert [(run.label, run.first, run.num_beats) for run in runs] == [("V", 1, 3), ("S", 5, 2)]


def test_a_run_has_its_rate() -> None:
    assert find_runs(prediction_of("NVVVN", every=180))[0].per_minute == 120.0


def test_a_beat_that_was_not_judged_ends_a_run() -> None:
    assert [run.num_beats for run in find_runs(prediction_of("VVV", numbers=[0, 1, 3]))] == [2, 1]


def test_singles_couplets_and_runs_are_told_apart() -> None:
    text = summary_text(prediction_of("VNVVNVVVVN"))
    assert "V: single 1, couplets 1, runs of 3 or more 1" in text
    assert "run of 4 V at 00:05.278, 72 per minute" in text


def test_an_event_has_its_time_and_score() -> None:
    assert "  00:01.944   V      0.90" in summary_text(prediction_of("NVN")).splitlines()


def test_no_events_are_said_in_words() -> None:
    assert "Events: none; every beat was classed N." in summary_text(prediction_of("NNN"))


def test_events_beyond_the_limit_are_counted() -> None:
    assert "and 7 more, listed in the CSV file" in summary_text(prediction_of("V" * 10), max_events=3)


def test_notes_and_the_warning_are_always_there() -> None:
    assert summary_text(prediction_of("N")).splitlines()[-2:] == ["Note: R peaks: detector.", RESEARCH]


def test_beats_without_times_are_named_by_their_number() -> None:
    assert "beat 1" in summary_text(prediction_of("NVN", samples=False))


def test_minutes_go_on_beyond_an_hour() -> None:
    assert clock(3661.0015) == "61:01.002"


def test_a_time_never_shows_sixty_seconds() -> None:
    assert clock(59.9996) == "01:00.000"
