"""Batches for `fit` and for scoring.

Batch i of epoch e is a pure function of (seed, e, i), whatever the engine, the number of threads or the backend, so a
stream can be continued at any step.
"""

from collections.abc import Iterable

from kerasmed.config.run import Loader
from kerasmed.data.loaders.batches import Batch, Batches


def open_stream(stream: Batches, config: Loader, start: int = 0) -> Iterable[Batch]:
    """An endless iterable of batches from global step `start` on, made ahead by the engine `config` names.

    "auto" is grain here; `fit` knows the backend and chooses.
    """
    if config.engine == "tfdata":
        from kerasmed.data.loaders.tfdata import stream_batches
    else:
        from kerasmed.data.loaders.grain import stream_batches
    return stream_batches(stream, config, start)
