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
        examples=EXAMPLES.model_copy(update={"mirror_left": "depth"}),
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


def write_nifti(path: Path, voxels: np.ndarray, affine: np.ndarray | None = None) -> Path:
    """A NIfTI file with voxels (x, y, z) as they are to be stored; `affine` as nibabel has it, 1 mm to RAS without."""
    import nibabel

    path.parent.mkdir(parents=True, exist_ok=True)
    nibabel.save(nibabel.Nifti1Image(voxels, np.eye(4) if affine is None else affine), path)
    return path


def write_series(
    folder: Path, voxels: np.ndarray, spacing_mm: tuple[float, float, float] = (2.0, 1.0, 1.0), **tags: object
) -> Path:
    """Axial slices (from foot to head, front to back, right to left) in files whose names tell no order."""
    from tests.fakes.pictures import write_dicom

    for place, pixels in enumerate(voxels):
        where = {
            "ImagePositionPatient": [-10.0, -20.0, place * spacing_mm[0]],
            "ImageOrientationPatient": [1, 0, 0, 0, 1, 0],
            "PixelSpacing": [spacing_mm[1], spacing_mm[2]],
            "SeriesInstanceUID": "1.2.3",
        }
        name = f"{(7 * place) % 101:03d}.dcm"
        write_dicom(folder / name, pixels, bits=8 * pixels.itemsize, **{**where, **tags})
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


def write_mixed_volumes(folder: Path, num: int = 9) -> Path:
    """The same volumes as .npy, .nii.gz and DICOM series in turn, both sides of a patient one after another; mixed.csv.

    DICOM folders are named after the patient, as those of hospitals are.
    """
    from tests.fakes.pictures import CANARY

    volumes, labels = draw_volumes(num)
    lines = []
    for row, voxels in enumerate(volumes):
        name = f"v{row}"
        if row % 3 == 0:
            folder.mkdir(parents=True, exist_ok=True)
            np.save(folder / f"{name}.npy", voxels)
        elif row % 3 == 1:
            stored = voxels.astype(np.int16)[:, ::-1, ::-1].transpose(2, 1, 0)
            write_nifti(folder / f"{name}.nii.gz", stored, np.diag([1.0, 1.0, 2.0, 1.0]))
        else:
            name = f"{CANARY}/{row}"
            patient = f"MRN-{CANARY}-{row}"
            write_series(folder / name, voxels.astype(np.int16), PatientID=patient, Laterality="LR"[row % 2])
        lines.append(f"{name},{('normal', 'abnormal')[labels[row]]}")
    (folder / "mixed.csv").write_text("\n".join(["volume,diagnosis", *lines]) + "\n")
    return folder
