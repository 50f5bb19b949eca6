"""Pictures from files to answers, on each backend, and nothing of a patient on the way."""

import shutil
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from kerasmed.inference.images import predict_images
from kerasmed.workflows.predict import open_model
from tests.fakes.image_folders import write_class_folders, write_dicom_folders
from tests.fakes.pictures import draw, write_dicom, write_picture
from tests.fakes.small_runs import Said, say

SMALL = """\
dataset: {kind: image_folder, folder: xrays, examples: {height: 32, width: 32}, validation_rate: 0.25, test_rate: 0.25}
model: {kind: custom_cnn, widths: [8, 8], convolutions: [1, 1], stem_stride: 1, dense_width: 8, dropout_rate: 0.0,
  head_dropout_rate: 0.0}
loader: {batch_size: 8}
trainer: {epochs: 2, optimizer: adam, learning_rate: 0.02, schedule: constant, warmup_epochs: 0.0}
evaluation: {bootstrap: 5, explained: 2}
"""


@dataclass(frozen=True)
class Trained:
    """A run on DICOM files whose tags, names and folders bear the canary, its places, and all that was said."""

    base: Path
    folder: Path
    data: Path
    said: Said


def write_run(folder: Path) -> Path:
    (folder / "xrays.yaml").write_text(SMALL)
    return folder / "xrays.yaml"


@pytest.fixture(scope="module")
def dicom_run(backend: str, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    base = tmp_path_factory.mktemp("dicom")
    data = tmp_path_factory.mktemp("data")
    write_dicom_folders(data / "xrays", per_class=16)
    (data / "xrays" / "NORMAL" / "ZZCANARY^PHI_0" / "ZZCANARY cut.dcm").write_bytes(bytes(500))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KERASMED_CACHE", str(base / "cache"))
        words = ("dataset.max_bad_rate=0.1", "--backend", backend, "--data-dir", data, "--runs-dir", base / "runs")
        said = say("train", write_run(base), *words)
    (folder,) = (path for path in (base / "runs").iterdir() if (path / "manifest.json").is_file())
    return Trained(base, folder, data, said)


def contents(path: Path) -> Iterator[tuple[str, bytes]]:
    """Name and bytes of every file below `path`, and of the members of archives."""
    for file in path.rglob("*"):
        yield str(file.relative_to(path)), b""
        if file.is_file():
            yield file.name, file.read_bytes()
            if zipfile.is_zipfile(file):
                with zipfile.ZipFile(file) as archive:
                    yield from ((name, archive.read(name)) for name in archive.namelist())


def leaking(path: Path) -> list[str]:
    return [name for name, content in contents(path) if "ZZCANARY" in name or b"ZZCANARY" in content]


def test_training_on_dicom_files_writes_and_says_nothing_of_a_patient(dicom_run: Trained) -> None:
    assert dicom_run.said.code == 0, dicom_run.said.err
    assert "left out: dicom-" in dicom_run.said.err
    assert "ZZCANARY" not in dicom_run.said.out + dicom_run.said.err
    assert leaking(dicom_run.base) == []


def test_export_and_calibration_hold_nothing_of_a_patient(dicom_run: Trained, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(dicom_run.folder, tmp_path / dicom_run.folder.name))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KERASMED_CACHE", str(dicom_run.base / "cache"))
        calibrated = say("calibrate", copy, "--data-dir", dicom_run.data)
        exported = say("export", copy, "--format", "keras", "--saved-models", tmp_path / "saved")
    assert (calibrated.code, exported.code) == (0, 0), calibrated.err + exported.err
    assert "ZZCANARY" not in calibrated.out + calibrated.err + exported.out + exported.err
    assert leaking(tmp_path) == []


def test_prediction_of_dicom_files_says_nothing_of_a_patient(dicom_run: Trained, tmp_path: Path) -> None:
    said = say("predict", dicom_run.folder, dicom_run.data / "xrays" / "NORMAL", "--out", tmp_path / "out")
    assert said.code == 0, said.err
    assert "not predicted: dicom-" in said.out
    assert "ZZCANARY" not in said.out + said.err
    assert leaking(tmp_path / "out") == []


def test_failures_say_nothing_of_a_patient(dicom_run: Trained, tmp_path: Path) -> None:
    cut = next((dicom_run.data / "xrays").rglob("ZZCANARY cut.dcm"))
    other = write_dicom(tmp_path / "ZZCANARY.dcm", draw(32, 24), PhotometricInterpretation="PALETTE COLOR")
    for words in ((cut,), (other,), (cut, other, "--json")):
        said = say("predict", dicom_run.folder, *words, "--out", tmp_path / "out")
        assert said.code == 3
        assert "ZZCANARY" not in said.out + said.err


def test_a_training_that_fails_says_nothing_of_a_patient(dicom_run: Trained, backend: str, tmp_path: Path) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KERASMED_CACHE", str(tmp_path / "cache"))
        words = ("--backend", backend, "--data-dir", dicom_run.data, "--runs-dir", tmp_path / "runs")
        said = say("train", write_run(tmp_path), "dataset.bad_records=fail", *words)
    assert said.code == 3
    assert "ZZCANARY" not in said.out + said.err
    assert leaking(tmp_path) == []


def test_a_prediction_is_made_of_the_example_that_training_saw(dicom_run: Trained) -> None:
    from kerasmed.inference.predictor import score_examples

    predictor = open_model(dicom_run.folder)
    (prepared,) = (path.parent for path in (dicom_run.base / "cache" / "prepared").glob("*/manifest.json"))
    ids = np.load(prepared / "index" / "id.npy")
    scores = score_examples(predictor, {"image": np.load(prepared / "arrays" / "image.npy")})["label"]
    by_name = dict(zip(ids.tolist(), scores, strict=True))
    predicted = predict_images(predictor, dicom_run.data / "xrays" / "PNEUMONIA")
    for name, found in zip(predicted.names, predicted.scores, strict=True):
        np.testing.assert_allclose(found, by_name[name], atol=1e-6)


def test_monochrome_1_and_2_of_a_picture_get_the_same_answer(dicom_run: Trained, tmp_path: Path) -> None:
    predictor = open_model(dicom_run.folder)
    plain = write_dicom(tmp_path / "2.dcm", draw(40, 40))
    turned = write_dicom(tmp_path / "1.dcm", 255 - draw(40, 40), PhotometricInterpretation="MONOCHROME1")
    png = write_picture(tmp_path / "a.png", draw(40, 40))
    deep = write_picture(tmp_path / "b.png", draw(40, 40).astype(np.uint16) * 257)
    scores = [predict_images(predictor, path).scores for path in (plain, turned, png, deep)]
    for other in scores[1:3]:
        np.testing.assert_array_equal(other, scores[0])
    np.testing.assert_allclose(scores[3], scores[0], atol=1e-3)  # 16 bits are resized before they are rounded to 8


def test_what_is_no_picture_gets_no_answer(dicom_run: Trained, tmp_path: Path) -> None:
    colour = write_picture(tmp_path / "c.png", np.stack([draw(seed=seed) for seed in (0, 9, 5)], axis=-1)[:, ::-1])
    np.save(tmp_path / "nan.npy", np.full((32, 32), np.nan))
    wanted = {
        colour: "is a picture in colour",
        tmp_path / "nan.npy": "is no PNG or JPEG picture",
        write_picture(tmp_path / "s.png", draw(7, 7)): "at least 8 are wanted",
        tmp_path / "gone.png": "does not exist",
    }
    for path, reason in wanted.items():
        said = say("predict", dicom_run.folder, path, "--out", tmp_path / "out")
        assert (said.code, said.out) == (3, "")
        assert reason in said.err
    assert not (tmp_path / "out").exists()


def test_pictures_go_from_folder_to_report_with_the_worst_of_them(backend: str, tmp_path: Path) -> None:
    write_class_folders(tmp_path / "data" / "xrays", per_class=12)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KERASMED_CACHE", str(tmp_path / "cache"))
        words = ("trainer.epochs=1", "--backend", backend, "--data-dir", tmp_path / "data", "--runs-dir", tmp_path)
        said = say("train", write_run(tmp_path), *words, "--json")
    assert said.code == 0, said.err
    (folder,) = (path.parent for path in tmp_path.glob("*/report.json"))
    text = (folder / "report.json").read_text()
    assert '"near_duplicates": 0' in (folder / "split.json").read_text()
    assert ('"worst": []' in text) != (folder / "plots" / "worst.png").is_file()
    assert ('"worst": []' in text) != (folder / "plots" / "grad_cam_worst.png").is_file()
    assert (folder / "plots" / "grad_cam_best.png").is_file()
    assert "Grad-CAM of the best answers" in (folder / "report.html").read_text()


@pytest.mark.slow
def test_a_network_of_pictures_is_exported_to_savedmodel_and_onnx(dicom_run: Trained, tmp_path: Path) -> None:
    onnxruntime = pytest.importorskip("onnxruntime")
    said = say(
        "export", dicom_run.folder, "--format", "saved_model", "--format", "onnx", "--saved-models", tmp_path / "saved"
    )
    assert said.code == 0, said.err
    (model,) = (tmp_path / "saved").rglob("model.onnx")
    path = write_picture(tmp_path / "a.png", draw(40, 40))
    run, onnx = (predict_images(open_model(place), path).scores for place in (dicom_run.folder, model))
    np.testing.assert_allclose(run, onnx, atol=1e-4)
    session = onnxruntime.InferenceSession(model.with_name("model.serving.onnx"))
    given = {"pixels": draw(40, 40).astype(np.int32), "largest": np.array(255, np.int32), "inverted": np.array(False)}
    np.testing.assert_allclose(session.run(["scores"], given)[0], run, atol=1e-3)
    assert leaking(tmp_path / "saved") == []


def test_an_answer_is_explained_by_a_picture_that_says_nothing_of_a_patient(dicom_run: Trained, tmp_path: Path) -> None:
    folder = dicom_run.data / "xrays" / "PNEUMONIA"
    said = say("explain", dicom_run.folder, folder, "--of", "PNEUMONIA", "--out", tmp_path / "out", "--json")
    assert said.code == 0, said.err
    (picture,) = (tmp_path / "out").iterdir()
    assert said.tree["picture"] == str(picture)
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert {row["class"] for row in said.tree["explained"]} == {"PNEUMONIA"}
    assert "ZZCANARY" not in said.out + said.err + picture.name


def test_a_class_that_the_model_does_not_know_is_not_explained(dicom_run: Trained, tmp_path: Path) -> None:
    folder = dicom_run.data / "xrays" / "NORMAL"
    said = say("explain", dicom_run.folder, folder, "--of", "NORMA", "--out", tmp_path / "out")
    assert (said.code, said.errors) == (2, ["error: no class named 'NORMA'. Did you mean 'NORMAL'?"])
