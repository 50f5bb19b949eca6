import json
import os
import subprocess
import sys

import pytest

from kerasmed.config.describe import diff, diff_trees, schema
from kerasmed.config.load import explain, load_preset, load_run, resolved_yaml
from kerasmed.config.model import MODELS, CnnLstm, SeResNet1D
from kerasmed.config.presets import RUN, list_presets
from kerasmed.config.run import Loader
from kerasmed.errors import ConfigError

RUN_FILE = """\
dataset: {preset: mitbih_ds1}
model:
  preset: se_resnet1d_beat
  dropout_rate: 0.4
trainer:
  preset: quick
  epochs: 7
"""


@pytest.fixture
def run_file(tmp_path):
    path = tmp_path / "my run" / "trial.yaml"
    path.parent.mkdir()
    path.write_text(RUN_FILE)
    return path


def faults(run, *words):
    with pytest.raises(ConfigError) as caught:
        load_run(run, words)
    return str(caught.value).splitlines()


def test_a_word_beats_the_run_file_which_beats_the_preset_which_beats_the_default(run_file):
    config = load_run(run_file, ["model.kernel=9"])
    preset = load_preset("model", "se_resnet1d_beat")
    assert config.model == preset.model_copy(update={"kernel": 9, "dropout_rate": 0.4})
    assert preset != SeResNet1D()
    assert config.loader == Loader()


def test_another_preset_drops_what_the_run_file_wrote_for_the_first(run_file):
    config = load_run(run_file, ["model=cnn_lstm_beat", "model.lstm_units=16"])
    assert isinstance(config.model, CnnLstm)
    assert config.model.dropout_rate == load_preset("model", "cnn_lstm_beat").dropout_rate
    assert config.model.lstm_units == 16
    assert config.trainer.epochs == 7


def test_the_preset_of_a_section_can_change_under_its_own_fields(run_file):
    trainer = load_run(run_file, ["trainer.preset=intensive"]).trainer
    assert trainer == load_preset("trainer", "intensive").model_copy(update={"epochs": 7})


def test_nested_settings_are_merged_field_by_field():
    config = load_run("mitbih_intra", ["dataset.examples.rr=so_far"])
    assert (config.dataset.examples.rr, config.dataset.examples.rate_hz) == ("so_far", 125.0)


def test_backend_seed_and_name_are_words_too(run_file):
    config = load_run(run_file, ["backend=torch", "seed=7", "name=other"])
    assert (config.backend, config.seed, config.name) == ("torch", 7, "other")


def test_a_run_without_a_name_has_that_of_its_file(run_file):
    assert load_run(run_file).name == "trial"


def test_a_run_is_found_by_name_file_or_folder(tmp_path):
    config = load_run("mitbih_ds1", ["seed=3"])
    (tmp_path / "config.yaml").write_text(resolved_yaml(config))
    assert load_run(tmp_path) == load_run(str(tmp_path / "config.yaml")) == config


def test_a_folder_named_like_a_preset_does_not_hide_it(tmp_path, monkeypatch):
    (tmp_path / "mitbih_ds1").mkdir()
    monkeypatch.chdir(tmp_path)
    assert load_run("mitbih_ds1").name == "mitbih_ds1"


@pytest.mark.parametrize("run", sorted(list_presets(RUN)))
def test_a_resolved_config_holds_every_field_and_loads_back_equal(run, tmp_path):
    config = load_run(run)
    path = tmp_path / "config.yaml"
    path.write_text(resolved_yaml(config))
    assert load_run(path) == config
    assert "preset" not in path.read_text()
    assert {field.place for field in explain(path)} == {
        f"{path}:{number}" for number, line in enumerate(path.read_text().splitlines(), 1) if not line.endswith(":")
    }


def test_every_field_says_where_it_was_decided(run_file):
    places = {field.path: field.place for field in explain(run_file, ["seed=4"])}
    assert places["seed"] == "command line"
    assert places["model.dropout_rate"] == f"{run_file}:4"
    assert places["model.stem_width"].startswith("configs/model/se_resnet1d_beat.yaml:")
    assert places["backend"] == "default"


def test_a_misspelt_field_gets_the_nearest_name_and_its_place(run_file):
    assert faults(run_file, "model.droput_rate=0.1") == [
        "model.droput_rate: no field named 'droput_rate'. Did you mean 'dropout_rate'? [command line]"
    ]
    run_file.write_text(RUN_FILE + "  epoch: 3\n")
    assert faults(run_file) == [f"trainer.epoch: no field named 'epoch'. Did you mean 'epochs'? [{run_file}:8]"]


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("trianer.epochs=3", "trianer: no field named 'trianer'. Did you mean 'trainer'? [command line]"),
        ("dataset.examples.ratehz=3", "dataset.examples.ratehz: no field named 'ratehz'. Did you mean 'rate_hz'?"),
        ("trainer.optimizer=adm", "trainer.optimizer: no optimizer named 'adm'. Did you mean 'adam'? [command line]"),
        ("backend=jaxx", "backend: no backend named 'jaxx'. Did you mean 'jax'? [command line]"),
        ("model=cnn_lstm_bea", "model.preset: no model preset named 'cnn_lstm_bea'. Did you mean 'cnn_lstm_beat'?"),
        ("model.kind=se_resnet", "model.kind: no model kind named 'se_resnet'. Did you mean 'se_resnet1d'?"),
        ("model={dropout_rate: 0.1}", "model.kind: is needed, one of cnn_lstm, custom_cnn, se_resnet1d; or name a"),
        ("trainer.learning_rate=-1", "trainer.learning_rate: -1: should be greater than 0. [command line]"),
        ("trainer.learning_rate=.inf", "trainer.learning_rate: Infinity: should be a finite number. [command line]"),
        ("trainer.learning_rate=.nan", "trainer.learning_rate: NaN: should be a finite number. [command line]"),
        ("trainer.epochs=5.5", "trainer.epochs: 5.5: should be a valid integer. [command line]"),
        ("trainer.epochs=true", "trainer.epochs: true: should be a valid integer. [command line]"),
        ("trainer.epochs='5'", 'trainer.epochs: "5": should be a valid integer. [command line]'),
        ("model.stem_pool=no", 'model.stem_pool: "no": should be a valid boolean. [command line]'),
        ("dataset.folder=112", 'dataset.folder: 112: should be a valid string. Write "112". [command line]'),
        ("dataset.validation_records=[112]", "dataset.validation_records.0: 112: should be a valid string."),
        ("seed=true", "seed: true: should be a valid integer. [command line]"),
        ("seed=" + "9" * 20_000, "seed: "),
        ("name=../../etc", 'name: "../../etc": string should match pattern'),
        ("trainer=", "trainer: null: write fields, or the name of a preset. [command line]"),
        ("loader=quick", 'loader: "quick": write its fields; it has no presets. [command line]'),
        ("loader.preset=x", "loader.preset: no field named 'preset'."),
        ("dataset._target_=os.system", "dataset._target_: no field named '_target_'."),
        ("model.builder=os:system", "model.builder: no field named 'builder'."),
        ("loader={record_balance: 0.5}", "loader: record_balance and examples_per_epoch need class_shares."),
        ("dataset.folder.x=3", "dataset.folder: "),
    ],
)  # fmt: skip
def test_a_fault_names_field_value_and_remedy(word, said):
    (line,) = faults("mitbih_ds1", word)
    assert line.startswith(said)
    assert line.endswith("[command line]")
    assert len(line) < 250


def test_all_faults_come_in_one_message_a_line_each():
    words = ["model.kernl=3", "trainer.epochs=0", "sed=3", "loader.batch_size=x", "dataset=mitbih", "seed=-1"]
    assert [line.split(":")[0] for line in faults("mitbih_ds1", *words)] == [
        "seed", "sed", "dataset.preset", "model.kernl", "trainer.epochs", "loader.batch_size",
    ]  # fmt: skip


def test_a_run_file_without_a_model_says_so(run_file):
    run_file.write_text("dataset: {preset: mitbih_ds1}\n")
    assert faults(run_file) == [f"model: is needed; it has no default. [{run_file}:1]"]


@pytest.mark.parametrize("text", ["${SECRET}", "${oc.env:SECRET}", "$SECRET", "~/x"])
def test_text_in_braces_is_never_filled_in(text, monkeypatch):
    monkeypatch.setenv("SECRET", "told")
    config = load_run("mitbih_ds1", [f"dataset.examples.leads=['{text}']"])
    assert config.dataset.examples.leads == (text,)


@pytest.mark.parametrize("folder", ["/etc", "../mitdb", "mitdb/../../x", "${HOME}", "~"])
def test_a_database_folder_lies_below_the_data_root(folder):
    assert faults("mitbih_ds1", f"dataset.folder={folder}")


def test_an_unknown_run_gets_the_nearest_name():
    assert faults("mitbih_ds11") == ["no run preset named 'mitbih_ds11'. Did you mean 'mitbih_ds1'?"]


@pytest.mark.parametrize("run", ["no/such.yaml", "no.yaml", "../configs/run/mitbih_ds1", "/dev/null"])
def test_a_path_that_is_no_file_is_refused(run):
    assert faults(run) == [f"{run}: no such file."]


def test_a_folder_that_is_no_run_is_refused(tmp_path):
    assert faults(tmp_path) == [f"{tmp_path} is no run folder: it has no config.yaml."]


def test_two_runs_differ_in_the_fields_that_were_changed():
    ours, theirs = load_run("mitbih_ds1"), load_run("mitbih_ds1", ["seed=3", "trainer.epochs=2"])
    assert [(entry.path, entry.left, entry.right) for entry in diff(ours, theirs)] == [
        ("trainer.epochs", ours.trainer.epochs, 2),
        ("seed", ours.seed, 3),
    ]


def test_a_field_that_only_one_run_has_is_a_difference():
    (entry,) = diff_trees({"model": {"kind": "a"}}, {"model": {"kind": "a", "width": 3}})
    assert (entry.path, entry.left, entry.right) == ("model.width", None, 3)


def test_the_schema_tells_the_fields_of_a_section_by_its_kind():
    tree = json.loads(json.dumps(schema()))
    model = tree["properties"]["model"]
    assert set(model["discriminator"]["mapping"]) == set(MODELS)
    assert tree["$defs"]["Trainer"]["additionalProperties"] is False
    assert tree["$defs"]["Loader"]["properties"]["batch_size"]["default"] == load_run("mitbih_ds1").loader.batch_size


OTHER_PACKAGE = """
from typing import ClassVar, Literal
from kerasmed.config.component import ComponentConfig

class Other(ComponentConfig):
    kind: Literal["other_net"] = "other_net"
    builder: ClassVar[str] = "other_package:build"
    width: int = 3

not_a_class = 5
"""


@pytest.fixture
def other_package(tmp_path, monkeypatch):
    (tmp_path / "other_package.py").write_text(OTHER_PACKAGE)
    info = tmp_path / "other_package-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: other-package\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[kerasmed.models]\nother_net = other_package:Other\nbroken = other_package:Missing\n"
        "no_class = other_package:not_a_class\nse_resnet1d = other_package:Missing\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    yield
    sys.modules.pop("other_package", None)


@pytest.mark.usefixtures("other_package")
def test_a_kind_of_another_package_is_found_by_its_entry_point():
    config = load_run("mitbih_ds1", ["model={kind: other_net, width: 5}"])
    assert config.model.model_dump() == {"kind": "other_net", "width": 5}
    assert "width: 5" in resolved_yaml(config)


@pytest.mark.usefixtures("other_package")
def test_an_entry_point_never_takes_the_place_of_a_kind_of_ours():
    assert isinstance(load_run("mitbih_ds1").model, SeResNet1D)


@pytest.mark.usefixtures("other_package")
@pytest.mark.parametrize(("kind", "said"), [("broken", "cannot be loaded"), ("no_class", "is no ComponentConfig")])
def test_an_entry_point_that_is_no_config_is_refused(kind, said):
    (line,) = faults("mitbih_ds1", f"model={{kind: {kind}}}")
    assert said in line
    assert "other_package" in line


def test_settings_import_neither_numpy_nor_keras():
    code = "import sys; from kerasmed.config.load import load_run; load_run('mitbih_ds1'); print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=dict(os.environ)
    )
    assert not {"numpy", "keras", "jax", "torch", "tensorflow"} & set(done.stdout.split())
