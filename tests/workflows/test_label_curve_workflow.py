"""The curve over the share of labels: a run for each point, a table and a picture, and going on where it was."""

import csv
import json
from pathlib import Path

import pytest

from kerasmed.errors import ConfigError
from tests.fakes.small_runs import say, write_small_run

PNG = b"\x89PNG\r\n\x1a\n"


def curve(folder, backend, root, *words):
    return say(
        "label-curve", write_small_run(folder), "trainer.epochs=1", *words, "--backend", backend, "--data-dir", root,
        "--runs-dir", folder / "runs", "--json",
    )  # fmt: skip


# Each point is a whole training.
trains = pytest.mark.slow


@pytest.fixture(scope="module")
def drawn(backend, simulated_root, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("curve")
    said = curve(folder, backend, simulated_root, "--rates", "0.5,1")
    assert said.code == 0, said.err
    return Path(said.tree["folder"])


def points_of(folder):
    return json.loads((folder / "curve.json").read_text())["points"]


@trains
def test_every_point_is_a_run_with_its_patients(drawn):
    half, whole = points_of(drawn)
    assert (half["rate"], whole["rate"]) == (0.5, 1.0)
    assert half["patients"] < whole["patients"]
    assert half["examples"] < whole["examples"]
    assert {path.parent.name for path in drawn.parent.glob("*/report.json")} == {half["run"], whole["run"]}


@trains
def test_the_points_are_judged_on_the_same_records(drawn):
    digests = {json.loads(path.read_text())["judged"]["digest"] for path in drawn.parent.glob("*/report.json")}
    assert len(digests) == 1


@trains
def test_table_and_picture_are_written(drawn):
    rows = list(csv.DictReader((drawn / "curve.csv").read_text().splitlines()))
    assert [row["label_rate"] for row in rows] == ["0.5", "1.0"]
    assert float(rows[1]["macro_auc"]) == points_of(drawn)[1]["metrics"]["macro_auc"]["value"]
    assert (drawn / "curve.png").read_bytes().startswith(PNG)


@trains
def test_a_curve_goes_on_where_it_was(drawn, backend, simulated_root):
    before = points_of(drawn)
    said = curve(drawn.parents[1], backend, simulated_root, "--rates", "0.5,1")
    assert said.tree["points"] == before


@trains
def test_a_curve_of_other_settings_is_not_mixed_in(drawn, backend, simulated_root):
    said = curve(drawn.parents[1], backend, simulated_root, "--rates", "1", "trainer.learning_rate=0.1")
    assert said.code == ConfigError.exit_code
    assert "holds a curve of other settings" in said.errors[0]


@pytest.mark.parametrize("rates", ["", "0", "2", "0.5,0.5", "half"])
def test_shares_that_are_none_are_refused(rates, tmp_path):
    said = say("label-curve", write_small_run(tmp_path), "--rates", rates, "--data-dir", tmp_path)
    assert said.code == ConfigError.exit_code
    assert said.errors[0].startswith("error: --rates:")


def test_a_network_without_an_encoder_cannot_be_compared_with_a_pretrained_one(tmp_path, backend):
    said = say("label-curve", write_small_run(tmp_path), "--pretrained", tmp_path, "--data-dir", tmp_path)
    assert said.code == ConfigError.exit_code
    assert "se_resnet1d cannot start from an encoder" in said.errors[0]
