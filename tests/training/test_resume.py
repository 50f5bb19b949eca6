"""A training that another process began goes on as if it had never stopped."""

import json
import shutil
import subprocess
import sys

import numpy as np
import pytest

from kerasmed.build import build
from kerasmed.config.run import Augmentation
from kerasmed.errors import DataError, TrainingError
from tests.conftest import CHECKOUT
from tests.fakes.toy import toy_config, toy_spec, toy_stream
from tests.training.test_fit import HELD_OUT, accuracy, digest, fitted

pytestmark = pytest.mark.usefixtures("backend")
LOUD = Augmentation(amplitude_rate=0.2, shift_samples=3, noise=0.05, wander=0.1)
UNTIMED = ("seconds", "examples_per_s")
# Six steps an epoch.
HARD = {
    "epochs": 5, "schedule": "plateau", "plateau_patience": 1, "plateau_factor": 0.5, "early_stopping": 3,
    "monitor": "val_accuracy", "ema_decay": 0.9, "save_every": "2steps",
}  # fmt: skip


# The question is put before every batch and after every epoch: the tenth batch is the first that is not done.
STOP = 10


class Asked:
    """An interruption that comes at a step."""

    def __init__(self, at):
        self.left = at

    @property
    def asked(self):
        self.left -= 1
        return self.left < 0

    def waits(self):
        from contextlib import nullcontext

        return nullcontext()


def run(folder, config, stop_after=None, stream=None):
    """Fit, as a process of its own would; `stop_after` batches the end is asked for."""
    from kerasmed.runtime import seed_everything, use_precision
    from kerasmed.training.fit import fit
    from kerasmed.training.scoring import ValidationRows

    seed_everything(config.seed)
    use_precision(config.trainer.precision)
    try:
        kind = config.model.kind
        model = build(config.model, toy_spec(kind=kind))
        rows = ValidationRows(HELD_OUT, accuracy)
        interruption = None if stop_after is None else Asked(stop_after)
        history = fit(model, toy_spec(kind=kind), stream or toy_stream(kind=kind), rows, config, folder, interruption)
    finally:
        use_precision("float32")
    return digest(model), history


def hard_config(model="se_resnet1d", **trainer):
    return toy_config(model, **{**HARD, **trainer}).model_copy(update={"augmentation": LOUD})


def untimed(rows):
    return [{name: value for name, value in row.items() if name not in UNTIMED} for row in rows]


def stopped(folder, config, *after):
    """A run in `folder` that was ended and taken up again after each of these numbers of batches."""
    for batches in after:
        with pytest.raises(KeyboardInterrupt):
            run(folder, config, batches)
    return run(folder, config)


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {
            "ema_decay": None, "schedule": "cosine", "warmup_epochs": 1.0, "early_stopping": None, "optimizer": "adam",
            "accumulate_steps": 4, "precision": "mixed_float16", "epochs": 3,
        },
    ],
    ids=["plateau-average-adamw", "cosine-accumulate-float16-adam"],
)  # fmt: skip
def test_a_resumed_training_ends_with_the_same_bits(settings, tmp_path):
    config = hard_config(**settings)
    straight, history = run(tmp_path / "straight", config)
    broken, resumed = stopped(tmp_path / "broken", config, 4, 7)
    assert broken == straight
    assert untimed(resumed.rows) == untimed(history.rows)
    assert (resumed.best, resumed.kept, resumed.kept_epoch) == (history.best, history.kept, history.kept_epoch)
    lines = (tmp_path / "broken" / "metrics.jsonl").read_text().splitlines()
    assert [json.loads(line)["epoch"] for line in lines] == list(range(1, len(history.rows) + 1))


def test_the_lstm_goes_on_to_the_same_bits(tmp_path):
    config = hard_config("cnn_lstm", epochs=2)
    assert stopped(tmp_path / "broken", config, 4)[0] == run(tmp_path / "straight", config)[0]


@pytest.mark.slow
def test_a_transformer_with_stochastic_depth_and_rates_by_layer_goes_on_to_the_same_bits(tmp_path):
    config = hard_config("heartbeit_1d", epochs=2, layer_decay=0.7)
    assert stopped(tmp_path / "broken", config, 4)[0] == run(tmp_path / "straight", config)[0]


def test_several_steps_in_one_execution_go_on_to_the_same_bits(backend, tmp_path):
    if backend == "torch":
        pytest.skip("keras' torch trainer runs one step at a time, and says so")
    config = hard_config(steps_per_execution=4, epochs=3)  # an epoch of six steps takes two executions
    assert stopped(tmp_path / "broken", config, 1, 1)[0] == run(tmp_path / "straight", config)[0]


@pytest.fixture(scope="module")
def saved(backend, tmp_path_factory):
    """The checkpoints of a run that ended within its second epoch; not to be changed."""
    folder = tmp_path_factory.mktemp("saved")
    with pytest.raises(KeyboardInterrupt):
        run(folder, hard_config(), STOP)
    return folder / "checkpoints"


def test_between_the_ends_of_epochs_every_so_many_steps_are_saved(saved):
    from kerasmed.training.checkpoint import verify_checkpoint

    assert sorted(folder.name for folder in saved.iterdir()) == ["epoch-0001", "step-000000008", "step-000000009"]
    assert verify_checkpoint(saved / "step-000000008")["position"] == {"epoch": 1, "step": 2}


def test_a_training_that_is_over_is_left_as_it_is(tmp_path):
    config = hard_config()
    first, history = run(tmp_path, config)
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "checkpoints").rglob("*")}
    again, same = run(tmp_path, config)
    assert (again, same.rows, same.kept_epoch) == (first, history.rows, history.kept_epoch)
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "checkpoints").rglob("*")} == before


def test_more_epochs_extend_a_training(tmp_path):
    settings = {"schedule": "constant", "warmup_epochs": 0.0}
    run(tmp_path / "extended", toy_config(epochs=1, **settings))
    longer = toy_config(epochs=3, **settings)
    assert run(tmp_path / "extended", longer)[0] == run(tmp_path / "straight", longer)[0]


@pytest.mark.parametrize(("batch_size", "place"), [(96, (1, 1)), (8, (1, 12))])
def test_with_batches_of_another_size_the_epoch_goes_on_at_the_same_share(batch_size, place, tmp_path, caplog):
    """Half of the second epoch was done; checkpoints, history and the way of the learning rate go on from there."""
    from kerasmed.training.checkpoint import newest_step

    config = hard_config(epochs=4, schedule="cosine", early_stopping=None, keep="last", warmup_epochs=1.0)
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "broken", config, STOP)
    stream = toy_stream(batch_size=batch_size)
    with caplog.at_level("INFO"):
        _, resumed = run(tmp_path / "broken", config, stream=stream)
    assert f"going on after epoch {place[0]}, step {place[1]} (step-000000009)" in caplog.text
    assert [row["epoch"] for row in resumed.rows] == [1, 2, 3, 4]
    folder, state = newest_step(tmp_path / "broken" / "checkpoints")
    assert (state["position"], state["steps_per_epoch"]) == ({"epoch": 4, "step": 0}, stream.steps_per_epoch)
    assert folder.name == f"step-{9 + 4 * stream.steps_per_epoch - place[0] * stream.steps_per_epoch - place[1]:09d}"
    _, whole = run(tmp_path / "whole", config, stream=stream)
    rates = [[row["learning_rate"] for row in rows[1:]] for rows in (resumed.rows, whole.rows)]
    np.testing.assert_allclose(*rates, rtol=0.05, atol=1e-5)


def test_a_checkpoint_tells_the_settings_that_were_asked_for_where_nothing_chooses_an_epoch(tmp_path):
    from kerasmed.training.checkpoint import newest_step

    config = toy_config(epochs=1, monitor="val_accuracy", early_stopping=2)
    fitted(tmp_path, config, held_out=HELD_OUT[:0])
    assert newest_step(tmp_path / "checkpoints")[1]["config"] == config.model_dump(mode="json")


def test_a_damaged_generation_is_told_and_the_older_one_goes_on_to_the_same_bits(tmp_path, caplog):
    config = hard_config(epochs=2)
    straight, _ = run(tmp_path / "straight", config)
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "broken", config, STOP)
    damaged = tmp_path / "broken" / "checkpoints" / "step-000000009" / "training.npz"
    damaged.write_bytes(damaged.read_bytes()[:-7])
    assert run(tmp_path / "broken", config)[0] == straight
    assert "step-000000009" in caplog.text
    assert "does not match its hash" in caplog.text


@pytest.mark.parametrize("file", ["training.npz", "state.json", "manifest.json"])
def test_any_damaged_file_makes_the_older_generation_the_newest(file, saved, tmp_path):
    from kerasmed.training.checkpoint import newest_step

    checkpoints = shutil.copytree(saved, tmp_path / "checkpoints")
    damaged = checkpoints / "step-000000009" / file
    damaged.write_bytes(damaged.read_bytes()[:-7])
    assert newest_step(checkpoints)[0].name == "step-000000008"
    damaged.unlink()
    assert newest_step(checkpoints)[0].name == "step-000000008"


def test_where_all_generations_are_damaged_the_run_does_not_start_anew_in_silence(saved, tmp_path):
    for file in shutil.copytree(saved, tmp_path / "checkpoints").glob("step-*/training.npz"):
        file.write_bytes(b"")
    with pytest.raises(DataError, match="only damaged checkpoints"):
        run(tmp_path, hard_config())


def test_a_generation_whose_best_epoch_is_damaged_is_not_used(saved, tmp_path):
    (shutil.copytree(saved, tmp_path / "checkpoints") / "epoch-0001" / "weights.npz").write_bytes(b"")
    with pytest.raises(DataError, match="only damaged checkpoints"):
        run(tmp_path, hard_config())


def test_a_checkpoint_of_another_model_is_refused(saved, tmp_path):
    shutil.copytree(saved, tmp_path / "checkpoints")
    with pytest.raises(DataError, match="another model or optimizer"):
        run(tmp_path, hard_config("cnn_lstm"))


def test_a_failed_write_ends_the_training_and_keeps_what_was_saved(tmp_path, monkeypatch):
    from kerasmed import files
    from kerasmed.training.checkpoint import newest_step

    config = hard_config(epochs=2)
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, config, 3)
    with monkeypatch.context() as patch:
        patch.setattr(
            files, "_sync", lambda path: (_ for _ in ()).throw(OSError(28, "No space left on device", str(path)))
        )
        with pytest.raises((TrainingError, OSError), match="No space left"):
            run(tmp_path, config)
    assert newest_step(tmp_path / "checkpoints")[0].name == "step-000000003"
    assert run(tmp_path, config)[0] == run(tmp_path / "straight", config)[0]


def test_weights_that_are_not_finite_are_never_saved(tmp_path):
    from kerasmed.training.checkpoint import load_arrays

    stream = toy_stream()
    stream.weights[stream.rows[100:]] = np.inf
    with pytest.raises(TrainingError, match="epoch 1, batch"):
        run(tmp_path, hard_config(save_every="1steps"), stream=stream)
    for folder in (tmp_path / "checkpoints").glob("step-*"):
        assert all(np.isfinite(value).all() for value in load_arrays(folder, "training.npz"))


TAKE_OVER = """
import sys
from pathlib import Path
import numpy as np
from kerasmed.runtime import use_backend
use_backend(sys.argv[1])
from kerasmed.training.checkpoint import TRAINING, load_arrays
from kerasmed.training.fit import compile_trainee
from kerasmed.training.variables import all_variables, assign_all, read_training
from kerasmed.build import build
from tests.fakes.toy import toy_arrays, toy_spec, toy_stream
from tests.training.test_resume import hard_config
config = hard_config()
trainee = compile_trainee(build(config.model, toy_spec()), toy_spec(), toy_stream(), config)
assign_all(all_variables(trainee), load_arrays(Path(sys.argv[2]), TRAINING), "checkpoint")
scores = trainee.predict(toy_arrays(8)[0], verbose=0)["label"]
np.savez(sys.argv[3], scores, *read_training(trainee))
"""


def test_every_backend_takes_the_whole_state_over_and_scores_alike(backend, saved, tmp_path):
    """Weights, moments, averages, seeds and metrics are equal on the others, and so are the scores they give."""
    from kerasmed.training.checkpoint import load_arrays

    stored = load_arrays(saved / "step-000000009", "training.npz")
    scores = {}
    for name in (backend, "jax" if backend != "jax" else "tensorflow"):
        out = tmp_path / f"{name}.npz"
        words = [sys.executable, "-c", TAKE_OVER, name, saved / "step-000000009", out]
        subprocess.run(words, cwd=CHECKOUT, check=True, capture_output=True, timeout=300)
        scores[name], *taken = (value for _, value in sorted(load_all(out).items(), key=lambda item: int(item[0][4:])))
        for ours, theirs in zip(stored, taken, strict=True):
            np.testing.assert_array_equal(ours, theirs)
    first, second = scores.values()
    np.testing.assert_allclose(first, second, atol=1e-5)


def load_all(path):
    with np.load(path) as stored:
        return {name: stored[name] for name in stored.files}
