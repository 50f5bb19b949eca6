"""kerasmed predict: a run, a saved model or an .onnx file, and files -> predictions."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from kerasmed.data.records import Array
from kerasmed.errors import ConfigError
from kerasmed.inference.predictor import Predictor, open_predictor


def open_model(path: Path) -> Predictor:
    """The model at `path`: a run folder, a saved model folder or an `.onnx` file.

    Raises:
        ConfigError: There is nothing at `path`.
        ContractError: There is no model of kerasmed, or it is damaged.
    """
    if not path.exists():
        raise ConfigError(f"{path} does not exist; name a run folder, a saved model folder or an .onnx file.")
    return _open_run(path) if (path / "checkpoints").is_dir() else open_predictor(path)


def _open_run(folder: Path) -> Predictor:
    from kerasmed.runtime import use_backend
    from kerasmed.workflows.run_folder import load_run_model, open_run

    use_backend(open_run(folder)[0].backend)
    from kerasmed.workflows.judge import probabilities

    model, _, spec = load_run_model(folder)

    def scores(inputs: dict[str, Array]) -> Mapping[str, Array]:
        logits = model.predict(inputs, verbose=0)
        return {name: probabilities(np.asarray(logits[name]), target) for name, target in spec.targets.items()}

    return Predictor(spec, scores, folder.name)
