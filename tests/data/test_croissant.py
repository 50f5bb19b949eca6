"""The description of a prepared set: what Croissant 1.0 asks for, held against the files; mlcroissant where it is."""

import csv
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kerasmed.data.croissant import about
from kerasmed.data.origins import ORIGINS, origin_of
from kerasmed.errors import ConfigError
from tests.fakes.ptbxl import write_ptbxl
from tests.fakes.small_runs import CANARY, say
from tests.fakes.twelve_lead_folders import write_wfdb_folder

GIVEN = ("--licence", "https://x.org/l", "--citation", "Us, 2026", "--url", "https://x.org", "--creator", "Us")
# Properties of a dataset that Croissant 1.0 requires, and what it requires of each part.
REQUIRED = (
    "@context", "@type", "conformsTo", "name", "description", "license", "url", "creator", "datePublished",
)  # fmt: skip
OF_PARTS = {
    "cr:FileObject": ("@id", "name", "contentUrl", "encodingFormat", "sha256"),
    "cr:RecordSet": ("@id", "name", "field"),
    "cr:Field": ("@id", "name", "dataType"),
}


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("KERASMED_CACHE", str(tmp_path / "cache"))
    return tmp_path / "data"


def written(root: Path, run: str, *words: str) -> dict[str, Any]:
    said = say("data", "croissant", run, *words, "--out", root / "out", "--data-dir", root, "--json")
    assert said.code == 0, said.err
    return json.loads((root / "out" / "croissant.json").read_text())


def nodes(tree: Any) -> Iterator[dict[str, Any]]:
    """Every object in a tree."""
    inner = tree.values() if isinstance(tree, dict) else tree if isinstance(tree, list) else ()
    if isinstance(tree, dict):
        yield tree
    for value in inner:
        yield from nodes(value)


def faults_of(tree: dict[str, Any], folder: Path) -> list[str]:
    """What is wrong with a description: properties, ids, references, and the files that are there."""
    faults = [name for name in REQUIRED if not tree.get(name)]
    typed = [node for node in nodes(tree) if node.get("@type") in OF_PARTS]
    faults += [f"{node['@type']}: {name}" for node in typed for name in OF_PARTS[node["@type"]] if not node.get(name)]
    ids = [node["@id"] for node in typed]
    faults += [f"twice: {place}" for place in set(ids) if ids.count(place) > 1]
    without = {key: value for key, value in tree.items() if key != "@context"}
    faults += [f"nowhere: {node['@id']}" for node in nodes(without) if "@id" in node and node["@id"] not in ids]
    for node in (node for node in typed if node["@type"] == "cr:FileObject"):
        path = folder / node["contentUrl"]
        if path.is_file() and hashlib.sha256(path.read_bytes()).hexdigest() != node["sha256"]:
            faults.append(f"sha256: {path.name}")
    return faults


def columns_read(tree: dict[str, Any]) -> set[str]:
    return {node["column"] for node in nodes(tree["recordSet"]) if "column" in node}


def test_a_set_of_several_labels_is_described_as_the_format_asks(root):
    write_ptbxl(root)
    tree = written(root, "ptbxl_superdiagnostic", "--with-arrays")
    assert faults_of(tree, root / "out") == []
    assert (root / "out" / "arrays" / "signal.npy").is_file()
    assert tree["conformsTo"] == "http://mlcommons.org/croissant/1.0"
    assert tree["license"] == "https://creativecommons.org/licenses/by/4.0/"
    assert tree["citeAs"].startswith("Wagner et al., Sci Data")
    (signal,) = (file for file in tree["distribution"] if file["name"] == "arrays/signal.npy")
    assert "int16, 40 x 1000 x 12" in signal["description"]
    assert "100 Hz along the second axis; last axis: I, II, III" in signal["description"]


def test_the_table_holds_row_split_and_labels_and_no_more(root):
    write_ptbxl(root)
    tree = written(root, "ptbxl_superdiagnostic")
    with (root / "out" / "examples.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert set(rows[0]) == columns_read(tree)
    assert [int(row["row"]) for row in rows] == list(range(40))
    assert [row["split"] for row in rows[:3]] == ["train"] * 3
    assert {row["split"] for row in rows} == {"train", "validation", "test"}
    assert {row["label_MI"] for row in rows} == {"0", "1"}
    splits = next(each for each in tree["recordSet"] if each["@id"] == "splits")
    assert [known["splits/url"] for known in splits["data"]] == [
        "cr:TrainingSplit", "cr:ValidationSplit", "cr:TestSplit",
    ]  # fmt: skip


def test_one_class_of_several_refers_to_the_list_of_classes_and_no_patient_is_named(root):
    rows = [(f"r{number}", f"{CANARY}{number // 2}", ("af", "normal")[number % 2]) for number in range(8)]
    write_wfdb_folder(root / "own", rows)
    tree = written(root, "wfdb_folder", "dataset.folder=own", *GIVEN)
    assert faults_of(tree, root / "out") == []
    classes = next(each for each in tree["recordSet"] if each["@id"] == "classes_of_label")
    assert [known["classes_of_label/name"] for known in classes["data"]] == ["af", "normal"]
    for path in (path for path in (root / "out").rglob("*") if path.is_file()):
        assert CANARY.encode() not in path.read_bytes()


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of rdflib, which mlcroissant 1.1.1 calls
def test_mlcroissant_takes_the_description(root):
    mlcroissant = pytest.importorskip("mlcroissant", reason="the package mlcroissant is not installed")
    write_ptbxl(root)
    written(root, "ptbxl_superdiagnostic", "--with-arrays")
    dataset = mlcroissant.Dataset(jsonld=str(root / "out" / "croissant.json"))
    assert len(list(dataset.records("examples"))) == 40


def test_licence_citation_and_maker_of_own_records_must_be_said(root):
    write_wfdb_folder(root / "own", [(f"r{number}", f"p{number}", "ab"[number % 2]) for number in range(4)])
    said = say("data", "croissant", "wfdb_folder", "dataset.folder=own", "--out", root / "out", "--data-dir", root)
    assert "own: nobody knows its licence, citation, url, creator; say --licence ... --citation" in said.err
    assert not (root / "out").exists()


@pytest.mark.parametrize("name", ORIGINS)
def test_every_public_database_is_known_in_full(name):
    told = about(name, origin_of(name), {}, "2026-11-26")
    assert all(told.__dict__.values())
    assert told.url.startswith(("https://doi.org/10.", "https://arxiv.org/abs/"))
    assert about(name, origin_of(name), {"name": "mine"}, "2026-11-26").name == "mine"


def test_nothing_of_an_unknown_database_is_made_up():
    with pytest.raises(ConfigError, match="nobody knows its creator; say --creator"):
        about("own", None, {"licence": "https://x.org/l", "citation": "c", "url": "https://x.org"}, "2026-11-26")
