"""Whether a picture is one that a model of radiographs may answer for: size, contrast, values, noise."""

import numpy as np

from kerasmed.config.dataset import ImageExamples
from kerasmed.data.records import Array, ImageRecord
from kerasmed.errors import DataError
from kerasmed.spec import ImageContract

# A picture may be enlarged so many times on its way to an example.
MAX_ENLARGED = 4


def image_contract(settings: ImageExamples) -> ImageContract:
    """The contract of a model of such examples."""
    smallest = max(8, min(settings.height, settings.width) // MAX_ENLARGED)
    return ImageContract(bits=settings.bits, smallest_px=smallest)


def check_image(record: ImageRecord, contract: ImageContract) -> None:
    """Refuse a picture that breaks the contract.

    Raises:
        DataError: Names every limit that is broken, with what was found and what is wanted.
    """
    faults = image_faults(record, contract)
    if faults:
        raise DataError(record.record_id, f"is not what the model reads: {'; '.join(faults)}.")


def image_faults(record: ImageRecord, contract: ImageContract) -> list[str]:
    """Every limit of the contract that a picture breaks."""
    width, height = record.size
    largest = 2**record.bits - 1
    shares = record.pixels.astype(np.float32) / np.float32(largest)
    low, high = np.quantile(shares, (0.01, 0.99)).tolist()
    aspect = max(width, height) / min(width, height)
    levels = len(np.unique(record.pixels))
    black, white = float((record.pixels == 0).mean()), float((record.pixels == largest).mean())
    rough = _roughness(shares) / max(high - low, 1 / 255)
    found = {
        f"{width} x {height} pixels, at least {contract.smallest_px} are wanted": min(width, height)
        < contract.smallest_px,
        f"one side is {aspect:.1f} times the other, at most {contract.max_aspect:g}": aspect > contract.max_aspect,
        f"contrast {high - low:.3f} of the range, at least {contract.min_contrast:g}": high - low
        < contract.min_contrast,
        f"{levels} different values, at least {contract.min_levels}": levels < contract.min_levels,
        f"{100 * black:.0f} % black, at most {100 * contract.max_black_rate:g} %": black > contract.max_black_rate,
        f"{100 * white:.0f} % white, at most {100 * contract.max_white_rate:g} %": white > contract.max_white_rate,
        f"noise or values that ran over (steps of {rough:.2f}, at most {contract.max_roughness:g})": rough
        > contract.max_roughness,
    }
    return [fault for fault, broken in found.items() if broken]


def _roughness(shares: Array) -> float:
    """Mean step between neighbours, across and down."""
    return float(np.mean([np.abs(np.diff(shares, axis=axis)).mean() for axis in (0, 1)]))
