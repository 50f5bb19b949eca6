"""From records to batches: what is left out, what is refused before a run begins, how examples are drawn."""

import csv
import json
import shutil
from pathlib import Path

import pytest

from kerasmed.errors import ConfigError, DataError, LeakageError
from kerasmed.workflows.places import Places
from kerasmed.workflows.prepare import gather_material
from kerasmed.workflows.train import train, training_stream
from tests.fakes.small_runs import TrainedRun, copied, small_config

ONE_BAD_MAY_BE = "dataset.max_bad_rate=0.2"


@pytest.fixture
def places(simulated_root: Path, tmp_path: Path) -> Places:
    """A copy of the records, to be spoilt."""
    return Places(copied(simulated_root, tmp_path / "data"), tmp_path / "runs", tmp_path / "cache")


def cut_short(root: Path, record: str) -> None:
    signal = root / "ecg" / f"{record}.dat"
    signal.write_bytes(signal.read_bytes()[:1000])


def add_copy(root: Path, record: str, name: str, patient: str) -> None:
    """The record once more, under another name and as another patient's."""
    folder = root / "ecg"
    lines = (folder / f"{record}.hea").read_text().replace(record, name).splitlines()
    kept = [line for line in lines if "patient:" not in line]
    (folder / f"{name}.hea").write_text("\n".join([*kept, f"# patient: {patient}", ""]))
    for suffix in ("dat", "atr"):
        shutil.copyfile(folder / f"{record}.{suffix}", folder / f"{name}.{suffix}")
    listing = folder / "RECORDS"
    listing.write_text(f"{listing.read_text()}{name}\n")


@pytest.fixture(scope="module")
def partial(backend: str, simulated_root: Path, tmp_path_factory: pytest.TempPathFactory) -> TrainedRun:
    """A run on seven records of eight, in which nothing but V is drawn."""
    base = tmp_path_factory.mktemp("partial")
    places = Places(copied(simulated_root, base / "data"), base / "runs", base / "cache")
    cut_short(places.data, "S001")
    shares = ("loader.class_shares={V: 1}", "loader.examples_per_epoch=320", "trainer.keep=last")
    config = small_config(base, f"backend={backend}", ONE_BAD_MAY_BE, *shares)
    folder, report = train(config, places)
    return TrainedRun(folder, config, report, places)


def test_a_bad_record_is_left_out_and_the_run_says_so(partial: TrainedRun) -> None:
    rows = list(csv.DictReader((partial.folder / "quarantine.csv").read_text().splitlines()))
    assert [row["record"] for row in rows] == ["S001"]
    assert rows[0]["reason"].startswith("S001.dat: has 1000 bytes of samples")
    data = json.loads((partial.folder / "manifest.json").read_text())["data"]
    assert (data["num_records"], data["quarantined"]) == (7, 1)


def test_the_report_says_how_many_records_were_left_out(partial: TrainedRun) -> None:
    said = "left out, since they cannot be used: 1 of 8 records (quarantine.csv)"
    assert said in partial.report.notes
    assert said in (partial.folder / "report.html").read_text()


def test_a_run_without_bad_records_has_nothing_to_say_of_them(trained: TrainedRun) -> None:
    assert not any("left out" in note for note in trained.report.notes)
    assert not (trained.folder / "quarantine.csv").exists()


def test_a_model_that_is_shown_nothing_but_v_answers_v(partial: TrainedRun) -> None:
    answers = [sum(column) for column in zip(*partial.report.confusion, strict=True)]
    assert answers == [0, 0, sum(answers), 0, 0]


def test_an_epoch_is_as_long_as_was_asked_for(partial: TrainedRun) -> None:
    rows = (partial.folder / "metrics.jsonl").read_text().splitlines()
    seconds, rate = (json.loads(rows[0])[name] for name in ("seconds", "examples_per_s"))
    assert seconds * rate == pytest.approx(320, rel=0.05)


def test_draws_follow_the_shares(simulated_root: Path, tmp_path: Path) -> None:
    import numpy as np

    config = small_config(
        tmp_path, "loader.class_shares={N: 1, V: 3}", "loader.batch_size=2000", "loader.examples_per_epoch=2000"
    )
    places = Places(simulated_root, tmp_path / "runs", tmp_path / "cache")
    material = gather_material(config.dataset, config.seed, places)
    _, targets, _ = training_stream(config, material, material.splits.train)[0]
    shares = np.bincount(targets["label"], minlength=5) / 2000
    assert shares == pytest.approx([0.25, 0, 0.75, 0, 0], abs=0.03)


@pytest.mark.parametrize(
    ("shares", "said"),
    [
        ("{N: 1, VV: 1}", r"no class in loader\.class_shares named 'VV'\. Did you mean 'V'\?"),
        ("{N: 0, F: 0, V: 1}", "no training example is of class V; there are examples of N"),
    ],
)
def test_shares_that_cannot_be_drawn_are_refused_before_a_run_begins(shares, said, places, tmp_path) -> None:
    for annotations in (places.data / "ecg").glob("*.atr") if "F" in shares else ():
        keep_only_n(annotations)
    config = small_config(tmp_path, f"loader.class_shares={shares}")
    with pytest.raises(ConfigError, match=said):
        train(config, places)
    assert not places.runs.exists()


def keep_only_n(annotations: Path) -> None:
    import numpy as np
    import wfdb

    marks = wfdb.rdann(str(annotations.with_suffix("")), "atr")
    kept = np.isin(marks.symbol, ["N", "L", "R"])
    wfdb.wrann(
        annotations.stem, "atr", marks.sample[kept], symbol=np.array(marks.symbol)[kept].tolist(),
        write_dir=str(annotations.parent),
    )  # fmt: skip


def test_a_record_under_another_patients_name_is_leakage(places: Places, tmp_path: Path) -> None:
    add_copy(places.data, "S001", "S009", "someone else")
    config = small_config(tmp_path, "seed=1")
    copies = r"the same signal in \w+ and \w+: (S001:\d+ = S009:\d+|S009:\d+ = S001:\d+)"
    with pytest.raises(LeakageError, match=copies) as refused:
        train(config, places)
    assert refused.value.exit_code == 3
    assert not places.runs.exists()


def test_more_bad_records_than_may_be_end_the_run(places: Places, tmp_path: Path) -> None:
    cut_short(places.data, "S001")
    with pytest.raises(DataError, match=r"1 of 8 records: cannot be used \(S001\.dat: .*max_bad_rate above 0\.125"):
        train(small_config(tmp_path), places)
    assert not places.runs.exists()


def test_a_set_that_was_prepared_with_bad_records_is_judged_again(places: Places, tmp_path: Path) -> None:
    cut_short(places.data, "S001")
    lenient, strict = small_config(tmp_path, ONE_BAD_MAY_BE), small_config(tmp_path)
    gather_material(lenient.dataset, 0, places)
    with pytest.raises(DataError, match="1 of 8 records"):
        gather_material(strict.dataset, 0, places)


@pytest.mark.parametrize("name", ["manifest.json", "arrays/signal.npy", "index/record.npy"])
def test_a_damaged_prepared_set_is_refused_and_made_anew_once_it_is_gone(name, places: Places, tmp_path: Path) -> None:
    config = small_config(tmp_path)
    folder = gather_material(config.dataset, 0, places).prepared.folder
    (folder / name).write_bytes((folder / name).read_bytes()[:100])
    with pytest.raises(DataError, match=r"is a damaged prepared set \(.*\)\. Remove that folder"):
        train(config, places)
    assert not places.runs.exists()
    shutil.rmtree(folder)
    assert gather_material(config.dataset, 0, places).prepared.folder == folder
