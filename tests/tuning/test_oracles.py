"""KerasTuner's oracles live their study again: cut short anywhere, they ask for the same trials."""

import math

import pytest

from kerasmed.config.space import load_space
from kerasmed.errors import ConfigError
from kerasmed.tuning.records import Records

# keras-tuner 1.4.8 asks threads by their old names; scikit-learn tells of kernels that three trials do not settle.
pytestmark = pytest.mark.filterwarnings(
    "ignore:currentThread:DeprecationWarning", "ignore:getName:DeprecationWarning", "ignore:The optimal value found"
)
SPACES = {
    "grid": "a: [1, 2, 3]\nb: [x, y]\n",
    "random": "a: {uniform: [0.0, 1.0]}\nb: [x, y]\n",
    "hyperband": "a: {uniform: [0.0, 1.0]}\nb: [x, y]\n",
    "bayesian": "a: {uniform: [0.0, 1.0]}\nb: [x, y]\n",
}
SETTINGS = {"random": "trials: 7", "hyperband": "factor: 2", "bayesian": "trials: 5, initial: 3", "grid": "seed: 0"}


def open_oracle(folder, method, keep_workers=False, text=None):
    from kerasmed.tuning.oracles import build_oracle

    folder.mkdir(exist_ok=True, parents=True)
    (folder / "space.yaml").write_text(f"search: {{method: {method}, {SETTINGS[method]}}}\n{text or SPACES[method]}")
    oracle = build_oracle(load_space(str(folder / "space.yaml")), "val_loss", "min", 4)
    oracle.live_again(Records(folder), keep_workers)
    return oracle


def score(drawn):
    return (drawn["a"] - 0.3) ** 2 + 0.01 * drawn["b"]


def search(folder, method, cut=False, fails=(), workers=1):
    """What each trial drew; where it is `cut`, the oracle is made anew after every begin and after every end."""
    from kerasmed.tuning.oracles import tell

    oracle, drawn, running, free = open_oracle(folder, method), {}, [], [*range(workers)]
    while True:
        trial = oracle.create_trial(f"worker/{free[0]}") if free else None
        if trial is not None and trial.status == "RUNNING":
            known = trial.trial_id in drawn
            drawn[trial.trial_id] = dict(trial.hyperparameters.values)
            running.append((trial.trial_id, free.pop(0)))
        elif running:
            (ended, worker), known = running.pop(0), False
            free.append(worker)
            tell(oracle, ended, None if ended in fails else score(drawn[ended]), 1, "broken")
        else:
            return drawn
        if cut and not known:
            oracle, running, free = open_oracle(folder, method), [], [*range(workers)]


@pytest.mark.parametrize("method", SPACES)
def test_a_search_that_is_cut_after_every_event_asks_for_the_same_trials(method, one_backend, tmp_path):
    straight = search(tmp_path / "straight", method)
    assert search(tmp_path / "cut", method, cut=True) == straight
    assert len(straight) >= 5


def test_hyperband_goes_on_with_the_better_trials(one_backend, tmp_path):
    drawn = search(tmp_path, "hyperband")
    later = {trial: values for trial, values in drawn.items() if "tuner/trial_id" in values}
    assert {values["tuner/epochs"] for values in later.values()} == {2, 4}
    best = min(
        (trial for trial, v in drawn.items() if v["tuner/bracket"] == 2 and not v["tuner/round"]),
        key=lambda t: score(drawn[t]),
    )
    assert best in {values["tuner/trial_id"] for values in later.values()}


def test_failed_trials_do_not_keep_hyperband_from_filling_the_next_rung(one_backend, tmp_path):
    straight, failing = search(tmp_path / "a", "hyperband"), search(tmp_path / "b", "hyperband", fails=("0000", "0001"))
    assert len(failing) == len(straight)
    records = Records(tmp_path / "b").trials
    assert records["0000"].status == "failed"
    assert not {"0000", "0001"} & {record.continues for record in records.values()}


@pytest.mark.parametrize("method", ["grid", "random", "hyperband"])
def test_two_workers_find_what_they_found_when_their_oracle_lives_again(method, one_backend, tmp_path):
    search(tmp_path, method, workers=2)
    again = open_oracle(tmp_path, method)
    assert {trial: t.hyperparameters.values for trial, t in again.trials.items()} == {
        trial: record.drawn for trial, record in Records(tmp_path).trials.items()
    }


def test_a_trial_under_way_is_given_out_first(one_backend, tmp_path):
    begun = open_oracle(tmp_path, "grid").create_trial("worker/0")
    assert open_oracle(tmp_path, "grid").create_trial("worker/5").trial_id == begun.trial_id


def test_a_chief_leaves_a_trial_to_the_worker_that_has_it(one_backend, tmp_path):
    begun = open_oracle(tmp_path, "grid").create_trial("w0/0")
    chief = open_oracle(tmp_path, "grid", keep_workers=True)
    assert chief.create_trial("w1/0").trial_id != begun.trial_id
    assert chief.create_trial("w0/0").trial_id == begun.trial_id


def test_records_of_another_space_are_refused(one_backend, tmp_path):
    search(tmp_path, "random")
    with pytest.raises(ConfigError, match="trial 0 of this study is not the one that its space gives now"):
        open_oracle(tmp_path, "random", text="a: {uniform: [0.0, 2.0]}\nb: [x, y]\n")


def test_the_score_of_a_failed_trial_is_none(one_backend, tmp_path):
    search(tmp_path, "random", fails=("0",))
    record = Records(tmp_path).trials["0"]
    assert (record.status, record.score, record.reason) == ("failed", None, "broken")
    assert all(math.isfinite(record.score) for trial, record in Records(tmp_path).trials.items() if trial != "0")
