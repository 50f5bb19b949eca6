"""A full disk, and every backend's way of saying "no memory", in one line."""

import errno
import re
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from kerasmed.config.run import RunConfig
from kerasmed.errors import TrainingError

# Measured on the CPU under a limit of memory (RLIMIT_DATA): jax "RESOURCE_EXHAUSTED: Out of memory allocating" and
# "INTERNAL: Error dispatching computation: Out of memory allocating", or MemoryError "std::bad_alloc"; torch
# "DefaultCPUAllocator: can't allocate memory"; TensorFlow "OOM when allocating tensor", "Cannot parse tensor from
# proto" where the tensor is a constant, and "exception:Status: 1" from oneDNN (dnnl_out_of_memory in its
# dnnl_common_types.h). The rest are CUDA's words.
NO_MEMORY = re.compile(
    r"RESOURCE_EXHAUSTED|out of memory|bad_alloc|can't allocate memory|not enough memory|OOM when allocating"
    r"|Cannot parse tensor from proto|exception: ?Status: 1,|STATUS_ALLOC_FAILED",
    re.IGNORECASE,
)
NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@contextmanager
def plain_errors(config: RunConfig) -> Iterator[None]:
    """Turns a full disk and a full memory into a line that says what to do.

    Raises:
        TrainingError: In place of an OSError, and of what a backend raises without memory.
    """
    try:
        yield
    except OSError as error:
        raise TrainingError(_about_disk(error)) from error
    except backend_errors() as error:
        if not is_out_of_memory(error):
            raise
        raise TrainingError(_about_memory(config)) from error


def is_out_of_memory(error: BaseException) -> bool:
    """Whether `error` is a backend's, or python's, way of saying that memory ran out."""
    if isinstance(error, MemoryError):
        return True
    return isinstance(error, backend_errors()) and NO_MEMORY.search(str(error)) is not None


def backend_errors() -> tuple[type[Exception], ...]:
    """What a backend raises when it fails: jax and torch a RuntimeError, TensorFlow a class of its own."""
    tensorflow = sys.modules.get("tensorflow")
    own = () if tensorflow is None else (tensorflow.errors.OpError,)
    return (MemoryError, RuntimeError, *own)


def _about_memory(config: RunConfig) -> str:
    size = config.loader.batch_size
    if size == 1:
        return (
            "out of memory with one example in a batch; choose a smaller model or trainer.precision=mixed_bfloat16, "
            f"or lower evaluation.batch_size ({config.evaluation.batch_size}) if it was scoring."
        )
    return (
        f"out of memory at loader.batch_size={size} (evaluation.batch_size={config.evaluation.batch_size}); "
        f"try loader.batch_size={size // 2}, or trainer.auto_batch=true, which finds the largest that fits."
    )


def _about_disk(error: OSError) -> str:
    name = error.filename or "a file of the run"
    remedy = "mend that, and resume" if error.errno not in NO_ROOM else f"{_free(error)}make room, and resume"
    return f"{name}: {error.strerror or error}; {remedy}. The checkpoints before it are intact."


def _free(error: OSError) -> str:
    place = Path(str(error.filename)).parent if error.filename else None
    if place is None or not place.is_dir():
        return ""
    return f"{shutil.disk_usage(place).free / 1e6:.1f} MB are free; "
