"""Plain PyTorch: modules, autograd, AdamW, with torch.compile or without."""

import math
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from positions import sine_table
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from kerasmed.config.model import CustomCnn, SeResNet1D
from kerasmed.config.network import NetworkConfig
from kerasmed.config.run import RunConfig, Trainer
from kerasmed.config.transformers import EcgTransformer
from kerasmed.config.volumetric import Cnn3D
from kerasmed.spec import ExampleSpec

BN = {"eps": 1e-3, "momentum": 0.05}  # as kerasmed's networks have them
STANDARDISE_EPSILON = 1e-6


class SeBlock(nn.Module):
    def __init__(self, width: int, reduction: int) -> None:
        super().__init__()
        self.squeeze = nn.Linear(width, max(1, width // reduction))
        self.excite = nn.Linear(max(1, width // reduction), width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        scale = torch.sigmoid(self.excite(F.relu(self.squeeze(x.mean(dim=-1)))))
        return x * scale.unsqueeze(-1)


class ResidualBlock(nn.Module):
    def __init__(self, inside: int, width: int, stride: int, config: SeResNet1D) -> None:
        super().__init__()
        kernel = config.kernel
        self.conv1 = nn.Conv1d(inside, width, kernel, stride, padding=kernel // 2, bias=False)
        self.bn1 = nn.BatchNorm1d(width, **BN)
        self.conv2 = nn.Conv1d(width, width, kernel, padding=kernel // 2, bias=False)
        self.bn2 = nn.BatchNorm1d(width, **BN)
        self.se = SeBlock(width, config.squeeze)
        self.dropout = nn.Dropout(config.dropout_rate)
        self.shortcut = nn.Identity()
        if stride != 1 or inside != width:
            self.shortcut = nn.Sequential(nn.Conv1d(inside, width, 1, stride, bias=False), nn.BatchNorm1d(width, **BN))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.dropout(F.relu(self.bn1(self.conv1(x))))
        return F.relu(self.se(self.bn2(self.conv2(y))) + self.shortcut(x))


class SeResNet(nn.Module):
    def __init__(self, config: SeResNet1D, shape: tuple[int, ...]) -> None:
        super().__init__()
        kernel, width = config.stem_kernel, config.stem_width
        self.stem = nn.Sequential(
            nn.Conv1d(shape[1], width, kernel, config.stem_stride, padding=kernel // 2, bias=False),
            nn.BatchNorm1d(width, **BN),
            nn.ReLU(),
            nn.MaxPool1d(3, 2, padding=1) if config.stem_pool else nn.Identity(),
        )
        blocks = []
        for stage, (wide, count) in enumerate(zip(config.stage_widths, config.stage_blocks, strict=True)):
            for block in range(count):
                blocks.append(ResidualBlock(width, wide, 2 if stage and not block else 1, config))
                width = wide
        self.blocks = nn.Sequential(*blocks)
        self.out_features = 2 * width

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.blocks(self.stem(x.transpose(1, 2)))
        return torch.cat([x.mean(dim=-1), x.amax(dim=-1)], dim=1)


class Attention(nn.Module):
    def __init__(self, dim: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query, self.key = nn.Linear(dim, dim), nn.Linear(dim, dim, bias=False)
        self.value, self.out = nn.Linear(dim, dim), nn.Linear(dim, dim)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        batch, tokens, dim = x.shape
        parts = [
            layer(x).view(batch, tokens, self.heads, dim // self.heads).transpose(1, 2)
            for layer in (self.query, self.key, self.value)
        ]
        mixed = F.scaled_dot_product_attention(*parts)
        return self.out(mixed.transpose(1, 2).reshape(batch, tokens, dim))


class EncoderBlock(nn.Module):
    def __init__(self, config: EcgTransformer) -> None:
        super().__init__()
        dim, hidden = config.dim, round(config.dim * config.mlp_ratio)
        self.norm1, self.norm2 = nn.LayerNorm(dim, eps=1e-6), nn.LayerNorm(dim, eps=1e-6)
        self.attention = Attention(dim, config.num_heads)
        self.mlp = nn.Sequential(nn.Linear(dim, hidden), nn.GELU(), nn.Linear(hidden, dim))
        self.dropout = nn.Dropout(config.dropout_rate)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = x + self.dropout(self.attention(self.norm1(x)))
        return x + self.dropout(self.mlp(self.norm2(x)))


class Transformer(nn.Module):
    def __init__(self, config: EcgTransformer, shape: tuple[int, ...], rate_hz: float) -> None:
        super().__init__()
        self.stride = round(config.patch_s * rate_hz)
        self.embedding = nn.Conv1d(shape[1], config.dim, 2 * self.stride, self.stride)
        tokens = -(-shape[0] // self.stride)
        self.missing = (tokens - 1) * self.stride + 2 * self.stride - shape[0]
        self.register_buffer("positions", torch.from_numpy(sine_table(tokens, config.dim)))
        self.dropout = nn.Dropout(config.dropout_rate)
        self.blocks = nn.Sequential(*(EncoderBlock(config) for _ in range(config.num_layers)))
        self.norm = nn.LayerNorm(config.dim, eps=1e-6)
        self.out_features = config.dim

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = F.pad(x.transpose(1, 2), (self.missing // 2, self.missing - self.missing // 2))
        x = self.embedding(x).transpose(1, 2)
        return self.norm(self.blocks(self.dropout(x + self.positions)).mean(dim=1))


class Cnn(nn.Module):
    def __init__(self, config: CustomCnn, shape: tuple[int, ...]) -> None:
        super().__init__()
        self.standardise = config.standardise
        layers: list[nn.Module] = []
        inside, stride = shape[-1], config.stem_stride
        for place, (width, convolutions) in enumerate(zip(config.widths, config.convolutions, strict=True)):
            for _ in range(convolutions):
                layers += [nn.Conv2d(inside, width, 3, stride, padding=1, bias=False)]
                layers += [nn.BatchNorm2d(width, **BN), nn.ReLU()]
                inside, stride = width, 1
            if place < len(config.widths) - 1:
                layers.append(nn.MaxPool2d(2, ceil_mode=True))
            layers.append(nn.Dropout(config.dropout_rate))
        self.layers = nn.Sequential(*layers)
        self.dense = nn.Linear(inside, config.dense_width, bias=False)
        self.bn = nn.BatchNorm1d(config.dense_width, **BN)
        self.out_features = config.dense_width

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.standardise:
            x = F.layer_norm(x, x.shape[1:], eps=STANDARDISE_EPSILON)
        x = self.layers(x.permute(0, 3, 1, 2)).mean(dim=(2, 3))
        return F.relu(self.bn(self.dense(x)))


class Volumes(nn.Module):
    def __init__(self, config: Cnn3D, shape: tuple[int, ...]) -> None:
        super().__init__()
        self.standardise = config.standardise
        layers: list[nn.Module] = []
        inside, sides = shape[-1], list(shape[:-1])
        for place, width in enumerate(config.widths):
            stride = 1 if place else config.stem_stride
            layers += [nn.Conv3d(inside, width, config.kernel, stride, padding=config.kernel // 2, bias=False)]
            layers += [nn.BatchNorm3d(width, **BN), nn.ReLU(), nn.MaxPool3d(config.pool, ceil_mode=True)]
            layers.append(nn.Dropout(config.dropout_rate))
            sides = [math.ceil(math.ceil(side / stride) / config.pool) for side in sides]
            inside = width
        self.layers = nn.Sequential(*layers)
        self.dense = nn.Linear(inside * int(np.prod(sides)), config.dense_width, bias=False)
        self.bn = nn.BatchNorm1d(config.dense_width, **BN)
        self.out_features = config.dense_width

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.standardise:
            x = F.layer_norm(x, x.shape[1:], eps=STANDARDISE_EPSILON)
        x = self.layers(x.permute(0, 4, 1, 2, 3)).flatten(1)
        return F.relu(self.bn(self.dense(x)))


class Classifier(nn.Module):
    """A network and its head: what it read plus what the features say."""

    def __init__(self, body: nn.Module, num_features: int, num_classes: int, config: NetworkConfig) -> None:
        super().__init__()
        self.body, self.noise = body, config.feature_noise
        self.dropout = nn.Dropout(config.head_dropout_rate)
        self.logits = nn.Linear(body.out_features, num_classes)
        self.features = None
        if num_features:
            layers: list[nn.Module] = []
            inside = num_features
            for width in config.feature_widths:
                layers += [nn.Linear(inside, width), nn.ReLU(), nn.Dropout(config.dropout_rate)]
                inside = width
            self.bn = nn.BatchNorm1d(num_features, affine=False, **BN)
            self.features = nn.Sequential(*layers, nn.Linear(inside, num_classes))

    def forward(self, x: torch.Tensor, features: torch.Tensor | None) -> torch.Tensor:
        logits = self.logits(self.dropout(self.body(x)))
        if self.features is None:
            return logits
        read = self.bn(features)
        if self.training:
            read = read + self.noise * torch.randn_like(read)
        return logits + self.features(read)


class Training:
    """One network, one optimizer, one step."""

    def __init__(self, config: RunConfig, spec: ExampleSpec, mode: str, device: str) -> None:
        torch.manual_seed(config.seed)
        self.device = torch.device("cuda" if device == "gpu" else "cpu")
        self.spec, self.trainer = spec, config.trainer
        self.network = build(config.model, spec).to(self.device).train()
        self.parameters = sum(parameter.numel() for parameter in self.network.parameters())
        self.run = torch.compile(self.network) if mode == "compile" else self.network
        self.optimizer = build_optimizer(self.network, config.trainer)
        decay = config.trainer.ema_decay
        self.average = decay and AveragedModel(self.network, multi_avg_fn=get_ema_multi_avg_fn(decay))
        half = config.trainer.precision == "mixed_bfloat16"
        self.casting = torch.autocast(self.device.type, torch.bfloat16) if half else nullcontext()

    def step(self, inputs: dict[str, Any], labels: Any, weights: Any) -> torch.Tensor:
        """Loss of a batch before its weights change."""
        x, features = split(inputs, self.spec, self.device)
        self.optimizer.zero_grad(set_to_none=True)
        with self.casting:
            logits = self.run(x, features).float()
        target, weight = (torch.from_numpy(values).to(self.device) for values in (labels, weights))
        loss = (self.loss(logits, target) * weight).mean()
        loss.backward()
        if self.trainer.clip_norm is not None:
            nn.utils.clip_grad_norm_(self.network.parameters(), self.trainer.clip_norm)
        self.optimizer.step()
        if self.average:
            self.average.update_parameters(self.network)
        return loss.detach()

    def loss(self, logits: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        smoothing = self.trainer.label_smoothing
        if self.spec.target.task == "single_label":
            return F.cross_entropy(logits, target.long(), reduction="none", label_smoothing=smoothing)
        wanted = target.float() * (1 - smoothing) + 0.5 * smoothing
        return F.binary_cross_entropy_with_logits(logits, wanted, reduction="none").mean(dim=1)

    def sync(self) -> None:
        if self.device.type == "cuda":
            torch.cuda.synchronize()


def answering(config: RunConfig, spec: ExampleSpec, device: str) -> Callable[[dict[str, np.ndarray]], np.ndarray]:
    """From stored inputs to logits on the host, in eager mode."""
    place = torch.device("cuda" if device == "gpu" else "cpu")
    torch.manual_seed(config.seed)
    network = build(config.model, spec).to(place).eval()

    @torch.inference_mode()
    def answers(inputs: dict[str, np.ndarray]) -> np.ndarray:
        return network(*split(inputs, spec, place)).cpu().numpy()

    return answers


def build(config: Any, spec: ExampleSpec) -> Classifier:
    """The network of a run."""
    (array,) = (array for array in spec.inputs.values() if len(array.shape) > 1)
    bodies = {
        "se_resnet1d": lambda: SeResNet(config, array.shape),
        "ecg_transformer": lambda: Transformer(config, array.shape, array.rate_hz),
        "custom_cnn": lambda: Cnn(config, array.shape),
        "cnn3d": lambda: Volumes(config, array.shape),
    }
    num_features = sum(other.shape[0] for other in spec.inputs.values() if len(other.shape) == 1)
    return Classifier(bodies[config.kind](), num_features, len(spec.target.classes), config)


def split(inputs: dict[str, Any], spec: ExampleSpec, device: torch.device) -> tuple[torch.Tensor, torch.Tensor | None]:
    """Physical values of the signal, picture or volume, and the features beside it."""
    moved = {name: torch.from_numpy(values).to(device).float() * spec.inputs[name].scale
             for name, values in inputs.items()}  # fmt: skip
    (x,) = (values for values in moved.values() if values.dim() > 2)
    features = [values for values in moved.values() if values.dim() == 2]
    return x, torch.cat(features, dim=1) if features else None


def build_optimizer(network: nn.Module, trainer: Trainer) -> torch.optim.Optimizer:
    """The optimizer of a run; biases and scales do not decay."""
    parameters = [*network.parameters()]
    if trainer.optimizer == "sgd":
        return torch.optim.SGD(parameters, trainer.learning_rate, momentum=0.9, nesterov=True)
    decay = trainer.weight_decay if trainer.optimizer == "adamw" else 0.0
    groups = [
        {"params": [value for value in parameters if value.dim() > 1], "weight_decay": decay},
        {"params": [value for value in parameters if value.dim() <= 1], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, trainer.learning_rate, eps=1e-7)
