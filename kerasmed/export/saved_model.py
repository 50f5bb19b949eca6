"""SavedModel, as TensorFlow Serving reads it. Runs in the export child, on TensorFlow."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from kerasmed.export.parity import Answers, Array
from kerasmed.export.serving import same_names
from kerasmed.spec import ExampleSpec

if TYPE_CHECKING:
    import keras

SIGNATURE = "serving_default"


def write_saved_model(model: "keras.Model", folder: Path) -> None:
    """Write the graph of `model` to `folder`: saved_model.pb, variables/, fingerprint.pb."""
    model.export(folder, format="tf_saved_model", verbose=False)


def saved_model_answers(folder: Path, spec: ExampleSpec) -> Answers:
    """A function that runs the SavedModel in `folder`.

    Raises:
        ContractError: Its signature does not have the names of the spec.
    """
    import tensorflow as tf

    loaded = tf.saved_model.load(str(folder))
    serve = loaded.signatures[SIGNATURE]
    same_names("SavedModel: inputs", serve.structured_input_signature[1], spec.inputs)
    same_names("SavedModel: outputs", serve.structured_outputs, spec.targets)

    def answers(inputs: dict[str, Array]) -> dict[str, Array]:
        assert loaded is not None  # the signature holds its variables by weak reference only
        found = serve(**{name: tf.constant(values) for name, values in inputs.items()})
        return {name: np.asarray(values) for name, values in found.items()}

    return answers
