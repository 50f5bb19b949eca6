import pytest

from kerasmed.config.run import Tracking
from kerasmed.tracking.tell import tell_once
from tests.fakes.small_runs import CANARY
from tests.fakes.tracked_runs import change_manifest, row, write_rows, write_tracked_run
from tests.fakes.tracker_files import scalars_of, tensorboard_of

TRACKING = Tracking(tensorboard=True)
LOSSES = [(1, 1.0), (2, 0.5), (3, 0.333333)]


@pytest.fixture
def folder(tmp_path):
    return write_tracked_run(tmp_path / "runs", "small-1")


def tell(folder):
    tell_once(folder, "tensorboard", TRACKING)


def test_every_number_of_every_epoch_arrives(folder):
    tell(folder)
    tags = tensorboard_of(folder).Tags()["scalars"]
    assert {"epochs/loss", "epochs/learning_rate", "epochs/val_loss", "epochs/val_macro_f1"} < {*tags}
    assert {"speed/seconds", "speed/examples_per_s"} < {*tags}
    assert scalars_of(folder, "epochs/loss") == LOSSES[:2]
    assert scalars_of(folder, "report/test_macro_f1") == [(2, 0.75)]


def test_settings_arrive_as_hyper_parameters(folder):
    tell(folder)
    content = tensorboard_of(folder).summary_metadata["_hparams_/session_start_info"].plugin_data.content
    assert b"trainer.learning_rate" in content


def test_nothing_is_written_twice(folder):
    tell(folder)
    before = sorted((path.name, path.stat().st_size) for path in (folder / "tensorboard").iterdir())
    tell(folder)
    assert sorted((path.name, path.stat().st_size) for path in (folder / "tensorboard").iterdir()) == before


def test_a_resumed_run_goes_on_without_a_point_twice(folder):
    tell(folder)
    write_rows(folder, row(1), row(2, seconds=7.0), row(3))
    tell(folder)
    assert scalars_of(folder, "epochs/loss") == LOSSES


def test_an_epoch_that_came_out_otherwise_replaces_its_point(folder):
    tell(folder)
    write_rows(folder, row(1), row(2, loss=0.25), row(3))
    tell(folder)
    assert scalars_of(folder, "epochs/loss") == [(1, 1.0), (2, 0.25), (3, 0.333333)]
    assert scalars_of(folder, "epochs/val_loss") == [(1, 1.5), (2, 0.75), (3, 0.5)]


def test_a_folder_that_was_deleted_is_written_anew(folder):
    tell(folder)
    for path in (folder / "tensorboard").iterdir():
        path.unlink()
    tell(folder)
    assert scalars_of(folder, "epochs/loss") == LOSSES[:2]


def test_a_run_without_an_epoch_has_its_settings(tmp_path):
    folder = write_tracked_run(tmp_path / "runs", "small-1", epochs=0, status="failed")
    tell(folder)
    assert "run/text_summary" in tensorboard_of(folder).Tags()["tensors"]


def test_no_record_is_named(folder):
    change_manifest(folder, reason=f"{CANARY} is damaged")
    tell(folder)
    assert CANARY.encode() not in b"".join(path.read_bytes() for path in (folder / "tensorboard").iterdir())
