"""Plain TensorFlow without keras: variables, tf.nn, one tf.function for a step, with XLA or without."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf
from positions import sine_table

from kerasmed.config.run import RunConfig
from kerasmed.spec import ExampleSpec

BN_EPSILON, BN_MOMENTUM, NORM_EPSILON = 1e-3, 0.95, 1e-6
BETA_1, BETA_2, EPSILON = 0.9, 0.999, 1e-7


class Scope:
    """Variables of a network by name, made where it is run for the first time."""

    def __init__(self, seed: int, dtype: Any) -> None:
        self.trained: dict[str, tf.Variable] = {}
        self.averages: dict[str, tuple[tf.Variable, tf.Variable]] = {}
        self.random, self.dtype = np.random.default_rng(seed), dtype

    def weight(self, name: str, shape: Sequence[int]) -> tf.Tensor:
        if name not in self.trained:
            limit = math.sqrt(6 / (math.prod(shape[:-1]) + math.prod(shape[:-2]) * shape[-1]))
            self.trained[name] = tf.Variable(self.random.uniform(-limit, limit, shape).astype(np.float32), name=name)
        return tf.cast(self.trained[name], self.dtype)

    def constant(self, name: str, width: int, value: float = 0.0) -> tf.Tensor:
        if name not in self.trained:
            self.trained[name] = tf.Variable(tf.fill([width], value), name=name)
        return self.trained[name]

    def conv(self, name: str, x: tf.Tensor, width: int, kernel: int, stride: int = 1, bias: bool = False) -> tf.Tensor:
        axes = len(x.shape) - 2
        y = tf.nn.convolution(x, self.weight(name, (*[kernel] * axes, x.shape[-1], width)), stride, "SAME")
        return tf.nn.bias_add(y, tf.cast(self.constant(f"{name}/bias", width), y.dtype)) if bias else y

    def dense(self, name: str, x: tf.Tensor, width: int, bias: bool = True) -> tf.Tensor:
        y = tf.linalg.matmul(x, self.weight(name, (x.shape[-1], width)))
        return tf.nn.bias_add(y, tf.cast(self.constant(f"{name}/bias", width), y.dtype)) if bias else y

    def batch_norm(self, name: str, x: tf.Tensor, affine: bool = True) -> tf.Tensor:
        width = x.shape[-1]
        if name not in self.averages:
            self.averages[name] = (tf.Variable(tf.zeros([width])), tf.Variable(tf.ones([width])))
        scale = self.constant(f"{name}/scale", width, 1.0) if affine else tf.ones([width])
        offset = self.constant(f"{name}/offset", width) if affine else tf.zeros([width])
        shape = tf.shape(x)
        flat = tf.reshape(x, [shape[0], 1, -1, width])
        y, mean, variance = tf.compat.v1.nn.fused_batch_norm(flat, scale, offset, epsilon=BN_EPSILON, is_training=True)
        for average, now in zip(self.averages[name], (mean, variance), strict=True):
            average.assign_sub((1 - BN_MOMENTUM) * (average - now))
        return tf.ensure_shape(tf.reshape(y, shape), x.shape)

    def layer_norm(self, name: str, x: tf.Tensor) -> tf.Tensor:
        scale, offset = self.constant(f"{name}/scale", x.shape[-1], 1.0), self.constant(f"{name}/offset", x.shape[-1])
        return tf.cast(standardised(x, [-1]) * scale + offset, x.dtype)


def dropout(x: tf.Tensor, rate: float) -> tf.Tensor:
    return tf.nn.dropout(x, rate) if rate else x


def standardised(x: tf.Tensor, axes: Sequence[int]) -> tf.Tensor:
    x = tf.cast(x, tf.float32)
    mean, variance = tf.nn.moments(x, axes, keepdims=True)
    return (x - mean) * tf.math.rsqrt(variance + NORM_EPSILON)


def pool(x: tf.Tensor, size: int, stride: int) -> tf.Tensor:
    return tf.nn.pool(x, [size] * (len(x.shape) - 2), "MAX", [stride] * (len(x.shape) - 2), "SAME")


def se_resnet1d(scope: Scope, x: tf.Tensor, config: Any, rate_hz: float | None) -> tf.Tensor:
    x = scope.conv("stem", x, config.stem_width, config.stem_kernel, config.stem_stride)
    x = tf.nn.relu(scope.batch_norm("stem_bn", x))
    x = pool(x, 3, 2) if config.stem_pool else x
    for stage, (width, blocks) in enumerate(zip(config.stage_widths, config.stage_blocks, strict=True)):
        for block in range(blocks):
            x = residual(scope, f"{stage}_{block}", x, width, 2 if stage and not block else 1, config)
    return tf.concat([tf.reduce_mean(x, 1), tf.reduce_max(x, 1)], axis=-1)


def residual(scope: Scope, name: str, x: tf.Tensor, width: int, stride: int, config: Any) -> tf.Tensor:
    shortcut = x
    if stride != 1 or x.shape[-1] != width:
        shortcut = scope.batch_norm(f"{name}_bn0", scope.conv(f"{name}_conv0", x, width, 1, stride))
    x = scope.batch_norm(f"{name}_bn1", scope.conv(f"{name}_conv1", x, width, config.kernel, stride))
    x = dropout(tf.nn.relu(x), config.dropout_rate)
    x = scope.batch_norm(f"{name}_bn2", scope.conv(f"{name}_conv2", x, width, config.kernel))
    scale = tf.nn.relu(scope.dense(f"{name}_squeeze", tf.reduce_mean(x, 1), max(1, width // config.squeeze)))
    scale = tf.nn.sigmoid(scope.dense(f"{name}_excite", scale, width))
    return tf.nn.relu(x * scale[:, None] + shortcut)


def ecg_transformer(scope: Scope, x: tf.Tensor, config: Any, rate_hz: float | None) -> tf.Tensor:
    assert rate_hz is not None
    stride = round(config.patch_s * rate_hz)
    x = scope.conv("embedding", x, config.dim, 2 * stride, stride, bias=True)
    x = dropout(x + tf.cast(sine_table(*x.shape[1:]), x.dtype), config.dropout_rate)
    for block in range(config.num_layers):
        read = attention(scope, f"{block}", scope.layer_norm(f"{block}_norm1", x), config.num_heads)
        x = x + dropout(read, config.dropout_rate)
        read = scope.dense(f"{block}_mlp1", scope.layer_norm(f"{block}_norm2", x), round(config.dim * config.mlp_ratio))
        read = scope.dense(f"{block}_mlp2", tf.nn.gelu(read), config.dim)
        x = x + dropout(read, config.dropout_rate)
    return scope.layer_norm("norm", tf.reduce_mean(x, 1))


def attention(scope: Scope, name: str, x: tf.Tensor, heads: int) -> tf.Tensor:
    _, tokens, dim = x.shape
    query, key, value = (
        tf.transpose(
            tf.reshape(scope.dense(f"{name}_{part}", x, dim, bias=part != "key"), [-1, tokens, heads, dim // heads]),
            [0, 2, 1, 3],
        )
        for part in ("query", "key", "value")
    )
    scores = tf.cast(tf.matmul(query * (dim // heads) ** -0.5, key, transpose_b=True), tf.float32)
    mixed = tf.matmul(tf.cast(tf.nn.softmax(scores), value.dtype), value)
    return scope.dense(f"{name}_out", tf.reshape(tf.transpose(mixed, [0, 2, 1, 3]), [-1, tokens, dim]), dim)


def custom_cnn(scope: Scope, x: tf.Tensor, config: Any, rate_hz: float | None) -> tf.Tensor:
    x = tf.cast(standardised(x, [1, 2, 3]), x.dtype) if config.standardise else x
    stride = config.stem_stride
    for place, (width, convolutions) in enumerate(zip(config.widths, config.convolutions, strict=True)):
        for number in range(convolutions):
            x = scope.conv(f"{place}_conv{number}", x, width, 3, stride)
            x, stride = tf.nn.relu(scope.batch_norm(f"{place}_bn{number}", x)), 1
        x = pool(x, 2, 2) if place < len(config.widths) - 1 else x
        x = dropout(x, config.dropout_rate)
    x = scope.dense("dense", tf.reduce_mean(x, [1, 2]), config.dense_width, bias=False)
    return tf.nn.relu(scope.batch_norm("bn", x))


def cnn3d(scope: Scope, x: tf.Tensor, config: Any, rate_hz: float | None) -> tf.Tensor:
    x = tf.cast(standardised(x, [1, 2, 3, 4]), x.dtype) if config.standardise else x
    for place, width in enumerate(config.widths):
        x = scope.conv(f"conv{place}", x, width, config.kernel, 1 if place else config.stem_stride)
        x = pool(tf.nn.relu(scope.batch_norm(f"bn{place}", x)), config.pool, config.pool)
        x = dropout(x, config.dropout_rate)
    x = scope.dense("dense", tf.reshape(x, [-1, math.prod(x.shape[1:])]), config.dense_width, bias=False)
    return tf.nn.relu(scope.batch_norm("bn", x))


BODIES = {"se_resnet1d": se_resnet1d, "ecg_transformer": ecg_transformer, "custom_cnn": custom_cnn, "cnn3d": cnn3d}


def logits_of(scope: Scope, inputs: dict[str, tf.Tensor], config: Any, spec: ExampleSpec) -> tf.Tensor:
    """float32 (batch, classes): what the network reads plus what the features say."""
    physical = {name: tf.cast(inputs[name], tf.float32) * array.scale for name, array in spec.inputs.items()}
    ((name, x),) = ((name, values) for name, values in physical.items() if len(values.shape) > 2)
    x = BODIES[config.kind](scope, tf.cast(x, scope.dtype), config, spec.inputs[name].rate_hz)
    classes = len(spec.target.classes)
    logits = tf.cast(scope.dense("logits", dropout(x, config.head_dropout_rate), classes), tf.float32)
    features = [values for values in physical.values() if len(values.shape) == 2]
    if not features:
        return logits
    x = scope.batch_norm("features_bn", tf.concat(features, axis=1), affine=False)
    x = tf.cast(x + config.feature_noise * tf.random.normal(tf.shape(x)), scope.dtype)
    for place, width in enumerate(config.feature_widths):
        x = dropout(tf.nn.relu(scope.dense(f"features{place}", x, width)), config.dropout_rate)
    return logits + tf.cast(scope.dense("features_logits", x, classes), tf.float32)


class Optimizer:
    """AdamW or momentum by TensorFlow's fused kernels; biases and scales do not decay."""

    def __init__(self, variables: Sequence[tf.Variable], config: RunConfig) -> None:
        self.variables, self.trainer = variables, config.trainer
        self.first, self.second = ([tf.Variable(tf.zeros_like(value)) for value in variables] for _ in range(2))
        self.powers = tf.Variable(BETA_1), tf.Variable(BETA_2)

    def apply(self, gradients: Sequence[tf.Tensor]) -> None:
        rate = self.trainer.learning_rate
        if self.trainer.clip_norm is not None:
            gradients, _ = tf.clip_by_global_norm(gradients, self.trainer.clip_norm)
        for value, first, second, gradient in zip(self.variables, self.first, self.second, gradients, strict=True):
            if self.trainer.optimizer == "sgd":
                tf.raw_ops.ResourceApplyKerasMomentum(
                    var=value.handle, accum=first.handle, lr=rate, grad=gradient, momentum=0.9, use_nesterov=True
                )
                continue
            if self.trainer.optimizer == "adamw" and len(value.shape) > 1:
                value.assign_sub(rate * self.trainer.weight_decay * value)
            tf.raw_ops.ResourceApplyAdam(
                var=value.handle, m=first.handle, v=second.handle, beta1_power=self.powers[0],
                beta2_power=self.powers[1], lr=rate, beta1=BETA_1, beta2=BETA_2, epsilon=EPSILON, grad=gradient,
            )  # fmt: skip
        for power, beta in zip(self.powers, (BETA_1, BETA_2), strict=True):
            power.assign(power * beta)


class Training:
    """One network, one optimizer, one tf.function."""

    def __init__(self, config: RunConfig, spec: ExampleSpec, mode: str, device: str) -> None:
        tf.random.set_seed(config.seed)
        self.config, self.spec, self.trainer = config.model, spec, config.trainer
        self.scope = Scope(config.seed, tf.bfloat16 if config.trainer.precision == "mixed_bfloat16" else tf.float32)
        zeros = {name: tf.zeros((2, *array.shape), array.dtype) for name, array in spec.inputs.items()}
        logits_of(self.scope, zeros, self.config, spec)
        self.variables = [*self.scope.trained.values()]
        self.optimizer = Optimizer(self.variables, config)
        decay = config.trainer.ema_decay
        self.average = decay and tf.train.ExponentialMovingAverage(decay)
        self.parameters = sum(math.prod(variable.shape) for variable in self.variables)
        self._step = tf.function(self._one, jit_compile=mode == "xla")
        self.last: tf.Tensor = tf.constant(0.0)

    def step(self, inputs: dict[str, Any], labels: Any, weights: Any) -> tf.Tensor:
        """Loss of a batch before its weights change."""
        moved = {name: tf.constant(values) for name, values in inputs.items()}
        self.last = self._step(moved, tf.constant(labels), tf.constant(weights))
        return self.last

    def sync(self) -> None:
        self.last.numpy()
        self.variables[-1].numpy()

    def _one(self, inputs: dict[str, tf.Tensor], labels: tf.Tensor, weights: tf.Tensor) -> tf.Tensor:
        with tf.GradientTape() as tape:
            logits = logits_of(self.scope, inputs, self.config, self.spec)
            loss = tf.reduce_mean(self._losses(logits, labels) * weights)
        self.optimizer.apply(tape.gradient(loss, self.variables))
        if self.average:
            self.average.apply(self.variables)
        return loss

    def _losses(self, logits: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
        smoothing = self.trainer.label_smoothing
        if self.spec.target.task == "single_label":
            wanted = tf.one_hot(tf.cast(labels, tf.int32), logits.shape[-1])
            wanted = wanted * (1 - smoothing) + smoothing / logits.shape[-1]
            return tf.nn.softmax_cross_entropy_with_logits(wanted, logits)
        wanted = tf.cast(labels, tf.float32) * (1 - smoothing) + 0.5 * smoothing
        return tf.reduce_mean(tf.nn.sigmoid_cross_entropy_with_logits(wanted, logits), axis=-1)
