"""The network of pages in saved_models: whole, and as good on pages of another program as the docs say."""

from pathlib import Path

import pytest

from kerasmed.config.pages import EcgPages
from kerasmed.data.simulate.ecg_pages import simulate_ecg_pages
from kerasmed.inference.digitize.page import Wishes
from kerasmed.workflows.digitize import digitize_pages
from kerasmed.workflows.judge_pages import open_truth
from kerasmed.workflows.predict import open_model

MODEL = Path(__file__).parents[2] / "saved_models" / "ecg_pages"
# dB by the rule of 2025 and Pearson's r that each page must reach.
CLEAN = ("PTB_XL_op_00002_hr-0", 10.0)
HARD = [("DistortionData_HandwrittenText_00002_hr-0", 6.0), ("DistortionData_Wrinkles_Creases_00001_hr-0", 6.0)]
LEAST_R = 0.9


@pytest.fixture(scope="module")
def network():
    return open_model(MODEL)


def judged(network, page, truth, data_root=None):
    found, faults = digitize_pages((page,), None, Wishes(), network)
    assert not faults
    (row,) = open_truth(truth, data_root)(found, 0)["pages"]
    return row


def test_every_file_of_it_is_that_of_its_manifest():
    from kerasmed.registry.verify import require_sound

    require_sound(MODEL / "1")


def test_it_reads_a_damaged_page_of_our_own(network, tmp_path):
    settings = EcgPages(pages=1, look="damaged", layouts=("3x4+1",), speeds_mm_s=(25.0,), gains_mm_mv=(10.0,), seed=5)
    simulate_ecg_pages(tmp_path / "pages", settings, None, lambda done, total: None)
    row = judged(network, tmp_path / "pages" / "images", tmp_path / "pages")
    assert row["snr_2025_db"] > 8
    assert row["pearson_r"] > LEAST_R


@pytest.mark.parametrize(("name", "least_db"), [CLEAN, *(pytest.param(*page, marks=pytest.mark.slow) for page in HARD)])
def test_it_reads_pages_of_another_program(network, data_root, name, least_db):
    folder = data_root / "ecg_images"
    if not folder.is_dir():
        pytest.skip(f"no pages: {folder} is missing")
    row = judged(network, folder / f"{name}.png", folder, data_root)
    assert row["snr_2025_db"] >= least_db
    assert row["pearson_r"] >= LEAST_R
