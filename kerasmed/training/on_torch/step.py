"""A training step on torch: what keras does variable by variable, by one call for all of them (decision 0065)."""

from collections.abc import Sequence
from types import MethodType
from typing import Any

import keras
from keras import ops

from kerasmed.training.on_torch.flat import Flat


def step_at_once(trainee: keras.Model, steady: bool) -> None:
    """Let the compiled `trainee` clip and average all variables at once; on another backend nothing changes.

    Args:
        trainee: From stored arrays to logits, with its loss and its optimizer.
        steady: Whether its calls, up to the loss, are the same in every step.
    """
    if keras.backend.backend() != "torch":
        return
    optimizer: Any = trainee.optimizer
    # Half precision puts a scaler of the loss around it.
    optimizer = getattr(optimizer, "inner_optimizer", optimizer)
    _lie_alike(optimizer)
    if optimizer.global_clipnorm:
        optimizer._clip_gradients = MethodType(_clip, optimizer)
    optimizer._update_model_variables_moving_average = MethodType(_average, optimizer)
    trainee.train_step = _Step(trainee, steady)


class _Step:
    """`Model.train_step` that has looked up once what keras looks up at every step."""

    def __init__(self, trainee: keras.Model, steady: bool) -> None:
        self.trainee, self.variables = trainee, trainee.trainable_variables
        # A variable changes in place; to ask it for its tensor costs as much as to add two small ones.
        self.tensors = [variable.value for variable in self.variables]
        self.flat = Flat(trainee) if steady else None

    def __call__(self, data: Any) -> Any:
        """Logs of a step over (inputs, targets, weights)."""
        import torch

        # Onto the device once, and no part of the list of calls.
        trainee, values = self.trainee, [ops.convert_to_tensor(value) for part in data for value in part.values()]

        def loss_of(tensors: Sequence[Any]) -> Any:
            rest = iter(tensors)
            x, y, weights = ({name: next(rest) for name in part} for part in data)
            return trainee.compute_loss(x, y, trainee(x, training=True), weights)

        loss = loss_of(values) if self.flat is None else self.flat(loss_of, values)
        trainee._loss_tracker.update_state(loss, sample_weight=len(values[0]))
        trainee.optimizer.scale_loss(loss).backward()
        with torch.no_grad():
            trainee.optimizer.apply([tensor.grad for tensor in self.tensors], self.variables)
        for tensor in self.tensors:
            tensor.grad = None
        return trainee.get_metrics_result()


def _lie_alike(optimizer: Any) -> None:
    """Let what an optimizer keeps of each variable lie in memory as the variable does: to mix them is slow."""
    import torch

    variables = optimizer._trainable_variables
    for kept in vars(optimizer).values():
        if kept is variables or not isinstance(kept, list) or len(kept) != len(variables):
            continue
        for mine, variable in zip(kept, variables, strict=True):
            if isinstance(mine, keras.Variable):
                mine.value.data = torch.empty_like(variable.value.data, dtype=mine.value.dtype).copy_(mine.value.data)


def _clip(self: Any, gradients: Sequence[Any]) -> Sequence[Any]:
    """`Optimizer._clip_gradients` to a norm over all of them."""
    import torch

    norm = torch.stack(torch._foreach_norm(gradients)).norm()
    # A norm that is not finite makes them all not finite, so that nobody goes on without noticing.
    scale = self.global_clipnorm * torch.clamp(1.0 / norm, max=1.0 / self.global_clipnorm) + (norm - norm)
    return torch._foreach_mul(gradients, scale)


def _average(self: Any, variables: Sequence[Any]) -> None:
    """`Optimizer._update_model_variables_moving_average`: the first average is the variable itself."""
    import torch

    if not self.use_ema:
        return
    pairs = zip(variables, self._model_variables_moving_average, strict=True)
    values, averages = zip(*((one.value, mean.value) for one, mean in pairs if mean is not None), strict=True)
    keep = (self.iterations.value != 0).float() * self.ema_momentum
    with torch.no_grad():
        torch._foreach_mul_(averages, keep)
        torch._foreach_add_(averages, torch._foreach_mul(values, 1.0 - keep))
