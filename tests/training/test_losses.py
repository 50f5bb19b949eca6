import numpy as np
import pytest

from kerasmed.config.run import Trainer
from kerasmed.spec import TargetSpec

pytestmark = pytest.mark.usefixtures("backend")
LOGITS = np.array([[2.0, -1.0, 0.5], [0.1, 0.2, -3.0]], np.float32)


def loss_of(targets, task="single_label", **settings):
    from keras import ops

    from kerasmed.training.losses import build_loss

    loss = build_loss(Trainer(**settings), TargetSpec(task, ("a", "b", "c")))
    return float(ops.convert_to_numpy(loss(targets, LOGITS)))


def softmax(logits):
    shifted = np.exp(logits - logits.max(axis=1, keepdims=True))
    return shifted / shifted.sum(axis=1, keepdims=True)


def test_cross_entropy_is_the_mean_negative_log_chance_of_the_truth():
    chances = softmax(LOGITS)[[0, 1], [0, 2]]
    assert loss_of(np.array([0, 2], np.int8)) == pytest.approx(-np.log(chances).mean(), rel=1e-5)


def test_focal_loss_scales_each_example_by_its_distance_from_certainty():
    chances = softmax(LOGITS)[[0, 1], [0, 2]]
    expected = ((1 - chances) ** 2 * -np.log(chances)).mean()
    assert loss_of(np.array([0, 2], np.int8), loss="focal", focal_gamma=2.0) == pytest.approx(expected, rel=1e-5)


def test_label_smoothing_shares_a_part_among_all_classes():
    log_chances = np.log(softmax(LOGITS))
    wanted = np.eye(3)[[0, 2]] * 0.7 + 0.1
    assert loss_of(np.array([0, 2], np.int8), label_smoothing=0.3) == pytest.approx(
        -(wanted * log_chances).sum(1).mean(), rel=1e-5
    )


def test_multi_label_loss_is_the_mean_binary_cross_entropy():
    truth = np.array([[1, 0, 1], [0, 0, 1]], np.int8)
    chance = 1 / (1 + np.exp(-LOGITS))
    expected = -(truth * np.log(chance) + (1 - truth) * np.log(1 - chance)).mean()
    assert loss_of(truth, "multi_label") == pytest.approx(expected, rel=1e-5)


def test_weights_apply_to_examples():
    from keras import ops

    from kerasmed.training.losses import build_loss

    loss = build_loss(Trainer(), TargetSpec("single_label", ("a", "b", "c")))
    targets = np.array([0, 2], np.int8)
    only_first = float(ops.convert_to_numpy(loss(targets, LOGITS, sample_weight=np.array([2.0, 0.0], np.float32))))
    assert only_first == pytest.approx(-np.log(softmax(LOGITS)[0, 0]), rel=1e-5)
