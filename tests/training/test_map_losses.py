import numpy as np
import pytest

from kerasmed.config.run import Trainer
from kerasmed.spec import TargetSpec

pytestmark = pytest.mark.usefixtures("backend")


def losses_of(task, true, logits):
    from keras import ops

    from kerasmed.training.losses import build_loss

    loss = build_loss(Trainer(), TargetSpec(task, ("a",)))
    return ops.convert_to_numpy(loss.call(ops.convert_to_tensor(true), ops.convert_to_tensor(logits)))


def bell(rows, height=24):
    return (-0.5 * (np.arange(height)[:, None] - rows) ** 2).astype(np.float32)[None]


def test_a_mask_that_is_right_costs_nothing_and_one_that_is_wrong_much():
    true = np.zeros((2, 8, 8, 1), np.uint8)
    true[:, 2:6] = 255
    logits = np.where(true > 0, 12.0, -12.0).astype(np.float32)
    logits[1] *= -1
    right, wrong = losses_of("mask", true, logits)
    assert right < 1e-3
    assert wrong > 12.0


def test_an_angle_costs_its_square_near_and_its_distance_far():
    true, found = np.zeros((3, 1), np.float32), np.array([[0.0], [1.0], [8.0]], np.float32)
    np.testing.assert_allclose(losses_of("angle", true, found), [0.0, 0.125, 3.5], atol=1e-6)


def test_a_bell_around_the_true_row_costs_nothing():
    rows = np.array([[5.0, 9.5, 12.25]], np.float32)
    assert losses_of("row_place", rows, bell(rows))[0] < 1e-4
    assert losses_of("row_place", rows, bell(rows + 4.0))[0] > 2.0


def test_columns_without_a_trace_count_nothing():
    rows, gaps = np.array([[5.0, 9.0]], np.float32), np.array([[5.0, np.nan]], np.float32)
    first, second = bell(rows + 3.0)[..., :1], bell(rows)[..., 1:]
    logits = np.concatenate([first, second], axis=2)
    np.testing.assert_allclose(
        losses_of("row_place", gaps, logits), losses_of("row_place", gaps[:, :1], first), rtol=1e-5
    )
    assert losses_of("row_place", np.full_like(rows, np.nan), logits)[0] == 0.0
