"""Choose backend, seed, precision and places, before keras is imported. The only reader of the environment."""

import importlib.util
import os
import random
import sys
import tempfile
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import ModuleType

from kerasmed.config.run import Backend, Precision
from kerasmed.errors import ConfigError, MissingPackageError, unknown

BACKENDS: tuple[Backend, ...] = ("jax", "torch", "tensorflow")
# Keras reads this name on its first import.
KERAS_BACKEND = "KERAS_BACKEND"
# Where jax keeps what it has compiled, below the cache: from which time of compiling on, and how much at most, of which
# what was used least lately goes first.
COMPILED, WORTH_KEEPING_S, MOST_COMPILED_BYTES = "compiled", 0.5, 2_000_000_000
XLA_REPEATS = "xla_gpu_deterministic_ops"
CHIEF_AND_WORKERS = ("KERASTUNER_TUNER_ID", "KERASTUNER_ORACLE_IP", "KERASTUNER_ORACLE_PORT")


def use_backend(name: str) -> None:
    """Make `name` the backend of this process.

    Raises:
        ConfigError: Keras is already loaded on another backend; a process has one.
        MissingPackageError: The backend is not installed.
    """
    if name not in BACKENDS:
        raise unknown("backend", name, BACKENDS)
    if "keras" in sys.modules:
        loaded = sys.modules["keras"].backend.backend()
        if loaded != name:
            raise ConfigError(
                f"backend {name!r} was asked for, but this process already runs keras on {loaded!r}; "
                "a process has one backend: start another process."
            )
        return
    if importlib.util.find_spec(name) is None:
        raise MissingPackageError(name, name, f"backend {name!r}")
    os.environ[KERAS_BACKEND] = name
    # Keras writes a settings file into its home; two processes must not share one that the user edits.
    os.environ.setdefault("KERAS_HOME", str(Path(tempfile.gettempdir()) / f"kerasmed-keras-{os.getuid()}"))
    # Threads of the maths library that wait must sleep: spinning, torch ran 7 times slower beside other work.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("GRPC_VERBOSITY", "ERROR")
    if name == "jax":
        _keep_compiled()
        _repeat_on_gpus()
    if name != "tensorflow":
        # Keras imports TensorFlow for tf.data and when it saves; it must not take the GPU from the backend that trains.
        hide_gpus_from_tensorflow()
    _load_keras()


def _keep_compiled() -> None:
    """Let jax find in the user's cache what an earlier process compiled; where nothing can be written, it compiles.

    A folder that the user has named himself (JAX_COMPILATION_CACHE_DIR) is his, with jax's own rules for it.
    """
    if "JAX_COMPILATION_CACHE_DIR" in os.environ or importlib.util.find_spec("filelock") is None:
        return
    folder = cache_root() / COMPILED
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return
    if os.access(folder, os.W_OK | os.X_OK):
        os.environ |= {
            **compiled_once(folder, WORTH_KEEPING_S),
            "JAX_COMPILATION_CACHE_MAX_SIZE": str(MOST_COMPILED_BYTES),
        }


def _repeat_on_gpus() -> None:
    """Let XLA take kernels that add in one order on a GPU, unless the user says other."""
    flags = os.environ.get("XLA_FLAGS", "")
    if XLA_REPEATS not in flags:
        os.environ["XLA_FLAGS"] = f"{flags} --{XLA_REPEATS}=true".strip()


def hide_gpus_from_tensorflow() -> None:
    """TensorFlow, if anything imports it in this process, sees no GPU."""
    sys.meta_path.insert(0, _TensorFlowWithoutGpu())


class _TensorFlowWithoutGpu(MetaPathFinder):
    """Import hook: hides the accelerators as soon as TensorFlow has been executed."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname != "tensorflow":
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is None or spec.loader is None:
            return spec
        execute = spec.loader.exec_module

        def exec_module(module: ModuleType) -> None:
            with _native_stderr_held_back():
                execute(module)
            module.config.set_visible_devices([], "GPU")

        spec.loader.exec_module = exec_module  # type: ignore[method-assign]
        return spec


def _load_keras() -> None:
    with warnings.catch_warnings(), _native_stderr_held_back():
        # TensorFlow, jax and orbax warn of their own deprecations while keras imports them.
        warnings.simplefilter("ignore")
        import keras  # noqa: F401


@contextmanager
def _native_stderr_held_back() -> Iterator[None]:
    """TensorFlow's C++ logs a note on import that no setting silences; it is shown only if the import fails."""
    with tempfile.TemporaryFile() as held:
        shown = os.dup(2)
        os.dup2(held.fileno(), 2)
        try:
            yield
        except BaseException:
            held.seek(0)
            os.write(shown, held.read())
            raise
        finally:
            os.dup2(shown, 2)
            os.close(shown)


def seed_everything(seed: int) -> None:
    """Seed python, numpy and the backend, and ask the backend for repeatable kernels.

    Keras' own `set_random_seed` would import TensorFlow on every backend; layers without an explicit seed draw theirs
    from python's generator.
    """
    import keras
    import numpy as np

    random.seed(seed)
    np.random.seed(seed)
    backend = keras.backend.backend()
    if backend == "tensorflow":
        import tensorflow as tf

        tf.random.set_seed(seed)
        tf.config.experimental.enable_op_determinism()
    if backend == "torch":
        import torch

        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
        torch.manual_seed(seed)
        torch.use_deterministic_algorithms(True, warn_only=True)
        # Otherwise every new tensor is filled first, which no layer of keras needs and took a tenth of a small step.
        torch.utils.deterministic.fill_uninitialized_memory = False


def use_precision(policy: Precision) -> None:
    """Set the dtype policy of every layer built from here on."""
    import keras

    keras.config.set_dtype_policy(policy)


def environment_with(**variables: str) -> dict[str, str]:
    """The environment of a process of ours that needs what the user set (proxies, credentials), and `variables`."""
    return {**os.environ, **variables}


def search_role() -> tuple[str, str]:
    """What this process is in a search on several machines, and its name: KerasTuner's own variables say.

    Returns:
        ("chief" or "worker", KERASTUNER_TUNER_ID); ("alone", "") where no chief is named.

    Raises:
        ConfigError: A variable is missing.
    """
    if not any(os.environ.get(name) for name in CHIEF_AND_WORKERS):
        return "alone", ""
    missing = [name for name in CHIEF_AND_WORKERS if not os.environ.get(name)]
    if missing:
        raise ConfigError(f"a search on several machines needs {' and '.join(missing)} too: see docs/tuning.md.")
    name = os.environ["KERASTUNER_TUNER_ID"]
    return ("chief" if "chief" in name else "worker"), name


def device_environment(place: int, places: int) -> dict[str, str]:
    """Variables that give the process at one of several places a GPU of its own; without GPUs, none."""
    named = os.environ.get("CUDA_VISIBLE_DEVICES")
    found = sorted(int(path.name.removeprefix("nvidia")) for path in Path("/dev").glob("nvidia[0-9]*"))
    devices = named.split(",") if named else [str(number) for number in found]
    if named == "" or not devices:
        return {}
    shared = {"XLA_PYTHON_CLIENT_PREALLOCATE": "false", "TF_FORCE_GPU_ALLOW_GROWTH": "true"}
    return {"CUDA_VISIBLE_DEVICES": devices[place % len(devices)], **(shared if places > len(devices) else {})}


def only_device(device: str) -> dict[str, str]:
    """Variables of a process that computes on the processor alone, or that takes no more of a GPU than it needs."""
    if device == "cpu":
        return {"CUDA_VISIBLE_DEVICES": "-1", "JAX_PLATFORMS": "cpu"}
    return {"XLA_PYTHON_CLIENT_PREALLOCATE": "false", "TF_FORCE_GPU_ALLOW_GROWTH": "true"}


def compiled_once(folder: Path, least_s: float = 0.0) -> dict[str, str]:
    """Variables that let processes of jax share in `folder` what took one of them `least_s` or longer to compile."""
    return {
        "JAX_COMPILATION_CACHE_DIR": str(folder),
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": f"{least_s:g}",
        "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "0",
    }


def data_root(option: Path | None = None) -> Path:
    """The folder that holds one folder per database: `--data-dir`, else KERASMED_DATA.

    Raises:
        ConfigError: Neither is given, or it is no folder.
    """
    named = option or os.environ.get("KERASMED_DATA")
    if not named:
        raise ConfigError(
            "no data folder: give --data-dir FOLDER or set KERASMED_DATA (one folder per database in it)."
        )
    root = Path(named).expanduser()
    if not root.is_dir():
        raise ConfigError(f"data folder {root} does not exist; --data-dir or KERASMED_DATA must name a folder.")
    return root


def cache_root() -> Path:
    """Where prepared sets are kept: KERASMED_CACHE, else the user's cache folder."""
    named = os.environ.get("KERASMED_CACHE")
    if named:
        return Path(named).expanduser()
    base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(base).expanduser() / "kerasmed"
