"""kerasmed predict: a run, a saved model or an .onnx file, and files -> predictions."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from kerasmed.config.run import RunConfig
from kerasmed.data.records import Array
from kerasmed.errors import ConfigError
from kerasmed.export.confine import Limits
from kerasmed.inference.predictor import Predictor, open_predictor

if TYPE_CHECKING:
    import keras


def open_model(
    path: Path,
    *,
    time_limit_s: float = Limits.seconds,
    memory_limit_bytes: int = Limits.memory_bytes,
) -> Predictor:
    """The model at `path`: a run folder, a saved model folder or an `.onnx` file.

    Args:
        path: Where it lies.
        time_limit_s: What a saved model or an `.onnx` file is given to open, and again for each answer.
        memory_limit_bytes: Address space that it is given. A run folder is one's own, and has no limits.

    Raises:
        ConfigError: There is nothing at `path`.
        ContractError: There is no model of kerasmed, or it is damaged.
    """
    if not path.exists():
        raise ConfigError(f"{path} does not exist; name a run folder, a saved model folder or an .onnx file.")
    if (path / "checkpoints").is_dir():
        return open_run_model(path)[0]
    return open_predictor(path, limits=Limits(memory_bytes=memory_limit_bytes, seconds=time_limit_s))


def open_run_model(folder: Path) -> "tuple[Predictor, keras.Model, RunConfig]":
    """The model of a run as one that answers, and itself.

    Raises:
        ConfigError: `folder` is no run, or one without a model of its own.
    """
    from kerasmed.runtime import use_backend
    from kerasmed.workflows.run_folder import load_run_model, open_run
    from kerasmed.workflows.thresholds import open_calibrations

    use_backend(open_run(folder)[0].backend)
    from kerasmed.evaluation.scaling import probabilities

    model, config, spec = load_run_model(folder)
    calibrations = open_calibrations(folder, spec)

    def scores(inputs: dict[str, Array]) -> Mapping[str, Array]:
        logits = {name: np.asarray(values) for name, values in model.predict(inputs, verbose=0).items()}
        scaled = {name: calibration.scaled(logits[name]) for name, calibration in calibrations.items()}
        return {name: probabilities(scaled.get(name, logits[name]), spec.targets[name]) for name in spec.targets}

    return Predictor(spec, scores, folder.name, calibrations), model, config
