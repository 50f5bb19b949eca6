import pytest

from kerasmed.config.strict_yaml import Node, read_text
from kerasmed.config.words import apply_words, parse_words
from kerasmed.errors import ConfigError


def applied(text: str, *words: str) -> object:
    return apply_words(read_text(text, "x.yaml"), parse_words(words)).plain()


def test_a_word_changes_one_field():
    assert applied("trainer: {epochs: 5, loss: focal}", "trainer.epochs=20") == {
        "trainer": {"epochs": 20, "loss": "focal"}
    }


def test_a_value_follows_the_rules_of_the_files():
    assert applied("{}", "a.b=no", "a.c=1e-3", "a.d=[1,x]", "a.e=") == {
        "a": {"b": "no", "c": 0.001, "d": [1, "x"], "e": None}
    }


def test_the_value_is_everything_behind_the_first_equals_sign():
    assert applied("{}", "a.b=c=d") == {"a": {"b": "c=d"}}


def test_of_two_words_for_one_field_the_later_holds():
    assert applied("{}", "seed=1", "seed=2") == {"seed": 2}


def test_the_name_of_a_preset_replaces_the_section_wherever_the_word_stands():
    for words in [("model=other", "model.width=3"), ("model.width=3", "model=other")]:
        assert applied("model: {preset: one, depth: 2}", *words) == {"model": {"preset": "other", "width": 3}}


def test_a_word_does_not_change_what_it_was_applied_to():
    root = Node({"seed": Node(0, "x.yaml:1")}, "x.yaml:1")
    apply_words(root, parse_words(["seed=5"]))
    assert root.plain() == {"seed": 0}


def test_a_changed_field_was_written_on_the_command_line():
    root = apply_words(read_text("trainer: {epochs: 5}", "x.yaml"), parse_words(["trainer.epochs=20"]))
    assert root.place_of(("trainer", "epochs")) == "command line"
    assert root.place_of(("trainer",)) == "x.yaml:1"


@pytest.mark.parametrize("word", ["epochs", "=5", "a.=5", ".a=5", "a b=5", "a/b=5", "--epochs=5", "", "a\n=5"])
def test_what_is_no_setting_is_refused_with_an_example(word):
    with pytest.raises(ConfigError, match=r"write path=value, as in trainer\.epochs=20"):
        parse_words([word])


@pytest.mark.parametrize("value", ["*x", "&x 1", "!!python/name:os.system", "{", "[1", "{a: 1, a: 2}", "[" * 1000])
def test_a_value_that_is_no_plain_data_is_refused_with_its_field(value):
    with pytest.raises(ConfigError, match=r"^trainer\.epochs: .*\[command line\]$"):
        parse_words([f"trainer.epochs={value}"])


def test_every_word_at_fault_is_named():
    with pytest.raises(ConfigError) as caught:
        parse_words(["one", "seed=1", "two"])
    assert ["'one'" in line or "'two'" in line for line in str(caught.value).splitlines()] == [True, True]
