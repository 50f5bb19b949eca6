"""Pictures below a folder, and what the folders above each say: its part (train, val, test) and its class."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from kerasmed.data.image_examples import SUFFIXES
from kerasmed.errors import DataError

PARTS = {
    "train": "train", "training": "train",
    "val": "validation", "valid": "validation", "validation": "validation", "dev": "validation",
    "test": "test", "testing": "test",
}  # fmt: skip
Layout = Literal["class folders", "part folders", "mixed", "flat"]


@dataclass(frozen=True)
class FoundImage:
    """A file that may be a picture.

    Attributes:
        path: Where it is.
        part: "train", "validation" or "test" where a folder says so, else "".
        label: Name of the class folder it is in, else "".
    """

    path: Path
    part: str
    label: str


@dataclass(frozen=True)
class ImageTree:
    """The pictures of a folder, in the order of their paths.

    Attributes:
        root: The folder.
        images: Every file with the suffix of a picture.
        other: Suffix to count, of all other files.
        outside: How many links lead out of the folder; they are not followed.
    """

    root: Path
    images: tuple[FoundImage, ...]
    other: dict[str, int]
    outside: int = 0

    @property
    def labels(self) -> tuple[str, ...]:
        """Names of the class folders, sorted."""
        return tuple(sorted({image.label for image in self.images} - {""}))

    @property
    def parts(self) -> tuple[str, ...]:
        """Parts that folders name, in the order of their use."""
        found = {image.part for image in self.images}
        return tuple(part for part in ("train", "validation", "test") if part in found)

    @property
    def layout(self) -> Layout:
        """How the pictures lie."""
        if self.parts:
            return "part folders" if all(image.part for image in self.images) else "mixed"
        if not self.labels:
            return "flat"
        return "class folders" if all(image.label for image in self.images) else "mixed"


def find_images(root: Path) -> ImageTree:
    """Every picture below `root`, hidden files and those of archives' metadata left out.

    Folders that only hold one other folder (`images/`) are passed through. The first folder below may name a part, the
    next (or the first) names the class; what is below that is one's own order, such as a folder for each patient.

    Raises:
        DataError: `root` is no folder, or holds no picture.
    """
    if not root.is_dir():
        raise DataError(str(root), "is not a folder.", "Set --data-dir to the folder that holds it.")
    inside = root.resolve()
    files = sorted(path for path in root.rglob("*") if path.is_file() and not _is_hidden(path.relative_to(root)))
    here = [path for path in files if path.resolve().is_relative_to(inside)]
    pictures = [path for path in here if path.suffix.lower() in SUFFIXES]
    if not pictures:
        raise DataError(str(root), f"holds no picture ({', '.join(SUFFIXES)}).", "Check dataset.folder and --data-dir.")
    depth = _wrapping_depth([path.relative_to(root).parts[:-1] for path in pictures])
    images = tuple(_described(path, path.relative_to(root).parts[depth:-1]) for path in pictures)
    other = Counter(path.suffix.lower() or "none" for path in here if path.suffix.lower() not in SUFFIXES)
    return ImageTree(root, images, dict(sorted(other.items())), len(files) - len(here))


def _is_hidden(path: Path) -> bool:
    return any(part.startswith(".") or part == "__MACOSX" for part in path.parts)


def _wrapping_depth(folders: list[tuple[str, ...]]) -> int:
    """How many folders every picture lies in that say nothing, since each is the only one of its level."""
    depth = 0
    while all(len(above) > depth + 1 for above in folders) and len({above[depth] for above in folders}) == 1:
        if folders[0][depth].lower() in PARTS:
            break
        depth += 1
    return depth


def _described(path: Path, above: tuple[str, ...]) -> FoundImage:
    part = PARTS.get(above[0].lower(), "") if above else ""
    rest = above[1:] if part else above
    return FoundImage(path, part, rest[0] if rest else "")
