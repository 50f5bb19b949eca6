"""kerasmed explain: a run and a file -> what its model answers, and a picture of where it found that."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from kerasmed.data.records import Array
from kerasmed.errors import ConfigError, unknown
from kerasmed.evaluation.judged import answers

KINDS = ("images", "records", "volumes")
MOST = 24  # examples of one picture of ours


@dataclass(frozen=True)
class Explanation:
    """What a model looked at.

    Attributes:
        text: The prediction in words.
        summary: The prediction as a JSON tree.
        explained: For each example its name and the class that is explained.
        path: Of the picture.
    """

    text: str
    summary: dict[str, Any]
    explained: tuple[tuple[str, str], ...]
    path: Path


def explain_file(folder: Path, path: Path, out: Path, of: str | None = None) -> Explanation:
    """Predict `path` by the run in `folder` and draw the Grad-CAM of its answers.

    Args:
        folder: A run of pictures, of whole records or of volumes.
        path: A picture, a record, a volume, or a folder of such.
        out: Folder for `<name>_grad_cam.png`.
        of: Class to explain; the answer where it is None, of several labels the one with the highest score.

    Raises:
        ConfigError: `folder` is no run, its model reads something else, or knows no class of that name.
        ContractError: Its network has no map to show.
        DataError: The file is not what the model reads.
    """
    from kerasmed.evaluation.explained import Case, show_cases
    from kerasmed.inference.predictor import Predictor
    from kerasmed.inference.routes import Wishes, route_of
    from kerasmed.workflows.predict import open_run_model

    predictor, model, config = open_run_model(folder)
    # Only now, since it loads keras, whose backend the run has just chosen.
    from kerasmed.models.grad_cam import grad_cam, main_input

    kind, spec = predictor.spec.recipe.get("kind"), predictor.spec
    if kind not in KINDS:
        raise ConfigError(
            f"{folder}: explains models of pictures, of whole records and of volumes; this one reads {kind}."
        )
    seen: list[dict[str, Array]] = []

    def scores(inputs: dict[str, Array]) -> Any:
        seen.append(inputs)
        return predictor.scores(inputs)

    route, watching = route_of(predictor), Predictor(spec, scores, predictor.version, predictor.calibrations)
    (prediction,) = route.predict(watching, path, Wishes()).found
    inputs = {name: np.concatenate([each[name] for each in seen])[:MOST] for name in spec.inputs}
    classes = _explained(prediction, of)[:MOST]
    maps = grad_cam(model, spec, inputs, classes, config.crops)
    named = tuple(
        (name, prediction.target.classes[place])
        for name, place in zip(prediction.names[:MOST], classes.tolist(), strict=True)
    )
    values = inputs[main_input(spec)]
    cases = [
        Case(f"{name}\n{label} ({100 * prediction.scores[row, place]:.0f} %)", values[row], maps[row])
        for row, ((name, label), place) in enumerate(zip(named, classes, strict=True))
    ]
    picture = out / f"{prediction.name}_grad_cam.png"
    show_cases(cases, spec.inputs[main_input(spec)], picture, f"Grad-CAM of {folder.name}")
    return Explanation(route.text(prediction), route.summarize(prediction), named, picture)


def _explained(prediction: Any, of: str | None) -> Array:
    """int64 (n,), the class to explain of each example."""
    target = prediction.target
    if of is not None:
        if of not in target.classes:
            raise unknown("class", of, target.classes)
        return np.full(len(prediction.scores), target.classes.index(of))
    if target.task == "multi_label":
        return np.asarray(prediction.scores.argmax(axis=1))
    deciding = prediction.calibration.deciding if prediction.calibration else None
    return answers(prediction.scores, target, deciding)
