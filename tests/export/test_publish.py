"""What is refused, and that nothing is left of it. Formats that need no child process, so that it is quick."""

import importlib
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from kerasmed import files
from kerasmed.errors import ConfigError, ContractError, UnknownNameError
from kerasmed.export.child_process import Request, run_child
from kerasmed.export.keras_file import open_keras
from kerasmed.export.parity import answers_of, largest_difference, probe_inputs
from kerasmed.export.publish import export_run_model
from kerasmed.export.serving import serving_model
from kerasmed.spec import ArraySpec, ExampleSpec, TargetSpec
from tests.fakes.networks import hard_network, hard_spec, write_custom_layer


@pytest.fixture
def careless_network(backend: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Answers by a value that its file does not hold."""
    write_custom_layer(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    layer = importlib.import_module("gain_layer").Gain()
    layer.offset = 0.5
    yield hard_network(layer)
    sys.modules.pop("gain_layer")


def test_an_export_that_answers_otherwise_is_refused_with_the_number(careless_network, tmp_path: Path) -> None:
    with pytest.raises(ContractError, match=r"keras: answers differ from the trained model by 0\.\d+"):
        export_run_model(careless_network, hard_spec(), ["keras"], tmp_path / "saved", "hard", {})


def test_a_refused_export_leaves_no_version(careless_network, tmp_path: Path) -> None:
    with pytest.raises(ContractError):
        export_run_model(careless_network, hard_spec(), ["keras"], tmp_path / "saved", "hard", {})
    assert [path.name for path in (tmp_path / "saved" / "hard").iterdir()] == [".lock"]


def test_a_network_in_mixed_precision_is_exported_in_float32(backend: str, tmp_path: Path) -> None:
    import keras

    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        network = hard_network()
    finally:
        keras.config.set_dtype_policy("float32")
    folder = export_run_model(network, hard_spec(), ["keras"], tmp_path, "mixed", {})
    layers = open_keras(folder / "model.keras").layers
    assert {layer.dtype_policy.compute_dtype for layer in layers} == {"float32"}


def test_the_model_keeps_its_precision(backend: str) -> None:
    import keras

    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        network = hard_network()
    finally:
        keras.config.set_dtype_policy("float32")
    serving_model(network, hard_spec())
    assert network.get_layer("label").dtype_policy.name == "mixed_bfloat16"


def test_inputs_that_the_spec_does_not_name_are_refused(backend: str) -> None:
    spec = hard_spec()
    other = ExampleSpec({"signal": spec.inputs["signal"]}, spec.targets)
    with pytest.raises(ContractError, match="the model's inputs are rr, signal; the spec names signal"):
        serving_model(hard_network(), other)


def test_a_class_list_of_another_length_is_refused(backend: str) -> None:
    spec = hard_spec()
    other = ExampleSpec(spec.inputs, {**spec.targets, "label": TargetSpec("single_label", ("N", "V"))})
    with pytest.raises(ContractError, match=r"label: the model has shape \(3,\), the spec \(2,\)"):
        serving_model(hard_network(), other)


def test_a_bare_output_answers_the_only_target(backend: str) -> None:
    import keras

    signal = keras.Input((4, 1), name="signal")
    bare = keras.Model(signal, keras.layers.Dense(2)(keras.layers.Flatten()(signal)))
    spec = ExampleSpec({"signal": ArraySpec((4, 1), "int16")}, {"label": TargetSpec("single_label", ("N", "V"))})
    assert list(serving_model(bare, spec).output) == ["label"]


def test_answers_are_compared_at_every_batch_size(backend: str) -> None:
    inputs = probe_inputs(hard_spec())
    model = serving_model(hard_network(), hard_spec())
    expected, sizes = answers_of(model, inputs), []

    def answers(batch):
        sizes.append(len(batch["rr"]))
        return answers_of(model, batch)

    assert largest_difference(answers, inputs, expected) <= 1e-6
    assert sizes == [8, 3, 1]


def test_an_answer_that_is_not_a_number_is_a_difference(tmp_path: Path) -> None:
    broken = largest_difference(
        lambda batch: {"label": batch["x"] * np.nan}, {"x": np.ones((8, 1))}, {"label": np.ones((8, 1))}
    )
    assert np.isnan(broken)


def test_probes_are_equal_for_equal_seeds() -> None:
    first, second = probe_inputs(hard_spec()), probe_inputs(hard_spec())
    assert all(np.array_equal(first[name], second[name]) for name in first)


def test_probes_of_a_signal_are_millivolts_not_steps() -> None:
    signal = probe_inputs(hard_spec())["signal"]
    assert 0.5 < np.abs(signal).max() < 20


def test_an_unknown_format_is_named_with_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'onnx'"):
        export_run_model(None, hard_spec(), ["onx"], tmp_path, "hard", {})


@pytest.mark.parametrize("name", ["../up", "Upper", "", "a b", "a" * 65])
def test_a_name_that_is_no_plain_folder_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="model name"):
        export_run_model(None, hard_spec(), ["keras"], tmp_path, name, {})


@pytest.mark.parametrize("name", ["../x.json", "manifest.json", "spec.json", "model.onnx", ".lock"])
def test_evidence_cannot_replace_files_of_the_model(name: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="evidence"):
        export_run_model(None, hard_spec(), ["keras"], tmp_path, "hard", {name: {}})


def test_missing_evidence_is_refused_before_any_work(tmp_path: Path) -> None:
    with pytest.raises(ContractError, match=r"config\.yaml: is missing"):
        export_run_model(None, hard_spec(), ["keras"], tmp_path, "hard", {"config.yaml": tmp_path / "config.yaml"})


def test_what_a_killed_export_left_is_swept_away(backend: str, tmp_path: Path) -> None:
    (tmp_path / "hard" / ".1.0123abcd.tmp" / "variables").mkdir(parents=True)
    export_run_model(hard_network(), hard_spec(), ["keras"], tmp_path, "hard", {})
    assert {path.name for path in (tmp_path / "hard").iterdir()} == {".lock", "1"}


def test_a_source_that_is_a_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="'source' is a tree"):
        export_run_model(None, hard_spec(), ["keras"], tmp_path, "hard", {"source": tmp_path / "x.json"})


def test_one_export_of_a_name_runs_at_a_time(tmp_path: Path) -> None:
    inside, most = [], []

    def enter() -> None:
        with files.locked(tmp_path / "name" / ".lock"):
            inside.append(1)
            most.append(len(inside))
            time.sleep(0.02)
            inside.pop()

    threads = [threading.Thread(target=enter) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [1, 1, 1, 1, 1]


def request_for(folder: Path) -> Request:
    return Request(
        backend="tensorflow",
        keras_file=folder / "absent.keras",
        trusted=[],
        spec=hard_spec().to_json(),
        files={"saved_model": folder / "out"},
        report=folder / "report.json",
        metadata={},
        probes=folder / "probes.npz",
    )


def test_a_child_that_takes_too_long_is_ended_and_said_so(tmp_path: Path) -> None:
    with pytest.raises(ContractError, match=r"did not end within 0\.05 s"):
        run_child(request_for(tmp_path), timeout_s=0.05)


def test_a_child_that_dies_is_told_with_what_it_said_last(tmp_path: Path) -> None:
    request = replace(request_for(tmp_path), spec={})
    with pytest.raises(ContractError, match=r"the child process ended with 1: .*KeyError: 'inputs'$"):
        run_child(request, timeout_s=120)


def test_an_error_of_the_child_is_told_in_its_own_words(tmp_path: Path) -> None:
    with pytest.raises(ContractError, match=r"^absent\.keras: is no complete \.keras file"):
        run_child(request_for(tmp_path), timeout_s=120)
