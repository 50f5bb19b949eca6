"""The contract between data and model: what an example is made of, and what is asked of it."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

Task = Literal["single_label", "multi_label", "masked_patches", "mask", "angle", "row_place"]
PICTURE_AXES = 3  # of one picture
# Tasks whose answers are classes of the whole example; the others are answered pixel by pixel, or by a number.
CLASS_TASKS: tuple[Task, ...] = ("single_label", "multi_label")


@dataclass(frozen=True)
class ArraySpec:
    """One input array of an example, without the batch axis.

    Attributes:
        shape: Axes of one example, channels last; None where the length is free.
        dtype: Type as stored in a prepared set ("int16", "uint8", "float16", ...).
        scale: Physical value of one stored step: `physical = stored * scale`.
        unit: Physical unit after scaling ("mV", "s", "1").
        rate_hz: Sampling rate of the first axis, for signals.
        channels: Names along the last axis (leads of an ECG, channels of an image, names of features).
    """

    shape: tuple[int | None, ...]
    dtype: str
    scale: float = 1.0
    unit: str = "1"
    rate_hz: float | None = None
    channels: tuple[str, ...] = ()


@dataclass(frozen=True)
class TargetSpec:
    """One answer asked of an example: a class (single_label), a set of classes (multi_label), or one of these.

    masked_patches: what was hidden of it, the task of a pretraining alone; it has no classes, and no dataset names it.
    mask: of each pixel of a picture whether it belongs to each of `classes`; targets uint8 (height, width, classes),
    255 for a pixel that wholly does.
    angle: a turn in degrees, counter-clockwise as seen; targets float32 (1,).
    row_place: of each column of a picture the row in which one line runs; targets float32 (width,), NaN where it is
    not there, answers (height, width): the chance of each row of a column.
    """

    task: Task
    classes: tuple[str, ...]

    def answer_shape(self, picture: tuple[Any, ...] = ()) -> tuple[Any, ...]:
        """Axes of one answer; `picture` is the shape of what it is asked of, which masks and places have too."""
        if self.task == "mask":
            return (*picture[:2], len(self.classes))
        return tuple(picture[:2]) if self.task == "row_place" else (len(self.classes),)


@dataclass(frozen=True)
class SignalContract:
    """What a recording of the heart must be like before examples are made of it, in training and at prediction.

    The limits are wide: each of the 332 records that they were tried on (MIT-BIH, PTB-XL, CPSC2018, Icentia11k) keeps
    them all (docs/contract.md). `data/quality.py` measures and says which one is broken.

    Attributes:
        leads: Names, in the order in which a model reads them.
        unit: Of samples without a header that names one.
        rate_hz: Sampling rate of samples without a header that names one: that of most recordings that a model is
            trained on; None where it is not known.
        shortest_s: Least duration.
        max_missing_rate: Share of the samples of a lead that may be missing.
        max_flat_rate: Share of a lead's time that may stand still for a second or longer.
        max_clipped_rate: Share of a lead's samples that may rest at its highest or lowest value.
        range_mv: What a lead may swing by within two seconds: more is microvolts or converter steps, less is volts.
        frequency_hz: Mean frequency of its waves; beyond are noise and a sampling rate that is not the true one.
        max_conflict: How far limb leads may be from Einthoven's and Goldberger's equations, in parts of lead II;
            swapped or misnamed leads are off by about 1.
    """

    leads: tuple[str, ...]
    unit: str = "mV"
    rate_hz: float | None = None
    shortest_s: float = 5.0
    max_missing_rate: float = 0.05
    max_flat_rate: float = 0.2
    max_clipped_rate: float = 0.05
    range_mv: tuple[float, float] = (0.02, 20.0)
    frequency_hz: tuple[float, float] = (3.0, 18.0)
    max_conflict: float = 0.25


@dataclass(frozen=True)
class ImageContract:
    """What a radiograph must be like before an example is made of it, in training and at prediction.

    The limits are wide: each of 5,500 pictures (chest, hand, leg, hip, shoulder; 28 to 2,000 pixels) keeps far from all
    of them. `data/image_quality.py` measures and says which one is broken.

    Attributes:
        photometric: Which end of the values is dense; pictures of the other kind (MONOCHROME1) are turned over.
        bits: Of an example's pixels.
        smallest_px: Least width and height of a picture.
        max_aspect: Longer side over shorter side.
        min_contrast: Distance of the 1st and 99th percentile of the pixels, as a share of the whole range.
        min_levels: Different values among the pixels.
        max_black_rate: Share of pixels at the least value.
        max_white_rate: Share of pixels at the largest value.
        max_roughness: Mean step from pixel to pixel in parts of the contrast; noise has more, and values that ran over.
    """

    photometric: Literal["MONOCHROME2"] = "MONOCHROME2"
    bits: int = 8
    smallest_px: int = 16
    max_aspect: float = 4.0
    min_contrast: float = 0.05
    min_levels: int = 16
    max_black_rate: float = 0.95
    max_white_rate: float = 0.9
    max_roughness: float = 0.25


@dataclass(frozen=True)
class ExampleSpec:
    """What a model sees of a record and what it must answer.

    Attributes:
        inputs: Name to array.
        targets: Name to answer; one model output of the same name each.
        recipe: The settings by which `examples.py` makes an example of a record, so that prediction repeats them.
        contract: What a recording must be like; None where examples are not made of recordings.
        image_contract: What a picture must be like; None where examples are not made of pictures.
    """

    inputs: Mapping[str, ArraySpec]
    targets: Mapping[str, TargetSpec]
    recipe: Mapping[str, Any] = field(default_factory=dict)
    contract: SignalContract | None = None
    image_contract: ImageContract | None = None

    @property
    def settings(self) -> dict[str, Any]:
        """The recipe without its kind: what the settings class of that kind of examples is made of."""
        return {name: value for name, value in self.recipe.items() if name != "kind"}

    @property
    def picture(self) -> str | None:
        """Name of the first picture that is read, whose size masks have; None where none is."""
        return next((name for name, array in self.inputs.items() if len(array.shape) == PICTURE_AXES), None)

    @property
    def asks_for_maps(self) -> bool:
        """Whether a picture is answered by maps of its own size, and not by classes."""
        return any(target.task == "mask" for target in self.targets.values())

    @property
    def target(self) -> TargetSpec:
        """The only target, of a model with one."""
        (only,) = self.targets.values()
        return only

    def to_json(self) -> dict[str, Any]:
        """A JSON tree that `from_json` turns back into an equal spec."""
        tree = asdict(self)
        if self.image_contract is None:
            del tree["image_contract"]  # so that specs without pictures stay as they were written before there were any
        return tree

    @classmethod
    def from_json(cls, tree: Mapping[str, Any]) -> "ExampleSpec":
        """The spec that `to_json` wrote."""
        return cls(
            inputs={name: _array(fields) for name, fields in tree["inputs"].items()},
            targets={name: _target(fields) for name, fields in tree["targets"].items()},
            recipe=tree["recipe"],
            contract=_contract(tree.get("contract")),
            image_contract=ImageContract(**tree["image_contract"]) if tree.get("image_contract") else None,
        )


def _array(fields: Mapping[str, Any]) -> ArraySpec:
    return ArraySpec(**{**fields, "shape": tuple(fields["shape"]), "channels": tuple(fields["channels"])})


def _target(fields: Mapping[str, Any]) -> TargetSpec:
    return TargetSpec(task=fields["task"], classes=tuple(fields["classes"]))


def _contract(fields: Mapping[str, Any] | None) -> SignalContract | None:
    if fields is None:  # also of specs that were written before there were contracts
        return None
    pairs = {name: tuple(value) for name, value in fields.items() if isinstance(value, list | tuple)}
    return SignalContract(**{**fields, **pairs})
