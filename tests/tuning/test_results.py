"""What a study found: the order of its trials, the part that each setting plays, the files that tell of it."""

import csv
import json

import pytest

from kerasmed.config.load import load_run
from kerasmed.errors import ConfigError, TrainingError, UnknownNameError
from kerasmed.tuning.records import Records
from kerasmed.tuning.report import write_study
from kerasmed.tuning.results import importance, longest, ranked, results_of
from kerasmed.tuning.study import open_study
from kerasmed.tuning.trial_run import score_of
from tests.fakes.studies import DATA, GRID, begin_study, write_study_of

PNG = b"\x89PNG\r\n\x1a\n"


@pytest.fixture
def study(tmp_path):
    return write_study_of(tmp_path, [0.5, 0.4, 0.2, None])


@pytest.mark.parametrize(("direction", "order"), [("min", ["0002", "0001", "0000"]), ("max", ["0000", "0001", "0002"])])
def test_trials_are_ranked_by_the_direction_of_the_objective(study, direction, order):
    assert [result.record.trial for result in ranked(results_of(study), direction)] == order


def test_the_direction_is_what_the_name_of_the_metric_says(tmp_path):
    assert begin_study(tmp_path / "a").direction == "min"
    assert begin_study(tmp_path / "b", GRID.replace("val_loss", "val_macro_f1")).direction == "max"
    assert begin_study(tmp_path / "c", GRID.replace("val_loss", "val_ece, direction: max")).direction == "max"


def test_a_setting_that_decides_everything_explains_all(tmp_path):
    space = GRID.replace("[16, 32]", "[1, 2, 3, 4, 5, 6]")
    scores = [1.0, 1.1, 1.2, 1.3, 1.4, 1.5, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6]
    shares = importance(results_of(write_study_of(tmp_path, scores, space)))
    assert shares["trainer.learning_rate"] > 0.7
    assert shares["loader.batch_size"] == 0.0


def test_of_too_few_trials_no_setting_is_said_to_matter(tmp_path):
    assert importance(results_of(write_study_of(tmp_path, [0.1]))) == {
        "trainer.learning_rate": None, "loader.batch_size": None,
    }  # fmt: skip


def test_a_trial_of_an_earlier_rung_is_not_counted_beside_the_one_that_continues_it(study):
    records = Records(study.folder)
    records.begin("0004", {**records.trials["0002"].drawn, "tuner/trial_id": "0002", "tuner/epochs": 2}, "worker/0")
    assert "0002" not in [result.record.trial for result in longest(results_of(study))]


def test_every_file_of_the_report_is_written(study):
    summary = write_study(study)
    rows = list(csv.DictReader((study.folder / "trials.csv").read_text().splitlines()))
    assert [(row["trial"], row["status"], row["val_loss"]) for row in rows] == [
        ("0000", "complete", "0.5"), ("0001", "complete", "0.4"), ("0002", "complete", "0.2"), ("0003", "failed", ""),
    ]  # fmt: skip
    assert rows[2]["macro_f1_low"] == "0.4"
    assert json.loads((study.folder / "results.json").read_text())["best"]["trial"] == "0002"
    names = {path.name for path in (study.folder / "plots").iterdir() if path.read_bytes().startswith(PNG)}
    assert names == {"curves.png", "coordinates.png", "heat_map.png", "importance.png"}
    assert "4 trials, 1 failed by grid; 2.5 s from start to first step" in summary.in_words()


def test_the_page_shows_the_best_trial_with_its_interval_and_why_others_failed(study):
    write_study(study)
    page = (study.folder / "report.html").read_text()
    assert "Best: <b>0.2</b>, trial 0002." in page
    assert "(0.400 to 0.600)" in page
    assert "no &lt;memory&gt;" in page


def test_the_best_settings_are_a_run_file(study):
    write_study(study)
    best = load_run(study.folder / "best.yaml")
    assert (best.trainer.learning_rate, best.loader.batch_size) == (0.1, 16)
    assert best.name == study.base.name


def test_a_study_in_which_everything_failed_has_a_report_all_the_same(tmp_path):
    study = write_study_of(tmp_path, [None, None])
    assert "2 trials, 2 failed" in write_study(study).in_words()
    assert not (study.folder / "best.yaml").exists()


def test_the_score_is_the_objective_of_the_epoch_that_is_kept():
    rows = [{"val_loss": loss, "val_f1": f1} for loss, f1 in ((3.0, 0.9), (1.0, 0.5), (2.0, 0.7))]
    trainer = load_run("demo_beats", ["trainer.monitor=val_loss"]).trainer
    assert (score_of(rows, trainer, 3, "val_f1").value, score_of(rows, trainer, 3, "val_f1").epoch) == (0.5, 2)
    assert score_of(rows, trainer, 1, "val_f1").value == 0.9
    assert score_of(rows, trainer.model_copy(update={"keep": "last"}), 3, "val_f1").value == 0.7


def test_an_objective_that_no_epoch_reports_is_told_with_the_nearest():
    with pytest.raises(UnknownNameError, match="Did you mean 'val_loss'"):
        score_of([{"val_loss": 1.0}], load_run("demo_beats").trainer, 1, "val_los")


@pytest.mark.parametrize("rows", [[], [{"val_loss": None}], [{"val_loss": float("nan")}]])
def test_without_a_finite_objective_a_trial_has_failed(rows):
    with pytest.raises(TrainingError):
        score_of(rows, load_run("demo_beats").trainer, 1, "val_loss")


@pytest.mark.parametrize(
    ("space", "words", "data", "says"),
    [
        (GRID.replace("16, 32", "16, 64"), (), DATA, "loader.batch_size: \\[16, 32\\] -> \\[16, 64\\]"),
        (GRID, ("trainer.epochs=7",), DATA, "trainer.epochs: 2 -> 7"),
        (GRID, (), {**DATA, "fingerprint": "0" * 64}, "data: data.fingerprint: f+ -> 0+"),
    ],
)
def test_a_study_does_not_go_on_with_another_space_run_or_data(tmp_path, space, words, data, says):
    begin_study(tmp_path)
    other = begin_study(tmp_path / "other", space, *words)
    changed = type(other)(tmp_path / "study", other.base, other.space)
    with pytest.raises(ConfigError, match=says):
        open_study(changed, data)


def test_limits_of_trials_may_change(tmp_path):
    begin_study(tmp_path)
    begin_study(tmp_path, GRID.replace("method: grid", "method: grid, memory_gb: 3, max_failures: 9"))


@pytest.mark.parametrize("name", ["base.yaml", "space.yaml", "study.json"])
def test_a_damaged_file_of_a_study_is_set_aside_and_written_again(tmp_path, name):
    study = begin_study(tmp_path)
    whole = (study.folder / name).read_text()
    (study.folder / name).write_text("{")
    open_study(study, DATA)
    assert (study.folder / name).read_text() == whole
    assert len([*study.folder.glob(f"{name}.damaged-*")]) == 1
