import numpy as np
import pytest

from kerasmed.build import build
from kerasmed.config.run import Loader
from kerasmed.data.loaders import open_stream
from tests.fakes.toy import SMALL_MODELS, toy_config, toy_spec, toy_stream

KIND = "se_resnet1d"


@pytest.fixture(autouse=True)
def _tensorflow_alone(backend):
    if backend != "tensorflow":
        pytest.skip("TensorFlow alone is driven so")


def compiled(**settings):
    from kerasmed.runtime import seed_everything
    from kerasmed.training.fit import compile_trainee

    seed_everything(0)
    config = toy_config(KIND, **settings)
    return compile_trainee(
        build(SMALL_MODELS[KIND], toy_spec(kind=KIND)), toy_spec(kind=KIND), toy_stream(kind=KIND), config
    )


def batches():
    return open_stream(toy_stream(kind=KIND), Loader(engine="tfdata"))


def fitted(trainee):
    """Its weights after some steps."""
    trainee.fit(batches(), steps_per_epoch=3, epochs=2, shuffle=False, verbose=0)
    return [weight.numpy() for weight in trainee.weights]


def test_plain_steps_train_as_keras_does():
    ours, plain = compiled(), compiled()
    plain.set_weights(ours.get_weights())
    del plain.make_train_function
    for found, wanted in zip(fitted(ours), fitted(plain), strict=True):
        np.testing.assert_array_equal(found, wanted)


def test_a_step_is_traced_once_for_all_iterators_and_anew_when_asked():
    trainee = compiled()
    traced = []
    step = trainee.train_step
    trainee.train_step = lambda data: (traced.append(1), step(data))[1]
    fitted(trainee)
    fitted(trainee)
    assert len(traced) == 1
    trainee.make_train_function(force=True)
    fitted(trainee)
    assert len(traced) == 2


def test_an_iterator_that_was_used_up_is_let_go():
    import gc
    import weakref

    trainee = compiled()
    trainee.make_train_function()
    iterator = iter(batches())
    trainee.train_function(iterator)
    known = weakref.ref(iterator)
    del iterator
    gc.collect()
    assert known() is None
    trainee.train_function(iter(batches()))


def test_a_batch_by_hand_is_left_to_keras():
    assert np.isfinite(compiled().train_on_batch(*toy_stream(kind=KIND)[0]))


def test_several_steps_in_one_go_are_left_to_keras():
    trainee = compiled(steps_per_execution=2)
    assert "make_train_function" not in vars(trainee)
