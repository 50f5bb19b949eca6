"""kerasmed digitize over files: what is written, a bad file beside good ones, judgement, diagnosis."""

import csv
import json

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from kerasmed.cli.digitize import command
from kerasmed.data.readers.wfdb import read_record
from kerasmed.inference.digitize.layouts import LEADS
from tests.fakes.pages import clean_page


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder of simulated pages with truth, and a file in it that is none."""
    root = tmp_path_factory.mktemp("pages")
    picture, truth, facts = clean_page()
    for name in ("images", "truth", "bad"):
        (root / name).mkdir()
    Image.fromarray(picture).save(root / "images" / "P00001.png")
    np.savez(root / "truth" / "P00001.npz", **truth)
    (root / "bad" / "torn.png").write_bytes(b"\x89PNG\r\n\x1a\nno picture")
    row = {"page": "P00001", "image": "images/P00001.png", "record": "r1", "patient": "p1", "seed": "1"}
    row |= {name: str(value) for name, value in facts.items()}
    (root / "pages.csv").write_text(f"{','.join(row)}\n{','.join(row.values())}\n")
    return root


@pytest.fixture(scope="module")
def answered(folder, tmp_path_factory):
    out = tmp_path_factory.mktemp("out")
    words = [str(folder / "images"), str(folder / "bad"), "--out", str(out), "--truth", str(folder), "--json"]
    return CliRunner().invoke(command, words, standalone_mode=False), out


def test_a_bad_file_is_told_and_the_others_go_on(answered):
    result, _ = answered
    tree = json.loads(result.stdout)
    assert [page["page"] for page in tree["pages"]] == ["P00001"]
    assert list(tree["failed"]) == ["torn"]
    assert result.return_value == 3


def test_the_table_holds_millivolts_of_all_leads_and_nothing_where_nothing_is_printed(answered):
    _, out = answered
    with (out / "P00001.csv").open(newline="") as file:
        rows = list(csv.reader(file))
    assert tuple(rows[0]) == LEADS
    assert len(rows) == 5001
    assert rows[2500][0] == ""
    assert abs(float(rows[2500][1])) < 5


def test_the_wfdb_record_says_the_same_as_the_table(answered):
    _, out = answered
    record = read_record(out / "P00001.hea", LEADS)
    table = np.genfromtxt(out / "P00001.csv", delimiter=",", skip_header=1)
    assert record.rate_hz == 500
    np.testing.assert_array_equal(np.isnan(record.signal_mv), np.isnan(table))
    np.testing.assert_allclose(record.signal_mv, table, atol=6e-4)


def test_the_picture_shows_lines_on_the_page(answered):
    _, out = answered
    with Image.open(out / "P00001.png") as picture:
        assert picture.size == (1100, 850)


def test_the_truth_gives_measures_by_layout_and_look(answered):
    result, _ = answered
    judged = json.loads(result.stdout)["judged"]
    assert judged["pages"][0]["snr_2025_db"] > 12
    assert judged["mean"]["grid_px"] < 0.5
    assert list(judged["mean_snr_2025_db_by"]["layout"]) == ["3x4+1"]
