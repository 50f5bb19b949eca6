"""kerasmed data scan: what a folder of pictures holds, before anything is made of it."""

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from kerasmed import files
from kerasmed.config.dataset import ImageExamples, ImageFolder
from kerasmed.data.image_examples import content_name, read_images
from kerasmed.data.image_hash import NEAR_BITS, connect, near_pairs, picture_hash
from kerasmed.data.image_tree import FoundImage, ImageTree, find_images
from kerasmed.data.label_columns import find_label_columns
from kerasmed.data.readers.dicom import SUFFIXES as DICOM_SUFFIXES
from kerasmed.data.records import Array
from kerasmed.data.sources.image_folder import name_pictures, name_tree
from kerasmed.errors import DataError

NUM_THREADS = 2
# How large an example may become is not known yet: of the contract only what holds for every size is asked.
SETTINGS = ImageExamples(height=64, width=64)
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Seen:
    """What reading one file told.

    Attributes:
        name: As it may be told.
        label: Its class folder, "" where there is none.
        part: train, validation or test where a folder says so, else "".
        digest: SHA-256 of the file; "" where it cannot be read.
        size: Width and height.
        mode: Of the file.
        bits: Significant bits of a value.
        notes: What had to be converted.
        hash: uint64 (4,), see `picture_hash`.
        fault: Why it cannot be used; "" where it can.
    """

    name: str
    label: str
    part: str
    digest: str = ""
    size: tuple[int, int] = (0, 0)
    mode: str = ""
    bits: int = 0
    notes: tuple[str, ...] = ()
    hash: Array = field(default_factory=lambda: np.zeros(4, np.uint64))
    fault: str = ""


def scan_folder(folder: Path, progress: Progress = lambda done, total: None) -> dict[str, Any]:
    """Read every picture below `folder` and tell what is there, as a JSON tree without the name of a DICOM file.

    Raises:
        DataError: There is no folder or no picture.
    """
    tree = find_images(folder)
    names = name_tree(tree)
    seen: list[Seen] = []
    with ThreadPoolExecutor(NUM_THREADS) as pool:
        for done, found in enumerate(pool.map(_look, tree.images, names), start=1):
            seen.append(found)
            progress(done, len(names))
    good = [found for found in seen if not found.fault]
    return {
        "layout": tree.layout,
        "pictures": len(seen),
        "other_files": tree.other,
        "links_out": tree.outside,
        "formats": dict(Counter(image.path.suffix.lower() for image in tree.images).most_common()),
        "classes": _by_class(seen),
        "balance": _balance(seen),
        **_shapes(good),
        "patients": _patients(tree),
        "unusable": {found.name: found.fault for found in seen if found.fault},
        "converted": dict(Counter(note for found in good for note in found.notes).most_common()),
        "duplicates": _exact(good),
        "near_duplicates": _near(good),
        "in_two_classes": _in_two_classes(good),
        "csv": find_label_columns(tree),
    }


def _look(image: FoundImage, name: str) -> Seen:
    try:
        digest = files.sha256_file(image.path)
        records = read_images(image.path, name, SETTINGS)
    except DataError as error:
        return Seen(name, image.label, image.part, fault=f"{error.reason} {error.remedy}".strip())
    except OSError as error:
        return Seen(name, image.label, image.part, fault=f"cannot be read: {error.strerror}.")
    first = records[0]
    return Seen(
        name, image.label, image.part, digest, first.size, first.mode, first.stored_bits,
        (*first.notes, *((f"{len(records)} frames",) if len(records) > 1 else ())), picture_hash(first.pixels),
    )  # fmt: skip


def _by_class(seen: list[Seen]) -> dict[str, dict[str, int]]:
    """Class to part to count; "all" where no folder names a part."""
    table: dict[str, dict[str, int]] = {}
    for found in seen:
        counts = table.setdefault(found.label or "no class", {})
        counts[found.part or "all"] = counts.get(found.part or "all", 0) + 1
    return dict(sorted(table.items()))


def _balance(seen: list[Seen]) -> float | None:
    """Pictures of the most frequent class for one of the rarest; None of fewer than two classes."""
    counts = Counter(found.label for found in seen if found.label)
    return round(max(counts.values()) / min(counts.values()), 2) if len(counts) > 1 else None


def _shapes(good: list[Seen]) -> dict[str, Any]:
    if not good:
        return {"sizes": None, "modes": {}, "bits": {}}
    sizes = np.array([found.size for found in good])
    spread = {
        name: {"least": int(side.min()), "median": int(np.median(side)), "largest": int(side.max())}
        for name, side in zip(("width", "height"), sizes.T, strict=True)
    }
    return {
        "sizes": {**spread, "different": len(np.unique(sizes, axis=0))},
        "modes": dict(Counter(found.mode for found in good).most_common()),
        "bits": {str(bits): count for bits, count in sorted(Counter(found.bits for found in good).items())},
    }


def _patients(tree: ImageTree) -> dict[str, int]:
    """How many patients can be told, of how many pictures, and how many of them stand in several parts."""
    if not tree.labels:
        tree = ImageTree(tree.root, tuple(FoundImage(i.path, i.part, "any") for i in tree.images), tree.other)
    pictures, _ = name_pictures(tree, ImageFolder())
    known = [picture for picture in pictures if picture.ref.patient != picture.ref.record_id]
    parts: dict[str, set[str]] = {}
    for picture in known:
        parts.setdefault(picture.ref.patient, set()).add(picture.part)
    in_several = sum(len(found) > 1 for found in parts.values())
    return {"known": len(parts), "pictures_of_them": len(known), "in_several_parts": in_several}


def _exact(good: list[Seen]) -> list[list[str]]:
    by_digest: dict[str, list[str]] = {}
    for found in good:
        by_digest.setdefault(found.digest, []).append(found.name)
    return [names for names in by_digest.values() if len(names) > 1]


def _near(good: list[Seen]) -> list[list[str]]:
    """Groups of pictures that look alike, files with equal bytes counted once."""
    single = list({found.digest: found for found in good}.values())
    if not single:
        return []
    groups = connect(len(single), near_pairs(np.stack([found.hash for found in single]), NEAR_BITS))
    counts = np.bincount(groups)
    return [
        [single[row].name for row in np.flatnonzero(groups == group)] for group in np.flatnonzero(counts > 1).tolist()
    ]


def _in_two_classes(good: list[Seen]) -> list[list[str]]:
    """Groups of equal or near equal pictures that lie in folders of different classes."""
    label = {found.name: found.label for found in good}
    return [names for names in (*_exact(good), *_near(good)) if len({label[name] for name in names}) > 1]


def show_ids(folder: Path) -> list[tuple[str, str]]:
    """Name as it is told and path below the folder, of every file whose own name is not told."""
    tree = find_images(folder)
    return [
        (content_name(image.path), image.path.relative_to(folder).as_posix())
        for image in tree.images
        if image.path.suffix.lower() in DICOM_SUFFIXES
    ]
