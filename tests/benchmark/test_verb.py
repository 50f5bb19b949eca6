"""kerasmed benchmark, from the command line to the files."""

import json

import pytest

from tests.fakes.small_runs import say, write_small_run

QUICK = ("--repeats", "2", "--steps", "3", "--batch-sizes", "16")


def benchmark(folder, root, *words):
    run = write_small_run(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KERASMED_CACHE", str(folder / "cache"))
        return say("benchmark", run, *words, "--data-dir", root, "--out", folder / "out", "--json")


@pytest.fixture(scope="module")
def measured(simulated_root, tmp_path_factory):
    folder = tmp_path_factory.mktemp("benchmark")
    said = benchmark(folder, simulated_root, "--backends", "jax", "--devices", "cpu,gpu", "--parity-steps", "0", *QUICK)
    assert said.code == 0, said.err
    return said.tree, folder / "out"


def test_a_backend_is_measured(measured):
    row = measured[0]["rows"][0]
    assert row["reason"] is None
    assert len(row["turns"]) == 2
    assert 0 < row["lowest"] <= row["examples_per_s"] <= row["highest"]
    assert row["first_step_s"] > 0
    assert 0 <= row["wait_rate"] < 1
    assert row["facts"]["host_bytes"] > 1e8
    assert 0 < row["share_of_matmul"] < 1


def test_operations_of_a_step_are_about_three_answers(measured):
    flops = measured[0]["flops_per_example"]
    assert 2 < flops["step"] / flops["answer"] < 4


def test_a_gpu_that_is_not_there_is_named(measured):
    row = measured[0]["rows"][1]
    if row["reason"] is None:
        pytest.skip("there is a GPU")
    assert row["device"] == "gpu"
    assert "GPU" in row["reason"] or "cuda" in row["reason"].lower()


def test_the_files_say_what_was_said(measured):
    tree, folder = measured
    stored = json.loads((folder / "benchmark.json").read_text())
    assert stored["rows"] == tree["rows"]
    assert stored["environment"]["versions"]["jax"]
    assert (folder / "benchmark.png").is_file()


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (("--backends", "jux"), "no backend named 'jux'. Did you mean 'jax'?"),
        (("--devices", "tpu"), "no device named 'tpu'"),
        (("--batch-sizes", "32,many"), "--batch-sizes: 'many' is no number of examples"),
        (("--until", "soon"), "--until: 'soon'"),
        (("--backends", ","), "--backends: name at least one of"),
    ],
)
def test_words_that_cannot_be_meant_are_refused(words, reason, tmp_path):
    said = benchmark(tmp_path, tmp_path, *words)
    assert said.code == 2
    assert reason in said.tree["error"]


@pytest.mark.slow
def test_everything_is_measured_on_every_backend(simulated_root, tmp_path):
    said = benchmark(
        tmp_path, simulated_root, "--native", "--inference", "--second-start", "--until", "val_macro_f1=0.01", *QUICK
    )
    assert said.code == 0, said.err
    rows = said.tree["rows"]
    assert {row["name"]: row["reason"] for row in rows if row["reason"]} == {}
    assert {row["name"] for row in rows} >= {
        "kerasmed jax", "kerasmed torch", "kerasmed tensorflow", "native jax jit", "native torch eager",
        "native torch compile", "native tensorflow function", "native tensorflow xla", "saved_model", "onnx",
    }  # fmt: skip
    answered = {row["name"] for row in rows if row["work"] == "answer"}
    assert answered >= {"kerasmed torch", "native torch eager", "onnx"}
    assert said.tree["parity"]["largest_relative_difference"] < 1e-3
    assert len({row["facts"]["parameters"] for row in rows if row["work"] == "train"}) == 1
    assert all(told["reached"] for told in said.tree["until"]["cells"].values())
