"""kerasmed label-curve: the same run with few labels and with more, from scratch and from a pretrained encoder."""

import json
import logging
from collections.abc import Sequence
from pathlib import Path

from kerasmed import files
from kerasmed.config.load import resolved_yaml
from kerasmed.config.network import EncoderConfig
from kerasmed.config.run import RunConfig
from kerasmed.data.prepared import Progress
from kerasmed.errors import ConfigError
from kerasmed.evaluation.label_curve import Point, write_label_curve
from kerasmed.evaluation.report import Report
from kerasmed.workflows.places import Places
from kerasmed.workflows.run_folder import claimed, read_tree
from kerasmed.workflows.train import train

log = logging.getLogger(__name__)
CURVE = "curve.json"
SCRATCH, PRETRAINED = "from scratch", "pretrained"


def arms_of(config: RunConfig, pretrained: Path | None) -> dict[str, RunConfig]:
    """What is compared: the run as it is, and where `pretrained` is given, the run that starts from it.

    Raises:
        ConfigError: A network that has no encoder to start.
    """
    if pretrained is None:
        return {PRETRAINED if getattr(config.model, "weights", None) else SCRATCH: config}
    if not isinstance(config.model, EncoderConfig):
        raise ConfigError(f"{config.model.kind} cannot start from an encoder; leave --pretrained out.")
    models = {SCRATCH: None, PRETRAINED: str(pretrained)}
    return {
        arm: config.model_copy(update={"model": config.model.model_copy(update={"weights": weights})})
        for arm, weights in models.items()
    }


def label_curve(
    arms: dict[str, RunConfig], rates: Sequence[float], metric: str, places: Places, folder: Path,
    progress: Progress | None = None,
) -> list[Point]:  # fmt: skip
    """Train every arm at every rate, each a run of its own; the backend must have been chosen.

    Points that `folder` already holds are not trained again, so that a curve that was cut short goes on.

    Args:
        arms: Name to run.
        rates: Shares of the training patients.
        metric: That the picture shows.
        places: Where data and runs lie.
        folder: Receives curve.json, curve.csv and curve.png.
        progress: Called with (records done, records in all).

    Raises:
        ConfigError: `folder` holds a curve of other settings, or the report has no such metric.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with claimed(folder):
        settings = files.digest({arm: resolved_yaml(config) for arm, config in arms.items()})
        points = _known(folder, settings)
        for rate in rates:
            for arm, config in arms.items():
                if not any((point.arm, point.rate) == (arm, rate) for point in points):
                    points.append(_point(arm, rate, config, places, progress))
                    _require(metric, points[-1])
                    tree = {"settings": settings, "points": [point.to_json() for point in points]}
                    files.write_json(folder / CURVE, tree)
        points.sort(key=lambda point: (list(arms).index(point.arm), point.rate))
        write_label_curve(points, metric, folder)
    return points


def _known(folder: Path, settings: str) -> list[Point]:
    path = folder / CURVE
    if not path.is_file():
        return []
    tree = read_tree(path)
    if tree.get("settings") != settings:
        raise ConfigError(f"{folder} holds a curve of other settings; give this one another name=.")
    return [Point(**point) for point in tree["points"]]


def _point(arm: str, rate: float, config: RunConfig, places: Places, progress: Progress | None) -> Point:
    import keras

    keras.utils.clear_session()
    log.info("%s, %g %% of the labels", arm, 100 * rate)
    dataset = config.dataset.model_copy(update={"label_rate": rate if rate < 1 else None})
    folder, report = train(config.model_copy(update={"dataset": dataset}), places, progress, {"label_curve": arm})
    assert isinstance(report, Report)
    part = json.loads((folder / "split.json").read_text())["train"]
    return Point(arm, rate, part["patients"], part["examples"], folder.name, report.to_json()["metrics"])


def _require(metric: str, point: Point) -> None:
    if metric not in point.metrics:
        raise ConfigError(f"no metric {metric!r} in the reports of this run; there are {', '.join(point.metrics)}.")
