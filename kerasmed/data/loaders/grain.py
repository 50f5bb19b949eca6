"""The grain engine: threads of this process gather batches ahead of the step."""

from collections.abc import Iterable

import grain

from kerasmed.config.run import Loader
from kerasmed.data.loaders.batches import Batch, Batches


def stream_batches(stream: Batches, config: Loader, start: int) -> Iterable[Batch]:
    """An endless `grain.IterDataset` from global step `start` on.

    It must not end: after the last batch of a finite data set keras on TensorFlow runs a part of one more step
    (KERAS_FACTS 2a), which changes the weights.
    """
    steps = grain.MapDataset.source(stream)[start:]
    return steps.to_iter_dataset(
        grain.ReadOptions(
            num_threads=config.num_threads, prefetch_buffer_size=config.prefetch if config.num_threads else 0
        )
    )
