"""Every entry of DATASETS, unasked: spec, split, fingerprint. A new dataset needs a small true fixture here."""

from itertools import chain
from pathlib import Path

import numpy as np
import pytest

from kerasmed.build import build
from kerasmed.config.component import ComponentConfig
from kerasmed.config.dataset import (
    DATASETS,
    BeatExamples,
    ImageExamples,
    ImageFolder,
    KaggleBeats,
    MedMnist,
    MitbihBeats,
    Ptbxl,
    WfdbBeats,
    WfdbSignals,
)  # fmt: skip
from kerasmed.config.load import load_run
from kerasmed.config.page_crops import EcgPageSet
from kerasmed.config.presets import list_presets
from kerasmed.data.leakage import check_splits
from kerasmed.data.prepared import BadRecordPolicy, prepare
from kerasmed.data.simulate.ecg_beats import simulate_ecg_beats
from kerasmed.evaluation.names import METRICS
from kerasmed.evaluation.subgroups import group
from kerasmed.spec import CLASS_TASKS
from tests.fakes.ecg_pages import CROPS, write_pages
from tests.fakes.image_folders import write_class_folders, write_medmnist
from tests.fakes.ptbxl import write_ptbxl
from tests.fakes.twelve_lead_folders import SMALL_DATASETS, write_small_datasets
from tests.fakes.volumes import SMALL_VOLUMES, write_small_volumes

NUM_CSV_ROWS = 60


@pytest.fixture(scope="module")
def simulated(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("data")
    simulate_ecg_beats(root / "wfdb_beats", num_patients=6, duration_s=60)
    _write_csv(root / "heartbeat")
    write_class_folders(root / "images")
    write_medmnist(root / "medmnist")
    write_ptbxl(root)
    write_small_datasets(root)
    write_small_volumes(root)
    write_pages(root / "ecg_pages")
    return root


def _write_csv(folder: Path) -> None:
    folder.mkdir()
    rng = np.random.default_rng(0)
    for name in ("mitbih_train.csv", "mitbih_test.csv"):
        rows = np.c_[rng.random((NUM_CSV_ROWS, 187)), np.arange(NUM_CSV_ROWS) % 5]
        np.savetxt(folder / name, rows, delimiter=",", fmt="%.6f")


@pytest.fixture
def opened(kind, simulated, request):
    if kind == "mitbih_beats":
        root = request.getfixturevalue("mitdb").parent
        return build(MitbihBeats(examples=BeatExamples(rate_hz=60)), root)
    configs = {
        "wfdb_beats": WfdbBeats(folder="wfdb_beats"),
        "wfdb_signals": WfdbSignals(folder="wfdb_beats", leads=("MLII",), window_s=5.0),
        "kaggle_beats": KaggleBeats(),
        "image_folder": ImageFolder(examples=ImageExamples(height=16, width=16, bits=16)),
        "medmnist": MedMnist(),
        "ptbxl": Ptbxl(),
        "ecg_pages": EcgPageSet(examples=CROPS, validation_rate=0.2, test_rate=0.2),
        **SMALL_DATASETS,
        **SMALL_VOLUMES,
    }
    return build(configs[kind], simulated)


@pytest.mark.parametrize("kind", DATASETS)
def test_the_prepared_arrays_are_what_the_spec_says(kind, opened, tmp_path):
    prepared = prepare(opened, tmp_path, BadRecordPolicy())
    for name, array in opened.spec.inputs.items():
        free = [size or found for size, found in zip(array.shape, prepared.arrays[name].shape[1:], strict=True)]
        assert prepared.arrays[name].shape == (len(prepared), *free)
        assert str(prepared.arrays[name].dtype) == array.dtype
    for name, target in opened.spec.targets.items():
        if target.task not in CLASS_TASKS:
            assert len(prepared.arrays[name]) == len(prepared)
            continue
        assert set(np.unique(prepared.arrays[name])) <= set(range(len(target.classes)))
    assert {"id", "record", "patient", "content"} <= set(prepared.index)
    assert len(np.unique(prepared.index["id"])) == len(prepared)


@pytest.mark.parametrize("kind", DATASETS)
def test_splits_are_disjoint_repeatable_and_pass_the_guard(kind, opened, tmp_path):
    index = prepare(opened, tmp_path, BadRecordPolicy()).index
    splits, again = opened.split(index, 3), opened.split(index, 3)
    np.testing.assert_array_equal(splits.train, again.train)
    assert not set(splits.train) & set(splits.test)
    assert not set(splits.train) & set(splits.validation)
    assert all(len(part) for part in (splits.train, splits.validation, splits.test))
    check_splits(index, splits, opened.protocol)


@pytest.mark.parametrize("kind", DATASETS)
def test_preparing_twice_gives_the_same_set_and_the_same_fingerprint(kind, opened, tmp_path):
    first, again = (prepare(opened, tmp_path / name, BadRecordPolicy()) for name in ("a", "b"))
    assert first.fingerprint == again.fingerprint
    for name in first.arrays:
        np.testing.assert_array_equal(first.arrays[name], again.arrays[name])


@pytest.mark.parametrize("kind", DATASETS)
def test_the_subgroups_are_columns_of_the_index(kind, opened, tmp_path):
    index = prepare(opened, tmp_path, BadRecordPolicy()).index
    for column, edges in opened.subgroups.items():
        assert group(index[column], edges).names


@pytest.mark.parametrize("kind", DATASETS)
def test_a_protocol_says_what_it_is(kind, opened):
    assert opened.protocol.name
    assert opened.protocol.describe
    assert opened.protocol.ranked_by in {"", *METRICS}
    assert set(opened.protocol.macro_classes) <= {*chain(*(target.classes for target in opened.spec.targets.values()))}
    for work in opened.protocol.published:
        assert work.source


@pytest.mark.parametrize("run", list_presets("run"))
def test_every_run_file_is_a_run_of_listed_components(run):
    config = load_run(run)
    assert type(config.dataset) in DATASETS.values()
    assert isinstance(config.model, ComponentConfig)
