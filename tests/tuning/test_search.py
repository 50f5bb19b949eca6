"""A search from the command line: every trial a run in a process of its own; cut short, it goes on."""

import json
import shutil
from pathlib import Path

import pytest

from kerasmed.errors import ConfigError
from tests.fakes.small_runs import say, write_small_run

SPACE = "search: {method: grid, objective: val_loss}\ntrainer.learning_rate: [0.05, 0.01]\n"


def tune(folder: Path, backend: str, root: Path, *words, space=SPACE, options=()):
    (folder / "space.yaml").write_text(space)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KERASMED_CACHE", str(folder / "cache"))
        return say(
            "tune", write_small_run(folder), "trainer.epochs=1", *words, "--space", folder / "space.yaml", "--backend",
            backend, "--data-dir", root, "--runs-dir", folder / "runs", "--json", *options,
        )  # fmt: skip


@pytest.fixture(scope="module")
def searched(backend, simulated_root, tmp_path_factory) -> Path:
    """A folder with a finished study of two trials; not to be changed."""
    folder = tmp_path_factory.mktemp("searched")
    said = tune(folder, backend, simulated_root)
    assert said.code == 0, said.err
    return folder


def results_in(folder):
    return json.loads((folder / "runs" / "small-study" / "results.json").read_text())


def test_every_trial_is_a_run_with_its_settings_and_the_better_one_is_best(searched):
    first, second = results_in(searched)["trials"]
    assert (first["status"], second["status"]) == ("complete", "complete")
    assert (first["settings"], second["settings"]) == ({"trainer.learning_rate": 0.05}, {"trainer.learning_rate": 0.01})
    assert results_in(searched)["best"]["score"] == min(first["score"], second["score"])
    for trial in (first, second):
        run = searched / "runs" / "small-study" / "runs" / trial["run"]
        assert (run / "report.html").is_file()
        assert json.loads((run / "manifest.json").read_text())["trial"] == trial["trial"]


def test_the_time_to_the_first_step_is_measured(searched):
    assert all(trial["first_step_s"] > 0 for trial in results_in(searched)["trials"])


def test_a_finished_study_trains_nothing_more_and_says_the_same(searched, backend, simulated_root, tmp_path):
    folder = Path(shutil.copytree(searched, tmp_path / "copy"))
    before = results_in(folder)
    damaged = folder / "runs" / "small-study" / "oracle.json"
    damaged.write_text(damaged.read_text()[:50])
    said = tune(folder, backend, simulated_root)
    assert said.code == 0, said.err
    assert results_in(folder)["trials"] == before["trials"]
    assert len(list((folder / "runs" / "small-study" / "runs").iterdir())) == 2


def test_another_space_is_refused(searched, backend, simulated_root, tmp_path):
    folder = Path(shutil.copytree(searched, tmp_path / "copy"))
    said = tune(folder, backend, simulated_root, space=SPACE.replace("0.01", "0.02"))
    assert said.code == ConfigError.exit_code
    assert "trainer.learning_rate: [0.05, 0.01] -> [0.05, 0.02]" in said.err
