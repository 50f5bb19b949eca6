"""Masked pretraining from start to end: its run folder, its exact resume, and the training that starts from it."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from kerasmed.errors import ConfigError, LeakageError, OtherModelError
from tests.fakes.small_runs import say

TINY = """\
dataset: {kind: wfdb_beats, folder: ecg, examples: {rate_hz: 90.0}}
model: {kind: heartbeit_1d, dim: 8, num_layers: 1, num_heads: 2, patch_s: 0.1}
loader: {batch_size: 64}
trainer: {epochs: 2, schedule: constant, warmup_epochs: 0.0}
evaluation: {bootstrap: 20, batch_size: 64, explained: 0}
"""


@pytest.fixture(scope="module")
def room(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("pretraining")
    (folder / "tiny.yaml").write_text(TINY)
    return folder


def asked(room, backend, root, verb, *words):
    return say(
        verb,
        room / "tiny.yaml",
        *words,
        "--backend",
        backend,
        "--data-dir",
        root,
        "--runs-dir",
        room / "runs",
        "--json",
    )


@pytest.fixture(scope="module")
def pretrained(room, backend, simulated_root) -> Path:
    """A pretraining that came to its end; not to be changed."""
    said = asked(room, backend, simulated_root, "pretrain")
    assert said.code == 0, said.err
    return Path(said.tree["run"])


def weights_of(folder, epoch=2):
    folder = folder / "checkpoints" / f"epoch-{epoch:04d}"
    with np.load(folder / "weights.npz") as stored:
        arrays = [stored[name] for name in sorted(stored.files)]
    return dict(zip(json.loads((folder / "state.json").read_text())["paths"], arrays, strict=True))


def manifest(folder):
    return json.loads((folder / "manifest.json").read_text())


def test_a_pretraining_is_a_run_with_a_history_of_its_error(pretrained):
    rows = [json.loads(line) for line in (pretrained / "metrics.jsonl").read_text().splitlines()]
    assert pretrained.name.startswith("tiny_pretraining-")
    assert [row["epoch"] for row in rows] == [1, 2]
    assert rows[1]["val_loss"] < rows[0]["val_loss"]
    assert manifest(pretrained)["status"] == "complete"
    assert (pretrained / "plots" / "history.png").is_file()


def test_a_pretraining_that_was_killed_goes_on_to_the_same_weights(pretrained, tmp_path):
    folder = Path(shutil.copytree(pretrained, tmp_path / pretrained.name))
    shutil.rmtree(max(folder.glob("checkpoints/step-*")))
    told = manifest(folder)
    for name in ("ended", "epochs", "kept", "kept_epoch", "best", "weights_sha256"):
        del told[name]
    (folder / "manifest.json").write_text(json.dumps({**told, "status": "running"}))
    said = say("resume", folder, "--json")
    assert said.code == 0, said.err
    assert manifest(folder)["weights_sha256"] == manifest(pretrained)["weights_sha256"]


def test_a_pretraining_is_shown_among_the_runs(pretrained, room):
    listed = say("runs", "list", "--runs-dir", room / "runs", "--json").tree
    assert pretrained.name in {run["name"] for run in listed}
    assert say("runs", "show", pretrained, "--json").code == 0


@pytest.mark.parametrize("verb", ["evaluate", "export", "calibrate"])
def test_a_pretraining_answers_no_question_about_classes(pretrained, verb, simulated_root):
    said = say(verb, pretrained, *(["--data-dir", simulated_root] if verb != "export" else []))
    assert said.code == ConfigError.exit_code
    assert "is a pretraining, which knows no classes" in said.errors[0]


def test_a_training_starts_from_the_encoder_and_says_so(pretrained, room, backend, simulated_root):
    """At a rate of almost 0 nothing moves, so that what was taken over can be read off."""
    said = asked(
        room, backend, simulated_root, "train", f"model.weights={pretrained}", "trainer.epochs=1",
        "trainer.learning_rate=1e-12", "trainer.layer_decay=0.5",
    )  # fmt: skip
    assert said.code == 0, said.err
    folder = Path(said.tree["run"])
    before, after = weights_of(pretrained, manifest(pretrained)["kept_epoch"]), weights_of(folder, 1)
    shared = [path for path in after if path.startswith("encoder")]
    assert len(shared) > 10
    for path in shared:
        np.testing.assert_allclose(after[path], before[path], atol=1e-6)
    started = manifest(folder)["started_from"]
    assert (started["run"], started["sha256"]) == (pretrained.name, manifest(pretrained)["weights_sha256"])


def test_another_encoder_is_refused_with_the_layer_that_differs(pretrained, room, backend, simulated_root):
    said = asked(room, backend, simulated_root, "train", f"model.weights={pretrained}", "model.dim=12")
    assert said.code == OtherModelError.exit_code
    assert "has another encoder: encoder_embedding/kernel is" in said.errors[0]


def test_an_encoder_that_has_seen_what_judges_the_run_is_refused(pretrained, room, backend, simulated_root):
    said = asked(room, backend, simulated_root, "train", f"model.weights={pretrained}", "seed=3")
    assert said.code == LeakageError.exit_code
    assert "which judge this run" in said.errors[0]


def test_weights_of_no_run_are_refused(room, backend, simulated_root):
    said = asked(room, backend, simulated_root, "train", f"model.weights={room / 'nowhere'}")
    assert said.code == ConfigError.exit_code
    assert "is no run folder" in said.errors[0]


def test_a_network_without_patches_is_refused(room, backend, simulated_root):
    said = asked(room, backend, simulated_root, "pretrain", "model=cnn_lstm_beat")
    assert said.code == ConfigError.exit_code
    assert "cnn_lstm cannot be pretrained" in said.errors[0]


def test_what_only_classes_give_a_meaning_is_put_aside(room):
    words = ["trainer.monitor=val_macro_f1", "loader.class_shares={N: 1}", "trainer.class_weights=balanced"]
    plan = say("pretrain", room / "tiny.yaml", *words, "--dry-run", "--data-dir", room, "--json").tree["config"]
    assert (plan["trainer"]["monitor"], plan["loader"]["class_shares"]) == ("val_loss", None)
    assert (plan["trainer"]["class_weights"], plan["pretraining"]) == ("none", {"mask_rate": 0.4})


def test_records_without_labels_can_be_pretrained_on_but_not_trained_on(room, backend, simulated_root):
    words = ["dataset={kind: wfdb_signals, folder: ecg, leads: [MLII], window_s: 2.0, validation_rate: 0.3}"]
    words += ["trainer.epochs=1", "model.patch_s=0.2"]
    said = asked(room, backend, simulated_root, "train", *words)
    assert said.code == ConfigError.exit_code
    assert "wfdb_signals has no labels to train on" in said.errors[0]
    said = asked(room, backend, simulated_root, "pretrain", *words)
    assert said.code == 0, said.err
    split = json.loads((Path(said.tree["run"]) / "split.json").read_text())
    assert not {*split["train"]["records"]} & {*split["validation"]["records"]}
