"""The largest batch that fits in memory, found before a run by children that train a few steps and may die of it."""

import json
import logging
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from kerasmed import files
from kerasmed.config.load import resolved_yaml
from kerasmed.config.run import RunConfig
from kerasmed.data.loaders.batches import BatchStream
from kerasmed.errors import TrainingError
from kerasmed.runtime import environment_with
from kerasmed.spec import ExampleSpec

log = logging.getLogger(__name__)
# The exit code by which a child says that memory ran out; python, kerasmed and the shell use others.
NO_MEMORY_CODE = 77
# How the kernel, a C++ library without memory, and a failed page end a process.
SIGNALS_OF_NO_MEMORY = frozenset({signal.SIGKILL, signal.SIGABRT, signal.SIGSEGV, signal.SIGBUS})
PROBE_TIMEOUT_S = 600.0
LARGEST = 1_000_000  # of loader.batch_size
TAIL_CHARACTERS = 400


class ProbeTimeoutError(TrainingError):
    """A few steps of a batch did not end in time."""


def with_largest_batch(config: RunConfig, spec: ExampleSpec, stream: BatchStream) -> RunConfig:
    """`config` with the `loader.batch_size` that `largest_batch` finds, and with the search switched off."""
    size = largest_batch(config, spec, stream)
    loader = config.loader.model_copy(update={"batch_size": size})
    return config.model_copy(
        update={"loader": loader, "trainer": config.trainer.model_copy(update={"auto_batch": False})}
    )


def largest_batch(
    config: RunConfig, spec: ExampleSpec, stream: BatchStream, memory_bytes: int | None = None,
    timeout_s: float = PROBE_TIMEOUT_S,
) -> int:  # fmt: skip
    """The largest `loader.batch_size` that fits: the one that is set, doubled or halved so many times.

    An epoch has at least one batch, so none is larger than the examples of an epoch. Every size is tried in a process
    of its own, with the run's backend, network, precision, optimizer and augmentation. The learning rate stays as set.

    Args:
        config: The run. On a GPU, this process must not have used it yet: jax takes three quarters of it at once.
        spec: Of the examples.
        stream: The training batches; only shapes, types and the number of examples are looked at.
        memory_bytes: What a child may allocate; without it, 90 % of what the machine has free.
        timeout_s: Longest time that one size may take.

    Raises:
        TrainingError: Not even one example fits, or a child failed for another reason than memory.
    """
    most = min(LARGEST, stream.draws if stream.chances is not None and stream.draws else len(stream.rows))

    def fits(size: int) -> bool:
        why = probe(config, spec, stream, size, memory_bytes, timeout_s)
        log.info("auto_batch: loader.batch_size=%d %s", size, f"does not fit ({why})" if why else "fits")
        return not why

    return search(fits, min(config.loader.batch_size, most), most)


def search(fits: Callable[[int], bool], start: int, most: int) -> int:
    """The largest of `start` * 2^n up to `most` that fits; `start` is halved where it does not fit itself."""
    size = start
    if fits(size):
        while 2 * size <= most and _fits_in_time(fits, 2 * size):
            size *= 2
        return size
    while size > 1:
        size //= 2
        if fits(size):
            return size
    raise TrainingError(
        "trainer.auto_batch: not even a batch of one example fits in memory; choose a smaller model, "
        "trainer.precision=mixed_bfloat16 or a machine with more memory."
    )


def probe(
    config: RunConfig, spec: ExampleSpec, stream: BatchStream, size: int, memory_bytes: int | None, timeout_s: float
) -> str:
    """Why a batch of `size` does not fit; empty where it does.

    Raises:
        TrainingError: The child failed for another reason.
    """
    with tempfile.TemporaryDirectory(prefix="kerasmed-probe-") as scratch:
        folder = Path(scratch)
        write_request(folder, config, spec, stream, size, memory_bytes)
        code, said = _run(folder, size, timeout_s)
    if code == 0:
        return ""
    if code == NO_MEMORY_CODE:
        return "out of memory"
    if -code in SIGNALS_OF_NO_MEMORY:
        return f"its process was ended by {signal.Signals(-code).name}"
    raise TrainingError(f"trainer.auto_batch: the trial of loader.batch_size={size} ended with {code}: {said}")


def write_request(
    folder: Path, config: RunConfig, spec: ExampleSpec, stream: BatchStream, size: int, memory_bytes: int | None
) -> None:
    """Write what the child is to train into `folder`: config.yaml and request.json."""
    kinds = {
        part: {name: [list(values.shape[1:]), str(values.dtype)] for name, values in arrays.items()}
        for part, arrays in (("inputs", stream.inputs), ("targets", stream.targets))
    }
    files.write_text(folder / "config.yaml", resolved_yaml(config))
    request = {"spec": spec.to_json(), **kinds, "batch_size": size, "memory_bytes": memory_bytes}
    (folder / "request.json").write_text(json.dumps(request))


def _fits_in_time(fits: Callable[[int], bool], size: int) -> bool:
    try:
        return fits(size)
    except ProbeTimeoutError as error:
        log.info("%s", error)
        return False


def _run(folder: Path, size: int, timeout_s: float) -> tuple[int, str]:
    """Exit code of the child, and the last line that it said."""
    command = [sys.executable, "-P", "-m", "kerasmed.training.batch_probe", str(folder)]
    # The GPU is to be asked for what the batch needs, and not for all of it at once.
    environment = environment_with(
        XLA_PYTHON_CLIENT_PREALLOCATE="false", TF_FORCE_GPU_ALLOW_GROWTH="true", PYTHONPATH=os.pathsep.join(sys.path)
    )
    said = folder / "said.txt"
    with said.open("wb") as output:
        try:
            ended = subprocess.run(  # noqa: S603 - our own module, no shell
                command, env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=output, timeout=timeout_s,
                check=False,
            )  # fmt: skip
        except subprocess.TimeoutExpired as error:
            raise ProbeTimeoutError(
                f"trainer.auto_batch: the trial of loader.batch_size={size} did not end within {timeout_s:g} s; "
                "set loader.batch_size yourself, with trainer.auto_batch=false."
            ) from error
    lines = said.read_bytes()[-TAIL_CHARACTERS:].decode(errors="replace").split("\n")
    return ended.returncode, next((line.strip() for line in reversed(lines) if line.strip()), "nothing was said")
