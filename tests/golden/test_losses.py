"""Ten steps of training per backend: a refactoring leaves these losses as they are, to the last bit.

Another processor or another version rounds differently, so the bits are compared where the recorded machine is this
one, and three digits elsewhere. After an intended change, for each backend B, and say why in the commit:
KERASMED_WRITE_GOLDEN=1 KERASMED_TEST_BACKEND=B pytest tests/golden -k recorded
"""

import json
import os
import platform
from importlib import metadata
from pathlib import Path

import numpy as np
import pytest

from kerasmed.build import build
from tests.fakes.toy import SMALL_MODELS, toy_config, toy_spec, toy_stream

GOLDEN = Path(__file__).with_name("losses.json")
STEPS = 10
RANDOM = ("dropout_rate", "head_dropout_rate", "drop_path_rate", "feature_noise")


def ten_losses(kind):
    import keras

    from kerasmed.runtime import seed_everything
    from kerasmed.training.fit import compile_trainee

    seed_everything(0)
    stream, config = toy_stream(kind=kind), toy_config(kind)
    # Weights from numpy and no randomness: every backend starts from the same numbers.
    small = SMALL_MODELS[kind]
    model_config = small.model_copy(update={name: 0.0 for name in RANDOM if name in type(small).model_fields})
    model = build(model_config, toy_spec(kind=kind))
    rng = np.random.default_rng(0)
    model.set_weights([w if w.ndim == 1 else rng.normal(0, 0.2, w.shape) for w in map(np.asarray, read(model))])
    trainee = compile_trainee(model, toy_spec(kind=kind), stream, config)
    losses = []

    class Watch(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs):
            losses.append(float(logs["loss"]))

    trainee.fit(
        iter(stream[g] for g in range(STEPS)),
        steps_per_epoch=STEPS,
        epochs=1,
        callbacks=[Watch()],
        shuffle=False,
        verbose=0,
    )
    return losses


def read(model):
    from kerasmed.training.variables import read_variables

    return read_variables(model.weights)


def this_machine(backend):
    cpu = Path("/proc/cpuinfo")
    line = next((text for text in cpu.read_text().splitlines() if "model name" in text), "") if cpu.exists() else ""
    package = {"tensorflow": "tensorflow-cpu"}.get(backend, backend)
    versions = [f"{name} {metadata.version(name)}" for name in ("keras", package)]
    return [platform.machine(), line.partition(":")[2].strip(), str(os.cpu_count()), *versions]


@pytest.mark.parametrize("kind", SMALL_MODELS)
def test_ten_steps_give_the_recorded_losses(kind, backend):
    losses, machine = ten_losses(kind), this_machine(backend)
    if os.environ.get("KERASMED_WRITE_GOLDEN"):
        known = json.loads(GOLDEN.read_text()) if GOLDEN.exists() else {}
        known.setdefault(backend, {})[kind] = {"machine": machine, "losses": [value.hex() for value in losses]}
        GOLDEN.write_text(json.dumps(known, indent=1, sort_keys=True) + "\n")
    recorded = json.loads(GOLDEN.read_text())[backend][kind]
    expected = [float.fromhex(value) for value in recorded["losses"]]
    np.testing.assert_allclose(losses, expected, rtol=1e-3)
    if recorded["machine"] == machine:
        assert losses == expected


@pytest.mark.parametrize("kind", SMALL_MODELS)
def test_the_backends_train_alike(kind):
    recorded = json.loads(GOLDEN.read_text())
    jax, torch, tensorflow = (
        [float.fromhex(value) for value in recorded[backend][kind]["losses"]]
        for backend in ("jax", "torch", "tensorflow")
    )
    np.testing.assert_allclose(torch, jax, rtol=1e-4)
    np.testing.assert_allclose(tensorflow, jax, rtol=1e-4)
