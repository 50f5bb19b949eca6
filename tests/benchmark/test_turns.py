"""How a cell is measured, from within: in this process, on the backend under test."""

import io
import json
from functools import partial

import numpy as np
import pytest

from kerasmed.benchmark.lines import Lines
from kerasmed.benchmark.training_child import clocked, long_epoch
from kerasmed.benchmark.turns import WARM_STEPS, Clock, TurnsOver, turns
from tests.fakes.toy import SMALL_MODELS, toy_config, toy_spec, toy_stream

TURN, FINISH = {"steps": 4, "each": 2}, {"finish": True}


def spoken(*orders):
    """Lines that hold orders, and where the answers to them go."""
    said = io.StringIO()
    return Lines(io.StringIO("".join(json.dumps(order) + "\n" for order in orders)), said), said


def answers_in(said):
    return [json.loads(line) for line in said.getvalue().splitlines()]


@pytest.fixture(scope="module")
def told(backend, tmp_path_factory):
    """What a training of ours answers to two turns, its losses, and the steps that it took."""
    from kerasmed.benchmark.watching import TakeTurns
    from kerasmed.build import build
    from kerasmed.runtime import seed_everything
    from kerasmed.training.fit import fit
    from kerasmed.training.scoring import ValidationRows

    seed_everything(0)
    clock, config, spec = Clock(), toy_config(), toy_spec()
    stream = clocked(long_epoch(toy_stream(), 100), clock)
    lines, said = spoken(TURN, TURN, FINISH)
    watcher = TakeTurns(partial(turns, lines, facts=dict, clock=clock), clock)
    nothing = ValidationRows(np.arange(0), lambda logits, targets: {})
    folder = tmp_path_factory.mktemp("run")
    with pytest.raises(TurnsOver):
        fit(build(SMALL_MODELS["se_resnet1d"], spec), spec, stream, nothing, config, folder, also=[watcher])
    return answers_in(said), watcher.losses(), clock


def test_a_training_takes_as_many_turns_as_are_ordered(told):
    (ready, *turned), _, _ = told
    assert ready["step_s"] > 0
    assert [turn["steps"] for turn in turned] == [4, 4]
    assert all(len(turn["each_s"]) == 2 and turn["seconds"] > 0 for turn in turned)


def test_a_training_that_takes_turns_tells_its_first_losses(told):
    _, losses, clock = told
    steps = 1 + WARM_STEPS + 2 * (1 + 4 + 2)
    assert len(clock.asked) >= steps
    # On jax keras tells the end of a step from another thread; that of the last may be on its way.
    assert len(losses) in (steps - 1, steps)
    assert np.mean(losses[-4:]) < np.mean(losses[:4])


def test_the_losses_are_those_of_each_batch(told):
    _, losses, _ = told
    assert all(0 < loss < 5 for loss in losses)


def test_steps_run_between_orders_alone():
    lines, said = spoken({"steps": 3, "each": 0}, FINISH)
    done = []
    between = turns(lines, lambda: done.append("sync"), dict, Clock())
    with pytest.raises(TurnsOver):
        done.extend("step" for _ in between)
    first = ["step", "sync", *["step"] * WARM_STEPS, "sync"]
    assert done == [*first, "step", "sync", *["step"] * 3, "sync"]
    assert answers_in(said)[1]["steps"] == 3


def test_slow_steps_are_timed_one_by_one():
    lines, said = spoken({"steps": 0, "each": 5}, FINISH)
    with pytest.raises(TurnsOver):
        list(turns(lines, lambda: None, dict, Clock()))
    turn = answers_in(said)[1]
    assert turn["steps"] == 5
    assert turn["seconds"] == pytest.approx(sum(turn["each_s"]))


def test_an_end_of_the_orders_ends_the_steps():
    lines, _ = spoken()
    with pytest.raises(TurnsOver):
        list(turns(lines, lambda: None, dict, Clock()))


def test_the_wait_for_a_batch_is_what_it_came_too_late():
    clock = Clock(made={0: 1.0, 1: 5.5, 2: 6.0}, asked={0: 2.0, 1: 5.0, 2: 7.0})
    assert clock.waited_s(0, 3) == pytest.approx(0.5)
    assert clock.waited_s(0, 1) == 0


def test_a_loop_that_looks_ahead_waits_for_the_batch_after():
    assert Clock(1, made={0: 1.0, 1: 5.5}, asked={0: 2.0}).waited_s(0, 1) == pytest.approx(3.5)


def test_an_epoch_is_as_long_as_the_turns_and_holds_the_same_rows():
    stream = toy_stream()
    longer = long_epoch(stream, 50)
    assert longer.steps_per_epoch >= 50
    assert set(longer.rows.tolist()) == set(stream.rows.tolist())
    assert long_epoch(longer, 50) is longer


def test_clocked_batches_are_the_same_and_noted():
    clock, stream = Clock(), toy_stream()
    batch = clocked(stream, clock)[3]
    np.testing.assert_array_equal(batch[0]["signal"], stream[3][0]["signal"])
    assert list(clock.made) == [3]
