import pytest

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
