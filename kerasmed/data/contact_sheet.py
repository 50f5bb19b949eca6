"""A page of small pictures, a few of each class, drawn by Pillow."""

import io
from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np

from kerasmed import files
from kerasmed.config.dataset import ImageExamples
from kerasmed.data.image_examples import pixels_of, read_images
from kerasmed.data.image_tree import find_images
from kerasmed.data.prepared import Prepared
from kerasmed.data.records import Array
from kerasmed.data.resize import fit_into, to_depth
from kerasmed.errors import ConfigError, DataError
from kerasmed.spec import ImageContract

SIDE_PX, GAP_PX, TEXT_PX = 128, 6, 16
COLUMNS = 8
SMALL = ImageExamples(height=SIDE_PX, width=SIDE_PX)
ANY_SIZE = ImageContract(smallest_px=1)
Tile = tuple[str, Array]
T = TypeVar("T")


def tiles_of_prepared(prepared: Prepared, per_class: int = COLUMNS) -> list[Tile]:
    """Class and pixels of some examples of each class, as a model sees them.

    Raises:
        ConfigError: The examples are no pictures.
    """
    if "image" not in prepared.spec.inputs or len(prepared.spec.inputs["image"].shape) != 3:
        raise ConfigError("a contact sheet is drawn of pictures, and these examples are none.")
    (target,), classes = prepared.spec.targets, prepared.spec.target.classes
    labels, images = prepared.index[target], prepared.arrays["image"]
    return [
        (name, to_depth(fit_into(np.asarray(images[row][..., 0]), SIDE_PX, SIDE_PX), 8))
        for number, name in enumerate(classes)
        for row in _spread(np.flatnonzero(labels == number).tolist(), per_class)
    ]


def tiles_of_folder(folder: Path, per_class: int = COLUMNS) -> list[Tile]:
    """Class folder and pixels of some pictures of each folder; one that cannot be read is black.

    Raises:
        DataError: There is no folder or no picture.
    """
    images = find_images(folder).images
    return [
        _tile(label or "no class", image.path)
        for label in sorted({image.label for image in images})
        for image in _spread([image for image in images if image.label == label], per_class)
    ]


def write_sheet(tiles: list[Tile], out: Path) -> None:
    """Draw tiles in rows, each below its class, and write them as PNG."""
    from PIL import Image, ImageDraw

    columns = min(COLUMNS, len(tiles))
    rows = -(-len(tiles) // columns)
    step_x, step_y = SIDE_PX + GAP_PX, SIDE_PX + TEXT_PX + GAP_PX
    sheet = Image.new("L", (GAP_PX + columns * step_x, GAP_PX + rows * step_y), 255)
    pen = ImageDraw.Draw(sheet)
    for place, (label, pixels) in enumerate(tiles):
        left, top = GAP_PX + place % columns * step_x, GAP_PX + place // columns * step_y
        sheet.paste(Image.fromarray(pixels), (left, top + TEXT_PX))
        pen.text((left, top), label[:20].encode("latin-1", "replace").decode("latin-1"), fill=0)
    content = io.BytesIO()
    sheet.save(content, "PNG")
    files.write_bytes(out, content.getvalue())


def _spread(items: Sequence[T], count: int) -> list[T]:
    places = {round(place) for place in np.linspace(0, len(items) - 1, count).tolist()} if items else set()
    return [items[place] for place in sorted(places)]


def _tile(label: str, path: Path) -> Tile:
    try:
        records = read_images(path, path.name, SMALL, ANY_SIZE)
    except DataError:
        return f"{label}: unusable", np.zeros((SIDE_PX, SIDE_PX), np.uint8)
    return label, pixels_of(records[:1], SMALL)[0, ..., 0]
