"""Both networks in every format at once: the files, what the manifest says of them, and their own runtimes."""

import importlib.util
import json
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from kerasmed import files
from kerasmed.build import build
from kerasmed.errors import ContractError, MissingPackageError, UnknownNameError
from kerasmed.export.format_names import FORMATS
from kerasmed.export.formats import FORMAT_FILES, checked_formats, needs_of, with_origins
from kerasmed.export.parity import LIMIT, answers_of, probe_inputs
from kerasmed.export.publish import export_run_model
from kerasmed.export.serving import serving_model
from kerasmed.spec import ArraySpec, ExampleSpec
from tests.fakes.toy import SMALL_MODELS, toy_spec

PRESENT = [name for name in FORMATS if all(importlib.util.find_spec(module) for module in needs_of([name]))]
SCORES = {
    "onnx": """
import onnxruntime
run = onnxruntime.InferenceSession("model.onnx", providers=["CPUExecutionProvider"]).run
score = lambda inputs: run(["label"], inputs)[0]
""",
    "openvino": """
import openvino
model = openvino.Core().compile_model("model.xml", "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
score = lambda inputs: model(inputs)["label"]
""",
    "litert": """
from ai_edge_litert.interpreter import Interpreter
interpreter = Interpreter("model.tflite")
run = interpreter.get_signature_runner("serving_default")
def score(inputs):
    rows = range(len(inputs["rr"]))
    return np.concatenate([run(**{k: v[i : i + 1] for k, v in inputs.items()})["label"] for i in rows])
""",
    "torch": """
import torch
run = torch.export.load("model.pt2").module()
score = lambda inputs: run({k: torch.from_numpy(v) for k, v in inputs.items()})["label"].detach().numpy()
""",
    "torchscript": """
import torch
run = torch.jit.load("model.torchscript")
score = lambda inputs: run({k: torch.from_numpy(v) for k, v in inputs.items()})["label"].detach().numpy()
""",
}
ALONE = """
import sys
for name in ("keras", "kerasmed", "tensorflow", "jax", "openvino_telemetry"):
    sys.modules[name] = None
import numpy as np
{score}
stored = np.load("stored.npz")
for size in (8, 5, 1):
    inputs = dict((k, stored[k][:size]) for k in ("rr", "signal"))
    assert np.abs(score(inputs) - stored["label"][:size]).max() <= 1e-4
"""


@pytest.fixture(scope="module", params=["se_resnet1d", pytest.param("cnn_lstm", marks=pytest.mark.slow)])
def published(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A version in every format whose library is there; asked for by name, so that it is made under one backend."""
    request.getfixturevalue("backend")
    model = build(SMALL_MODELS[request.param], toy_spec())
    root = tmp_path_factory.mktemp("saved")
    folder = export_run_model(model, toy_spec(), PRESENT, root, request.param, {})
    inputs = probe_inputs(toy_spec(), seed=1)
    np.savez(root / "stored.npz", **inputs, **answers_of(serving_model(model, toy_spec()), inputs))
    return folder


def written(folder: Path) -> dict:
    return json.loads((folder / "manifest.json").read_text())["written"]


def contents(folder: Path) -> Iterator[bytes]:
    for file in (path for path in folder.rglob("*") if path.is_file()):
        yield file.read_bytes()
        if zipfile.is_zipfile(file):
            with zipfile.ZipFile(file) as archive:
                yield from (archive.read(name) for name in archive.namelist())


def test_every_format_is_proven(published: Path) -> None:
    differences = {name: facts["max_abs_difference"] for name, facts in written(published).items()}
    assert list(differences) == PRESENT
    assert max(differences.values()) <= LIMIT


def test_the_manifest_names_inputs_and_outputs_of_every_format(published: Path) -> None:
    names = {(tuple(sorted(facts["inputs"])), tuple(facts["outputs"])) for facts in written(published).values()}
    assert names == {(("rr", "signal"), ("label",))}


def test_the_manifest_holds_size_and_hash_of_every_format(published: Path) -> None:
    for facts in written(published).values():
        paths = {name: published / name for name in facts["sha256"]}
        assert {name: files.sha256_file(path) for name, path in paths.items()} == facts["sha256"]
        assert facts["bytes"] == sum(path.stat().st_size for path in paths.values()) > 0


def test_only_a_recurrent_network_in_litert_takes_one_example_at_a_time(published: Path) -> None:
    fixed = {name: facts["batch"] for name, facts in written(published).items() if facts["batch"] != "free"}
    expected = {"litert": 1} if published.parent.name == "cnn_lstm" and "litert" in PRESENT else {}
    assert fixed == expected


@pytest.mark.parametrize("name", SCORES)
def test_a_format_answers_in_its_own_runtime_where_neither_keras_nor_kerasmed_is(published: Path, name: str) -> None:
    if name not in PRESENT:
        pytest.skip(f"no library of {name}: pip install 'kerasmed[all]'")
    (published / "stored.npz").write_bytes((published.parents[1] / "stored.npz").read_bytes())
    try:
        command = [sys.executable, "-c", ALONE.format(score=SCORES[name])]
        ended = subprocess.run(command, cwd=published, capture_output=True, text=True, check=False)
    finally:
        (published / "stored.npz").unlink()
    assert ended.returncode == 0, ended.stderr


def test_no_format_names_a_folder_of_this_machine(published: Path) -> None:
    places = [str(place).encode() for place in (published.parents[1], Path(__file__).parents[2], Path(sys.prefix))]
    assert not any(place in data for place in places for data in contents(published))


@pytest.mark.parametrize("name", [name for name in ("litert", "openvino") if name in PRESENT])
def test_a_file_that_does_not_have_the_names_of_the_spec_is_refused(published: Path, name: str) -> None:
    form = FORMAT_FILES[name]
    other = ExampleSpec({"ecg": ArraySpec((4,), "float32")}, toy_spec().targets)
    with pytest.raises(ContractError, match="inputs are rr, signal; the spec names ecg"):
        form.load(published / form.file, other)


@pytest.mark.parametrize("name", [name for name in ("litert", "openvino") if name in PRESENT])
def test_a_file_that_is_cut_is_refused_in_one_line(published: Path, name: str, tmp_path: Path) -> None:
    for path in published.glob("model.*"):
        (tmp_path / path.name).write_bytes(path.read_bytes()[: path.stat().st_size // 3])
    form = FORMAT_FILES[name]
    with pytest.raises(ContractError, match=rf"^{form.file}: ") as caught:
        form.load(tmp_path / form.file, toy_spec())
    assert "\n" not in str(caught.value)


@pytest.mark.skipif("openvino" not in PRESENT, reason="no openvino: pip install 'kerasmed[export]'")
def test_openvino_leaves_no_id_in_the_home_of_the_user(published: Path, tmp_path: Path) -> None:
    program = (
        "import sys, pathlib\nfrom kerasmed.export import openvino_file, parity\nfrom tests.fakes.toy import toy_spec\n"
    )
    program += "openvino_file.load_openvino(pathlib.Path(sys.argv[1]), toy_spec())"
    command = [sys.executable, "-c", program, published / "model.xml"]
    environment = {"HOME": str(tmp_path), "PYTHONPATH": str(Path(__file__).parents[2])}
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_format_comes_after_the_one_that_it_is_made_of() -> None:
    order = list(FORMAT_FILES)
    assert all(
        form.made_of is None or order.index(form.made_of) < order.index(name) for name, form in FORMAT_FILES.items()
    )
    assert with_origins(["openvino"]) == ["saved_model", "onnx", "openvino"]


@pytest.mark.parametrize(
    ("name", "module", "said"),
    [
        ("openvino", "openvino", r"export to openvino needs openvino: pip install 'kerasmed\[export\]'"),
        ("litert", "ai_edge_litert", r"export to litert needs ai-edge-litert: pip install 'kerasmed\[export\]'"),
        ("torchscript", "torch", r"export to torchscript needs torch: pip install 'kerasmed\[torch\]'"),
    ],
)
def test_a_format_whose_library_is_missing_names_the_extra(name: str, module: str, said: str, monkeypatch) -> None:
    for needed in FORMAT_FILES[name].needs:
        monkeypatch.setattr(sys, "modules", {**sys.modules, needed: sys})
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(MissingPackageError, match=said):
        checked_formats([name])


def test_a_format_that_is_misspelt_is_named_with_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'torchscript'"):
        checked_formats(["torch_script"])
