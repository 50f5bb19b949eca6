"""What paper, light, camera and file format do to the pixels of a page; places stay what they are.

Pictures are float32 (height, width, 3), 0 to 1. Lengths are in px at 100 dpi: `scale` is what they are multiplied by.
"""

import io

import numpy as np

from kerasmed.config.pages import Distortions
from kerasmed.data.records import Array

_COARSE = 4  # shade is computed on every 4th pixel and drawn out


def light_page(picture: Array, amounts: Distortions, scale: float, rng: np.random.Generator) -> Array:
    """Shade, colour, blur, noise and compress.

    Args:
        picture: uint8 (height, width, 3).
        amounts: The most of each.
        scale: Pixels to a hundredth of an inch.
        rng: Of everything drawn.

    Returns:
        uint8 (height, width, 3).
    """
    shape = picture.shape[:2]
    shade = _shade(shape, amounts, scale, rng)
    seen = picture.astype(np.float32) / np.float32(255)
    if shade is not None:
        seen *= shade[..., None]
    seen = _stain(seen, amounts.stains, scale, rng)
    seen = _tint(seen, amounts.tint, rng)
    lit = _blur(_as_bytes(seen), _up_to(amounts.blur * scale, rng), rng)
    return _compress(_noise(lit, amounts.noise, rng), amounts.compression, rng)


def smooth_field(shape: tuple[int, int], cells: tuple[int, int], rng: np.random.Generator) -> Array:
    """Random hills, about `cells` of them down and across: float32 `shape`, mostly within -1 to 1."""
    return _drawn_out(rng.normal(0, 0.5, (cells[0] + 2, cells[1] + 2)).astype(np.float32), shape)


def _shade(shape: tuple[int, int], amounts: Distortions, scale: float, rng: np.random.Generator) -> Array | None:
    """By how much the light falls short of white in each pixel."""
    coarse = (shape[0] // _COARSE + 1, shape[1] // _COARSE + 1)
    shade = np.zeros(coarse, np.float32)
    if amounts.shadow:
        shade += _up_to(amounts.shadow, rng) * 0.5 * smooth_field(coarse, (2, 2), rng)
        shade -= _up_to(amounts.shadow, rng) * _half_dark(coarse, rng) * (rng.random() < 0.4)
    creases = max(_up_to(amounts.creases, rng), _up_to(amounts.creases, rng))
    if creases > 0.01:
        shade += creases * _creases(coarse, rng)
    if not (amounts.texture or shade.any()):
        return None
    full = _drawn_out(shade, shape)
    if amounts.texture:
        grain = (max(2, round(shape[0] / (3 * scale))), max(2, round(shape[1] / (3 * scale))))
        full += _up_to(amounts.texture, rng) * 0.5 * smooth_field(shape, grain, rng)
    return np.clip(1 + full, 0.12, 1.25)


def _half_dark(shape: tuple[int, int], rng: np.random.Generator) -> Array:
    """A soft shadow with a straight edge: 1 in it, 0 out of it."""
    distance = _from_line(shape, rng)
    return 1 / (1 + np.exp(np.clip(-distance / rng.uniform(2, 15), -30, 30)))


def _creases(shape: tuple[int, int], rng: np.random.Generator) -> Array:
    """Wrinkles: along each of many lines the paper turns to the light on one side, away from it on the other."""
    shade = np.zeros(shape, np.float32)
    kind = rng.choice(["crumpled", "veins", "folds"], p=[0.5, 0.3, 0.2])
    for _ in range(int(rng.integers(8, 28)) if kind != "folds" else int(rng.integers(2, 9))):
        distance = _from_line(shape, rng, upright=kind == "folds")
        reach = rng.uniform(4, 40) if kind == "crumpled" else rng.uniform(1.0, 3.5)
        turned = np.tanh(distance) if kind == "crumpled" else rng.choice([-1.0, 1.0], p=[0.75, 0.25])
        along = 1.0 if kind == "folds" else np.clip(3 * smooth_field(shape, (3, 3), rng) - rng.uniform(0, 0.8), 0, 1)
        shade += rng.uniform(0.2, 0.9) * turned * np.exp(-np.abs(distance) / reach) * along
    return shade


def _from_line(shape: tuple[int, int], rng: np.random.Generator, upright: bool = False) -> Array:
    """Signed distance in px from a drawn line, bent a little."""
    angle = rng.normal(0, 0.01) + (np.pi / 2) * (rng.random() < 0.2) if upright else rng.uniform(0, np.pi)
    down = np.arange(shape[0], dtype=np.float32)[:, None] - rng.uniform(0, shape[0])
    across = np.arange(shape[1], dtype=np.float32)[None, :] - rng.uniform(0, shape[1])
    straight = np.float32(np.cos(angle)) * across + np.float32(np.sin(angle)) * down
    bent = 0.0 if upright else rng.uniform(0, 25) * smooth_field(shape, (4, 4), rng)
    return straight + bent


def _stain(seen: Array, amount: float, scale: float, rng: np.random.Generator) -> Array:
    """Brown or grey spots with darker rims; at times many small dark specks."""
    amount = _up_to(amount, rng)
    if amount < 0.02:
        return seen
    shape = seen.shape[:2]
    coarse = (shape[0] // _COARSE + 1, shape[1] // _COARSE + 1)
    cells = int(rng.integers(3, 9))
    hills = smooth_field(coarse, (cells, cells), rng)
    level = rng.uniform(0.4, 0.9)
    spot = np.clip((hills - level) * 6, 0, 1)
    rim = np.exp(-(((hills - level) / 0.06) ** 2))
    dark = _drawn_out(amount * (0.6 * spot + 0.5 * rim * (rng.random() < 0.5)).astype(np.float32), shape)
    colour = np.array([0.4, 0.6, 0.9], np.float32) if rng.random() < 0.6 else np.ones(3, np.float32)
    seen = seen * (1 - np.clip(dark, 0, 0.9)[..., None] * colour)
    if rng.random() < 0.3:
        for _ in range(int(rng.integers(5, 80))):
            row, column = int(rng.integers(shape[0])), int(rng.integers(shape[1]))
            size = max(1, round(rng.uniform(1, 4) * scale))
            seen[row : row + size, column : column + size] *= np.float32(rng.uniform(0.1, 0.7))
    return seen


def _tint(seen: Array, amount: float, rng: np.random.Generator) -> Array:
    """A cast of colour, less contrast, another gamma; at times no colour at all."""
    if amount == 0:
        return seen
    if rng.random() < 0.3 * amount + 0.05:
        grey = seen @ np.array([0.299, 0.587, 0.114], np.float32)
        seen = np.repeat(grey[..., None], 3, axis=2)
    cast = rng.uniform(1 - 0.5 * amount * rng.random(), 1.0, 3).astype(np.float32)
    black, white = rng.uniform(0, 0.2 * amount), 1 - rng.uniform(0, 0.25 * amount)
    gamma = np.exp(rng.normal(0, 0.25 * amount))
    return (black + (white - black) * np.clip(seen, 0, 1) ** np.float32(gamma)) * cast


def _blur(picture: Array, width_px: float, rng: np.random.Generator) -> Array:
    from PIL import Image, ImageFilter

    if width_px < 0.2 or rng.random() < 0.3:
        return picture
    return np.asarray(Image.fromarray(picture).filter(ImageFilter.GaussianBlur(width_px)))


def _noise(picture: Array, amount: float, rng: np.random.Generator) -> Array:
    level = 255 * _up_to(amount, rng) * rng.random()
    if level < 0.5:
        return picture
    grey = rng.random() < 0.4
    noise = rng.standard_normal((*picture.shape[:2], 1 if grey else 3), np.float32) * np.float32(level)
    return np.clip(picture + noise, 0, 255).astype(np.uint8)


def _compress(picture: Array, amount: float, rng: np.random.Generator) -> Array:
    from PIL import Image

    if amount == 0 or rng.random() < 0.3:
        return picture
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "JPEG", quality=round(95 - 75 * min(1.0, _up_to(amount, rng))))
    return np.asarray(Image.open(file))


def _up_to(most: float, rng: np.random.Generator) -> float:
    return float(most * rng.random())


def _drawn_out(field: Array, shape: tuple[int, int]) -> Array:
    from PIL import Image

    image = Image.fromarray(np.ascontiguousarray(field, np.float32))
    return np.array(image.resize((shape[1], shape[0]), Image.Resampling.BICUBIC))


def _as_bytes(seen: Array) -> Array:
    return (np.clip(seen, 0, 1) * np.float32(255) + np.float32(0.5)).astype(np.uint8)
