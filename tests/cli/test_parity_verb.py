import sys

import pytest

from kerasmed.cli.parity import in_words
from kerasmed.workflows.parity import Parity

ONE = ("--matrix", "--model", "se_resnet1d", "--backend", "jax")


def test_a_cell_of_the_matrix_is_a_difference_below_the_limit(kerasmed):
    ended = kerasmed("parity", *ONE, "--format", "onnx", "--json")
    assert (ended.code, ended.tree["sound"]) == (0, True)
    cells = {(cell["model"], cell["backend"], cell["format"]): cell["difference"] for cell in ended.tree["cells"]}
    assert set(cells) == {("se_resnet1d", "jax", "keras"), ("se_resnet1d", "jax", "onnx")}
    assert max(cells.values()) <= 1e-4


def test_a_hole_without_a_known_limit_is_exit_code_4_and_told(kerasmed, monkeypatch):
    monkeypatch.setitem(sys.modules, "ai_edge_litert", None)
    ended = kerasmed("parity", *ONE, "--format", "litert")
    assert ended.code == 4
    assert "none!" in ended.out
    assert "! se_resnet1d from jax as litert: export to litert needs ai-edge-litert" in ended.out


@pytest.mark.slow
def test_the_whole_matrix_has_no_hole_that_no_known_limit_explains(kerasmed):
    ended = kerasmed("parity", "--matrix")
    assert ended.code == 0, ended.out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "name a saved model, or give --matrix."),
        (("--matrix", "model"), "name a saved model, or give --matrix."),
        (("model", "--backend", "jax"), "--model, --backend and --format choose from --matrix."),
        (("--matrix", "--model", "cnn_lstmm"), "no network named 'cnn_lstmm'. Did you mean 'cnn_lstm'?"),
        (("--matrix", "--format", "onx"), "no export format named 'onx'. Did you mean 'onnx'?"),
    ],
)
def test_words_that_cannot_be_meant_are_exit_code_2(words, said, kerasmed):
    ended = kerasmed("parity", *words)
    assert (ended.code, ended.out) == (2, "")
    assert ended.err.startswith(f"error: {said}")


def test_a_folder_without_a_model_is_exit_code_4(kerasmed, tmp_path):
    ended = kerasmed("parity", tmp_path)
    assert ended.code == 4
    assert "is neither a saved model folder nor an .onnx file" in ended.err


def test_the_change_of_a_metric_is_told_beside_it():
    differences = {"keras jax": {"keras jax": 0.0, "onnx": 3e-4}, "onnx": {"keras jax": 3e-4, "onnx": 0.0}}
    metrics = {"keras jax": {"accuracy": 0.9}, "onnx": {"accuracy": 0.88}}
    said = in_words(Parity("beats/1", "keras jax", differences, metrics, 50, {"litert": "no library"}))
    lines = [line.split() for line in said.splitlines()]
    assert ["[2]", "onnx", "3.0e-04", "0.0e+00"] in lines
    assert ["onnx", "0.8800", "-2.0e-02"] in lines
    assert "! litert was not asked: no library" in said
