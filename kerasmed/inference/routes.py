"""Which way leads from a file to a prediction: the recipe of the model decides, here and nowhere else."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kerasmed.errors import ConfigError
from kerasmed.inference.predictor import Predictor


@dataclass(frozen=True)
class Wishes:
    """What a caller may ask of a prediction.

    Attributes:
        annotator: Extension of annotation files that hold R peaks; None to detect in any case.
        leads: Leads to read in place of the model's.
        left: Whether volumes that do not say their side are of the left one; None: not known.
    """

    annotator: str | None = "atr"
    leads: tuple[str, ...] = ()
    left: bool | None = None


@dataclass(frozen=True)
class Outcome:
    """Predictions of one path: those that succeeded, and the reason by name of those that did not."""

    found: tuple[Any, ...]
    failed: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Route:
    """One kind of examples.

    Attributes:
        predict: A path to its predictions; raises `DataError` or `ContractError`.
        summarize: A prediction as a JSON tree.
        text: A prediction for a person.
        write: Files of a prediction in a folder; their paths.
        name: What a path that could not be predicted may be called.
    """

    predict: Callable[[Predictor, Path, Wishes], Outcome]
    summarize: Callable[[Any], dict[str, Any]]
    text: Callable[[Any], str]
    write: Callable[[Any, Path], list[str]]
    name: Callable[[Path], str] = str


def route_of(predictor: Predictor) -> Route:
    """The way of a model's kind of examples; beats are the one for models of arrays that others cut, too."""
    kind = str(predictor.spec.recipe.get("kind", "beats"))
    return ROUTES.get(kind, _beats)()


def _refuse(wishes: Wishes, read: str, *, leads: bool, side: bool = True) -> None:
    """Raise `ConfigError` where a wish means nothing to a model that reads `read`."""
    if leads and wishes.leads:
        raise ConfigError(f"--lead is for models of signals; this one reads {read}.")
    if side and wishes.left is not None:
        raise ConfigError(f"--side is for models of volumes; this one reads {read}.")


def _beats() -> Route:
    from kerasmed.inference import beats, outputs, summary

    def predict(predictor: Predictor, path: Path, wishes: Wishes) -> Outcome:
        _refuse(wishes, "beats", leads=False)
        predicted = beats.predict_path(predictor, path, annotator=wishes.annotator, leads=wishes.leads)
        return Outcome(predicted.found, predicted.failed)

    def write(prediction: beats.BeatPrediction, out: Path) -> list[str]:
        table = out / f"{prediction.name}.csv"
        outputs.write_csv(prediction, table)
        marks = [outputs.write_annotations(prediction, out)] if prediction.samples is not None else []
        return [str(table), *map(str, marks)]

    return Route(predict, summary.summarize, summary.summary_text, write)


def _images() -> Route:
    from kerasmed.inference import images

    def predict(predictor: Predictor, path: Path, wishes: Wishes) -> Outcome:
        _refuse(wishes, "pictures", leads=True)
        predicted = images.predict_images(predictor, path)
        return Outcome((predicted,), predicted.failed)

    return Route(predict, images.summarize, images.summary_text, images.write_images, images.told_name)


def _volumes() -> Route:
    from kerasmed.inference import images, volumes

    def predict(predictor: Predictor, path: Path, wishes: Wishes) -> Outcome:
        _refuse(wishes, "volumes", leads=True, side=False)
        predicted = volumes.predict_volumes(predictor, path, wishes.left)
        return Outcome((predicted,), predicted.failed)

    return Route(predict, images.summarize, images.summary_text, images.write_images, volumes.told_path)


def _records() -> Route:
    from kerasmed.inference import whole_records

    def predict(predictor: Predictor, path: Path, wishes: Wishes) -> Outcome:
        _refuse(wishes, "whole records", leads=False)
        predicted = whole_records.predict_records(predictor, path, wishes.leads)
        return Outcome((predicted,), predicted.failed)

    return Route(predict, whole_records.summarize, whole_records.summary_text, whole_records.write_records)


def _page_crops() -> Route:
    raise ConfigError(
        "this model reads pages of ECG paper; kerasmed digitize PAGE --model MODEL makes signals of them."
    )


# Kind of a recipe to its way; imports wait for the way that is taken.
ROUTES: dict[str, Callable[[], Route]] = {
    "beats": _beats,
    "images": _images,
    "volumes": _volumes,
    "records": _records,
    "page_crops": _page_crops,
}
