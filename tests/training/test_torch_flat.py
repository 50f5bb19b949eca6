"""On torch a network that learns runs as a list of calls: what it learns is what keras would have learned."""

import numpy as np
import pytest

from kerasmed.build import build
from tests.fakes.toy import SMALL_MODELS, toy_config, toy_physical, toy_spec, toy_stream

KINDS = ("se_resnet1d", "ecg_transformer", "custom_cnn", "efficientnet_b0", "cnn3d", "heartbeit_1d")
STEPS = 4


@pytest.fixture
def torch_alone(backend):
    if backend != "torch":
        pytest.skip("torch alone runs keras' code call by call")


def network(kind):
    """A network with chance, and kernels of torch."""
    from kerasmed.runtime import seed_everything
    from kerasmed.training.on_torch.layers import use_kernels_of_torch

    seed_everything(0)
    model = build(SMALL_MODELS[kind], toy_spec(kind=kind))
    use_kernels_of_torch(model)
    return model


def learned(model, kind):
    """Logits of two passes in training, gradients of the second, and every variable that is not trained."""
    import torch

    inputs = {name: torch.from_numpy(values) for name, values in toy_physical(8, kind).items()}
    passes = [model(inputs, training=True)["label"] for _ in range(2)]
    model.zero_grad()
    torch.sum(passes[-1] ** 2).backward()
    gradients = [weight.value.grad.numpy().copy() for weight in model.trainable_weights]
    variables = [variable.numpy() for variable in model.non_trainable_variables]
    return [*(one.detach().numpy() for one in passes), *gradients, *variables]


@pytest.mark.parametrize("kind", KINDS)
def test_calls_that_were_written_down_answer_learn_and_draw_as_the_layers_do(kind, torch_alone):
    from kerasmed.training.on_torch.flat import lay_flat

    layers, flat = network(kind), network(kind)
    flat.set_weights(layers.get_weights())
    lay_flat(flat)
    assert "call" in vars(flat)
    for wanted, found in zip(learned(layers, kind), learned(flat, kind), strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-3, atol=1e-4 * max(1.0, float(np.abs(wanted).max())))


def test_what_is_drawn_changes_from_step_to_step_and_not_from_run_to_run(torch_alone):
    from kerasmed.training.on_torch.flat import lay_flat

    first, again = network("se_resnet1d"), network("se_resnet1d")
    for model in (first, again):
        lay_flat(model)
    one, two = learned(first, "se_resnet1d")[:2]
    assert np.abs(one - two).max() > 1e-3
    np.testing.assert_array_equal(one, learned(again, "se_resnet1d")[0])


def test_what_is_drawn_goes_on_from_a_count_that_was_set(torch_alone):
    from kerasmed.training.on_torch.draws import Draw

    layer = next(layer for layer in network("se_resnet1d").layers if type(layer).__name__ == "Dropout")
    state = layer.seed_generator.state

    def drawn():
        import torch

        return Draw(layer, (500,), (0,), torch.float32, torch.device("cpu")).now().numpy()

    start = state.numpy().copy()
    first, second = drawn(), drawn()
    assert np.any(first != second)
    state.assign(start)
    np.testing.assert_array_equal(drawn(), first)
    np.testing.assert_array_equal(drawn(), second)
    assert state.numpy()[1] == start[1] + 2


def test_it_answers_as_before_where_it_does_not_learn(torch_alone):
    from kerasmed.training.on_torch.flat import lay_flat

    model, inputs = network("se_resnet1d"), toy_physical(8, "se_resnet1d")
    before = model.predict_on_batch(inputs)["label"]
    lay_flat(model)
    np.testing.assert_array_equal(model.predict_on_batch(inputs)["label"], before)


def test_a_normalisation_that_is_frozen_later_stands_still(torch_alone):
    import keras

    from kerasmed.training.on_torch.flat import lay_flat

    model = network("custom_cnn")
    lay_flat(model)
    learned(model, "custom_cnn")
    norms = [layer for layer in model.layers if isinstance(layer, keras.layers.BatchNormalization)]
    for layer in norms:
        layer.trainable = False
    before = [layer.moving_mean.numpy().copy() for layer in norms]
    model(toy_physical(8, "custom_cnn"), training=True)
    for layer, mean in zip(norms, before, strict=True):
        np.testing.assert_array_equal(layer.moving_mean.numpy(), mean)


def test_a_network_that_repeats_its_calls_or_draws_by_itself_stays_as_it_is(torch_alone):
    import keras

    from kerasmed.training.on_torch.flat import can_lie_flat

    assert not can_lie_flat(build(SMALL_MODELS["cnn_lstm"], toy_spec(kind="cnn_lstm")))
    inputs = keras.Input((4, 4, 1))
    assert not can_lie_flat(keras.Model(inputs, keras.layers.RandomFlip(seed=1)(inputs)))
    assert can_lie_flat(keras.Model(inputs, keras.layers.Dropout(0.5, seed=1)(inputs)))


def losses(steady, kind="se_resnet1d", **trainer):
    """Of four steps: with the calls of a whole step written down, or layer by layer."""
    import keras
    import torch

    from kerasmed.runtime import seed_everything, use_precision
    from kerasmed.training.fit import compile_trainee
    from kerasmed.training.on_torch.step import step_at_once

    config, stream = toy_config(kind, **trainer), toy_stream(kind=kind)
    seed_everything(0)
    use_precision(config.trainer.precision)
    trainee = compile_trainee(build(config.model, toy_spec(kind=kind)), toy_spec(kind=kind), stream, config)
    use_precision("float32")
    assert trainee.train_step.flat is not None
    if not steady:
        step_at_once(trainee, steady=False)
    told = [
        trainee.train_step(keras.tree.map_structure(torch.from_numpy, stream[step]))["loss"] for step in range(STEPS)
    ]
    return [float(loss) for loss in told], trainee


@pytest.mark.parametrize(
    "trainer",
    [
        {"ema_decay": 0.9, "clip_norm": 0.1}, {"optimizer": "sgd", "clip_norm": None}, {"accumulate_steps": 2},
        {"precision": "mixed_bfloat16"}, {"precision": "mixed_float16"},
    ],
)  # fmt: skip
def test_a_step_written_down_is_the_step_layer_by_layer(trainer, torch_alone):
    np.testing.assert_allclose(losses(True, **trainer)[0], losses(False, **trainer)[0], rtol=1e-5)


def test_averages_and_clipping_are_those_of_keras(torch_alone):
    trainer = {"ema_decay": 0.9, "clip_norm": 0.05, "weight_decay": 0.1}
    _, ours = losses(True, **trainer)
    _, keras_own = losses(True, **trainer)
    found, wanted = ours.optimizer, keras_own.optimizer
    for name in ("_clip_gradients", "_update_model_variables_moving_average"):
        delattr(wanted, name)
    stream = toy_stream()
    for step in range(STEPS):
        for trainee in (ours, keras_own):
            trainee.train_on_batch(*stream[step])
    for one, other in zip(found.variables, wanted.variables, strict=True):
        np.testing.assert_allclose(one.numpy(), other.numpy(), rtol=1e-4, atol=1e-6)
