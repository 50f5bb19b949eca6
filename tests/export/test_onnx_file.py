"""`.onnx` files from elsewhere: damaged, pointing at other files, or asking for code of their own."""

import json
from pathlib import Path

import numpy as np
import pytest

from kerasmed.errors import ContractError
from kerasmed.export.onnx_file import SPEC_KEY, onnx_metadata, open_onnx
from kerasmed.spec import ArraySpec, ExampleSpec, TargetSpec

onnx = pytest.importorskip("onnx")

SPEC = ExampleSpec({"signal": ArraySpec((4,), "float32")}, {"label": TargetSpec("single_label", ("N", "V"))}, {})


def small_graph(op: str = "Gemm", domain: str = ""):
    """label = signal (batch, 4) @ ones (4, 2)."""
    helper = onnx.helper
    weights = onnx.numpy_helper.from_array(np.ones((4, 2), np.float32), "weights")
    node = helper.make_node(op, ["signal", "weights"], ["label"], domain=domain)
    value = helper.make_tensor_value_info
    graph = helper.make_graph(
        [node],
        "small",
        [value("signal", onnx.TensorProto.FLOAT, ["batch", 4])],
        [value("label", onnx.TensorProto.FLOAT, ["batch", 2])],
        [weights],
    )
    opsets = [helper.make_opsetid("", 17)] + ([helper.make_opsetid(domain, 1)] if domain else [])
    return helper.make_model(graph, opset_imports=opsets, ir_version=8)


def save(model, path: Path, metadata: dict[str, str] | None = None) -> Path:
    onnx.helper.set_model_props(model, onnx_metadata(SPEC, "small", 1) if metadata is None else metadata)
    path.write_bytes(model.SerializeToString())
    return path


def test_a_sound_file_answers(tmp_path: Path) -> None:
    opened = open_onnx(save(small_graph(), tmp_path / "small.onnx"))
    np.testing.assert_array_equal(opened.answers({"signal": np.ones((3, 4), np.float32)})["label"], np.full((3, 2), 4))


def test_a_truncated_file_is_refused_in_one_line(tmp_path: Path) -> None:
    path = save(small_graph(), tmp_path / "small.onnx")
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(ContractError, match=r"^small\.onnx: is no complete ONNX file"):
        open_onnx(path)


@pytest.mark.parametrize("share", [0.1, 0.3, 0.5, 0.7, 0.9])
def test_a_file_cut_anywhere_is_refused(share: float, tmp_path: Path) -> None:
    path = save(small_graph(), tmp_path / "small.onnx")
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
    with pytest.raises(ContractError):
        open_onnx(path)


def test_a_file_that_is_empty_or_absent_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty.onnx").touch()
    for name in ("empty.onnx", "absent.onnx"):
        with pytest.raises(ContractError, match=r"is no \.onnx file"):
            open_onnx(tmp_path / name)


def test_weights_in_another_file_are_refused(tmp_path: Path) -> None:
    model = small_graph()
    (weights,) = model.graph.initializer
    weights.ClearField("raw_data")
    weights.data_location = onnx.TensorProto.EXTERNAL
    weights.external_data.add(key="location", value="../../etc/passwd")
    with pytest.raises(ContractError, match="keeps weights in other files"):
        open_onnx(save(model, tmp_path / "small.onnx"))


def test_weights_in_another_file_are_found_inside_nodes_too(tmp_path: Path) -> None:
    model = small_graph()
    hidden = onnx.numpy_helper.from_array(np.ones(4, np.float32), "hidden")
    hidden.ClearField("raw_data")
    hidden.data_location = onnx.TensorProto.EXTERNAL
    hidden.external_data.add(key="location", value="secret")
    model.graph.node.append(onnx.helper.make_node("Constant", [], ["unused"], value=hidden))
    with pytest.raises(ContractError, match="keeps weights in other files"):
        open_onnx(save(model, tmp_path / "small.onnx"))


def test_custom_operators_are_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(ContractError, match=r"needs custom operators \(evil\.ops\)"):
        open_onnx(save(small_graph("Run", "evil.ops"), tmp_path / "small.onnx"))


def test_an_operator_that_no_one_knows_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ContractError, match="onnxruntime cannot load it"):
        open_onnx(save(small_graph("Erfc"), tmp_path / "small.onnx"))


def test_a_file_without_a_spec_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ContractError, match="carries no readable kerasmed spec"):
        open_onnx(save(small_graph(), tmp_path / "small.onnx", {}))


@pytest.mark.parametrize("text", ["{", "[]", "null", '{"inputs": 1}'])
def test_a_spec_that_is_none_is_refused(text: str, tmp_path: Path) -> None:
    with pytest.raises(ContractError, match="carries no readable kerasmed spec"):
        open_onnx(save(small_graph(), tmp_path / "small.onnx", {SPEC_KEY: text}))


def test_a_graph_whose_inputs_are_not_those_of_its_spec_is_refused(tmp_path: Path) -> None:
    spec = ExampleSpec({"other": SPEC.inputs["signal"]}, SPEC.targets, {})
    path = save(small_graph(), tmp_path / "small.onnx", {SPEC_KEY: json.dumps(spec.to_json())})
    with pytest.raises(ContractError, match="inputs are signal; the spec names other"):
        open_onnx(path)
