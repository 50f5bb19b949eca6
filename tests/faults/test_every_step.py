"""Each operation that changes the disk, with each fault at each of its steps (F2, F3, F4, F7). docs/faults.md."""

import logging
import re
from pathlib import Path

import numpy as np
import pytest

from kerasmed import files
from kerasmed.errors import TrainingError
from kerasmed.training.checkpoint import newest_step
from tests.faults.every_step import IN_TURN, Operation, Visited, visit
from tests.faults.fault_fs import Fault, FaultDisk
from tests.faults.operations import (
    delete_operation,
    export_operation,
    names_in,
    prepare_operation,
    save_operation,
    small_model,
    training_operation,
)


@pytest.fixture(autouse=True)
def _quiet(caplog: pytest.LogCaptureFixture) -> None:
    """What every one of the cases warns of would bury the rest."""
    caplog.set_level(logging.ERROR, "kerasmed")


def assert_unbroken(visited: Visited, least_steps: int) -> None:
    """The row is in the output of a failed test, and of `pytest -rP`."""
    print(visited.row())  # noqa: T201
    assert visited.broken == []
    assert visited.unseen == []
    assert len(visited.steps) >= least_steps
    assert visited.cases[Fault.DEATH] + visited.cases[Fault.POWER] == len(visited.steps)
    assert visited.cases[Fault.FULL] + visited.cases[Fault.IO] == len(visited.steps)


def test_a_prepare_survives_every_fault_at_every_step(tmp_path: Path) -> None:
    assert_unbroken(visit(prepare_operation(tmp_path), tmp_path / "scratch", IN_TURN), least_steps=60)


def test_a_checkpoint_survives_every_fault_at_every_step(tmp_path: Path) -> None:
    assert_unbroken(visit(save_operation(), tmp_path / "scratch", IN_TURN), least_steps=80)


def test_a_delete_survives_every_fault_at_every_step(tmp_path: Path) -> None:
    assert_unbroken(visit(delete_operation(), tmp_path / "scratch", IN_TURN), least_steps=30)


@pytest.fixture
def uncompiled(one_backend: str):
    """Models answer without being compiled anew for each of the many exports."""
    if one_backend != "jax":
        yield
        return
    import jax

    with jax.disable_jit():
        yield


def test_an_export_survives_every_fault_at_every_step(uncompiled, tmp_path: Path) -> None:
    operation = export_operation(*small_model(), ["keras"])
    assert_unbroken(visit(operation, tmp_path / "scratch", IN_TURN), least_steps=40)


def test_a_disk_that_fills_up_during_a_training_ends_it_with_what_was_saved(one_backend: str, tmp_path: Path) -> None:
    training = training_operation()
    with FaultDisk(tmp_path, at=2500, fault=Fault.FULL).on(), pytest.raises(TrainingError) as told:
        training.act(tmp_path)
    assert re.fullmatch(
        r".*/checkpoints/[a-z]+-\d+: No space left on device; [\d.]+ MB are free; make room, and resume\. "
        r"The checkpoints before it are intact\.",
        str(told.value),
    )
    training.whole(tmp_path)
    assert newest_step(tmp_path / "checkpoints")[1]["global_step"] >= 2


@pytest.mark.slow
def test_a_training_survives_deaths_and_errors_throughout(one_backend: str, tmp_path: Path) -> None:
    visited = visit(training_operation(), tmp_path / "scratch", IN_TURN, stride=401)
    assert visited.broken == []
    assert visited.unseen == []
    assert len(visited.steps) >= 1000


@pytest.mark.slow
def test_an_export_of_all_formats_survives_deaths_and_a_full_disk(one_backend: str, tmp_path: Path) -> None:
    operation = export_operation(*small_model(), ["keras", "saved_model", "onnx"])
    visited = visit(operation, tmp_path / "scratch", [(Fault.FULL, Fault.POWER)], stride=10)
    assert visited.broken == []
    # What the child process of the export writes is seen by no step; it stands in the folder that is not named yet.
    assert {Path(name).name for name in visited.unseen} >= {"saved_model.pb", "model.onnx"}


def of_one_file(write) -> Operation:
    """An operation that turns "old" into "new" in the file `a` by the function `write`."""

    def whole(root: Path) -> None:
        assert (root / "a").read_text() in ("old", "new")

    def right(root: Path) -> None:
        assert (root / "a").read_text() == "new"
        assert names_in(root) == {"a"}

    return Operation("one file", lambda root: (root / "a").write_text("old"), write, whole, right)


def found_broken(write, scratch: Path) -> set[Fault]:
    visited = visit(of_one_file(write), scratch / "scratch")
    return {fault for fault in Fault for line in visited.broken if f"), {fault.value}: " in line}


def test_a_file_that_is_written_in_place_is_found_broken(tmp_path: Path) -> None:
    assert found_broken(lambda root: (root / "a").write_text("new"), tmp_path) == set(Fault)


def test_a_file_that_is_renamed_before_it_is_flushed_is_found_broken_by_a_power_cut(tmp_path: Path) -> None:
    def unflushed(root: Path) -> None:
        (root / "a.tmp").write_text("new")
        (root / "a.tmp").replace(root / "a")

    assert Fault.POWER in found_broken(unflushed, tmp_path)


def test_a_remainder_is_found_broken(tmp_path: Path) -> None:
    # `write_bytes` cleans up after an error; after a death its temporary file stays until somebody sweeps.
    assert found_broken(lambda root: files.write_text(root / "a", "new"), tmp_path) == {Fault.DEATH, Fault.POWER}


def test_an_error_of_another_kind_is_found_broken(tmp_path: Path) -> None:
    def misleading(root: Path) -> None:
        files.sweep(root)
        try:
            files.write_text(root / "a", "new")
        except OSError as error:
            raise KeyError("a") from error

    assert found_broken(misleading, tmp_path) == {Fault.FULL, Fault.IO, Fault.SHORT}


def test_a_fault_that_is_passed_over_in_silence_is_found_broken(tmp_path: Path) -> None:
    def silent(root: Path) -> None:
        files.sweep(root)
        try:
            files.write_text(root / "a", "new")
        except OSError:
            return

    assert found_broken(silent, tmp_path) == {Fault.FULL, Fault.IO, Fault.SHORT}


def test_a_file_that_is_swept_and_written_whole_is_unbroken(tmp_path: Path) -> None:
    def sound(root: Path) -> None:
        files.sweep(root)
        files.write_text(root / "a", "new")

    assert found_broken(sound, tmp_path) == set()


def test_bytes_that_come_by_a_memory_map_are_told(tmp_path: Path) -> None:
    with FaultDisk(tmp_path).on() as disk:
        np.save(tmp_path / "seen.npy", np.ones(100))
        np.lib.format.open_memmap(tmp_path / "mapped.npy", "w+", np.int16, (100,))[:] = 1
    assert disk.unseen == ["mapped.npy"]
