import pytest
import yaml

from kerasmed.config.load import load_run
from kerasmed.config.presets import RUN, list_presets


def test_show_prints_a_config_that_is_that_run_again(kerasmed, tmp_path):
    ended = kerasmed("config", "show", "mitbih_ds1", "model=cnn_lstm_beat", "trainer.epochs=3")
    (tmp_path / "again.yaml").write_text(ended.out)
    assert ended.err == ""
    assert load_run(tmp_path / "again.yaml") == load_run("mitbih_ds1", ["model=cnn_lstm_beat", "trainer.epochs=3"])


def test_show_as_json_is_the_same_tree(kerasmed):
    words = ("config", "show", "mitbih_ds1", "seed=4")
    assert kerasmed(*words, "--json").tree == yaml.safe_load(kerasmed(*words).out)


def test_origins_say_where_each_field_was_written(kerasmed):
    tree = kerasmed("config", "show", "mitbih_ds1", "seed=4", "--origins", "--json").tree
    assert tree["seed"] == {"value": 4, "place": "command line"}
    assert tree["evaluation.confidence"]["place"] == "default"
    rows = kerasmed("config", "show", "mitbih_ds1", "seed=4", "--origins").out.splitlines()
    assert [row.split() for row in rows if row.startswith("seed ")] == [["seed", "4", "command", "line"]]


def test_check_tells_every_fault_on_a_line(kerasmed):
    ended = kerasmed("config", "check", "mitbih_ds1", "model.droput_rate=3", "trainer.epochs=0")
    assert ended.code == 2
    assert ended.err.splitlines() == [
        "error: model.droput_rate: no field named 'droput_rate'. Did you mean 'dropout_rate'? [command line]",
        "error: trainer.epochs: 0: should be greater than or equal to 1. [command line]",
    ]


@pytest.mark.parametrize("run", sorted(list_presets(RUN)))
def test_check_finds_no_fault_in_our_run_files(run, kerasmed):
    assert kerasmed("config", "check", run, "--json").tree == {"name": run, "valid": True}


def test_diff_tells_the_fields_that_differ(kerasmed):
    entries = kerasmed("config", "diff", "mitbih_ds1", "mitbih_ds1_ds2", "--json").tree
    assert {"path": "dataset.protocol", "left": "ds1", "right": "ds1_ds2"} in entries
    told = kerasmed("config", "diff", "mitbih_ds1", "mitbih_ds1_ds2").out.splitlines()
    assert ["dataset.protocol", "ds1", "ds1_ds2"] in [line.split() for line in told]
    assert kerasmed("config", "diff", "mitbih_ds1", "mitbih_ds1").out == "no difference\n"


def test_schema_is_json_with_and_without_being_asked(kerasmed):
    assert kerasmed("config", "schema").tree == kerasmed("config", "schema", "--json").tree


def test_presets_are_listed_with_what_they_say_of_themselves(kerasmed):
    tree = kerasmed("config", "presets", "--json").tree
    assert set(tree) == {"run", "dataset", "model", "trainer"}
    assert tree["trainer"]["quick"] in kerasmed("config", "presets", "trainer").out
    assert "Did you mean 'model'?" in kerasmed("config", "presets", "models").err
