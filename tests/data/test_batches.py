import time

import numpy as np
import pytest

from kerasmed.config.run import Loader
from kerasmed.data.loaders import open_stream
from kerasmed.data.loaders.batches import class_weights, scoring_batches
from tests.fakes.toy import toy_stream


def first_of(iterable, count):
    return [batch for batch, _ in zip(iterable, range(count), strict=False)]


def assert_equal_batches(one, other):
    for parts in zip(one, other, strict=True):
        for name in parts[0]:
            np.testing.assert_array_equal(np.asarray(parts[0][name]), np.asarray(parts[1][name]))


def test_an_epoch_holds_every_row_once_but_for_the_unfilled_batch():
    stream = toy_stream(num_examples=256, batch_size=50)
    seen = np.concatenate([stream[g][0]["rr"] for g in range(stream.steps_per_epoch)])
    assert stream.steps_per_epoch == 3
    assert len(np.unique(seen, axis=0)) == 150


def test_epochs_differ_and_a_seed_repeats_them():
    stream, again, other = toy_stream(seed=1), toy_stream(seed=1), toy_stream(seed=2)
    steps = stream.steps_per_epoch
    assert not np.array_equal(stream[0][0]["rr"], stream[steps][0]["rr"])
    assert_equal_batches(stream[steps + 2], again[steps + 2])
    assert not np.array_equal(stream[0][0]["rr"], other[0][0]["rr"])


def test_a_batch_depends_on_its_number_alone_and_not_on_what_was_asked_before():
    stream, fresh = toy_stream(), toy_stream()
    for g in (40, 3, 17):
        stream[g]
    assert_equal_batches(stream[9], fresh[9])


def test_too_few_rows_for_a_batch_are_repeated():
    stream = toy_stream(num_examples=12, batch_size=32)
    assert stream.steps_per_epoch == 1
    assert stream[0][0]["signal"].shape == (32, 48, 2)


@pytest.mark.parametrize("threads", [0, 2])
def test_the_grain_engine_yields_the_stream_from_any_step(threads):
    stream = toy_stream()
    batches = first_of(open_stream(stream, Loader(num_threads=threads), start=5), 9)
    for offset, batch in enumerate(batches):
        assert_equal_batches(batch, stream[5 + offset])


def test_both_engines_yield_equal_batches(backend):
    stream = toy_stream()
    ours = first_of(open_stream(stream, Loader(engine="grain"), start=3), 8)
    theirs = first_of(open_stream(stream, Loader(engine="tfdata"), start=3), 8)
    for one, other in zip(ours, theirs, strict=True):
        assert_equal_batches(one, other)


def test_tensorflow_reads_ahead_although_its_kernels_must_repeat(backend):
    if backend != "tensorflow":
        pytest.skip("TensorFlow alone is asked for repeatable kernels, and would then read in step")
    from kerasmed.runtime import seed_everything

    seed_everything(0)
    stream, read = toy_stream(), []

    class Noted:
        def __len__(self):
            return len(stream)

        def __getitem__(self, step):
            read.append(step)
            return stream[step]

    iterator = iter(open_stream(Noted(), Loader(engine="tfdata", prefetch=3)))
    next(iterator)
    for _ in range(100):
        if max(read) >= 3:
            break
        time.sleep(0.05)
    assert sorted(set(read))[:4] == [0, 1, 2, 3]


def test_scoring_batches_keep_the_order_and_have_one_shape():
    values = np.arange(10)[:, None]
    batches = list(scoring_batches({"x": values}, np.array([3, 1, 4, 5, 9]), batch_size=2))
    assert [batch["x"][:, 0].tolist() for batch in batches] == [[3, 1], [4, 5], [9, 9]]


@pytest.mark.parametrize(("rule", "ratio"), [("none", 1.0), ("sqrt_balanced", 3.0), ("balanced", 9.0)])
def test_a_class_nine_times_rarer_weighs_by_the_rule(rule, ratio):
    labels = np.array([0] * 90 + [1] * 10)
    weights = class_weights(labels, 3, rule)
    assert weights[1] / weights[0] == pytest.approx(ratio)
    assert weights[labels].mean() == pytest.approx(1.0)
    assert weights[2] == 0  # no example of it
