import re
from pathlib import Path

import pytest
import yaml

import kerasmed
from kerasmed.config import presets
from kerasmed.config.load import load_preset, load_run
from kerasmed.config.presets import RUN, SECTIONS, list_presets, read_preset, summary
from kerasmed.errors import ConfigError, UnknownNameError

PRESETS = [(section, name) for section in SECTIONS for name in list_presets(section)]
RUNS = sorted(list_presets(RUN))
FILES = [path for section in (*SECTIONS, RUN) for path in list_presets(section).values()]


@pytest.mark.parametrize(("section", "name"), PRESETS)
def test_every_preset_is_valid_by_itself(section, name):
    load_preset(section, name)


@pytest.mark.parametrize("run", RUNS)
def test_every_run_file_is_valid_and_has_the_name_of_its_file(run):
    assert load_run(run).name == run


@pytest.mark.parametrize("run", RUNS)
@pytest.mark.parametrize("model", ["se_resnet1d_beat", "cnn_lstm_beat"])
@pytest.mark.parametrize("trainer", sorted(list_presets("trainer")))
def test_every_run_takes_every_beat_model_and_every_trainer(run, model, trainer):
    load_run(run, [f"model={model}", f"trainer={trainer}"])


@pytest.mark.parametrize("run", RUNS)
def test_every_run_file_opens_with_its_command_hardware_minutes_and_score(run):
    text = list_presets(RUN)[run].read_text()
    head = text[: re.search(r"^[^#]", text, re.MULTILINE).start()]
    assert re.search(rf"^# .+   kerasmed train {run}\b", head)
    assert all(f"{name}: " in head for name in ("Hardware", "Minutes", "Expected"))


def test_ptbxl_takes_whole_records_as_its_run_file_says():
    assert load_run("ptbxl_superdiagnostic", ["crops.length_s=null"]).crops.length_s is None


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_every_preset_says_what_it_is(path):
    assert 10 < len(summary(path)) < 130
    assert "kerasmed train" not in summary(path)


def test_the_trainers_run_5_25_and_50_epochs():
    epochs = {name: load_preset("trainer", name).epochs for name in ("quick", "standard", "intensive")}
    assert epochs == {"quick": 5, "standard": 25, "intensive": 50}


def test_beats_of_mitbih_intra_have_187_samples():
    examples = load_preset("dataset", "mitbih_intra").examples
    assert round(examples.before_s * examples.rate_hz) + round(examples.after_s * examples.rate_hz) == 187


def test_an_unknown_preset_gets_the_nearest_name():
    with pytest.raises(UnknownNameError, match="Did you mean 'quick'"):
        read_preset("trainer", "quik")


@pytest.mark.parametrize("name", ["../run/mitbih_ds1", "/etc/passwd", "", "quick.yaml", "a\0b"])
def test_a_preset_is_a_name_and_never_a_path(name):
    with pytest.raises(UnknownNameError):
        read_preset("trainer", name)


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """The package as a wheel lays it out: the presets inside."""
    package = tmp_path / "site-packages" / "kerasmed"
    (package / "configs" / "trainer").mkdir(parents=True)
    monkeypatch.setattr(kerasmed, "__file__", str(package / "__init__.py"))
    return package / "configs" / "trainer"


def test_presets_are_found_inside_an_installed_package(installed):
    (installed / "own.yaml").write_text("# Mine.\nepochs: 3\n")
    assert list(list_presets("trainer")) == ["own"]
    assert read_preset("trainer", "own").place_of(("epochs",)) == "configs/trainer/own.yaml:2"


def test_a_preset_cannot_name_another(installed):
    (installed / "own.yaml").write_text("preset: quick\nepochs: 3\n")
    with pytest.raises(ConfigError, match=r"a preset cannot name another. \[configs/trainer/own.yaml:1\]"):
        read_preset("trainer", "own")


def test_a_preset_without_a_comment_has_no_summary(installed):
    (installed / "own.yaml").write_text("epochs: 3\n")
    assert summary(installed / "own.yaml") == ""


def test_the_wheel_takes_the_presets_along():
    checkout = Path(presets.__file__).parents[2]
    assert '"configs" = "kerasmed/configs"' in (checkout / "pyproject.toml").read_text()


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_other_readers_of_yaml_see_the_same_presets(path):
    assert yaml.safe_load(path.read_text()) == presets.read_file(path).plain()
