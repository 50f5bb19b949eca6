import json

import pytest

from tests.fakes.small_runs import TrainedRun


@pytest.fixture
def export(kerasmed, trained: TrainedRun, tmp_path):
    words = ("--runs-dir", trained.folder.parent, "--saved-models", tmp_path / "saved")
    return lambda *more: kerasmed("export", trained.folder.name, *words, *more)


def test_versions_count_up_and_the_largest_difference_is_told(export, tmp_path):
    first, second = export("--format", "keras"), export("--format", "keras", "--json")
    assert (first.code, first.err, second.code) == (0, "", 0)
    folder, heading, line, serving = first.out.splitlines()
    assert folder == str(tmp_path / "saved" / "small" / "1")
    assert heading == "largest difference from the trained model:"
    assert line.split()[0] == "keras"
    assert float(line.split()[1]) <= 1e-4
    assert second.tree["saved_model"] == str(tmp_path / "saved" / "small" / "2")
    assert second.tree["formats"] == ["keras"]
    assert serving == "no serving graph: neither saved_model nor onnx"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--format", "h5"], "Invalid value for '--format': 'h5' is not one of"),
        (["--name", "../up"], "model name '../up': use lower-case letters"),
    ],
)
def test_a_format_or_a_name_that_cannot_be_is_exit_code_2_and_leaves_nothing(words, said, export, tmp_path):
    ended = export(*words)
    assert (ended.code, ended.out) == (2, "")
    assert ended.err.startswith(f"error: {said}")
    assert not (tmp_path / "saved").exists()


def test_a_run_that_never_saved_weights_is_exit_code_3(kerasmed, trained, tmp_path):
    run = tmp_path / "runs" / "small-0"
    (run / "checkpoints").mkdir(parents=True)
    for name in ("config.yaml", "manifest.json", "spec.json"):
        (run / name).write_bytes((trained.folder / name).read_bytes())
    ended = kerasmed("export", run, "--saved-models", tmp_path / "saved", "--json")
    assert (ended.code, json.loads(ended.out)["exit_code"]) == (3, 3)
    assert "is no complete checkpoint" in ended.err
    assert not (tmp_path / "saved").exists()
