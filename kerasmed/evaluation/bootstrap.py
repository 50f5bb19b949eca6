"""How far a metric would move with other patients: percentile intervals of a cluster bootstrap.

Examples of one patient resemble each other, so whole patients are drawn with replacement, never single examples (Field
and Welsh 2007, "Bootstrapping clustered data", J. R. Stat. Soc. B 69:369).
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from kerasmed.data.records import Array

# A resample that lacks what it must hold is drawn again; where nearly none can hold it, that must come to an end.
MOST_REDRAWS = 100


@dataclass
class Redraws:
    """What became of the resamples that lacked something.

    Attributes:
        drawn: Resamples that were thrown away and drawn again.
        lacking: Resamples that were kept, since `MOST_REDRAWS` more draws lacked something, too.
    """

    drawn: int = 0
    lacking: int = 0


def draw_weights(
    num_clusters: int, resamples: int, seed: int, holds: Array | None = None, redraws: Redraws | None = None
) -> Iterator[Array]:
    """For each resample float64 (num_clusters,): times each cluster was drawn; decided by the arguments alone.

    Args:
        num_clusters: How many there are.
        resamples: How many to draw.
        seed: Of the draws.
        holds: Bool (num_clusters, n), what each cluster holds; a resample without one of the n is drawn again.
        redraws: Counts how often that happened.
    """
    rng = np.random.default_rng(seed)
    counted = redraws or Redraws()
    for _ in range(resamples):
        for tries_left in reversed(range(MOST_REDRAWS + 1)):
            drawn = rng.integers(num_clusters, size=num_clusters)
            if holds is None or holds[drawn].any(axis=0).all():
                break
            counted.drawn += tries_left > 0
            counted.lacking += tries_left == 0
        yield np.bincount(drawn, minlength=num_clusters).astype(np.float64)


def interval(values: Array, confidence: float) -> tuple[float, float] | None:
    """Lowest and highest of the middle `confidence` of `values` (num_resamples,).

    Resamples in which the metric is undefined (NaN) are left out. None where that leaves fewer than half of them, and
    where all of them agree: a class that lies in one patient gives the same sensitivity each time it is drawn, which
    is ignorance and not certainty.
    """
    defined = values[~np.isnan(values)]
    if 2 * len(defined) < len(values) or len(np.unique(defined)) < 2:
        return None
    low, high = np.quantile(defined, [(1.0 - confidence) / 2.0, (1.0 + confidence) / 2.0])
    return float(low), float(high)
