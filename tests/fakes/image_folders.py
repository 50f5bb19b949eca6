"""Small folders of pictures in the forms in which they are published."""

from pathlib import Path

import numpy as np

from tests.fakes.pictures import CANARY, draw, write_dicom, write_picture

NORMAL, SICK = "NORMAL", "PNEUMONIA"


def write_class_folders(root: Path, per_class: int = 8, height: int = 32, width: int = 24) -> Path:
    """`root`/{NORMAL,PNEUMONIA}: two pictures of each patient, named as in Kermany's set."""
    for label, name in enumerate((NORMAL, SICK)):
        for number in range(per_class):
            stem = f"person{100 * label + number // 2}_bacteria_{number}"
            write_picture(root / name / f"{stem}.png", draw(height, width, label=label, seed=100 * label + number))
    return root


def write_parts(root: Path, counts: dict[str, int] | None = None) -> Path:
    """`root`/{train,val,test}/{NORMAL,PNEUMONIA} with so many pictures of each class, a patient each."""
    seed = 0
    for part, count in (counts or {"train": 10, "val": 2, "test": 4}).items():
        for label, name in enumerate((NORMAL, SICK)):
            for _ in range(count):
                seed += 1
                write_picture(
                    root / part / name / f"person{seed}_virus_{seed}.png", draw(32, 24, label=label, seed=seed)
                )
    return root


def write_dicom_folders(root: Path, per_class: int = 8) -> Path:
    """DICOM files of two per patient, in folders and files that bear the patient's name."""
    for label, name in enumerate((NORMAL, SICK)):
        for number in range(per_class):
            patient = f"{CANARY}_{100 * label + number // 2}"
            tags = {"PatientID": f"MRN-{patient}", "PatientName": patient, "InstitutionName": CANARY}
            path = root / name / patient / f"{patient}_{number}.dcm"
            write_dicom(path, draw(32, 24, label=label, seed=100 * label + number), **tags)
    return root


def write_labelled_by_csv(root: Path) -> Path:
    """FracAtlas' form: `dataset.csv`, and folders one of which holds a picture that the file calls otherwise."""
    write_class_folders(root / "images")
    rows = [
        (path.name, int(path.parent.name == SICK and path.stem != "person100_bacteria_1"))
        for path in sorted((root / "images").rglob("*.png"))
    ]
    lines = ["image_id,hand,fractured", *(f"{name},1,{label}" for name, label in rows)]
    (root / "dataset.csv").write_text("\ufeff" + "\r\n".join(lines) + "\r\n", newline="")
    return root


def write_medmnist(
    folder: Path, parts: tuple[str, ...] = ("train", "val", "test"), num: int = 12, **changes: np.ndarray
) -> Path:
    """pneumoniamnist.npz with so many pictures in each part; `changes` replace arrays."""
    folder.mkdir(parents=True, exist_ok=True)
    arrays = {}
    for start, part in enumerate(parts):
        labels = (np.arange(num) % 2).astype(np.uint8)
        arrays[f"{part}_images"] = np.stack(
            [draw(28, 28, label=label, seed=100 * start + row) for row, label in enumerate(labels)]
        )
        arrays[f"{part}_labels"] = labels[:, None]
    np.savez_compressed(folder / "pneumoniamnist.npz", **{**arrays, **changes})
    return folder / "pneumoniamnist.npz"
