import csv

import numpy as np
import pytest
from PIL import Image

from kerasmed.config.pages import LOOKS, Distortions, EcgPages
from kerasmed.data.page_records import LEADS, RATE_HZ
from kerasmed.data.simulate.ecg_page import make_page
from kerasmed.data.simulate.ecg_pages import COLUMNS, simulate_ecg_pages
from kerasmed.data.simulate.ecg_twelve import simulate_twelve
from kerasmed.data.simulate.page_signals import list_printable
from kerasmed.errors import ConfigError, DataError
from tests.fakes.wfdb_files import write_record

SMALL = {"height": 425, "width": 550}
NONE = Distortions(**dict.fromkeys(Distortions.model_fields, 0.0))


def page(seed=0, **settings):
    """Picture, truth and facts of a page of a simulated person."""
    rng = np.random.default_rng(seed)
    return make_page(simulate_twelve(rng, RATE_HZ, 5000), EcgPages(**{**SMALL, **settings}), rng)


def pages_of(folder):
    with (folder / "pages.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def contents(folder):
    return {path.relative_to(folder): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """Three small pages of simulated people."""
    folder = tmp_path_factory.mktemp("pages") / "out"
    simulate_ecg_pages(folder, EcgPages(pages=3, seed=4, **SMALL))
    return folder


def test_a_page_has_the_same_bytes_whatever_their_number_and_whoever_makes_it(written, tmp_path):
    simulate_ecg_pages(tmp_path / "by processes", EcgPages(pages=8, seed=4, **SMALL))
    more = contents(tmp_path / "by processes")
    fewer = {name: content for name, content in contents(written).items() if name.name != "pages.csv"}
    assert {name: more[name] for name in fewer} == fewer
    assert pages_of(tmp_path / "by processes")[:3] == pages_of(written)


def test_another_seed_gives_other_pages(written, tmp_path):
    simulate_ecg_pages(tmp_path / "other", EcgPages(pages=1, seed=5, **SMALL))
    name = "images/P00001.png"
    assert (tmp_path / "other" / name).read_bytes() != (written / name).read_bytes()


def test_the_table_names_a_picture_and_a_truth_of_each_page(written):
    rows = pages_of(written)
    assert tuple(rows[0]) == COLUMNS
    for row in rows:
        picture = np.asarray(Image.open(written / row["image"]))
        assert (picture.shape, picture.dtype) == ((425, 550, 3), np.uint8)
        with np.load(written / "truth" / f"{row['page']}.npz") as truth:
            assert {name: (truth[name].dtype, truth[name].shape[-2:]) for name in ("trace", "grid")} == {
                "trace": (np.uint16, (425, 550)),
                "grid": (np.uint8, (425, 550)),
            }
            assert truth["trace_y"].shape == truth["baseline_y"].shape
            assert truth["signals"].shape == (12, 5000)


@pytest.mark.parametrize("look", LOOKS)
def test_the_told_height_of_a_trace_is_on_its_ink(look):
    for seed in range(3):
        _, truth, _ = page(seed, look=look)
        for row, heights in enumerate(truth["trace_y"]):
            columns = np.flatnonzero(np.isfinite(heights))
            ink = truth["trace"][np.rint(heights[columns]).astype(int), columns] >> row & 1
            assert ink.all()


@pytest.mark.parametrize("look", ["clean", "phone"])
def test_the_signal_is_found_again_from_the_heights_and_the_homography(look):
    _, truth, facts = page(1, look=look, layouts=["12x1"], height=850, width=1100, speeds_mm_s=[25.0])
    back = np.linalg.inv(truth["homography"])
    for row in range(12):
        found_mm, zero_mm = (flat(back, truth[name][row]) for name in ("trace_y", "baseline_y"))
        time_s = (found_mm[:, 0] - found_mm[0, 0]) / facts["speed_mm_s"]
        found_mv = (zero_mm[:, 1].mean() - found_mm[:, 1]) / facts["gain_mm_mv"]
        assert best_snr_db(found_mv, time_s, truth["signals"][row]) > 25


def flat(back, heights):
    columns = np.flatnonzero(np.isfinite(heights))
    seen = np.stack([columns, heights[columns], np.ones(len(columns))]) if len(columns) else np.zeros((3, 0))
    on_page = back @ seen
    return (on_page[:2] / on_page[2]).T


def best_snr_db(found_mv, time_s, signal_mv):
    """Of shifts by less than two columns: where in the first column a strip begins is not told."""
    samples_s = np.arange(len(signal_mv)) / RATE_HZ
    inside = (time_s > 0.05) & (time_s < 9.9)
    shifted = [np.interp(time_s + shift, samples_s, signal_mv)[inside] for shift in np.arange(-0.02, 0.02, 0.0005)]
    return max(10 * np.log10(np.mean(true**2) / np.mean((true - found_mv[inside]) ** 2)) for true in shifted)


def test_a_zero_line_is_level_on_the_flat_page():
    _, truth, _ = page(2, look="phone")
    for heights in truth["baseline_y"]:
        assert np.ptp(flat(np.linalg.inv(truth["homography"]), heights)[:, 1]) < 1e-3


def test_a_page_turned_counter_clockwise_rises_to_the_right():
    turned = {**NONE.model_dump(), "rotation": 3.0}
    for seed in range(4):
        _, truth, facts = page(seed, look="scan", strength=Distortions(**turned))
        zero = truth["baseline_y"][0]
        columns = np.flatnonzero(np.isfinite(zero))
        rise = (zero[columns[0]] - zero[columns[-1]]) / (columns[-1] - columns[0])
        assert np.degrees(np.arctan(rise)) == pytest.approx(float(truth["angle_deg"]), abs=0.01)
        assert facts["angle_deg"] == pytest.approx(float(truth["angle_deg"]), abs=1e-4)


def test_the_scale_told_is_that_of_the_homography():
    _, truth, facts = page(3, look="clean")
    assert facts["px_per_mm"] == pytest.approx(truth["homography"][0, 0], rel=1e-4)


def test_the_trace_is_darker_in_the_picture_of_a_clean_page_than_what_is_beside_it():
    for seed in range(3):
        picture, truth, _ = page(seed, look="clean", strength=NONE, height=850, width=1100)
        trace, light = truth["trace"] > 0, picture.sum(axis=2)
        beside = np.roll(trace, 5, axis=0) & ~trace & (truth["grid"] == 0)
        assert np.median(light[trace]) < np.median(light[beside]) - 120


def test_the_grid_of_the_mask_is_that_of_the_picture():
    picture, truth, _ = page(0, look="clean", strength=NONE)
    light = picture.sum(axis=2)[truth["trace"] == 0]
    grid = truth["grid"][truth["trace"] == 0]
    assert light[grid == 2].mean() < light[grid == 0].mean() - 30


@pytest.mark.parametrize(
    ("layout", "speed", "seconds"), [("3x4", 25.0, 2.5), ("6x2", 25.0, 5.0), ("12x1", 25.0, 10.0), ("3x4", 50.0, 1.25)]
)
def test_a_lead_is_known_only_where_it_is_printed(layout, speed, seconds):
    _, truth, _ = page(0, layouts=[layout], speeds_mm_s=[speed])
    printed = np.isfinite(truth["signals"])
    assert set(printed.sum(axis=1)) == {round(seconds * RATE_HZ)}
    starts = dict(zip(LEADS, printed.argmax(axis=1) / RATE_HZ, strict=True))
    assert starts["V1"] == {"3x4": 2 * seconds, "6x2": seconds, "12x1": 0}[layout]


def test_a_gap_of_the_signal_is_a_gap_of_the_trace():
    rng = np.random.default_rng(0)
    signals = simulate_twelve(rng, RATE_HZ, 5000)
    signals[:, 2000:3000] = np.nan
    settings = EcgPages(**SMALL, layouts=["12x1"], speeds_mm_s=[25.0], look="clean", strength=NONE)
    _, truth, facts = make_page(signals, settings, rng)
    columns = np.flatnonzero(np.isfinite(truth["trace_y"][0]))
    assert np.diff(columns).max() == pytest.approx(50 * facts["px_per_mm"], abs=2)
    assert np.isnan(truth["signals"][:, 2000:3000]).all()
    assert np.isfinite(truth["baseline_y"][0][columns[0] : columns[-1]]).all()


def test_a_rhythm_strip_shows_its_lead_whole():
    _, truth, _ = page(0, layouts=["3x4+1"], speeds_mm_s=[25.0])
    assert np.isfinite(truth["signals"][LEADS.index("II")]).all()
    assert len(truth["trace_y"]) == 4


def test_light_and_noise_move_nothing():
    dull = Distortions(creases=0, stains=0, shadow=0, texture=0, tint=0, blur=0, noise=0, compression=0)
    bright, dark = page(5, look="damaged", strength=dull), page(5, look="damaged")
    assert (bright[0] != dark[0]).any()
    for name, array in bright[1].items():
        np.testing.assert_array_equal(array, dark[1][name])


def test_a_page_is_larger_by_the_factor_asked_for():
    picture, truth, facts = page(0, enlarge=[2.0], look="clean")
    assert picture.shape == (850, 1100, 3)
    assert truth["trace"].shape == (850, 1100)
    assert facts["px_per_mm"] == pytest.approx(3.8, abs=0.2)


def test_records_are_printed_but_those_left_out(tmp_path):
    signal_mv = simulate_twelve(np.random.default_rng(0), 250, 2500).T
    for name, patient in (("r1", "anna"), ("r2", "bert"), ("r3", "anna")):
        write_record(tmp_path / "records" / "deep", name, signal_mv, 250, LEADS, comments=[f"patient: {patient}"])
    settings = EcgPages(pages=4, leave_out=["r2"], look="clean", **SMALL)
    rows = simulate_ecg_pages(tmp_path / "out", settings, tmp_path / "records")
    assert {(row["record"], row["patient"]) for row in rows} == {("r1", "anna"), ("r3", "anna")}


def test_the_patients_of_ptbxl_are_those_of_its_table(data_root):
    if not (data_root / "ptbxl" / "records500").is_dir():
        pytest.skip("no PTB-XL records at 500 Hz")
    records = {record.name: record.patient for record in list_printable(data_root / "ptbxl" / "records500")}
    assert records["00001_hr"] == "15709"


def test_a_record_that_lacks_a_lead_is_named(tmp_path):
    write_record(tmp_path / "records", "two", np.zeros((5000, 2)), 500, ["I", "II"])
    with pytest.raises(DataError, match=r"^two"):
        simulate_ecg_pages(tmp_path / "out", EcgPages(pages=1, **SMALL), tmp_path / "records")
    assert not (tmp_path / "out").exists()


def test_a_record_too_short_for_a_page_is_named(tmp_path):
    write_record(tmp_path / "records", "brief", np.zeros((2000, 12)), 500, LEADS)
    with pytest.raises(DataError, match=r"brief: is shorter than 9\.9 s.*leave_out"):
        simulate_ecg_pages(tmp_path / "out", EcgPages(pages=1, **SMALL), tmp_path / "records")


def test_a_folder_with_other_files_is_left_alone(tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(ConfigError, match=r"holds other files \('mine.txt'\)"):
        simulate_ecg_pages(tmp_path, EcgPages(pages=1))


def test_a_folder_without_records_is_refused(tmp_path):
    with pytest.raises(DataError, match="holds no WFDB record"):
        simulate_ecg_pages(tmp_path / "out", EcgPages(pages=1), tmp_path)
