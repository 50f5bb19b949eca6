"""What a process has: its device, its memory, and how fast it multiplies matrices. Keras is loaded already."""

import resource
import sys
import time
from typing import Any

import numpy as np

from kerasmed.config.run import Backend, Precision
from kerasmed.errors import ConfigError

# Sides of the matrices, large enough that a device is busy, small enough for a second.
SIDES = {"cpu": (1024, 2048), "gpu": (4096, 8192)}
# Numbers of which they are made, over and over: to draw 67 million takes longer than the products.
SIDES_FROM = 1024
TURNS, FLOPS_OF_PRODUCT = 5, 2
# Type that the matrix products of a policy have.
COMPUTED_IN = {"float32": "float32", "mixed_float16": "float16", "mixed_bfloat16": "bfloat16"}


def devices_of(backend: Backend) -> list[str]:
    """Names of the devices that the backend of this process computes on."""
    if backend == "jax":
        import jax

        return [device.device_kind for device in jax.devices()]
    if backend == "torch":
        import torch

        return [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())] or ["cpu"]
    import tensorflow as tf

    gpus = tf.config.list_physical_devices("GPU")
    named = [tf.config.experimental.get_device_details(gpu).get("device_name", gpu.name) for gpu in gpus]
    return named or ["cpu"]


def require_device(backend: Backend, device: str) -> None:
    """Raise `ConfigError` where a GPU is asked for and the backend has none."""
    if device == "gpu" and devices_of(backend)[0].lower() == "cpu":
        raise ConfigError(f"{backend} finds no GPU on this machine")


def peak_memory(backend: Backend) -> dict[str, int | None]:
    """Largest resident set of this process, and largest use of its GPU where it has one, in bytes."""
    unit = 1 if sys.platform == "darwin" else 1024
    host = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
    return {"host_bytes": host, "device_bytes": _device_bytes(backend)}


def matmul_flops(precision: Precision, device: str) -> float:
    """Operations a second of the fastest matrix product of this backend in the type that `precision` computes in."""
    import keras
    from keras import ops

    kind = COMPUTED_IN[precision]
    best = 0.0
    for side in SIDES[device]:
        values = np.tile(np.random.default_rng(0).normal(size=(SIDES_FROM, SIDES_FROM)), (side // SIDES_FROM,) * 2)
        left = ops.cast(ops.convert_to_tensor(values.astype(np.float32)), kind)
        product = left
        for _ in range(TURNS):
            start = time.perf_counter()
            product = ops.matmul(left, left)
            keras.ops.convert_to_numpy(product[0, 0])
            best = max(best, FLOPS_OF_PRODUCT * side**3 / (time.perf_counter() - start))
    return best


def _device_bytes(backend: Backend) -> int | None:
    if devices_of(backend)[0].lower() == "cpu":
        return None
    found: Any
    if backend == "jax":
        import jax

        found = (jax.devices()[0].memory_stats() or {}).get("peak_bytes_in_use")
    elif backend == "torch":
        import torch

        found = torch.cuda.max_memory_allocated()
    else:
        import tensorflow as tf

        found = tf.config.experimental.get_memory_info("GPU:0")["peak"]
    return None if found is None else int(found)
