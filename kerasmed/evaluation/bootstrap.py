"""How far a metric would move with other patients: percentile intervals of a cluster bootstrap.

Examples of one patient resemble each other, so whole patients are drawn with replacement, never single examples (Field
and Welsh 2007, "Bootstrapping clustered data", J. R. Stat. Soc. B 69:369).
"""

from collections.abc import Iterator

import numpy as np

from kerasmed.data.records import Array


def draw_weights(num_clusters: int, resamples: int, seed: int) -> Iterator[Array]:
    """For each resample float64 (num_clusters,): times each cluster was drawn; decided by the arguments alone."""
    rng = np.random.default_rng(seed)
    for _ in range(resamples):
        drawn = rng.integers(num_clusters, size=num_clusters)
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
