import resource
import subprocess

import pytest

from kerasmed.config.run import Trainer
from kerasmed.errors import ConfigError, TrainingError
from kerasmed.training.room import REST_BYTES, needed_bytes, require_room, variables_bytes

MB = 1_000_000


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 40 MB of its own; only root may mount one."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=40m", "tmpfs", folder], capture_output=True)
    if mounted.returncode:
        pytest.skip("a small file system cannot be mounted here")
    yield folder
    subprocess.run(["umount", folder], check=True)


def test_a_run_needs_three_checkpoints_to_go_on_from_and_every_epoch_that_is_kept():
    assert needed_bytes(10 * MB, MB, Trainer(epochs=20)) == 33 * MB + REST_BYTES
    assert needed_bytes(10 * MB, MB, Trainer(epochs=20, checkpoint_every=2)) == 43 * MB + REST_BYTES


def test_a_run_that_fits_leaves_nothing_behind(tmp_path):
    require_room(tmp_path, MB, MB, Trainer())
    assert list(tmp_path.iterdir()) == []


def test_a_disk_that_is_too_small_is_refused_with_both_numbers(small_disk):
    require_room(small_disk, 5 * MB, MB, Trainer())
    with pytest.raises(TrainingError, match=r"the run needs 83 MB for its checkpoints, 41\.9 MB are free"):
        require_room(small_disk, 20 * MB, MB, Trainer())


def test_what_a_run_wrote_before_it_is_resumed_is_not_needed_again(small_disk):
    old = small_disk / "checkpoints" / "step-000000010"
    old.mkdir(parents=True)
    (old / "training.npz").write_bytes(bytes(10 * MB))
    require_room(small_disk, 6 * MB, MB, Trainer())


def test_a_folder_that_cannot_be_written_is_refused(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match="cannot be written"):
        require_room(tmp_path / "file" / "run", MB, MB, Trainer())


def test_a_disk_that_may_only_be_read_is_refused_also_for_root(small_disk):
    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
    with pytest.raises(ConfigError, match="Read-only file system"):
        require_room(small_disk, MB, MB, Trainer())


def test_a_limit_on_the_size_of_files_is_refused(tmp_path):
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (MB, before[1]))
    try:
        with pytest.raises(TrainingError, match=r"takes 2 MB, but a file may have 1 MB"):
            require_room(tmp_path, 2 * MB, MB, Trainer())
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_the_estimate_is_what_a_checkpoint_takes(backend, tmp_path):
    from kerasmed.build import build
    from kerasmed.training.checkpoint import TRAINING, save_checkpoint
    from kerasmed.training.fit import compile_trainee
    from kerasmed.training.variables import all_variables, read_training
    from tests.fakes.toy import toy_config, toy_spec, toy_stream

    config = toy_config(ema_decay=0.9)
    trainee = compile_trainee(build(config.model, toy_spec()), toy_spec(), toy_stream(), config)
    values = read_training(trainee)
    save_checkpoint(tmp_path / "step", TRAINING, values, {})
    assert variables_bytes(all_variables(trainee)) == sum(value.nbytes for value in values)
    assert (tmp_path / "step" / TRAINING).stat().st_size < variables_bytes(all_variables(trainee)) + 500 * len(values)
