"""An entry to a PhysioNet Challenge, driven by the calls of its harness in a process of its own."""

import importlib.metadata
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from kerasmed.config.dataset import MitbihBeats
from kerasmed.errors import ConfigError, ContractError, UnknownNameError
from kerasmed.inference.whole_records import predict_records
from kerasmed.spec import TargetSpec
from kerasmed.workflows.challenge import Labels, record_examples
from kerasmed.workflows.physionet_entry import labels_of, positive_of, write_entry
from kerasmed.workflows.predict import open_model
from tests.fakes.small_runs import CANARY, say
from tests.fakes.twelve_lead_folders import write_headed_folder

# As run_model.py of 2025 and test_model.py of 2021 call team_code.py, beside which they lie.
HARNESS = {
    "2025": """
import json, os, sys
from pathlib import Path
from team_code import load_model, run_model
import kerasmed
assert Path(kerasmed.__file__).parent.parent == Path(__file__).parent
data, model_folder, out = sys.argv[1:]
model = load_model(model_folder, True)
found = {path.stem: run_model(os.path.join(data, path.stem), model, True) for path in sorted(Path(data).glob("*.hea"))}
Path(out).write_text(json.dumps(found))
""",
    "2021": """
import json, sys
from pathlib import Path
import numpy as np
from team_code import load_model, run_model
data, model_folder, out = sys.argv[1:]
model, found = load_model(model_folder, ("I", "II")), {}
for path in sorted(Path(data).glob("*.hea")):
    recording = np.fromfile(path.with_suffix(".dat"), "<i2").reshape(-1, 12).T
    found[path.stem] = run_model(model, path.read_text(), recording)
Path(out).write_text(json.dumps(found))
""",
    "train": """
import sys
from team_code import train_model
train_model(sys.argv[1], sys.argv[2], True)
""",
}


def drive(entry: Path, harness: str, *words: object) -> str:
    """Run a script of the harness in the folder of the entry; what it said."""
    script = entry / "harness.py"
    script.write_text(HARNESS[harness])
    command = [sys.executable, script, *map(str, words)]
    environment = {key: value for key, value in os.environ.items() if key not in ("PYTHONPATH", "KERAS_BACKEND")}
    done = subprocess.run(command, cwd=entry, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def entry(exported_records: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_entry(exported_records, tmp_path_factory.mktemp("entry") / "e", positive="block").folder


def test_the_calls_of_2025_answer_as_predict_does(entry, exported_records, trained_records, tmp_path):
    data = trained_records.places.data / "own"
    drive(entry, "2025", data, entry / "model", tmp_path / "out.json")
    predicted = predict_records(open_model(exported_records), data)
    expected = {
        name: ["block" in labels, pytest.approx(float(scores[1]), abs=1e-6)]
        for name, labels, scores in zip(predicted.names, predicted.labels, predicted.scores, strict=True)
    }
    assert json.loads((tmp_path / "out.json").read_text()) == expected


def test_a_record_that_is_refused_has_no_call_and_the_lowest_score(entry, tmp_path):
    write_headed_folder(tmp_path / "data", [("good", None, None), ("flat", None, None)], rate_hz=500)
    path = tmp_path / "data" / "flat.hea"
    path.write_text(path.read_text().replace("1000(0)/mV", "1(0)/mV"))
    said = drive(entry, "2025", tmp_path / "data", entry / "model", tmp_path / "out.json")
    found = json.loads((tmp_path / "out.json").read_text())
    assert found["flat"] == [False, 0.0]
    assert found["good"][1] > 0
    assert "refused: flat: lead" in said


def test_the_calls_of_2021_give_every_class(exported_records, trained_records, tmp_path):
    folder = write_entry(exported_records, tmp_path / "e", "2021").folder
    data = trained_records.places.data / "own"
    drive(folder, "2021", data, folder / "model", tmp_path / "out.json")
    predicted = predict_records(open_model(exported_records), data)
    for row, (classes, called, scores) in enumerate(json.loads((tmp_path / "out.json").read_text()).values()):
        assert classes == ["af", "block"]
        assert [name for name, given in zip(classes, called, strict=True) if given] == predicted.labels[row]
        np.testing.assert_allclose(scores, predicted.scores[row], atol=1e-6)


def test_an_entry_has_what_the_harness_expects_and_nothing_of_a_patient_or_a_machine(entry, trained_records):
    names = {path.name for path in entry.iterdir()} - {"harness.py", "__pycache__"}
    assert names == {"team_code.py", "requirements.txt", "Dockerfile", "README.md", "config.yaml", "kerasmed", "model"}
    numpy = f"numpy=={importlib.metadata.version('numpy')}"
    assert numpy in (entry / "requirements.txt").read_text().splitlines()
    assert "COPY ./ /challenge\n" in (entry / "Dockerfile").read_text()
    for path in (path for path in entry.rglob("*") if path.is_file() and path.suffix != ".pyc"):
        content = path.read_bytes()
        assert CANARY.encode() not in content, path
        assert str(trained_records.places.data).encode() not in content, path


def test_the_verb_writes_an_entry_around_a_saved_model(exported_records, tmp_path):
    said = say("physionet-entry", exported_records.parent, "--out", tmp_path / "e", "--positive", "af", "--json")
    assert said.tree == {"entry": str(tmp_path / "e"), "challenge": "2025", "positive": "af"}
    again = say("physionet-entry", exported_records, "--out", tmp_path / "e", "--positive", "af")
    assert "is there already; name a new folder" in again.err
    unclear = say("physionet-entry", exported_records, "--out", tmp_path / "f")
    assert "which class is yes? Say --positive, one of af, block." in unclear.err


def test_the_class_that_means_yes_is_named_or_clear():
    two, one = TargetSpec("single_label", ("normal", "af")), TargetSpec("multi_label", ("af",))
    assert positive_of(two, "") == positive_of(one, "") == "af"
    assert positive_of(TargetSpec("single_label", ("True", "x")), "") == "True"
    assert positive_of(two, "normal") == "normal"
    with pytest.raises(UnknownNameError, match="Did you mean 'normal'"):
        positive_of(two, "nomral")


def test_a_training_reads_labels_that_the_settings_of_the_run_fit():
    two, several = TargetSpec("single_label", ("normal", "af")), TargetSpec("multi_label", ("164889003", "59118001"))
    assert labels_of(two, "2025") == Labels("Chagas label", "single_label", ("False", "True"))
    assert labels_of(several, "2025") == Labels("Chagas label", "multi_label", ("True",))
    assert labels_of(several, "2021") == Labels("Dx", "multi_label", several.classes)
    with pytest.raises(ConfigError, match="asks for several labels"):
        labels_of(two, "2021")


def test_a_model_of_beats_or_without_an_onnx_file_makes_no_entry(tmp_path):
    with pytest.raises(ConfigError, match="needs a model of whole records"):
        record_examples(MitbihBeats())
    with pytest.raises(ContractError, match=r"holds no model\.onnx"):
        write_entry(tmp_path, tmp_path / "e")


@pytest.mark.slow
def test_a_model_that_the_harness_trains_answers_true_or_false(entry, tmp_path):
    rows = [(f"r{number}", None, str(number % 2 == 0)) for number in range(12)]
    write_headed_folder(tmp_path / "data", rows, "Chagas label", 500)
    drive(entry, "train", tmp_path / "data", tmp_path / "model")
    assert json.loads((tmp_path / "model" / "spec.json").read_text())["targets"]["label"]["classes"] == ["True"]
    drive(entry, "2025", tmp_path / "data", tmp_path / "model", tmp_path / "out.json")
    found = json.loads((tmp_path / "out.json").read_text())
    assert len(found) == 12
    assert all(0 < score < 1 for _, score in found.values())
