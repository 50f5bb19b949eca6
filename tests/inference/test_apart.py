"""The process that runs a model file: one for all questions, and gone with whoever asks."""

import gc
import os
import signal
import tempfile
from pathlib import Path

import numpy as np
import pytest

from kerasmed.errors import ContractError
from kerasmed.inference.apart import open_apart
from kerasmed.inference.predictor import open_predictor
from tests.fakes import attack_files as sent

onnx = pytest.importorskip("onnx")


def children() -> list[int]:
    """Processes that run a model file for this one."""
    tasks = Path("/proc/self/task").glob("*/children")
    pids = [pid for found in tasks for pid in found.read_text().split()]
    return [int(pid) for pid in pids if b"apart_child" in Path(f"/proc/{pid}/cmdline").read_bytes()]


@pytest.fixture
def model(tmp_path: Path, monkeypatch) -> Path:
    (tmp_path / "scratch").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "scratch"))
    helper = onnx.helper
    nodes = [
        helper.make_node("Flatten", ["signal"], ["flat"]),
        helper.make_node("Gemm", ["flat", "weights"], ["logits"]),
        helper.make_node("Softmax", ["logits"], ["label"]),
    ]
    weights = np.random.default_rng(1).normal(size=(sent.LENGTH, 5)).astype(np.float32)
    made = sent.onnx_model(nodes, [onnx.numpy_helper.from_array(weights, "weights")])
    path = tmp_path / "sent.onnx"
    path.write_bytes(made.SerializeToString())
    return path


def windows(count: int) -> dict[str, np.ndarray]:
    return {"signal": np.random.default_rng(count).random((count, sent.LENGTH, 1), np.float32)}


def test_one_process_answers_every_question_and_leaves_nothing(model: Path, tmp_path: Path) -> None:
    predictor = open_predictor(model)
    (child,) = children()
    first, second = predictor.scores(windows(3))["label"], predictor.scores(windows(1))["label"]
    assert (first.shape, second.shape, first.dtype) == ((3, 5), (1, 5), np.float32)
    np.testing.assert_allclose(first.sum(axis=1), 1, atol=1e-6)
    np.testing.assert_array_equal(predictor.scores(windows(3))["label"], first)
    assert children() == [child]
    assert (predictor.spec, predictor.version) == (sent.window_spec(), "sent/1")
    del predictor
    gc.collect()
    assert children() == []
    assert list((tmp_path / "scratch").iterdir()) == []


def test_a_process_that_is_killed_is_one_line_and_is_not_asked_again(model: Path, tmp_path: Path) -> None:
    opened = open_apart(model, "onnx")
    os.kill(children()[0], signal.SIGKILL)
    with pytest.raises(
        ContractError, match=r"^sent\.onnx: it ended the process that ran it \(SIGKILL\), which had 8 GB"
    ):
        opened.scores(windows(3))
    with pytest.raises(ContractError, match="ended its process before, and is not asked again"):
        opened.scores(windows(3))
    assert children() == []
    assert list((tmp_path / "scratch").iterdir()) == []


def test_a_file_that_is_not_what_its_hash_says_is_not_opened(model: Path, tmp_path: Path) -> None:
    with pytest.raises(ContractError, match=r"sent\.onnx: is missing or not what the manifest of the model says"):
        open_apart(model, "onnx", sha256="0" * 64)
    assert children() == []
    assert list((tmp_path / "scratch").iterdir()) == []


def test_a_pipe_is_not_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "sent.onnx")
    with pytest.raises(ContractError, match=r"sent\.onnx: is no file"):
        open_predictor(tmp_path / "sent.onnx")
