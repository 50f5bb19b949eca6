import numpy as np
import pytest

from kerasmed.build import build
from tests.fakes.toy import SMALL_MODELS, toy_physical, toy_spec

KINDS = ("se_resnet1d", "custom_cnn", "densenet121", "cnn3d", "resnet3d")
RANDOM = ("dropout_rate", "head_dropout_rate", "feature_noise")


def small(kind):
    """A network without chance."""
    from kerasmed.runtime import seed_everything

    seed_everything(0)
    config = SMALL_MODELS[kind]
    still = {name: 0.0 for name in RANDOM if name in type(config).model_fields}
    return build(config.model_copy(update=still), toy_spec(kind=kind))


def learned(model, kind):
    """Logits in training, gradients, and the moving averages behind them."""
    import torch

    logits = model(toy_physical(8, kind), training=True)["label"]
    model.zero_grad()
    torch.sum(logits**2).backward()
    gradients = [weight.value.grad.numpy().copy() for weight in model.trainable_weights]
    return [logits.detach().numpy(), *gradients, *(weight.numpy() for weight in model.non_trainable_weights)]


@pytest.mark.parametrize("kind", KINDS)
def test_layers_as_torch_runs_them_learn_the_same(kind, backend):
    if backend != "torch":
        pytest.skip("torch alone has these kernels")
    from kerasmed.training.on_torch.layers import use_kernels_of_torch

    plain, changed = small(kind), small(kind)
    changed.set_weights(plain.get_weights())
    use_kernels_of_torch(changed)
    for wanted, found in zip(learned(plain, kind), learned(changed, kind), strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-3, atol=1e-4 * max(1.0, float(np.abs(wanted).max())))
    np.testing.assert_allclose(
        changed.predict_on_batch(toy_physical(8, kind))["label"],
        plain.predict_on_batch(toy_physical(8, kind))["label"],
        atol=1e-4,
    )


def test_only_torch_is_changed_and_no_class(backend):
    from kerasmed.training.on_torch.layers import use_kernels_of_torch

    model = small("custom_cnn")
    before = model.get_config()
    use_kernels_of_torch(model)
    changed = [layer.name for layer in model._flatten_layers() if {"call", "convolution_op"} & {*vars(layer)}]
    assert bool(changed) == (backend == "torch")
    assert model.get_config() == before
