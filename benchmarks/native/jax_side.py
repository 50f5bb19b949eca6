"""Plain JAX: pure functions, a tree of parameters, optax, one jitted step that donates what it replaces."""

import math
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import lax
from positions import sine_table

from kerasmed.config.run import RunConfig, Trainer
from kerasmed.spec import ExampleSpec

BN_EPSILON, BN_MOMENTUM, NORM_EPSILON = 1e-3, 0.95, 1e-6
# Axes of examples, time or space, and channels, by how many axes there are.
LAYOUTS = {3: ("NHC", "HIO", "NHC"), 4: ("NHWC", "HWIO", "NHWC"), 5: ("NDHWC", "DHWIO", "NDHWC")}


class Scope:
    """Parameters and moving averages of a network by name; makes them where a network is run for the first time."""

    def __init__(self, params: dict, state: dict, key: Any, making: bool = False, dtype: Any = jnp.float32) -> None:
        self.params, self.state, self.moved = params, state, {}
        self.key, self.making, self.dtype = key, making, dtype
        self.random = np.random.default_rng(0)

    def weight(self, name: str, shape: Sequence[int]) -> Any:
        if self.making:
            fans = math.prod(shape[:-1]) + math.prod(shape[:-2]) * shape[-1]
            limit = math.sqrt(6 / fans)
            self.params[name] = self.random.uniform(-limit, limit, shape).astype(np.float32)
        return jnp.asarray(self.params[name], self.dtype)

    def constant(self, name: str, width: int, value: float = 0.0) -> Any:
        if self.making:
            self.params[name] = np.full(width, value, np.float32)
        return self.params[name]

    def next_key(self) -> Any:
        self.key, key = jax.random.split(self.key)
        return key

    def dropout(self, x: Any, rate: float) -> Any:
        if not rate:
            return x
        kept = jax.random.bernoulli(self.next_key(), 1 - rate, x.shape)
        return jnp.where(kept, x / (1 - rate), 0)

    def conv(self, name: str, x: Any, width: int, kernel: int, stride: int = 1, bias: bool = False) -> Any:
        axes = x.ndim - 2
        weight = self.weight(name, (*[kernel] * axes, x.shape[-1], width))
        y = lax.conv_general_dilated(x, weight, (stride,) * axes, "SAME", dimension_numbers=LAYOUTS[x.ndim])
        return y + self.constant(f"{name}/bias", width).astype(y.dtype) if bias else y

    def dense(self, name: str, x: Any, width: int, bias: bool = True) -> Any:
        y = x @ self.weight(name, (x.shape[-1], width))
        return y + self.constant(f"{name}/bias", width).astype(y.dtype) if bias else y

    def batch_norm(self, name: str, x: Any, affine: bool = True) -> Any:
        if self.making:
            self.state[name] = (np.zeros(x.shape[-1], np.float32), np.ones(x.shape[-1], np.float32))
        values = x.astype(jnp.float32)
        axes = tuple(range(x.ndim - 1))
        mean, square = values.mean(axes), (values**2).mean(axes)
        variance = square - mean**2
        old = self.state[name]
        self.moved[name] = tuple(
            BN_MOMENTUM * before + (1 - BN_MOMENTUM) * now for before, now in zip(old, (mean, variance), strict=True)
        )
        scale = lax.rsqrt(variance + BN_EPSILON)
        if affine:
            scale = scale * self.constant(f"{name}/scale", x.shape[-1], 1.0)
        y = (values - mean) * scale
        return (y + self.constant(f"{name}/offset", x.shape[-1]) if affine else y).astype(x.dtype)

    def layer_norm(self, name: str, x: Any) -> Any:
        y = standardised(x, (-1,))
        scale, offset = (self.constant(f"{name}/{part}", x.shape[-1], start)
                         for part, start in (("scale", 1.0), ("offset", 0.0)))  # fmt: skip
        return (y * scale + offset).astype(x.dtype)


def standardised(x: Any, axes: Sequence[int]) -> Any:
    x = x.astype(jnp.float32)
    return (x - x.mean(axes, keepdims=True)) * lax.rsqrt(x.var(axes, keepdims=True) + NORM_EPSILON)


def pool(x: Any, size: int, stride: int) -> Any:
    axes = x.ndim - 2
    return lax.reduce_window(x, -jnp.inf, lax.max, (1, *[size] * axes, 1), (1, *[stride] * axes, 1), "SAME")


def se_resnet1d(scope: Scope, x: Any, config: Any, rate_hz: float | None) -> Any:
    x = scope.conv("stem", x, config.stem_width, config.stem_kernel, config.stem_stride)
    x = jax.nn.relu(scope.batch_norm("stem_bn", x))
    x = pool(x, 3, 2) if config.stem_pool else x
    for stage, (width, blocks) in enumerate(zip(config.stage_widths, config.stage_blocks, strict=True)):
        for block in range(blocks):
            x = residual(scope, f"{stage}_{block}", x, width, 2 if stage and not block else 1, config)
    return jnp.concatenate([x.mean(1), x.max(1)], axis=-1)


def residual(scope: Scope, name: str, x: Any, width: int, stride: int, config: Any) -> Any:
    shortcut = x
    if stride != 1 or x.shape[-1] != width:
        shortcut = scope.batch_norm(f"{name}_bn0", scope.conv(f"{name}_conv0", x, width, 1, stride))
    x = scope.batch_norm(f"{name}_bn1", scope.conv(f"{name}_conv1", x, width, config.kernel, stride))
    x = scope.dropout(jax.nn.relu(x), config.dropout_rate)
    x = scope.batch_norm(f"{name}_bn2", scope.conv(f"{name}_conv2", x, width, config.kernel))
    scale = jax.nn.relu(scope.dense(f"{name}_squeeze", x.mean(1), max(1, width // config.squeeze)))
    scale = jax.nn.sigmoid(scope.dense(f"{name}_excite", scale, width))
    return jax.nn.relu(x * scale[:, None] + shortcut)


def ecg_transformer(scope: Scope, x: Any, config: Any, rate_hz: float | None) -> Any:
    assert rate_hz is not None
    stride = round(config.patch_s * rate_hz)
    x = scope.conv("embedding", x, config.dim, 2 * stride, stride, bias=True)
    x = scope.dropout(x + jnp.asarray(sine_table(*x.shape[1:]), x.dtype), config.dropout_rate)
    for block in range(config.num_layers):
        read = attention(scope, f"{block}", scope.layer_norm(f"{block}_norm1", x), config.num_heads)
        x = x + scope.dropout(read, config.dropout_rate)
        read = scope.dense(f"{block}_mlp1", scope.layer_norm(f"{block}_norm2", x), round(config.dim * config.mlp_ratio))
        read = scope.dense(f"{block}_mlp2", jax.nn.gelu(read, approximate=False), config.dim)
        x = x + scope.dropout(read, config.dropout_rate)
    return scope.layer_norm("norm", x.mean(1))


def attention(scope: Scope, name: str, x: Any, heads: int) -> Any:
    batch, tokens, dim = x.shape
    query, key, value = (
        scope.dense(f"{name}_{part}", x, dim, bias=part != "key").reshape(batch, tokens, heads, dim // heads)
        for part in ("query", "key", "value")
    )
    mixed = jax.nn.dot_product_attention(query, key, value)
    return scope.dense(f"{name}_out", mixed.reshape(batch, tokens, dim), dim)


def custom_cnn(scope: Scope, x: Any, config: Any, rate_hz: float | None) -> Any:
    x = standardised(x, (1, 2, 3)).astype(x.dtype) if config.standardise else x
    stride = config.stem_stride
    for place, (width, convolutions) in enumerate(zip(config.widths, config.convolutions, strict=True)):
        for number in range(convolutions):
            x = scope.conv(f"{place}_conv{number}", x, width, 3, stride)
            x, stride = jax.nn.relu(scope.batch_norm(f"{place}_bn{number}", x)), 1
        x = pool(x, 2, 2) if place < len(config.widths) - 1 else x
        x = scope.dropout(x, config.dropout_rate)
    return jax.nn.relu(scope.batch_norm("bn", scope.dense("dense", x.mean((1, 2)), config.dense_width, bias=False)))


def cnn3d(scope: Scope, x: Any, config: Any, rate_hz: float | None) -> Any:
    x = standardised(x, (1, 2, 3, 4)).astype(x.dtype) if config.standardise else x
    for place, width in enumerate(config.widths):
        x = scope.conv(f"conv{place}", x, width, config.kernel, 1 if place else config.stem_stride)
        x = pool(jax.nn.relu(scope.batch_norm(f"bn{place}", x)), config.pool, config.pool)
        x = scope.dropout(x, config.dropout_rate)
    x = scope.dense("dense", x.reshape(x.shape[0], -1), config.dense_width, bias=False)
    return jax.nn.relu(scope.batch_norm("bn", x))


BODIES = {"se_resnet1d": se_resnet1d, "ecg_transformer": ecg_transformer, "custom_cnn": custom_cnn, "cnn3d": cnn3d}


def logits_of(scope: Scope, inputs: dict[str, Any], config: Any, spec: ExampleSpec) -> Any:
    """float32 (batch, classes): what the network reads plus what the features say."""
    physical = {name: inputs[name].astype(jnp.float32) * array.scale for name, array in spec.inputs.items()}
    ((name, x),) = ((name, values) for name, values in physical.items() if values.ndim > 2)
    x = BODIES[config.kind](scope, x.astype(scope.dtype), config, spec.inputs[name].rate_hz)
    classes = len(spec.target.classes)
    logits = scope.dense("logits", scope.dropout(x, config.head_dropout_rate), classes).astype(jnp.float32)
    features = [values for values in physical.values() if values.ndim == 2]
    if not features:
        return logits
    x = scope.batch_norm("features_bn", jnp.concatenate(features, axis=1), affine=False)
    x = (x + config.feature_noise * jax.random.normal(scope.next_key(), x.shape)).astype(scope.dtype)
    for place, width in enumerate(config.feature_widths):
        x = scope.dropout(jax.nn.relu(scope.dense(f"features{place}", x, width)), config.dropout_rate)
    return logits + scope.dense("features_logits", x, classes).astype(jnp.float32)


def build_optimizer(trainer: Trainer) -> optax.GradientTransformation:
    """The optimizer of a run; biases and scales do not decay."""
    clip = [optax.clip_by_global_norm(trainer.clip_norm)] if trainer.clip_norm is not None else []
    if trainer.optimizer == "sgd":
        return optax.chain(*clip, optax.sgd(trainer.learning_rate, momentum=0.9, nesterov=True))
    decay = trainer.weight_decay if trainer.optimizer == "adamw" else 0.0
    decays = lambda params: jax.tree.map(lambda value: value.ndim > 1, params)  # noqa: E731
    return optax.chain(*clip, optax.adamw(trainer.learning_rate, eps=1e-7, weight_decay=decay, mask=decays))


class Training:
    """One network, one optimizer, one jitted step."""

    def __init__(self, config: RunConfig, spec: ExampleSpec, mode: str, device: str) -> None:
        self.config, self.spec, self.trainer = config.model, spec, config.trainer
        self.dtype = jnp.bfloat16 if config.trainer.precision == "mixed_bfloat16" else jnp.float32
        self.key = jax.random.key(config.seed)
        scope = Scope({}, {}, self.key, making=True, dtype=self.dtype)
        jax.eval_shape(lambda: logits_of(scope, zeros(spec), self.config, spec))
        self.params, self.state = jax.device_put((scope.params, scope.state))
        self.optimizer = build_optimizer(config.trainer)
        averages = {} if config.trainer.ema_decay is None else jax.tree.map(jnp.copy, self.params)
        self.slots = self.optimizer.init(self.params), averages
        self.parameters = sum(value.size for value in self.params.values())
        self._step = jax.jit(self._one, donate_argnums=(0, 1, 2, 3))

    def step(self, inputs: dict[str, Any], labels: Any, weights: Any) -> Any:
        """Loss of a batch before its weights change."""
        self.params, self.state, self.slots, self.key, loss = self._step(
            self.params, self.state, self.slots, self.key, inputs, labels, weights
        )
        return loss

    def sync(self) -> None:
        jax.block_until_ready(self.params)

    def _one(
        self, params: dict, state: dict, slots: Any, key: Any, inputs: dict[str, Any], labels: Any, weights: Any
    ) -> tuple[Any, ...]:
        key, now = jax.random.split(key)

        def loss_of(params: dict) -> tuple[Any, dict]:
            scope = Scope(params, state, now, dtype=self.dtype)
            losses = self._losses(logits_of(scope, inputs, self.config, self.spec), labels)
            return (losses * weights).mean(), scope.moved

        (loss, moved), gradients = jax.value_and_grad(loss_of, has_aux=True)(params)
        inner, averages = slots
        updates, inner = self.optimizer.update(gradients, inner, params)
        params = optax.apply_updates(params, updates)
        if averages:
            averages = optax.incremental_update(params, averages, 1.0 - self.trainer.ema_decay)
        return params, moved, (inner, averages), key, loss

    def _losses(self, logits: Any, labels: Any) -> Any:
        smoothing = self.trainer.label_smoothing
        if self.spec.target.task == "single_label":
            wanted = jax.nn.one_hot(labels, logits.shape[-1])
            return optax.softmax_cross_entropy(logits, optax.smooth_labels(wanted, smoothing))
        wanted = labels.astype(jnp.float32) * (1 - smoothing) + 0.5 * smoothing
        return optax.sigmoid_binary_cross_entropy(logits, wanted).mean(-1)


def zeros(spec: ExampleSpec) -> dict[str, np.ndarray]:
    """Two empty examples."""
    return {name: np.zeros((2, *array.shape), array.dtype) for name, array in spec.inputs.items()}
