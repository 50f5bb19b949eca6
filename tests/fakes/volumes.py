"""Small true files of volumes: two classes, told apart by the size of a bright ball."""

from pathlib import Path

import numpy as np

from kerasmed.config.volumes import MedMnist3D, VolumeExamples

EXAMPLES = VolumeExamples(shape=(12, 12, 12))
SMALL_VOLUMES = {"medmnist_3d": MedMnist3D(examples=EXAMPLES)}


def write_small_volumes(root: Path) -> None:
    """What each of `SMALL_VOLUMES` opens."""
    write_medmnist_3d(root / "medmnist")


def draw_volume(edge: int = 12, label: int = 0, seed: int = 0) -> np.ndarray:
    """uint8 (edge, edge, edge): noise with a ball in it, larger for label 1."""
    rng = np.random.default_rng(seed)
    places = np.indices((edge, edge, edge)) - (edge - 1) / 2 - rng.uniform(-1, 1, (3, 1, 1, 1))
    ball = (places**2).sum(axis=0) < (edge * (0.2 + 0.2 * label)) ** 2
    return (rng.integers(0, 60, ball.shape) + 180 * ball).astype(np.uint8)


def draw_volumes(num: int, edge: int = 12, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Volumes (num, edge, edge, edge) of both classes in turn, and their labels."""
    labels = (np.arange(num) % 2).astype(np.uint8)
    return np.stack([draw_volume(edge, label, 1000 * seed + row) for row, label in enumerate(labels)]), labels


def write_medmnist_3d(
    folder: Path, parts: tuple[str, ...] = ("train", "val", "test"), num: int = 12, **changes: np.ndarray
) -> Path:
    """adrenalmnist3d_64.npz with so many volumes of 12x12x12 in each part; `changes` replace arrays."""
    folder.mkdir(parents=True, exist_ok=True)
    arrays = {}
    for seed, part in enumerate(parts):
        volumes, labels = draw_volumes(num, seed=seed)
        arrays |= {f"{part}_images": volumes, f"{part}_labels": labels[:, None]}
    np.savez_compressed(folder / "adrenalmnist3d_64.npz", **{**arrays, **changes})
    return folder / "adrenalmnist3d_64.npz"
