"""Cells that start at once, and benchmarks that stand beside each other on one machine."""

import signal
import threading
from dataclasses import replace

import pytest

from kerasmed import files
from kerasmed.benchmark.cells import Plan
from kerasmed.benchmark.processes import CellError, Child
from tests.benchmark.test_verb import QUICK, benchmark
from tests.fakes.toy import toy_config


@pytest.fixture(scope="module")
def together(simulated_root, tmp_path_factory):
    folder = tmp_path_factory.mktemp("together")
    words = ("--backends", "jax", "--precision", "float32,mixed_bfloat16", "--parity-steps", "2", "--start-together")
    said = benchmark(folder, simulated_root, *words, *QUICK)
    assert said.code == 0, said.err
    return said.tree


def test_cells_that_start_at_once_take_their_turns(together):
    assert [(row["precision"], row["reason"], len(row["turns"])) for row in together["rows"]] == [
        ("float32", None, 2),
        ("mixed_bfloat16", None, 2),
    ]


def test_losses_are_compared_at_the_first_place_alone(together):
    assert list(together["parity"]["losses"]) == ["kerasmed jax"]


def test_a_note_says_that_first_steps_waited_for_each_other(together):
    assert any("started at once" in note for note in together["notes"])


def test_all_places_are_one_group_where_cells_start_at_once():
    plan = Plan(toy_config(), ("jax", "torch"), batch_sizes=(8, 16))
    assert [len(group) for group in plan.groups()] == [2, 2]
    assert [len(group) for group in replace(plan, start_together=True).groups()] == [4]


def test_a_process_that_does_not_answer_in_time_is_ended(tmp_path):
    with Child(("-c", "import time; time.sleep(60)"), {}, tmp_path / "log") as child:
        with pytest.raises(CellError, match=r"did not answer within 0\.2 s"):
            child.ask({}, 0.2)
        assert child.process.wait(10) == -signal.SIGKILL


@pytest.mark.parametrize(("shared", "waits"), [(True, False), (False, True)])
def test_who_shares_a_lock_is_let_in_and_who_does_not_waits(tmp_path, shared, waits):
    inside, told = threading.Event(), threading.Event()

    def enter():
        with files.locked(tmp_path / "lock", shared, told.set):
            inside.set()

    other = threading.Thread(target=enter)
    with files.locked(tmp_path / "lock", shared=True):
        other.start()
        assert inside.wait(0.5) != waits
        assert told.is_set() == waits
    other.join(10)
    assert inside.is_set()
