import errno

import pytest

from kerasmed.config.run import Loader
from kerasmed.errors import TrainingError
from kerasmed.training.plain_errors import plain_errors
from tests.fakes.toy import toy_config

# As measured; the rest of the text is left out.
SAID = (
    "RESOURCE_EXHAUSTED: Out of memory allocating 12582912 bytes.",
    "INTERNAL: Error dispatching computation: Out of memory allocating 1061688000 bytes.",
    "[enforce fail at alloc_cpu.cpp:127] err == 0. DefaultCPUAllocator: can't allocate memory: you tried to allocate",
    "CUDA out of memory. Tried to allocate 2.00 GiB.",
    "Graph execution error: OOM when allocating tensor with shape[8192,48,1024]",
    "Operation received an exception:Status: 1, message: could not create a primitive, in file tensorflow/core/kernels",
)


@pytest.mark.parametrize("text", SAID)
def test_a_backend_without_memory_becomes_advice_to_halve_the_batch(text):
    advice = r"try loader\.batch_size=16, or trainer\.auto_batch=true"
    with pytest.raises(TrainingError, match=advice), plain_errors(toy_config()):
        raise RuntimeError(text)


def test_python_without_memory_becomes_the_same_advice():
    with pytest.raises(TrainingError, match=r"loader\.batch_size=16"), plain_errors(toy_config()):
        raise MemoryError("std::bad_alloc")


def test_with_one_example_in_a_batch_no_smaller_one_is_advised():
    config = toy_config().model_copy(update={"loader": Loader(batch_size=1)})
    with pytest.raises(TrainingError, match="smaller model"), plain_errors(config):
        raise MemoryError


def test_another_failure_of_a_backend_stays_what_it_is():
    with pytest.raises(RuntimeError, match="shapes"), plain_errors(toy_config()):
        raise RuntimeError("shapes do not fit")


def test_a_full_disk_says_how_much_is_free(tmp_path):
    said = r"No space left.*MB are free; make room, and resume"
    with pytest.raises(TrainingError, match=said), plain_errors(toy_config()):
        raise OSError(errno.ENOSPC, "No space left on device", str(tmp_path / "weights.npz"))


def test_a_disk_that_cannot_be_written_is_not_told_to_make_room(tmp_path):
    with pytest.raises(TrainingError, match="Read-only file system; mend that"), plain_errors(toy_config()):
        raise OSError(errno.EROFS, "Read-only file system", str(tmp_path / "weights.npz"))
