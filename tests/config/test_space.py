"""Spaces of a search: what may be written, what a drawn value becomes, what is refused and where."""

import pytest

from kerasmed.config.load import load_run
from kerasmed.config.presets import list_presets, summary
from kerasmed.config.space import SPACE, Parameter, check_space, load_space
from kerasmed.config.strict_yaml import write_text
from kerasmed.errors import ConfigError


def space_of(tmp_path, text, *words):
    path = tmp_path / "space.yaml"
    path.write_text(text)
    return load_space(str(path), words)


def test_a_list_a_range_and_a_preset_are_read(tmp_path):
    space = space_of(
        tmp_path,
        "trainer.learning_rate: {log: [1e-5, 1e-2]}\nloader.batch_size: [16, 32]\nmodel: [se_resnet1d_18]\n"
        "trainer.label_smoothing: {uniform: [0, 0.3], step: 0.1}\n",
    )
    assert space.parameters == (
        Parameter("trainer.learning_rate", (), 1e-5, 1e-2, log=True),
        Parameter("loader.batch_size", (16, 32)),
        Parameter("model", ("se_resnet1d_18",)),
        Parameter("trainer.label_smoothing", (), 0.0, 0.3, step=0.1),
    )


def test_words_change_how_it_is_searched(tmp_path):
    space = space_of(tmp_path, "loader.batch_size: [16, 32]", "search.method=grid", "search.trials=1")
    assert (space.search.method, space.search.most_trials) == ("grid", 1)


def test_what_is_written_of_a_space_reads_back_equal(tmp_path):
    space = space_of(
        tmp_path,
        "search: {method: bayesian}\ntrainer.learning_rate: {log: [1e-5, 1e-2]}\ntrainer.epochs: {log: [1, 9]}\n"
        "model.stage_widths: [[4], [8, 16]]\ntrainer.clip_norm: [null, 1.0]\n",
    )
    assert space_of(tmp_path, write_text(space.to_json())) == space


@pytest.mark.parametrize(
    ("parameter", "drawn", "setting"),
    [
        (Parameter("a", ("x", None)), 1, None),
        (Parameter("a", (), 1, 9), 4, 4),
        (Parameter("a", (), 1e-5, 1e-2, log=True), 0.0031622776, 0.003162),
        (Parameter("a", (), 0.12344, 1.0), 0.123441, 0.12344),
    ],
)
def test_a_drawn_value_becomes_the_setting_that_somebody_would_write(parameter, drawn, setting):
    assert parameter.as_setting(drawn) == setting


@pytest.mark.parametrize("value", ["se_resnet1d_18", None, [4, 8], 1e-05, "1e-3", {"A": 0.5}])
def test_a_word_means_the_value_that_it_was_made_of(value):
    from kerasmed.config.words import parse_words

    (word,) = parse_words([Parameter("model.x", (value,)).word(value)])
    assert word.node.plain() == value


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("search: {method: grid}\n", "searches nothing"),
        ("trainer.learning_rate: 0.1\n", "write a list of values, {log: [low, high]} or {uniform: [low, high]}"),
        ("trainer.learning_rate: {log: [0, 1]}\n", "0 < low < high"),
        ("trainer.learning_rate: {uniform: [2, 1]}\n", "low < high"),
        ("trainer.learning_rate: {uniform: [1, many]}\n", "a range is two numbers"),
        ("loader.batch_size: [16, 16]\n", "list values, each once"),
        ("search: {methd: grid}\nseed: [1, 2]\n", "Did you mean 'method'?"),
        (
            "search: {method: grid}\ntrainer.learning_rate: {log: [1e-3, 1]}\n",
            "a grid needs a list of values, or a step",
        ),
        ("search: {method: hyperband, trials: 3}\nseed: [1, 2]\n", "leave trials out"),
        ("search: grid\nseed: [1, 2]\n", "write its fields"),
    ],
)
def test_what_cannot_be_searched_is_refused_with_its_place(text, says, tmp_path):
    with pytest.raises(ConfigError) as refused:
        space_of(tmp_path, text)
    assert says in str(refused.value)
    assert "space.yaml" in str(refused.value)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("trainer.learning_rat: [0.1]\n", "Did you mean 'learning_rate'?"),
        ("loader.batch_size: [16, 0]\n", "loader.batch_size"),
        ("trainer.learning_rate: {uniform: [1, 20]}\n", "trainer.learning_rate"),
        ("model: [se_resnet1d_18, se_resnet]\n", "no model preset named 'se_resnet'"),
        ("model: [se_resnet1d_18, cnn_lstm]\nmodel.squeeze: [4]\n", "no field named 'squeeze'"),
        ("backend: [jax, torch]\n", "cannot be searched"),
        ("trainer.stop_after: [1]\n", "cannot be searched"),
        ("search: {method: hyperband}\ntrainer.epochs: [1, 2]\n", "hyperband itself decides"),
        ("dataset.cross_validate: [false, true]\n", "a cross-validation chooses nothing"),
    ],
)
def test_a_value_that_the_run_refuses_is_refused_before_any_trial(text, says, tmp_path):
    with pytest.raises(ConfigError, match=r"\w") as refused:
        check_space(space_of(tmp_path, text), "mitbih_ds1")
    assert says in str(refused.value)


@pytest.mark.parametrize("name", list_presets(SPACE))
def test_every_preset_says_what_it_is_and_fits_a_run(name):
    assert summary(list_presets(SPACE)[name])
    assert check_space(load_space(name), "demo_beats") == load_run("demo_beats")


def test_a_space_that_is_not_there_is_told_with_the_nearest_name():
    with pytest.raises(ConfigError, match=r"no space preset named 'hyperbnd'\. Did you mean 'hyperband'"):
        load_space("hyperbnd")
