import contextlib
import json
import os
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kerasmed.config.strict_yaml import MAX_BYTES, read_file, read_text, write_text
from kerasmed.errors import ConfigError


def value_of(text):
    return read_text(f"key: {text}", "x.yaml").plain()["key"]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("010", 10), ("0x10", "0x10"), ("1_000", "1_000"), ("12:30", "12:30"), ("2024-01-01", "2024-01-01"),
        ("-3", -3), ("1e-3", 0.001), ("1E3", 1000.0), (".5", 0.5), ("1.", 1.0), ("no", "no"), ("on", "on"),
        ("yes", "yes"), ("True", "True"), ("true", True), ("false", False), ("null", None), ("~", None), ("", None),
        ("'010'", "010"), ('"null"', "null"), ("[1, a]", [1, "a"]), ("{a: {b: no}}", {"a": {"b": "no"}}),
        ("${oc.env:HOME}", "${oc.env:HOME}"), ("a=b", "a=b"),
    ],
)  # fmt: skip
def test_a_value_is_what_it_looks_like(text, value):
    read = value_of(text)
    assert (read, type(read)) == (value, type(value))


def test_a_key_is_text_whatever_it_looks_like():
    assert read_text("1: a\nno: b\n<<: c\n", "x").plain() == {"1": "a", "no": "b", "<<": "c"}


def test_every_value_knows_the_line_of_its_key():
    node = read_text("a: 1\nb:\n  c:\n    - 2\n    - 3\n", "x.yaml")
    assert node.place_of(("b", "c")) == "x.yaml:3"
    assert node.place_of(("b", "c", 1)) == "x.yaml:5"
    assert node.place_of(("b", "absent")) == "x.yaml:2"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: 1\nb: 2\na: 3\n", "'a' is written twice, first at x.yaml:1. [x.yaml:3]"),
        ("a: &one 1\n", "anchor"),
        ("a: *one\n", "alias"),
        ("*one : 1\n", "one word"),
        ("!!python/object/apply:os.system [id]\n", "tag"),
        ("a: !!python/name:os.system\n", "tag"),
        ("a: !include other.yaml\n", "tag"),
        ("a: !!str 1\n", "tag"),
        ("? [a, b]\n: 1\n", "one word"),
        ("a: 1\n---\nb: 2\n", "a second document"),
        ("a: [1\n", "[x.yaml:2]"),
        ("\ta: 1\n", "[x.yaml:1]"),
        ("a: 1\nb: \x00\n", "0x0000 is not allowed in YAML. [x.yaml:2]"),
        ("[" * 10_000, "nesting deeper than 20"),
        ("{a: " * 10_000, "nesting deeper than 20"),
        ("- " * 400, "nesting deeper than 20"),
    ],
)
def test_what_is_no_plain_data_is_refused_with_its_place(text, said):
    with pytest.raises(ConfigError) as caught:
        read_text(text, "x.yaml")
    assert said in str(caught.value)
    assert "x.yaml:" in str(caught.value)


def test_a_billion_laughs_are_refused_at_the_first_anchor():
    bomb = "a: &a [lol, lol]\n" + "".join(
        f"{name}: &{name} [*{last}, *{last}]\n" for last, name in zip("abcdefgh", "bcdefghi", strict=True)
    )
    with pytest.raises(ConfigError, match=r"anchor.*\[x:1\]"):
        read_text(bomb, "x")


def test_a_number_too_long_for_any_setting_stays_text():
    assert value_of("9" * 20_000) == "9" * 20_000


def test_a_file_must_be_small_utf8_and_a_mapping(tmp_path):
    path = tmp_path / "ä run.yaml"
    for content, said in [
        (b"a: 1\n#" + b"x" * MAX_BYTES, "larger than"),
        (b"a: \xff\n", "is not UTF-8"),
        (b"- 1\n", "holds no fields"),
        (b"", "holds no fields"),
    ]:
        path.write_bytes(content)
        with pytest.raises(ConfigError, match=said):
            read_file(path)


def test_a_byte_order_mark_and_windows_line_ends_do_not_matter(tmp_path):
    path = tmp_path / "x.yaml"
    path.write_bytes(b"\xef\xbb\xbfa: 1\r\nb: no\r\n")
    assert read_file(path).plain() == {"a": 1, "b": "no"}


def test_a_pipe_in_place_of_a_file_is_refused_without_waiting(tmp_path):
    os.mkfifo(tmp_path / "x.yaml")
    with pytest.raises(ConfigError, match="no such file"):
        read_file(tmp_path / "x.yaml")


SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(-(10**18), 10**18), st.floats(allow_nan=False), st.text(),
    st.text(string.digits + ".eE+-_:~xon"),
    st.sampled_from(["null", "true", "no", "010", "1e-3", "", "~", "- a", "a: b"]),
)  # fmt: skip
TREES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(st.text(max_size=8), TREES, max_size=4))
def test_what_is_written_reads_back_equal(tree):
    assert read_text(write_text(tree), "x").plain() == tree


@given(st.text(alphabet="ab:-[]{},&*!?|>'\"%@`#\n \t01", max_size=60))
def test_any_text_is_read_or_refused(text):
    with contextlib.suppress(ConfigError):
        json.dumps(read_text(text, "x").plain())
