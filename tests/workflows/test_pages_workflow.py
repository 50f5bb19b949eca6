"""Pages from start to end: five losses that fall, an exact resume, an export, maps of a whole page."""

import json
from pathlib import Path

import numpy as np
import pytest

from tests.fakes.ecg_pages import draw_page, write_pages
from tests.fakes.small_runs import say
from tests.fakes.tracker_files import tensorboard_of

TINY = """\
dataset:
  kind: ecg_pages
  examples: {height: 32, width: 64, per_page: 4, px_per_mm: [3.0, 5.0], shift_mm: 1.0}
  validation_rate: 0.2
  test_rate: 0.2
model: {kind: ecg_unet, widths: [4, 6, 8, 8], strip_width: 6}
augmentation: {brightness: 0.05, tint: 0.02, noise: 0.01}
loader: {batch_size: 4}
trainer: {epochs: 3, learning_rate: 0.01, schedule: constant, warmup_epochs: 0.0}
evaluation: {bootstrap: 20, batch_size: 4}
tracking: {tensorboard: true}
"""
LOSSES = ("seg_loss", "grid_loss", "baseline_loss", "theta_loss", "signal_loss")


@pytest.fixture(scope="module")
def room(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("pages")
    (folder / "tiny.yaml").write_text(TINY)
    write_pages(folder / "data" / "ecg_pages", num_pages=10)
    return folder


def asked(room, backend, *words, verb="train", run=None):
    places = ["--data-dir", room / "data", "--runs-dir", room / "runs", "--json"]
    chosen = ["--backend", backend] if verb == "train" else []
    said = say(verb, run or room / "tiny.yaml", *words, *chosen, *places)
    assert said.code == 0, said.err
    return said.tree


@pytest.fixture(scope="module")
def trained(room, backend) -> Path:
    """A run that came to its end; not to be changed."""
    return Path(asked(room, backend)["run"])


def rows_of(folder):
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


def manifest(folder):
    return json.loads((folder / "manifest.json").read_text())


def test_each_of_the_five_losses_falls_and_their_weighted_sum_is_the_loss(trained):
    first, *later = rows_of(trained)
    for name in ("loss", *LOSSES):
        assert min(row[name] for row in later) < first[name], name
    last = later[-1]
    weights = {"seg": 1.0, "grid": 0.5, "baseline": 0.8, "theta": 0.3, "signal": 2.0}
    total = sum(last[f"val_{name}_loss"] * weight for name, weight in weights.items())
    assert last["val_loss"] == pytest.approx(total, rel=1e-5)


def test_a_report_says_how_near_the_maps_are(trained):
    report = json.loads((trained / "report.json").read_text())
    assert report["task"] == "page_maps"
    assert set(report["metrics"]) >= {"trace_dice", "grid_px", "baseline_px", "angle_deg", "signal_px"}
    assert {row["by"] for row in report["groups"]} == {"layout", "look"}
    assert (trained / "plots" / "maps.png").is_file()


def test_tensorboard_has_the_losses_by_the_names_of_the_seed(trained):
    tags = set(tensorboard_of(trained).Tags()["scalars"])
    assert {"Train/total_loss", "Val/total_loss", "Train/lr", "epochs/val_signal_px"} <= tags
    assert {f"{part}/{name}" for part in ("Train", "Val") for name in LOSSES} <= tags


def test_a_run_that_was_resumed_is_the_run_that_was_not(room, backend, trained):
    folder = Path(asked(room, backend, "trainer.stop_after=1")["run"])
    asked(room, backend, "trainer.stop_after=3", verb="resume", run=folder)
    assert manifest(folder)["weights_sha256"] == manifest(trained)["weights_sha256"]


def test_a_run_is_judged_again_alike(room, backend, trained):
    report = (trained / "report.json").read_text()
    asked(room, backend, verb="evaluate", run=trained)
    assert (trained / "report.json").read_text() == report


def test_a_whole_page_of_any_size_is_read_by_a_run_and_by_what_it_exports(trained, backend, tmp_path):
    from kerasmed.inference.page_maps import map_page, trace_strip
    from kerasmed.workflows.predict import open_model

    said = say(
        "export", trained, "--format", "onnx", "--saved-models", tmp_path, "--runs-dir", trained.parent, "--json"
    )
    assert said.code == 0, said.err
    page, truth = draw_page(3)
    page = page[:90, :121]
    line = (float(truth.baseline_y[0, 0]), 0.0)
    by_run, by_file = (open_model(path) for path in (trained, tmp_path / "tiny"))
    maps, again = map_page(by_run, page), map_page(by_file, page)
    assert maps.trace.shape == maps.grid.shape == maps.major.shape == maps.baseline.shape == (90, 121)
    for name in ("trace", "grid", "major", "baseline", "angle_deg"):
        np.testing.assert_allclose(getattr(again, name), getattr(maps, name), atol=1e-3)
    strip, same = trace_strip(by_run, page, line, 14, 14), trace_strip(by_file, page, line, 14, 14)
    assert strip.y.shape == strip.confidence.shape == (121,)
    assert (np.abs(strip.y - line[0]) <= 16).all()
    np.testing.assert_allclose(same.confidence, strip.confidence, atol=1e-3)


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["model=custom_cnn"], "pages ask for maps; choose model=ecg_unet"),
        (["trainer.class_weights=balanced"], "trainer.class_weights is for examples with classes"),
        (["dataset.label_rate=0.5"], "max_pages takes fewer pages"),
        (["augmentation.mixup=0.2"], "mixup mixes classes"),
    ],
)
def test_what_means_nothing_without_classes_is_refused(room, backend, words, reason):
    said = say(
        "train", room / "tiny.yaml", *words, "--backend", backend, "--data-dir", room / "data",
        "--runs-dir", room / "runs", "--json",
    )  # fmt: skip
    assert said.code != 0
    assert reason in said.err


@pytest.mark.parametrize(
    ("verb", "words", "reason"),
    [
        ("calibrate", ["--data-dir", "."], "are not calibrated"),
        ("explain", ["page.png"], "this one reads page_crops"),
        ("predict", [Path(__file__)], "kerasmed digitize"),
    ],
)
def test_verbs_for_classes_are_refused(trained, verb, words, reason):
    runs = [] if verb == "predict" else ["--runs-dir", trained.parent]
    said = say(verb, trained, *words, *runs)
    assert said.code != 0
    assert reason in said.err
