"""What the numbers themselves want said: where they flatter, where they rest on little, what they leave out."""

import numpy as np

from kerasmed.config.run import Evaluation
from kerasmed.data.dataset import Protocol
from kerasmed.evaluation.judged import THRESHOLD, Judged
from kerasmed.evaluation.resampled import Measured

# Below this many patients a percentile interval is plainly too narrow.
FEW_PATIENTS = 20


def remarks(judged: Judged, protocol: Protocol, settings: Evaluation, measured: Measured) -> tuple[str, ...]:
    """Sentences for the notes of a report.

    Args:
        judged: What was judged.
        protocol: By which rules.
        settings: Of the intervals.
        measured: What came of it, and of each resample.
    """
    said = (
        _same_records(protocol),
        _threshold(judged),
        _few_patients(len(np.unique(judged.clusters)), settings),
        _absent_classes(judged, protocol),
        _rare_classes(measured),
        _redrawn(measured),
    )
    return tuple(sentence for sentence in said if sentence)


def _same_records(protocol: Protocol) -> str:
    if protocol.judged_on == "test":
        return ""
    return (
        "Selection and judgement used the same records (epochs or settings were chosen by them): expect less on others."
    )


def _threshold(judged: Judged) -> str:
    if judged.target.task == "single_label" or judged.thresholds is not None:
        return ""
    return f"A label is given where its score reaches {THRESHOLD}; no threshold was tuned."


def _few_patients(num_patients: int, settings: Evaluation) -> str:
    if not settings.bootstrap:
        return "No metric has an interval: evaluation.bootstrap is 0."
    if num_patients == 1:
        return "No metric has an interval: all examples are of one patient, or nobody knows of whom."
    if num_patients >= FEW_PATIENTS:
        return ""
    return (
        f"The intervals come from resampling only {num_patients} patients. With so few they are too narrow, and say "
        "little about other patients."
    )


def _absent_classes(judged: Judged, protocol: Protocol) -> str:
    occurs = judged.truth.sum(axis=0).tolist()
    absent = [name for name, count in zip(judged.target.classes, occurs, strict=True) if not count]
    if not absent:
        return ""
    sentence = f"No example of {', '.join(absent)} was judged: metrics of a class that does not occur are undefined"
    if set(absent) & set(protocol.macro_classes or judged.target.classes):
        sentence += ", and macro averages leave it out"
    return sentence + "."


def _redrawn(measured: Measured) -> str:
    if measured.redraws is None or not measured.redraws.drawn:
        return ""
    return (
        "A resample was drawn again until every class had an example inside and one outside it: "
        f"{measured.redraws.drawn:,} draws more for {len(measured.resampled):,} resamples."
    )


def _rare_classes(measured: Measured) -> str:
    resampled = measured.resampled
    lacking = sum(np.isnan(each.overall["macro_f1"]) for each in resampled)
    if not 0 < lacking < len(resampled):
        return ""
    return (
        f"A class lies in so few patients that {lacking} of {len(resampled)} resamples lack it. Intervals that need "
        "the class come from the other resamples; where those are fewer than half, there is none."
    )
