"""Small true files of volumes: two classes, told apart by the size of a bright ball."""

from pathlib import Path

import numpy as np

from kerasmed.config.volumes import MedMnist3D, VolumeExamples, VolumeNpy, VolumeTable

EXAMPLES = VolumeExamples(shape=(12, 12, 12))
FILES = {"normal": "normal.npy", "abnormal": "abnormal.npy"}
SMALL_VOLUMES = {
    "medmnist_3d": MedMnist3D(examples=EXAMPLES),
    "volume_npy": VolumeNpy(
        folder="knees",
        examples=EXAMPLES,
        files=FILES,
        table=VolumeTable(file="knees.csv", patient="patient", side="side"),
    ),
}


def write_small_volumes(root: Path) -> None:
    """What each of `SMALL_VOLUMES` opens."""
    write_medmnist_3d(root / "medmnist")
    write_knees(root / "knees")


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


def write_knees(folder: Path, per_class: int = 8) -> Path:
    """normal.npy and abnormal.npy of both knees of each patient, and knees.csv that says whose and which they are."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = ["volume,patient,side"]
    for label, file in enumerate(FILES.values()):
        np.save(folder / file, np.stack([draw_volume(12, label, 100 * label + row) for row in range(per_class)]))
        stem = file.removesuffix(".npy")
        rows += [f"{stem}:{row},{stem}{row // 2},{'LR'[row % 2]}" for row in range(per_class)]
    (folder / "knees.csv").write_text("\n".join(rows) + "\n")
    return folder


def write_labelled_volumes(folder: Path, num: int = 8) -> Path:
    """One file for each volume, and labels.csv."""
    folder.mkdir(parents=True, exist_ok=True)
    volumes, labels = draw_volumes(num)
    for row, voxels in enumerate(volumes):
        np.save(folder / f"v{row}.npy", voxels)
    lines = [f"v{row},{('normal', 'abnormal')[label]},p{row // 2}" for row, label in enumerate(labels)]
    (folder / "labels.csv").write_text("\n".join(["volume,diagnosis,patient", *lines]) + "\n")
    return folder
