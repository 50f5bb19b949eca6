"""The score of the China Physiological Signal Challenge 2018.

One class is answered for each record: that of the highest score. It is right where it is any of the record's labels,
and then counts as [answer, answer]; otherwise it counts as [first label, answer]. From those counts N, F1 of a class i
is 2 N[i, i] / (sum of row i + sum of column i), the score is the mean of the nine, and a group of classes has the F1
of its added counts, as the challenge's published scoring script has it. A class that neither occurs nor is answered
has no F1, and then there is no score.
"""

import numpy as np

from kerasmed.config.run import Evaluation
from kerasmed.data.cpsc_labels import CLASSES
from kerasmed.data.records import Array
from kerasmed.evaluation.bootstrap import draw_weights, interval
from kerasmed.evaluation.judged import Judged
from kerasmed.evaluation.names import METRICS
from kerasmed.evaluation.report import Estimate

GROUPS = {
    "cpsc_f_af": ("AF",),
    "cpsc_f_block": ("I-AVB", "LBBB", "RBBB"),
    "cpsc_f_pc": ("PAC", "PVC"),
    "cpsc_f_st": ("STD", "STE"),
}


def count_answers(scores: Array, truth: Array, first: Array) -> Array:
    """int64 (n,): the cell of the 9 x 9 table, row by row, in which each record counts.

    Args:
        scores: (n, 9), in the order of `CLASSES`.
        truth: bool (n, 9), all labels of each record.
        first: int (n,), the first label of each record.
    """
    answer = scores.argmax(axis=1)
    hit = truth[np.arange(len(answer)), answer]
    return np.where(hit, answer, first) * len(CLASSES) + answer


def score_answers(counts: Array) -> dict[str, float]:
    """The score and its four sub-scores from `counts` (9, 9); NaN where a class neither occurs nor is answered."""
    rows_and_columns = counts.sum(axis=1) + counts.sum(axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        scores = {"cpsc_f1": float((2 * np.diagonal(counts) / rows_and_columns).mean())}
        for name, classes in GROUPS.items():
            places = [CLASSES.index(each) for each in classes]
            scores[name] = float(2 * counts[places, places].sum() / rows_and_columns[places].sum())
    return scores


def measure_cpsc2018(judged: Judged, settings: Evaluation, seed: int) -> dict[str, Estimate]:
    """Score and sub-scores of `judged`, with intervals from resamples of its patients.

    Where the first label of a record is not known, that of its labels that comes first in `CLASSES` stands in.
    """
    truth = judged.truth
    first = truth.argmax(axis=1) if judged.first is None else judged.first
    cells, clusters = count_answers(judged.scores, truth, first), judged.clusters
    num_clusters, num_cells = int(clusters.max()) + 1, len(CLASSES) ** 2
    by_cluster = np.bincount(clusters * num_cells + cells, minlength=num_clusters * num_cells)
    by_cluster = by_cluster.reshape(num_clusters, num_cells).astype(np.float64)

    def of(weights: Array) -> dict[str, float]:
        return score_answers((weights @ by_cluster).reshape(len(CLASSES), len(CLASSES)))

    resamples = settings.bootstrap if num_clusters > 1 else 0
    drawn = [of(weights) for weights in draw_weights(num_clusters, resamples, seed)]
    return {
        name: Estimate.of(
            value, interval(np.array([each[name] for each in drawn]), settings.confidence), METRICS[name].undefined
        )
        for name, value in of(np.ones(num_clusters)).items()
    }
