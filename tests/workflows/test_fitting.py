"""What a run takes from its targets before it trains: several labels are no classes."""

from pathlib import Path

import numpy as np
import pytest

from kerasmed.config.run import Loader, RunConfig
from kerasmed.data.dataset import Dataset, Protocol, Splits
from kerasmed.data.prepared import BadRecordPolicy, prepare
from kerasmed.data.records import Examples, RecordRef
from kerasmed.errors import ConfigError
from kerasmed.workflows.fitting import training_stream
from kerasmed.workflows.prepare import Material
from tests.fakes.twelve_leads import twelve_lead_arrays, twelve_lead_config, twelve_lead_spec

ROWS = np.arange(8)


@pytest.fixture
def material(tmp_path: Path) -> Material:
    """Eight records of 12 leads with several labels each, from a file that is there."""
    file = tmp_path / "record"
    file.write_text("x")
    inputs, labels = twelve_lead_arrays(8)
    names = np.char.mod("r%d", ROWS)
    examples = Examples({**inputs, "label": labels}, {"id": names, "record": names, "patient": names})
    splits = Splits(ROWS, ROWS[:0], ROWS[:0])
    dataset = Dataset(
        "toy", twelve_lead_spec(), (RecordRef("r", "p", (file,)),), lambda _: examples, lambda _, __: splits,
        Protocol("toy", "A toy."), {},
    )  # fmt: skip
    return Material(dataset, prepare(dataset, tmp_path / "cache", BadRecordPolicy()), splits, {})


def stream_of(config: RunConfig, material: Material) -> np.ndarray:
    return training_stream(config, material, ROWS).weights


def test_examples_of_several_labels_all_weigh_the_same(material: Material) -> None:
    assert stream_of(twelve_lead_config(), material).tolist() == [1.0] * 8


def test_class_weights_are_refused_for_several_labels(material: Material) -> None:
    with pytest.raises(ConfigError, match=r"write trainer\.positive_weights instead"):
        stream_of(twelve_lead_config(class_weights="balanced"), material)


def test_drawing_by_class_is_refused_for_several_labels(material: Material) -> None:
    config = twelve_lead_config().model_copy(update={"loader": Loader(class_shares={"MI": 1.0})})
    with pytest.raises(ConfigError, match=r"loader\.class_shares draws by the one class"):
        stream_of(config, material)
