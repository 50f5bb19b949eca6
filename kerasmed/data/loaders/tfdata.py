"""The tf.data engine, for those who use TensorFlow's tools around it. The only file of `data` that knows TensorFlow."""

from collections.abc import Iterable
from typing import Any

import numpy as np

from kerasmed.config.run import Loader
from kerasmed.data.loaders.batches import ENDLESS_STEPS, Batch, Batches
from kerasmed.errors import MissingPackageError


def stream_batches(stream: Batches, config: Loader, start: int) -> Iterable[Batch]:
    """An endless `tf.data.Dataset` from global step `start` on.

    Raises:
        MissingPackageError: TensorFlow is not installed.
    """
    try:
        import tensorflow as tf
    except ImportError as error:
        raise MissingPackageError("tensorflow", "tensorflow", "loader.engine=tfdata") from error
    first = stream[start]
    names = [list(part) for part in first]
    flat = [np.asarray(part[name]) for part, keys in zip(first, names, strict=True) for name in keys]

    def gather(step: Any) -> list[Any]:
        batch = stream[int(step)]
        return [part[name] for part, keys in zip(batch, names, strict=True) for name in keys]

    def as_batch(step: Any) -> tuple[dict[str, Any], ...]:
        values = iter(tf.numpy_function(gather, [step], [array.dtype for array in flat], stateful=False))
        shapes = iter(array.shape for array in flat)
        return tuple({name: tf.ensure_shape(next(values), next(shapes)) for name in keys} for keys in names)

    steps = tf.data.Dataset.range(start, ENDLESS_STEPS)
    batches = steps.map(as_batch, num_parallel_calls=max(1, config.num_threads), deterministic=True)
    dataset: Iterable[Batch] = batches.prefetch(config.prefetch)
    return dataset
