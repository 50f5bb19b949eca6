"""SavedModel, as TensorFlow Serving reads it. Runs in the export child, on TensorFlow."""

from pathlib import Path

import numpy as np

from kerasmed.export.parity import Array
from kerasmed.export.serving import same_names
from kerasmed.export.written import Loaded, Origin
from kerasmed.spec import ExampleSpec

SIGNATURE = "serving_default"


def write_saved_model(origin: Origin, folder: Path) -> None:
    """Write the graph to `folder`: saved_model.pb, variables/, fingerprint.pb."""
    origin.model.export(folder, format="tf_saved_model", verbose=False)


def load_saved_model(folder: Path, spec: ExampleSpec) -> Loaded:
    """The SavedModel in `folder`.

    Raises:
        ContractError: Its signature does not have the names of the spec.
    """
    import tensorflow as tf

    loaded = tf.saved_model.load(str(folder))
    serve = loaded.signatures[SIGNATURE]
    inputs, outputs = tuple(serve.structured_input_signature[1]), tuple(serve.structured_outputs)
    same_names("SavedModel: inputs", inputs, spec.inputs)
    same_names("SavedModel: outputs", outputs, spec.targets)

    def answers(batch: dict[str, Array]) -> dict[str, Array]:
        assert loaded is not None  # the signature holds its variables by weak reference only
        found = serve(**{name: tf.constant(values) for name, values in batch.items()})
        return {name: np.asarray(values) for name, values in found.items()}

    return Loaded(answers, inputs, outputs)
