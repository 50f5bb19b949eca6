"""Simulated knees: two classes that can be told apart, people with two sides and one visit or two."""

import csv
from collections import Counter
from itertools import combinations

import numpy as np
import pytest

from kerasmed.build import build
from kerasmed.config.load import load_preset
from kerasmed.data.simulate.knee_volumes import FILES, Knee, _knees, draw_knee, simulate_knee_volumes
from kerasmed.errors import ConfigError


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data") / "knee_volumes"
    assert simulate_knee_volumes(folder, num_patients=4, edge=32) == 12
    return folder


def test_everyone_has_two_sides_and_half_come_twice(folder):
    rows = list(csv.DictReader((folder / "knees.csv").read_text().splitlines()))
    knees = {(row["patient"], row["side"], row["visit"]) for row in rows}
    assert len(knees) == len(rows) == 12
    assert {patient for patient, _, visit in knees if visit == "1"} == {"P003", "P004"}
    assert {side for _, side, _ in knees} == {"L", "R"}


def test_classes_sides_and_visits_are_independent():
    knees = list(_knees(16))
    for one, other in combinations(("abnormal", "left", "visit"), 2):
        pairs = Counter((getattr(knee, one), getattr(knee, other)) for knee in knees)
        shares = {value: pairs[True, value] / (pairs[True, value] + pairs[False, value]) for value in (False, True)}
        assert shares[False] == pytest.approx(shares[True])


def test_each_class_has_a_file_with_its_slices_last(folder):
    shapes = [np.load(folder / file, mmap_mode="r").shape for file in FILES.values()]
    assert [shape[1:] for shape in shapes] == [(32, 32, 16)] * 2
    assert sum(shape[0] for shape in shapes) == 12


def test_equal_arguments_give_equal_bytes_and_another_seed_others(folder, tmp_path):
    simulate_knee_volumes(tmp_path / "again", num_patients=4, edge=32)
    simulate_knee_volumes(tmp_path / "other", num_patients=4, edge=32, seed=1)
    for name in (*FILES.values(), "knees.csv"):
        assert (tmp_path / "again" / name).read_bytes() == (folder / name).read_bytes()
    assert (tmp_path / "other" / FILES["normal"]).read_bytes() != (folder / FILES["normal"]).read_bytes()


@pytest.mark.parametrize("left", [False, True])
def test_the_fibula_is_at_the_outer_side(left):
    slices = np.mean([draw_knee(Knee(p, left, 0, False), 32, 0)[:, 26:, 18:26] for p in range(6)], axis=(0, 2, 3))
    outer, inner = (slices[-5:-2], slices[2:5]) if left else (slices[2:5], slices[-5:-2])
    assert outer.mean() < 0.95 * inner.mean()


def test_an_abnormal_knee_has_more_fluid():
    bright = [
        np.mean([np.mean(draw_knee(Knee(p, False, 0, abnormal), 32, 0) > 380) for p in range(8)])
        for abnormal in (False, True)
    ]
    assert bright[1] > 1.5 * bright[0]


def test_a_later_visit_is_another_scan_of_the_same_knee():
    first, second = (draw_knee(Knee(1, False, visit, True), 32, 0).astype(float) for visit in (0, 1))
    stranger = draw_knee(Knee(2, False, 0, True), 32, 0).astype(float)
    assert not np.array_equal(first, second)
    assert np.corrcoef(first.ravel(), second.ravel())[0, 1] > np.corrcoef(first.ravel(), stranger.ravel())[0, 1]


def test_the_preset_opens_them_with_patients_whole_and_left_knees_mirrored(folder):
    dataset = build(load_preset("dataset", "knee_volumes"), folder.parent)
    assert len({record.patient for record in dataset.records}) == 4
    assert dataset.protocol.badges == ()
    assert dataset.notes == ("left volumes mirrored along their depth: 6 by the table",)
    assert dataset.make_examples(dataset.records[0]).arrays["volume"].shape == (1, 16, 32, 32, 1)


def test_the_preset_of_the_true_files_opens_them_too(folder):
    config = load_preset("dataset", "knee_mri").model_copy(update={"folder": "knee_volumes"})
    assert len(build(config, folder.parent).records) == 12


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"edge": 15}, "edge=15: write a number from 16"),
        ({"edge": 17}, "an even number"),
        ({"num_patients": 1}, "2 to"),
    ],
)
def test_numbers_out_of_range_are_refused(tmp_path, settings, reason):
    with pytest.raises(ConfigError, match=reason):
        simulate_knee_volumes(tmp_path / "out", **settings)


def test_a_folder_with_other_files_is_left_alone(tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(ConfigError, match=r"holds other files \('mine\.txt'\)"):
        simulate_knee_volumes(tmp_path, num_patients=2, edge=16)
