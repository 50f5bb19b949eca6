"""F18: reading that fails or never returns ends a training with an error that says where, never with a hang."""

import time

import numpy as np
import pytest

from kerasmed.build import build
from kerasmed.errors import DataError, TrainingError
from tests.fakes.failing_reads import failing, hang, no_disk
from tests.fakes.toy import toy_config, toy_spec, toy_stream

pytestmark = pytest.mark.usefixtures("backend")
HELD_OUT = np.arange(192, 256)


def fitted(folder, stream, timeout_s, epochs):
    from kerasmed.training.fit import fit
    from kerasmed.training.scoring import ValidationRows

    config = toy_config(epochs=epochs)
    config = config.model_copy(update={"loader": config.loader.model_copy(update={"timeout_s": timeout_s})})
    validation = ValidationRows(HELD_OUT, lambda logits, targets: {})
    return fit(build(config.model, toy_spec()), toy_spec(), stream, validation, config, folder)


def test_a_read_that_raises_ends_the_training_and_names_batch_and_file(tmp_path):
    with pytest.raises(DataError, match=r"global step \d+.*signal\.npy"):
        fitted(tmp_path, failing(toy_stream(), 20, no_disk), timeout_s=30.0, epochs=1000)


def test_a_read_that_never_returns_ends_the_training_in_time_and_names_the_setting(tmp_path):
    start = time.monotonic()
    with pytest.raises(TrainingError, match=r"loader\.timeout_s=1 s"):
        fitted(tmp_path, failing(toy_stream(), 20, hang), timeout_s=1.0, epochs=1000)
    assert time.monotonic() - start < 25.0


def test_a_validation_that_never_returns_ends_the_training_too(tmp_path):
    stream = toy_stream()
    signal = stream.inputs["signal"]

    class HangsForHeldOut:
        base = None

        def __getitem__(self, rows):
            if max(rows) >= HELD_OUT[0]:
                hang()
            return signal[rows]

    stream.inputs["signal"] = HangsForHeldOut()
    with pytest.raises(TrainingError, match="a validation batch could not be read"):
        fitted(tmp_path, stream, timeout_s=1.0, epochs=1)


def test_compiling_and_slow_steps_are_no_slow_reads(tmp_path):
    history = fitted(tmp_path, toy_stream(), timeout_s=0.2, epochs=2)
    assert len(history.rows) == 2
