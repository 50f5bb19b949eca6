"""`.onnx` files from elsewhere: no prediction, no file, no socket (FAULTS S3, 22)."""

from pathlib import Path

import numpy as np
import pytest

from kerasmed.cli import run
from tests.fakes import attack_files as sent
from tests.fakes.attack_files import LENGTH, onnx_model

onnx = pytest.importorskip("onnx")
helper, proto = onnx.helper, onnx.TensorProto
FLATTEN = helper.make_node("Flatten", ["signal"], ["flat"])
GEMM = helper.make_node("Gemm", ["flat", "weights"], ["logits"])
SOFTMAX = helper.make_node("Softmax", ["logits"], ["label"])


def weights(shape: tuple[int, ...] = (LENGTH, 5)):
    return onnx.numpy_helper.from_array(np.ones(shape, np.float32), "weights")


def small(*nodes, constants=None):
    """A sound model with `nodes` besides, whose results nobody reads."""
    return onnx_model([FLATTEN, GEMM, SOFTMAX, *nodes], [weights()] if constants is None else constants)


def write(path: Path, model) -> Path:
    path.write_bytes(model.SerializeToString())
    return path


def external(location: str = "../../etc/passwd"):
    constant = weights()
    constant.ClearField("raw_data")
    constant.data_location = proto.EXTERNAL
    constant.external_data.add(key="location", value=location)
    return constant


def promised(*shape: int):
    """A constant that declares a shape and holds nothing."""
    return proto(name="weights", data_type=proto.FLOAT, dims=shape)


def graph_of(*nodes, constants=(), inputs=(), outputs=()):
    return helper.make_graph(list(nodes), "inner", list(inputs), list(outputs), list(constants))


def test_the_file_that_the_attacks_are_made_of_answers(tmp_path: Path) -> None:
    windows = sent.write_windows(tmp_path / "windows.npy")
    model = write(tmp_path / "sent.onnx", small())
    assert run(["predict", str(model), str(windows), "--out", str(tmp_path / "out")]) == 0
    assert (tmp_path / "out" / "windows.npy.csv").read_text().count("\n") == 4


def hidden_weights():
    branch = graph_of(
        helper.make_node("Identity", ["weights"], ["chosen"]), constants=[external()],
        outputs=[helper.make_tensor_value_info("chosen", proto.FLOAT, None)],
    )  # fmt: skip
    truth = onnx.numpy_helper.from_array(np.array(True), "truth")
    node = helper.make_node("If", ["truth"], ["unused"], then_branch=branch, else_branch=branch)
    return small(node, constants=[weights(), truth])


def copies(count: int):
    return [helper.make_node("Identity", ["flat"], [f"x{number}"]) for number in range(count)]


def custom_functions():
    model = small()
    body = [helper.make_node("Identity", ["x"], ["y"])]
    model.functions.append(helper.make_function("", "Own", ["x"], ["y"], body, [helper.make_opsetid("", 17)]))
    return model


@pytest.mark.parametrize(
    ("model", "said"),
    [
        (lambda: small(constants=[external()]), "keeps weights in other files"),
        (lambda: small(constants=[external("/etc/passwd")]), "keeps weights in other files"),
        (hidden_weights, "keeps weights in other files"),
        (lambda: onnx_model([helper.make_node("Run", ["signal"], ["label"], domain="evil.ops")], domain="evil.ops"),
         "needs custom operators (evil.ops)"),
        (lambda: onnx_model([helper.make_node("PyOp", ["signal"], ["label"], domain="ai.onnx.contrib")]),
         "needs custom operators (ai.onnx.contrib)"),
        (custom_functions, "needs custom operators (functions of its own)"),
        (lambda: small(constants=[promised(LENGTH, 5)]), "does not hold it"),
        (lambda: small(constants=[promised(100_000, 100_000, 100)]), "does not hold it"),
        (lambda: small(constants=[promised(-1, 5)]), "does not hold it"),
        (lambda: small(*copies(100_000)), "has more than 100000 operators"),
        (lambda: onnx_model([helper.make_node("Erfc", ["signal"], ["label"])]), "onnxruntime cannot load it"),
        (lambda: onnx_model([FLATTEN, helper.make_node("Softmax", ["flat"], ["label"])]), "not (3, 5)"),
    ],
    ids=["external", "external-absolute", "external-in-branch", "custom-domain", "python-operator", "functions",
         "promised", "promised-huge", "negative", "operators", "unknown-operator", "shape"],
)  # fmt: skip
def test_a_graph_that_is_no_model_of_kerasmed_is_refused(model, said: str, refused, tmp_path: Path) -> None:
    assert said in refused(write(tmp_path / "sent.onnx", model()))


def filled(*sizes: int):
    """A node that makes a tensor of any size out of a few bytes, and one that brings it into the answer."""
    shape = onnx.numpy_helper.from_array(np.array(sizes, np.int64), "sizes")
    nodes = [
        helper.make_node("ConstantOfShape", ["sizes"], ["huge"]),
        helper.make_node("ReduceSum", ["huge"], ["total"], keepdims=0),
        helper.make_node("Add", ["logits", "total"], ["shifted"]),
        helper.make_node("Softmax", ["shifted"], ["label"]),
    ]
    return onnx_model([FLATTEN, GEMM, *nodes], [weights(), shape])


@pytest.mark.parametrize("sizes", [(10**6, 10**6), (2**62, 2**62)], ids=["terabytes", "overflow"])
def test_a_tensor_that_does_not_fit_is_refused(sizes, refused, tmp_path: Path) -> None:
    error = refused(write(tmp_path / "sent.onnx", filled(*sizes)), "--memory-limit", "3")
    assert "onnxruntime cannot" in error or "ended the process that ran it" in error


def endless():
    """A loop of 2^62 rounds."""
    flag = helper.make_tensor_value_info("go", proto.BOOL, [])
    body = graph_of(
        helper.make_node("Identity", ["go"], ["go_on"]),
        helper.make_node("Add", ["x", "x"], ["y"]),
        inputs=[helper.make_tensor_value_info("n", proto.INT64, []), flag,
                helper.make_tensor_value_info("x", proto.FLOAT, None)],
        outputs=[helper.make_tensor_value_info("go_on", proto.BOOL, []),
                 helper.make_tensor_value_info("y", proto.FLOAT, None)],
    )  # fmt: skip
    rounds = onnx.numpy_helper.from_array(np.array(2**62), "rounds")
    truth = onnx.numpy_helper.from_array(np.array(True), "truth")
    loop = helper.make_node("Loop", ["rounds", "truth", "logits"], ["turned"], body=body)
    return onnx_model([FLATTEN, GEMM, loop, helper.make_node("Softmax", ["turned"], ["label"])],
                      [weights(), rounds, truth])  # fmt: skip


def test_a_graph_that_never_ends_is_ended(refused, tmp_path: Path) -> None:
    error = refused(write(tmp_path / "sent.onnx", endless()), "--time-limit", "6")
    assert "did not answer within 6 s and was ended; --time-limit gives it more" in error


def test_noise_is_refused(refused, tmp_path: Path) -> None:
    path = tmp_path / "sent.onnx"
    path.write_bytes(np.random.default_rng(0).bytes(5000))
    assert "is no complete ONNX file" in refused(path)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.95])
def test_a_truncated_file_is_refused(share: float, refused, tmp_path: Path) -> None:
    path = write(tmp_path / "sent.onnx", small())
    path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])
    assert refused(path).startswith("error: ")
