import json

import numpy as np
import pytest
from PIL import Image

from kerasmed.config.pages import EcgPages
from kerasmed.data.page_records import LEADS, read_page
from kerasmed.data.simulate.ecg_pages import simulate_ecg_pages
from kerasmed.data.sources.page_folders import find_pages, kind_of, pages_of_file
from kerasmed.errors import DataError, UnknownNameError
from tests.fakes.wfdb_files import write_record


def picture(path, size=(110, 85)):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, "white").save(path)


def ramp(rate_hz, seconds):
    """(num_samples, 12) in mV: time in tenths, the same in every lead."""
    return np.repeat(np.arange(round(rate_hz * seconds))[:, None] / rate_hz / 10, 12, axis=1)


@pytest.fixture
def competition(tmp_path):
    """Two records at 250 Hz: lead II whole, the others in their quarter; one with two pages, one with one."""
    (tmp_path / "train.csv").write_text("id,fs,sig_len\n7,250,2500\n8,250,2500\n")
    for name, kinds in (("7", ("0001", "0005")), ("8", ("0012",))):
        for kind in kinds:
            picture(tmp_path / "train" / name / f"{name}-{kind}.png")
        rows = [",".join(LEADS)]
        for sample in range(2500):
            cells = [
                sample / 2500 if lead == "II" or place // 3 == sample // 625 else "" for place, lead in enumerate(LEADS)
            ]
            rows.append(",".join(map(str, cells)))
        (tmp_path / "train" / name / f"{name}.csv").write_text("\n".join(rows) + "\n")
    return tmp_path


@pytest.fixture
def rendered(tmp_path):
    """Two pages of one record of 20 s at 100 Hz, the second with its JSON, as ecg-image-kit leaves them."""
    write_record(tmp_path, "r1", ramp(100, 20), 100, LEADS, adc_gain=5000, comments=["patient: anna"])
    for number in range(2):
        picture(tmp_path / f"r1-{number}.png")
    leads = [{"lead_name": "V1", "start_sample": 1500, "end_sample": 1750}]
    leads += [{"lead_name": "II", "start_sample": 1000, "end_sample": 2000}, {"lead_name": "I"}]
    (tmp_path / "r1-1.json").write_text(json.dumps({"sampling_frequency": 100, "leads": leads}))
    return tmp_path


def test_pages_of_the_competition_have_their_look_and_signals_at_500_hz(competition):
    pages = find_pages(competition)
    assert kind_of(competition) == "kaggle_ecg_digitization"
    assert [(page.name, page.look, page.patient) for page in pages] == [
        ("7-0001", "rendered", "7"),
        ("7-0005", "phone photo", "7"),
        ("8-0012", "mould, grey scan", "8"),
    ]
    signals = read_page(pages[1]).signals_mv
    assert np.isfinite(signals).sum(axis=1).tolist() == [1250, 5000, *[1250] * 10]
    assert np.isfinite(signals[LEADS.index("V4")])[3750:].all()
    np.testing.assert_allclose(signals[1, 100:4900], np.arange(100, 4900) / 5000, atol=2e-4)


def test_a_competition_whose_table_is_shorter_than_told_is_refused(competition):
    (competition / "train.csv").write_text("id,fs,sig_len\n7,250,2501\n")
    with pytest.raises(DataError, match=r"7\.csv: has 2500 rows, and train\.csv says 2501"):
        read_page(find_pages(competition)[0])


@pytest.mark.parametrize(
    ("row", "said"), [("../7,250,2500", "no record"), ("7,x,2500", "is no number"), ("9,250,2500", "has no page")]
)
def test_a_row_of_the_competition_that_cannot_be_meant_is_refused(competition, row, said):
    (competition / "train.csv").write_text(f"id,fs,sig_len\n{row}\n")
    with pytest.raises(DataError, match=said):
        find_pages(competition)


def test_a_rendered_page_shows_its_part_of_the_record(rendered):
    first, second = find_pages(rendered)
    assert kind_of(rendered) == "ecg_image_kit"
    assert (first.name, first.record, first.patient) == ("r1-0", "r1", "anna")
    whole, part = read_page(first).signals_mv, read_page(second).signals_mv
    assert np.isfinite(whole).all()
    np.testing.assert_allclose(whole[5, 100:4900], np.arange(100, 4900) / 5000, atol=1e-3)
    printed = np.isfinite(part)
    assert printed.sum(axis=1).tolist() == [5000 if lead == "II" else 1250 if lead == "V1" else 0 for lead in LEADS]
    assert printed[LEADS.index("V1"), 2500:3750].all()
    np.testing.assert_allclose(part[1, 100:4900], 1 + np.arange(100, 4900) / 5000, atol=1e-3)


def test_a_rendered_page_without_its_record_is_named(rendered):
    picture(rendered / "r2-0.png")
    with pytest.raises(DataError, match=r"r2-0: has no record: r2\.hea is missing"):
        find_pages(rendered)


def test_a_json_without_samples_is_refused(rendered):
    (rendered / "r1-0.json").write_text(
        json.dumps({"leads": [{"lead_name": "V9", "start_sample": 0, "end_sample": 1}]})
    )
    with pytest.raises(DataError, match=r"r1-0\.json: does not say which samples are printed"):
        find_pages(rendered)


def test_pairs_name_records_below_the_data_folder(rendered, tmp_path):
    picture(tmp_path / "images" / "x_r1-0.png")
    (tmp_path / "images" / "pairs.csv").write_text("image,width,height,truth_record\nx_r1-0.png,110,85,r1\n")
    (page,) = find_pages(tmp_path / "images")
    assert (page.name, page.record, page.patient) == ("x_r1-0", "r1", "anna")
    assert np.isfinite(read_page(page).signals_mv).all()


def test_pairs_that_lead_out_of_the_data_folder_are_refused(tmp_path):
    picture(tmp_path / "images" / "x-0.png")
    (tmp_path / "images" / "pairs.csv").write_text("image,truth_record\nx-0.png,../../r1\n")
    with pytest.raises(DataError, match="lies outside"):
        find_pages(tmp_path / "images")


def test_simulated_pages_are_read_with_their_signals(tmp_path):
    simulate_ecg_pages(tmp_path / "out", EcgPages(pages=1, height=425, width=550, layouts=["6x2"], speeds_mm_s=[25.0]))
    (page,) = find_pages(tmp_path / "out")
    record = read_page(page)
    assert (page.name, page.record) == ("P00001", page.patient)
    assert page.patient.startswith("S")
    assert record.pixels.shape == (425, 550, 3)
    assert np.isfinite(record.signals_mv).sum(axis=1).tolist() == [2500] * 12


def test_any_other_folder_is_one_of_pages_without_truth(tmp_path):
    picture(tmp_path / "a" / "one.jpg")
    picture(tmp_path / ".hidden" / "two.png")
    (tmp_path / "notes.txt").write_text("none")
    Image.new("RGB", (110, 85), "white").save(
        tmp_path / "b.pdf", save_all=True, append_images=[Image.new("RGB", (110, 85), "red")], resolution=100
    )
    pages = find_pages(tmp_path)
    assert [page.name for page in pages] == ["a/one.jpg", "b.pdf#1", "b.pdf#2"]
    record = read_page(pages[2])
    assert record.signals_mv is None
    assert record.pixels.shape == pytest.approx((170, 220, 3), abs=1)
    assert pages_of_file(tmp_path / "a" / "one.jpg")[0].name == "one.jpg"


def test_a_folder_without_pages_is_refused(tmp_path):
    with pytest.raises(DataError, match=r"holds no page \(\.jpg, \.jpeg, \.png, \.pdf\)"):
        find_pages(tmp_path)


def test_an_unknown_kind_is_named(tmp_path):
    with pytest.raises(UnknownNameError, match="Did you mean 'ecg_image_kit'"):
        find_pages(tmp_path, "ecg_imagekit")


def test_the_rendered_pages_beside_the_checkout_have_records_and_patients(data_root):
    if not (data_root / "ecg_images").is_dir():
        pytest.skip("no rendered pages")
    pages = find_pages(data_root / "ecg_images")
    assert {page.record for page in pages} == {"00001_hr", "00002_hr"}
    assert {page.patient for page in pages} == {"15709", "13243"}
    assert np.isfinite(read_page(pages[0]).signals_mv).all()
