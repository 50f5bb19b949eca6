import json
import os
import random
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from kerasmed.errors import ConfigError, UnknownNameError
from kerasmed.runtime import BACKENDS, cache_root, data_root, seed_everything, use_backend, use_precision

ENVIRONMENT = (
    "KERASMED_DATA",
    "KERASMED_CACHE",
    "XDG_CACHE_HOME",
    "KERAS_HOME",
    "KERAS_BACKEND",
    "JAX_COMPILATION_CACHE_DIR",
    "XLA_FLAGS",
)


def run(program: str, folder: Path | None = None, **environment: str) -> subprocess.CompletedProcess:
    """A program in a process of its own, which finds the modules in `folder` before all others."""
    clean = {name: value for name, value in os.environ.items() if name not in ENVIRONMENT}
    environment |= {"PYTHONPATH": str(folder)} if folder else {}
    return subprocess.run(
        [sys.executable, "-c", program],
        env=clean | environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def write_module(folder: Path, name: str, source: str) -> None:
    (folder / f"{name}.py").write_text(source)


@pytest.fixture(scope="module")
def on_jax(tmp_path_factory: pytest.TempPathFactory) -> dict:
    """What a process that runs keras on jax says of itself."""
    cache = tmp_path_factory.mktemp("cache")
    done = run(
        """
import json, os, sys, warnings
warnings.simplefilter("error")
from kerasmed.runtime import use_backend
use_backend("jax")
import keras
facts = {"backend": keras.backend.backend(), "home": os.environ["KERAS_HOME"]}
facts["tensorflow"] = "tensorflow" in sys.modules
import jax
facts["compiled"] = jax.config.jax_compilation_cache_dir
facts["at_most"] = jax.config.jax_compilation_cache_max_size
warnings.simplefilter("ignore")
import tensorflow as tf
facts["gpus"] = tf.config.get_visible_devices("GPU")
print(json.dumps(facts))
""",
        KERASMED_CACHE=str(cache),
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout) | {"stderr": done.stderr, "cache": cache}


def test_what_jax_compiles_is_kept_below_the_cache_and_bounded(on_jax):
    assert on_jax["compiled"] == str(on_jax["cache"] / "compiled")
    assert 0 < on_jax["at_most"] < 1e11


@pytest.mark.parametrize(
    ("said", "wanted"),
    [
        ("", "--xla_gpu_deterministic_ops=true"),
        ("--xla_cpu_use_xnnpack=true", "--xla_cpu_use_xnnpack=true --xla_gpu_deterministic_ops=true"),
        ("--xla_gpu_deterministic_ops=false", "--xla_gpu_deterministic_ops=false"),
    ],
)
def test_xla_is_asked_to_repeat_itself_on_a_gpu_unless_the_user_says_other(said, wanted):
    program = "import os; from kerasmed.runtime import use_backend; use_backend('jax'); print(os.environ['XLA_FLAGS'])"
    assert run(program, XLA_FLAGS=said).stdout.strip() == wanted


def test_a_cache_that_cannot_be_written_is_no_error(tmp_path):
    (tmp_path / "file").write_text("")
    program = "from kerasmed.runtime import use_backend; use_backend('jax'); import jax; print(jax.numpy.ones(2).sum())"
    done = run(program, KERASMED_CACHE=str(tmp_path / "file" / "below"))
    assert (done.returncode, done.stdout.strip(), done.stderr) == (0, "2.0", "")


def test_keras_runs_on_the_backend_asked_for(on_jax):
    assert on_jax["backend"] == "jax"


def test_tensorflow_is_not_loaded_by_another_backend(on_jax):
    assert on_jax["tensorflow"] is False


def test_tensorflow_sees_no_gpu_where_jax_trains(on_jax):
    assert on_jax["gpus"] == []


def test_the_settings_of_keras_are_not_those_of_the_user(on_jax):
    assert not Path(on_jax["home"]).is_relative_to(Path.home() / ".keras")


def test_loading_a_backend_says_nothing(on_jax):
    assert on_jax["stderr"] == ""


# Stands in for a TensorFlow with GPUs, which the tested CPU build never has.
TENSORFLOW = """
class config:
    hidden = []
    set_visible_devices = staticmethod(lambda devices, kind: config.hidden.append((devices, kind)))
"""


@pytest.mark.parametrize(
    "before",
    ["", "import importlib.util as u; u.find_spec('tensorflow')", "import tensorflow; del sys.modules['tensorflow']"],
    ids=["at once", "after a look whether it is there", "a second time"],
)
def test_gpus_are_hidden_whenever_tensorflow_is_imported(tmp_path, before):
    write_module(tmp_path, "tensorflow", TENSORFLOW)
    hide = "import sys; from kerasmed.runtime import hide_gpus_from_tensorflow as hide; hide()"
    done = run(f"{hide}\n{before}\nimport tensorflow; print(tensorflow.config.hidden)", tmp_path)
    assert done.stdout == "[([], 'GPU')]\n"


def test_other_modules_are_found_as_ever(tmp_path):
    write_module(tmp_path, "tensorflow_text", "word = 'found'")
    done = run(
        "from kerasmed.runtime import hide_gpus_from_tensorflow as hide; hide()\n"
        "import tensorflow_text; print(tensorflow_text.word)",
        tmp_path,
    )
    assert done.stdout == "found\n"


SPEAKING_KERAS = "import os, warnings; os.write(2, b'native words'); warnings.warn('deprecated', DeprecationWarning)"
LOAD = "from kerasmed.runtime import use_backend; use_backend('jax')"


def test_what_native_code_says_is_held_back(tmp_path):
    write_module(tmp_path, "keras", SPEAKING_KERAS)
    done = run(LOAD, tmp_path)
    assert (done.returncode, done.stderr) == (0, "")


def test_what_native_code_says_is_shown_where_the_import_fails(tmp_path):
    write_module(tmp_path, "keras", f"{SPEAKING_KERAS}; raise OSError('no such library')")
    done = run(LOAD, tmp_path)
    assert done.stderr.startswith("native words")
    assert done.stderr.endswith("OSError: no such library\n")


def test_a_backend_that_is_not_installed_comes_with_its_install_command():
    done = run(f"import sys; sys.modules['jax'] = None\n{LOAD}")
    assert done.stderr.endswith("MissingPackageError: backend 'jax' needs jax: pip install 'kerasmed[jax]'\n")


def test_a_backend_that_is_not_installed_does_not_load_keras():
    done = run(
        "import sys; sys.modules['torch'] = None\n"
        "from kerasmed.errors import MissingPackageError\n"
        "from kerasmed.runtime import use_backend\n"
        "try: use_backend('torch')\n"
        "except MissingPackageError: print('keras' in sys.modules)"
    )
    assert done.stdout == "False\n"


@pytest.mark.parametrize(
    ("name", "message"), [("pytorch", "Did you mean 'torch'"), ("mxnet", "jax, tensorflow, torch")]
)
def test_an_unknown_backend_gets_the_known_ones(name, message):
    with pytest.raises(UnknownNameError, match=message):
        use_backend(name)


def test_a_settings_folder_that_the_user_names_for_keras_is_kept(tmp_path):
    write_module(tmp_path, "keras", "import os; print(os.environ['KERAS_HOME'])")
    assert run(LOAD, tmp_path, KERAS_HOME="chosen").stdout == "chosen\n"


def test_the_same_backend_twice_is_fine(backend):
    use_backend(backend)


def test_another_backend_in_the_same_process_is_refused(backend):
    other = next(name for name in BACKENDS if name != backend)
    with pytest.raises(
        ConfigError, match=f"backend '{other}' was asked for, .* keras on '{backend}'; .* another process"
    ):
        use_backend(other)


def draw() -> list[np.ndarray]:
    """Random numbers of every generator that a training uses."""
    import keras

    layer, dropout = keras.layers.Dense(4), keras.layers.Dropout(0.5)
    layer.build((None, 3))
    dropped = dropout(np.ones((1, 64), np.float32), training=True)
    drawn = (layer.kernel, dropped)
    return [np.array(random.random()), np.random.random(3), *(keras.ops.convert_to_numpy(value) for value in drawn)]


def test_the_same_seed_draws_the_same_numbers(backend):
    draws = []
    for _ in range(2):
        seed_everything(3)
        draws.append(draw())
    for one, other in zip(*draws, strict=True):
        np.testing.assert_array_equal(one, other)


def test_another_seed_draws_other_numbers(backend):
    draws = []
    for seed in (3, 4):
        seed_everything(seed)
        draws.append(draw())
    for one, other in zip(*draws, strict=True):
        assert not np.array_equal(one, other)


def test_the_precision_is_of_every_layer_built_from_there_on(backend):
    import keras

    use_precision("mixed_bfloat16")
    try:
        layer = keras.layers.Dense(1)
    finally:
        use_precision("float32")
    assert (layer.compute_dtype, layer.variable_dtype) == ("bfloat16", "float32")
    assert keras.layers.Dense(1).compute_dtype == "float32"


def test_the_data_folder_is_the_option_before_the_environment(tmp_path, monkeypatch):
    (tmp_path / "named").mkdir()
    monkeypatch.setenv("KERASMED_DATA", str(tmp_path))
    assert data_root(tmp_path / "named") == tmp_path / "named"
    assert data_root() == tmp_path


def test_no_data_folder_says_how_to_name_one(monkeypatch):
    monkeypatch.delenv("KERASMED_DATA", raising=False)
    with pytest.raises(ConfigError, match=r"give --data-dir FOLDER or set KERASMED_DATA"):
        data_root()


@pytest.mark.parametrize("made", ["nothing", "a file"])
def test_a_data_folder_that_is_none_is_named(tmp_path, made):
    if made == "a file":
        (tmp_path / "data").touch()
    with pytest.raises(ConfigError, match=r"data folder .*data does not exist"):
        data_root(tmp_path / "data")


def test_a_tilde_is_the_home_of_the_user(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("KERASMED_CACHE", "~/sets")
    assert data_root(Path("~")) == tmp_path
    assert cache_root() == tmp_path / "sets"


def test_the_cache_is_that_of_the_user_unless_named(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("KERASMED_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    assert cache_root() == tmp_path / ".cache" / "kerasmed"
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert cache_root() == tmp_path / "xdg" / "kerasmed"
