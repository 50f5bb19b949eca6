"""A validation that gives no number chooses no epoch (F11)."""

import csv
import json
import math
from pathlib import Path

import numpy as np
import pytest

from tests.fakes.toy import toy_config, toy_spec, toy_stream

HELD_OUT = np.arange(192, 256)


def fit_measured(values: list[float], folder: Path):
    """A training of which each epoch is measured as one of `values`."""
    from kerasmed.build import build
    from kerasmed.training.fit import fit
    from kerasmed.training.scoring import ValidationRows

    left = [0.0, *values]  # it is asked once before the first epoch, for the names
    rows = ValidationRows(HELD_OUT, lambda logits, targets: {"accuracy": left.pop(0)})
    config = toy_config(epochs=len(values), monitor="val_accuracy")
    return fit(build(config.model, toy_spec()), toy_spec(), toy_stream(), rows, config, folder)


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_an_epoch_whose_validation_is_no_number_is_never_the_best(bad: float, one_backend, tmp_path: Path) -> None:
    history = fit_measured([0.5, bad, 0.4], tmp_path)
    assert (history.best.epoch, history.best.value, history.kept_epoch) == (1, 0.5, 1)


def test_the_history_has_a_gap_where_there_was_no_number(one_backend: str, tmp_path: Path) -> None:
    fit_measured([0.5, math.nan], tmp_path)
    lines = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert [line["val_accuracy"] for line in lines] == [0.5, None]
    with (tmp_path / "history.csv").open(newline="") as file:
        assert [row["val_accuracy"] for row in csv.DictReader(file)] == ["0.5", ""]


def test_where_no_epoch_has_a_number_the_last_one_is_kept(one_backend: str, tmp_path: Path) -> None:
    history = fit_measured([math.nan, math.nan], tmp_path)
    assert (history.kept, history.kept_epoch) == ("last", 2)
