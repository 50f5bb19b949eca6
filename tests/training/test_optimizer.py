import numpy as np
import pytest

from kerasmed.config.run import Trainer

pytestmark = pytest.mark.usefixtures("backend")


def rate_at(step, warmup, total):
    from keras import ops

    from kerasmed.training.optimizer import WarmupSchedule

    return float(ops.convert_to_numpy(WarmupSchedule(1.0, warmup, total)(step)))


def test_the_rate_climbs_over_the_warmup():
    assert [rate_at(step, 4, 100) for step in range(4)] == pytest.approx([0.25, 0.5, 0.75, 1.0])


def test_the_cosine_is_half_way_down_in_the_middle_and_zero_at_the_end():
    assert rate_at(52, 4, 100) == pytest.approx(0.5, abs=1e-6)
    assert rate_at(100, 4, 100) == pytest.approx(0.0, abs=1e-6)


def test_without_an_end_the_rate_stays_at_its_peak():
    assert rate_at(10_000, 4, None) == pytest.approx(1.0)


def cycle(**settings):
    """Learning rate at each of 100 updates and after them."""
    from keras import ops

    from kerasmed.training.optimizer import build_optimizer

    config = Trainer(epochs=10, schedule="one_cycle", learning_rate=0.01, **settings)
    rate = build_optimizer(config, steps_per_epoch=10)._learning_rate
    return np.array([float(ops.convert_to_numpy(rate(step))) for step in range(101)])


def test_one_cycle_climbs_from_a_share_of_the_peak_and_falls_to_another():
    rates = cycle(cycle_rise=0.3, cycle_start_div=25, cycle_end_div=1000)
    assert rates[[0, 30, 100]] == pytest.approx([0.01 / 25, 0.01, 0.01 / 1000])
    assert (np.diff(rates[:31]) > 0).all()
    assert (np.diff(rates[30:]) < 0).all()


def test_one_cycle_is_that_of_torch():
    """torch's OneCycleLR with cosines is fastai's; its last update is the one that ends at the lowest rate."""
    torch = pytest.importorskip("torch")
    weights = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], 0.1)
    theirs = torch.optim.lr_scheduler.OneCycleLR(
        weights, max_lr=0.01, total_steps=101, pct_start=31 / 101, div_factor=25, final_div_factor=1e4,
        cycle_momentum=False,
    )  # fmt: skip
    expected = []
    for _ in range(100):
        expected.append(theirs.get_last_lr()[0])
        weights.step()
        theirs.step()
    assert cycle()[:100] == pytest.approx(expected, rel=1e-4, abs=1e-9)


def test_one_cycle_counts_updates_and_not_batches():
    from kerasmed.training.optimizer import build_optimizer

    config = Trainer(epochs=10, schedule="one_cycle", accumulate_steps=5)
    assert build_optimizer(config, steps_per_epoch=10)._learning_rate.total == 20
