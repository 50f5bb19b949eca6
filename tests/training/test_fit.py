import csv
import hashlib
import json
from pathlib import Path

import numpy as np
import pytest

from kerasmed.build import build
from kerasmed.errors import ConfigError, DataError, TrainingError, UnknownNameError
from tests.fakes.toy import CLASS_MODELS, SMALL_MODELS, toy_arrays, toy_config, toy_spec, toy_stream

pytestmark = pytest.mark.usefixtures("backend")
HELD_OUT = np.arange(192, 256)


def accuracy(logits, targets):
    return {"accuracy": float((logits["label"].argmax(axis=1) == targets["label"]).mean())}


def fitted(folder: Path, config, stream=None, held_out=HELD_OUT):
    kind = config.model.kind
    from kerasmed.runtime import seed_everything, use_precision
    from kerasmed.training.fit import fit
    from kerasmed.training.scoring import ValidationRows

    seed_everything(config.seed)
    use_precision(config.trainer.precision)
    try:
        spec, stream = toy_spec(kind=kind), stream or toy_stream(kind=kind)
        model = build(config.model, spec)
        history = fit(model, spec, stream, ValidationRows(held_out, accuracy), config, folder)
    finally:
        use_precision("float32")
    return model, history


def digest(model):
    return hashlib.sha256(b"".join(np.ascontiguousarray(w).tobytes() for w in model.get_weights())).hexdigest()


@pytest.mark.parametrize("kind", CLASS_MODELS)
def test_every_model_learns_the_toy_task(kind, tmp_path):
    # Enough steps for the moving statistics of batch normalisation to have forgotten their start.
    _, history = fitted(
        tmp_path, toy_config(kind, epochs=6, monitor="val_accuracy"), toy_stream(batch_size=16, kind=kind)
    )
    assert history.best.value > 0.9


def test_the_same_seed_gives_identical_weights_and_another_seed_others(tmp_path):
    config = toy_config(epochs=1)
    first, _ = fitted(tmp_path / "a", config)
    again, _ = fitted(tmp_path / "b", config)
    other, _ = fitted(tmp_path / "c", config.model_copy(update={"seed": 1}))
    assert digest(first) == digest(again) != digest(other)


def test_history_on_disk_is_the_history_returned(tmp_path):
    _, history = fitted(tmp_path, toy_config())
    rows = list(csv.DictReader((tmp_path / "history.csv").read_text().splitlines()))
    lines = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert [row["epoch"] for row in rows] == ["1", "2"]
    assert lines == history.rows
    assert {"loss", "val_loss", "val_accuracy", "learning_rate", "examples_per_s"} <= set(lines[0])


def test_the_kept_weights_are_those_of_the_best_epoch(tmp_path):
    from kerasmed.training.checkpoint import load_weights, verify_checkpoint

    model, history = fitted(tmp_path, toy_config(epochs=3, monitor="val_accuracy"))
    kept = digest(model)
    best = tmp_path / "checkpoints" / f"epoch-{history.best.epoch:04d}"
    load_weights(best, model)
    assert digest(model) == kept
    assert verify_checkpoint(best)["epoch"] == history.best.epoch == history.kept_epoch


def test_keep_last_leaves_the_last_weights(tmp_path):
    _, history = fitted(tmp_path, toy_config(epochs=2, keep="last"))
    assert (history.kept, history.kept_epoch) == ("last", 2)


def test_two_generations_are_kept_and_the_epochs_they_speak_of_and_every_nth(tmp_path):
    # Nothing improves after the first epoch, which so stays the best.
    config = toy_config(epochs=7, learning_rate=1e-12, monitor="val_accuracy", checkpoint_every=3)
    fitted(tmp_path, config)
    assert sorted(path.name for path in (tmp_path / "checkpoints").iterdir()) == [
        "epoch-0001", "epoch-0003", "epoch-0006", "epoch-0007", "step-000000036", "step-000000042",
    ]  # fmt: skip


def test_without_validation_rows_nothing_chooses_and_the_last_epoch_is_kept(tmp_path):
    config = toy_config(epochs=2, monitor="val_accuracy", keep="best", early_stopping=1)
    _, history = fitted(tmp_path, config, held_out=HELD_OUT[:0])
    assert (history.kept, history.kept_epoch, len(history.rows)) == ("last", 2, 2)
    assert not [name for name in history.rows[0] if name.startswith("val_")]


def test_early_stopping_counts_from_the_best_epoch(tmp_path):
    # A learning rate that moves nothing: the first epoch stays the best.
    _, history = fitted(tmp_path, toy_config(epochs=9, learning_rate=1e-12, early_stopping=2, monitor="val_accuracy"))
    assert len(history.rows) == history.best.epoch + 2


def test_plateau_lowers_the_learning_rate(tmp_path):
    config = toy_config(
        epochs=4,
        learning_rate=1e-12,
        schedule="plateau",
        plateau_patience=1,
        plateau_factor=0.5,
        monitor="val_accuracy",
    )
    _, history = fitted(tmp_path, config)
    assert [row["learning_rate"] for row in history.rows[:3]] == pytest.approx([1e-12, 1e-12, 5e-13], rel=1e-3)


def test_a_loss_that_is_not_finite_ends_the_run_and_names_the_batch(tmp_path):
    stream = toy_stream()
    # Not a bad input: TensorFlow's relu turns NaN into 0, and the loss of that batch stays finite.
    stream.weights[:] = np.inf
    with pytest.raises(TrainingError, match="epoch 1, batch 1"):
        fitted(tmp_path, toy_config(), stream)
    assert not list((tmp_path / "checkpoints").rglob("*.npz"))


def test_looking_at_the_clock_does_not_touch_what_the_step_under_way_holds(tmp_path):
    """The clock is looked at off the training thread; steps this short meet there, if they meet at all."""
    config = toy_config(epochs=2, time_budget_min=10.0)
    straight, _ = fitted(tmp_path / "straight", toy_config(epochs=2), toy_stream(batch_size=1))
    timed, history = fitted(tmp_path / "timed", config, toy_stream(batch_size=1))
    assert (digest(timed), len(history.rows)) == (digest(straight), 2)


def test_the_time_budget_ends_the_epoch_early_and_keeps_it(tmp_path):
    _, history = fitted(tmp_path, toy_config(epochs=50, time_budget_min=1e-6))
    assert len(history.rows) == 1
    assert (tmp_path / "checkpoints" / "epoch-0001" / "manifest.json").is_file()


def test_the_moving_average_is_what_is_evaluated_and_kept(tmp_path):
    from kerasmed.training.checkpoint import TRAINING, WEIGHTS

    model, _ = fitted(tmp_path, toy_config(epochs=1, ema_decay=0.9))
    checkpoints = tmp_path / "checkpoints"
    with (
        np.load(checkpoints / "epoch-0001" / WEIGHTS) as kept,
        np.load(checkpoints / "step-000000006" / TRAINING) as raw,
    ):
        first, all_raw = kept["00000"], [raw[name] for name in raw.files]
    np.testing.assert_array_equal(model.get_weights()[0], first)
    # The checkpoint holds the weights that training goes on with, and their average beside them.
    assert not np.array_equal(all_raw[0], first)
    assert any(value.shape == first.shape and np.array_equal(value, first) for value in all_raw[1:])


@pytest.mark.parametrize(
    "settings",
    [
        {"optimizer": "adam", "loss": "focal", "schedule": "constant", "warmup_epochs": 1.0},
        {"optimizer": "sgd", "label_smoothing": 0.1, "clip_norm": None},
        {"accumulate_steps": 2, "learning_rate": 0.03},
        {"precision": "mixed_bfloat16"},
        {"precision": "mixed_float16"},
    ],
    ids=lambda settings: "-".join(settings),
)
def test_every_way_to_train_lowers_the_loss(settings, tmp_path):
    _, history = fitted(tmp_path, toy_config(epochs=3, **settings))
    assert history.rows[-1]["loss"] < 0.8 * history.rows[0]["loss"]


def test_augmentation_changes_training_but_not_scores(tmp_path):
    from kerasmed.config.run import Augmentation
    from kerasmed.training.front import build_trainee

    loud = Augmentation(amplitude_rate=0.3, shift_samples=4, noise=0.1, wander=0.5)
    model = build(SMALL_MODELS["se_resnet1d"], toy_spec())
    plain, augmented = build_trainee(model, toy_spec(), Augmentation()), build_trainee(model, toy_spec(), loud)
    inputs, _ = toy_arrays(8)
    np.testing.assert_array_equal(
        plain.predict(inputs, verbose=0)["label"], augmented.predict(inputs, verbose=0)["label"]
    )
    front = next(layer for layer in augmented.layers if layer.name.startswith("augment_signal"))
    signal = inputs["signal"].astype(np.float32) * 1e-3
    once, twice = (np.asarray(front(signal, training=True)) for _ in range(2))
    assert not np.allclose(once, signal, atol=0.05)
    assert not np.allclose(once, twice, atol=0.05)


def test_the_same_seed_augments_the_same_way(tmp_path):
    from kerasmed.config.run import Augmentation

    config = toy_config(epochs=1).model_copy(update={"augmentation": Augmentation(noise=0.1, shift_samples=3)})
    assert digest(fitted(tmp_path / "a", config)[0]) == digest(fitted(tmp_path / "b", config)[0])


def test_a_monitor_that_no_epoch_reports_is_refused_with_the_nearest_name(tmp_path):
    with pytest.raises(UnknownNameError, match="Did you mean 'val_accuracy'"):
        fitted(tmp_path, toy_config(monitor="val_acuracy"))


def test_several_steps_in_one_execution_train_the_same_or_are_refused_by_name(backend, tmp_path):
    config = toy_config(epochs=1, steps_per_execution=3)
    if backend == "torch":
        with pytest.raises(ConfigError, match="steps_per_execution must be 1 on torch"):
            fitted(tmp_path, config)
        return
    _, together = fitted(tmp_path / "a", config)
    _, single = fitted(tmp_path / "b", toy_config(epochs=1))
    assert together.rows[0]["loss"] == pytest.approx(single.rows[0]["loss"], rel=1e-3)


def test_a_damaged_checkpoint_is_refused(tmp_path):
    from kerasmed.training.checkpoint import load_weights

    model, _ = fitted(tmp_path, toy_config(epochs=1))
    file = tmp_path / "checkpoints" / "epoch-0001" / "weights.npz"
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    with pytest.raises(DataError, match="does not match its hash"):
        load_weights(tmp_path / "checkpoints" / "epoch-0001", model)


def test_weights_of_another_model_are_refused(tmp_path):
    from kerasmed.training.checkpoint import load_weights

    fitted(tmp_path, toy_config(epochs=1))
    with pytest.raises(DataError, match="another model"):
        load_weights(tmp_path / "checkpoints" / "epoch-0001", build(SMALL_MODELS["cnn_lstm"], toy_spec()))


def test_the_state_of_a_step_is_kept_without_a_look_at_each_variable(backend):
    from kerasmed.training.fit import compile_trainee

    spec, config = toy_spec(), toy_config()
    trainee = compile_trainee(build(config.model, spec), spec, toy_stream(), config)
    state = {"trainable_variables": [1, 2]}
    trainee._jax_state = state  # keras would put a dict of its own in its place, and a list of its own into that
    assert trainee._jax_state is state
