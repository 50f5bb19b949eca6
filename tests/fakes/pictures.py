"""True PNG, JPEG and DICOM files of a picture that has a bright and a dark side, as radiographs do."""

from pathlib import Path
from typing import Any

import numpy as np

SYNTAXES = {
    "implicit": "1.2.840.10008.1.2",
    "explicit": "1.2.840.10008.1.2.1",
    "rle": "1.2.840.10008.1.2.5",
    "jpeg": "1.2.840.10008.1.2.4.50",
    "j2k": "1.2.840.10008.1.2.4.90",
    "deflated": "1.2.840.10008.1.2.1.99",
}
PLUGINS = {"rle": "pydicom", "j2k": "pylibjpeg"}
CANARY = "ZZCANARY^PHI"


def draw(height: int = 64, width: int = 48, bits: int = 8, label: int = 0, seed: int = 0) -> np.ndarray:
    """A blob on a gradient, above for class 0 and below for class 1, elsewhere and of another size for each seed."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0 : 1 : height * 1j, 0 : 1 : width * 1j]
    top, left, size = (0.3, 0.7)[label] + rng.uniform(-0.08, 0.08), rng.uniform(0.3, 0.7), rng.uniform(0.02, 0.06)
    slope = rng.uniform(0.1, 0.4, 4)
    waves = 0.06 * np.sin(2 * np.pi * (rng.uniform(1, 4) * x + rng.uniform(1, 4) * y + rng.uniform()))
    picture = 0.1 + slope[0] * x + slope[1] * y * x + waves + 0.6 * np.exp(-((y - top) ** 2 + (x - left) ** 2) / size)
    return np.rint(np.clip(picture / 1.2, 0, 1) * (2**bits - 1)).astype(np.uint8 if bits <= 8 else np.uint16)


def write_picture(path: Path, pixels: np.ndarray, **options: Any) -> Path:
    """Write pixels (height, width) or (height, width, channels) as the suffix says."""
    from PIL import Image

    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path, **options)
    return path


def write_dicom(path: Path, pixels: np.ndarray, syntax: str = "explicit", bits: int = 8, **tags: Any) -> Path:
    """Write stored values (height, width) or (frames, height, width); `tags` add to or replace the attributes."""
    import pydicom
    from pydicom.dataset import FileDataset, FileMetaDataset
    from pydicom.uid import UID, generate_uid

    compressed = syntax in PLUGINS
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.7"
    meta.MediaStorageSOPInstanceUID = generate_uid()
    meta.TransferSyntaxUID = UID(SYNTAXES["explicit" if compressed else syntax])
    dataset = FileDataset(str(path), {}, file_meta=meta, preamble=b"\0" * 128)
    dataset.SOPClassUID, dataset.SOPInstanceUID = meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID
    dataset.PatientName, dataset.PatientID, dataset.Modality = CANARY, f"MRN-{CANARY}", "DX"
    dataset.Rows, dataset.Columns = pixels.shape[-2:]
    if pixels.ndim == 3:
        dataset.NumberOfFrames = len(pixels)
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 8 * pixels.itemsize, bits, bits - 1
    dataset.PixelRepresentation = int(pixels.dtype.kind == "i")
    if syntax == "jpeg":
        _encapsulate_jpeg(dataset, pixels)
    else:
        dataset.PixelData = pixels.tobytes()
        dataset["PixelData"].VR = "OB" if pixels.itemsize == 1 else "OW"
    if compressed:
        dataset.compress(UID(SYNTAXES[syntax]), encoding_plugin=PLUGINS[syntax])
    for name, value in tags.items():
        setattr(dataset, name, value)
    path.parent.mkdir(parents=True, exist_ok=True)
    pydicom.dcmwrite(path, dataset, enforce_file_format=True)
    return path


def _encapsulate_jpeg(dataset: Any, pixels: np.ndarray) -> None:
    from io import BytesIO

    from PIL import Image
    from pydicom.encaps import encapsulate

    stream = BytesIO()
    Image.fromarray(pixels).save(stream, "JPEG", quality=95)
    dataset.PixelData = encapsulate([stream.getvalue()])
    dataset["PixelData"].VR = "OB"
