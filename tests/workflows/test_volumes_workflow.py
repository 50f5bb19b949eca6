"""Volumes from files to answers, on each backend."""

import json
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from kerasmed.inference.predictor import score_examples
from kerasmed.inference.volumes import predict_volumes
from kerasmed.workflows.predict import open_model
from tests.fakes.pictures import CANARY
from tests.fakes.small_runs import Said, say
from tests.fakes.volumes import draw_volumes, write_medmnist_3d, write_nifti, write_series

SMALL = """\
dataset: {kind: medmnist_3d, examples: {shape: [8, 8, 8], intensity: full}}
model: {kind: cnn3d, widths: [4], dense_width: 4, dropout_rate: 0.0, head_dropout_rate: 0.0}
loader: {batch_size: 8}
trainer: {epochs: 2, optimizer: adam, learning_rate: 0.02, schedule: constant, warmup_epochs: 0.0}
evaluation: {bootstrap: 5, explained: 0}
"""


@dataclass(frozen=True)
class Trained:
    """A run on volumes, its places and what was said."""

    base: Path
    folder: Path
    data: Path
    said: Said


@pytest.fixture(scope="module")
def trained(backend: str, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    base, data = tmp_path_factory.mktemp("volumes"), tmp_path_factory.mktemp("data")
    write_medmnist_3d(data / "medmnist", num=24)
    (base / "glands.yaml").write_text(SMALL)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KERASMED_CACHE", str(base / "cache"))
        words = ("--backend", backend, "--data-dir", data, "--runs-dir", base / "runs")
        said = say("train", base / "glands.yaml", *words)
    (folder,) = (path for path in (base / "runs").iterdir() if (path / "manifest.json").is_file())
    return Trained(base, folder, data, said)


def test_a_training_on_volumes_reports_beside_the_published_numbers(trained: Trained) -> None:
    assert trained.said.code == 0, trained.said.err
    report = json.loads((trained.folder / "report.json").read_text())
    assert "leakage between parts cannot be excluded" in json.dumps(report)
    assert "ResNet-18 + 3D" in (trained.folder / "report.html").read_text()
    assert (trained.folder / "plots" / "worst.png").is_file() == bool(report["worst"])


def test_a_prediction_is_made_of_the_example_that_training_saw(trained: Trained, tmp_path: Path) -> None:
    predictor = open_model(trained.folder)
    (prepared,) = (path.parent for path in (trained.base / "cache" / "prepared").glob("*/manifest.json"))
    stored = np.load(prepared / "arrays" / "volume.npy")
    wanted = score_examples(predictor, {"volume": stored[-24:]})["label"]  # the test part is the last
    np.save(tmp_path / "test.npy", draw_volumes(24, seed=2)[0])
    predicted = predict_volumes(predictor, tmp_path / "test.npy")
    assert predicted.names[:2] == ("test:0", "test:1")
    np.testing.assert_allclose(predicted.scores, wanted, atol=1e-6)


def test_an_exported_model_predicts_a_folder_and_lists_the_bad_volumes(trained: Trained, tmp_path: Path) -> None:
    exported = say("export", trained.folder, "--format", "keras", "--saved-models", tmp_path / "saved")
    assert exported.code == 0, exported.err
    (model,) = (tmp_path / "saved").iterdir()
    manifest = json.loads((model / "1" / "manifest.json").read_text())
    assert manifest["serving"] == {"not_made": "examples of kind 'volumes' are not made inside a graph"}
    (tmp_path / "knees").mkdir()
    np.save(tmp_path / "knees" / "one.npy", draw_volumes(1)[0][0])
    np.save(tmp_path / "knees" / "flat.npy", np.zeros((12, 12, 12), np.uint8))
    said = say("predict", model, tmp_path / "knees", "--out", tmp_path / "out")
    assert said.code == 0, said.err
    assert "1 volumes" in said.out
    assert "not predicted: flat: holds nothing but the value 0" in said.out
    assert (
        (tmp_path / "out" / "knees.csv").read_text().startswith("volume,label,score_normal,score_hyperplasia,notes\n")
    )


def test_a_volume_gets_one_answer_as_npy_as_nifti_and_as_dicom_series(trained: Trained, tmp_path: Path) -> None:
    voxels = draw_volumes(1, seed=3)[0][0]
    np.save(tmp_path / "one.npy", voxels)
    write_nifti(tmp_path / "one.nii.gz", voxels[:, ::-1, ::-1].transpose(2, 1, 0).copy())
    write_series(tmp_path / CANARY, voxels)
    predictor = open_model(trained.folder)
    # The model scales between the ends of the stored type, and a series has none.
    settings = {**predictor.spec.recipe, "intensity": "min_max"}
    predictor = replace(predictor, spec=replace(predictor.spec, recipe=settings))
    answers = [predict_volumes(predictor, tmp_path / name).scores for name in ("one.npy", "one.nii.gz", CANARY)]
    np.testing.assert_allclose(answers, [answers[0]] * 3, atol=1e-6)
    assert CANARY not in predict_volumes(predictor, tmp_path / CANARY).name
    refused = say("predict", trained.folder, tmp_path / CANARY, "--out", tmp_path / "out")
    assert refused.code == 3
    assert "which has no ends" in refused.err
    assert "ZZCANARY" not in refused.out + refused.err


def test_left_knees_are_mirrored_at_prediction_as_in_training(trained: Trained, tmp_path: Path) -> None:
    right = draw_volumes(1, seed=3)[0][0]
    right[:, :, :3] = 255
    np.save(tmp_path / "right.npy", right)
    np.save(tmp_path / "left.npy", right[:, :, ::-1])
    predictor = open_model(trained.folder)
    mirrors = replace(predictor, spec=replace(predictor.spec, recipe={**predictor.spec.recipe, "mirror_left": "width"}))
    answers = [predict_volumes(mirrors, tmp_path / f"{side}.npy", side == "left") for side in ("right", "left")]
    np.testing.assert_allclose(answers[0].scores, answers[1].scores, atol=1e-6)
    assert [one.notes for one in answers] == [((),), (("mirrored as of the left side",),)]
    unknown = predict_volumes(mirrors, tmp_path / "left.npy")
    assert unknown.notes == (("its side is not known: taken as a right one",),)
    assert not np.allclose(unknown.scores, answers[1].scores, atol=1e-6)


def test_a_side_is_refused_by_models_that_mirror_none(trained: Trained, tmp_path: Path) -> None:
    np.save(tmp_path / "one.npy", draw_volumes(1)[0][0])
    said = say("predict", trained.folder, tmp_path / "one.npy", "--side", "left", "--out", tmp_path / "out")
    assert said.code == 2
    assert "--side is for models that mirror left volumes" in said.err


def test_a_volume_is_explained_by_the_slice_that_says_most(trained: Trained, tmp_path: Path) -> None:
    np.save(tmp_path / "one.npy", draw_volumes(1)[0][0])
    said = say("explain", trained.folder, tmp_path / "one.npy", "--out", tmp_path / "out")
    assert said.code == 0, said.err
    assert (tmp_path / "out" / "one_grad_cam.png").is_file()
