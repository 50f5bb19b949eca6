import numpy as np
import pytest

from kerasmed.config.run import Trainer
from kerasmed.errors import ConfigError
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


TRUTH = np.array([[1, 0, 1], [0, 0, 1]], np.int8)


def weighted_loss(weights, **settings):
    from keras import ops

    from kerasmed.training.losses import build_loss

    loss = build_loss(Trainer(**settings), TargetSpec("multi_label", ("a", "b", "c")), weights)
    return float(ops.convert_to_numpy(loss(TRUTH, LOGITS)))


def test_positives_of_a_label_weigh_as_much_more_as_was_asked():
    chance = 1 / (1 + np.exp(-LOGITS))
    expected = -([3.0, 5.0, 0.5] * TRUTH * np.log(chance) + (1 - TRUTH) * np.log(1 - chance)).mean()
    assert weighted_loss((3.0, 5.0, 0.5)) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("settings", [{}, {"loss": "focal"}], ids=["cross_entropy", "focal"])
def test_weights_of_one_change_no_loss(settings):
    assert weighted_loss((1.0, 1.0, 1.0), **settings) == weighted_loss(None, **settings)


@pytest.mark.parametrize(
    ("rule", "expected"), [("balanced", [4.0, 10.0, 0.25, 1.0]), ("sqrt_balanced", [2.0, 7.0, 0.5, 1.0])]
)
def test_positive_weights_are_negatives_by_positives_within_the_cap(rule, expected):
    from kerasmed.training.losses import positive_weights

    targets = np.zeros((50, 4), np.int8)
    targets[:10, 0], targets[0, 1], targets[:40, 2] = 1, 1, 1
    assert positive_weights(targets, Trainer(positive_weights=rule, positive_weight_cap=10)) == pytest.approx(expected)


def test_positive_weights_come_from_the_training_rows_alone():
    from kerasmed.data.loaders.batches import BatchStream
    from kerasmed.spec import ExampleSpec
    from kerasmed.training.losses import build_losses

    targets = np.zeros((40, 1), np.int8)
    targets[:5], targets[20:] = 1, 1
    rows = np.arange(20)
    stream = BatchStream({}, {"label": targets}, rows, np.ones(20, np.float32), 4, 0)
    spec = ExampleSpec({}, {"label": TargetSpec("multi_label", ("a",))})
    assert build_losses(Trainer(positive_weights="balanced"), spec, stream)["label"].positive_weights == (3.0,)


def test_positive_weights_are_refused_for_one_class_of_several():
    from kerasmed.training.losses import build_losses
    from tests.fakes.toy import toy_spec, toy_stream

    with pytest.raises(ConfigError, match=r"write trainer\.class_weights instead"):
        build_losses(Trainer(positive_weights="balanced"), toy_spec(), toy_stream())
