import json
from dataclasses import replace

import pytest

from kerasmed.benchmark.cells import Cell, Plan, chosen, config_of, without_chance, without_changes
from kerasmed.benchmark.report import answer_rows, heads, remarks, train_rows, write_report
from kerasmed.benchmark.results import Found, Row, Turn
from tests.fakes.toy import toy_config

OURS = Cell("kerasmed", "jax", "cpu", "float32", 32)
NATIVE = Cell("native", "jax", "cpu", "float32", 32, "jit")
ENVIRONMENT = {"load": {"before": [0.5], "after": [1.5]}, "hardware": {"cores": 2}}


def turn(seconds, steps=10):
    return Turn(steps, seconds, 0.01 * seconds, (0.1, 0.2, 0.3))


def found(*rows, **changes):
    given = {"flops": {"step": 3e6, "answer": 1e6}, "parity": {}, "until": None}
    return Found("toy", rows, environment=ENVIRONMENT, notes=(), **{**given, **changes})


ROW = Row(OURS, "train", (turn(1.0), turn(2.0), turn(4.0)), begun=100.0,
          facts={"first_step": 107.0, "matmul_flops": 1e9, "host_bytes": 7e8})  # fmt: skip
BESIDE = Row(NATIVE, "train", (turn(1.0),))


def test_a_speed_is_the_median_of_its_turns():
    assert ROW.speed == pytest.approx(160)
    assert (min(ROW.speeds), max(ROW.speeds)) == pytest.approx((80, 320))


def test_steps_are_told_by_their_share():
    assert ROW.step_s(0.5) == 0.2
    assert ROW.step_s(0.95) == 0.3


def test_the_share_of_waiting_and_the_time_to_the_first_step():
    assert ROW.wait_rate == pytest.approx(0.01)
    assert ROW.first_step_s == 7.0
    assert BESIDE.wait_rate is None


def test_the_share_of_the_machine_is_of_its_fastest_product():
    slower = replace(ROW, cell=replace(OURS, backend="torch"), facts={"matmul_flops": 5e8})
    assert found(ROW, slower).fastest_matmul(slower.cell) == 1e9
    assert ROW.share_of_matmul({"step": 3e6}, 1e9) == pytest.approx(160 * 3e6 / 1e9)


def test_our_speed_stands_beside_the_fastest_native_loop_of_its_backend():
    other = Row(replace(NATIVE, backend="torch"), "train", (turn(0.1),))
    slower = Row(replace(NATIVE, mode="eager"), "train", (turn(9.0),))
    assert found(ROW, BESIDE, slower, other).beside_native(ROW) == pytest.approx(0.5)
    assert found(ROW, other).beside_native(ROW) is None


def test_parity_is_the_largest_difference_from_the_first():
    losses = {"a": [1.0, 2.0], "b": [1.0, 2.002], "c": [1.0005, 2.0]}
    assert found(parity=losses).parity_difference() == pytest.approx(1e-3)
    assert found(parity={"a": [1.0]}).parity_difference() is None
    assert found().parity_difference() is None


def test_a_cell_that_failed_is_told_with_its_reason(tmp_path):
    failed = Row(replace(OURS, device="gpu"), "train", reason="jax finds no GPU on this machine")
    told = found(ROW, failed)
    assert len(train_rows(told)) == 1
    assert "! train kerasmed jax, gpu, float32, 32: jax finds no GPU on this machine" in remarks(told)
    write_report(told, tmp_path)
    rows = json.loads((tmp_path / "benchmark.json").read_text())["rows"]
    assert [row["reason"] for row in rows] == [None, "jax finds no GPU on this machine"]
    assert (tmp_path / "benchmark.png").read_bytes().startswith(b"\x89PNG")


def test_every_line_has_a_word_for_every_column():
    answer = Row(replace(OURS, batch_size=1), "answer", (turn(1.0),))
    told = found(ROW, answer)
    assert {len(line) for line in train_rows(told)} == {len(heads("train"))}
    assert {len(line) for line in answer_rows(told)} == {len(heads("answer"))}


def test_whole_trainings_are_told():
    cells = {
        "x": {"reached": 1.0, "seconds": 12.0, "training_s": 5.0, "epochs": 2, "best": 0.9},
        "y": {"reached": None, "seconds": None, "training_s": None, "epochs": 3, "best": 0.5},
        "z": {"reason": "out of memory"},
    }
    said = "\n".join(remarks(found(until={"metric": "val_macro_auc", "value": 0.9, "cells": cells})))
    assert "x: val_macro_auc=0.9 after 12.0 s, 2 epochs (5.0 s in fit)" in said
    assert "y: val_macro_auc=0.9 was not reached in 3 epochs (best 0.5)" in said
    assert "! z until val_macro_auc=0.9: out of memory" in said


def test_cells_that_are_compared_stand_together():
    plan = Plan(toy_config(), ("jax", "torch"), batch_sizes=(32, 256), native=True)
    groups = plan.groups()
    assert [{cell.batch_size for cell in group} for group in groups] == [{32}, {256}]
    assert [cell.name for cell in groups[0]] == [
        "kerasmed jax", "kerasmed torch", "native jax jit", "native torch eager", "native torch compile",
    ]  # fmt: skip


def test_the_run_of_a_cell_is_that_of_the_user_on_its_backend():
    config = config_of(toy_config(early_stopping=2, steps_per_execution=4), replace(OURS, backend="torch"))
    assert (config.backend, config.loader.batch_size) == ("torch", 32)
    assert config.trainer.early_stopping is None
    assert config.trainer.steps_per_execution == 1


def test_without_chance_nothing_is_dropped():
    model = without_chance(toy_config()).model
    assert (model.dropout_rate, model.head_dropout_rate, model.feature_noise) == (0, 0, 0)


def test_what_native_loops_train_on_is_not_augmented():
    config = toy_config()
    noisy = config.model_copy(update={"augmentation": config.augmentation.model_copy(update={"noise": 0.1})})
    assert without_changes(noisy).augmentation.noise == 0


def test_names_are_chosen_once_each():
    assert chosen("torch, jax,torch", ("jax", "torch")) == ("torch", "jax")
    with pytest.raises(KeyError, match="cuda"):
        chosen("cuda", ("cpu", "gpu"))
