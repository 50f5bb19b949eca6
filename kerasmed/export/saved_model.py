"""SavedModel, as TensorFlow Serving reads it. Runs in the export child, on TensorFlow."""

from pathlib import Path

import numpy as np

from kerasmed.export.parity import Array, Arrays
from kerasmed.export.raw.describe import ASSET
from kerasmed.export.raw.describe import SIGNATURE as RAW_SIGNATURE
from kerasmed.export.serving import same_names
from kerasmed.export.written import Loaded, Origin
from kerasmed.spec import ExampleSpec

SIGNATURE = "serving_default"


def write_saved_model(origin: Origin, folder: Path) -> None:
    """Write the graph to `folder`: saved_model.pb, variables/, fingerprint.pb; with its serving signature if asked."""
    if origin.raw is None:
        origin.model.export(folder, format="tf_saved_model", verbose=False)
        return
    import keras

    from kerasmed import files
    from kerasmed.export.raw.graph import serving_function

    plain = {
        name: keras.InputSpec(shape=(None, *array.shape), dtype="float32", name=name)
        for name, array in origin.spec.inputs.items()
    }
    archive = keras.export.ExportArchive()
    archive.track_and_add_endpoint("serve", origin.model, [plain])
    raw = serving_function(origin.model, origin.spec, origin.raw.calibrations, origin.raw.rate_hz)
    archive.add_endpoint(RAW_SIGNATURE, raw)
    archive.write_out(folder, verbose=False)
    (folder / ASSET).parent.mkdir()
    files.write_json(folder / ASSET, origin.raw.description)


def ask_raw_saved_model(folder: Path, inputs: Arrays) -> dict[str, Array]:
    """What the serving signature of the SavedModel in `folder` answers."""
    import tensorflow as tf

    loaded = tf.saved_model.load(str(folder))
    found = loaded.signatures[RAW_SIGNATURE](**{name: tf.constant(values) for name, values in inputs.items()})
    return {name: np.asarray(values) for name, values in found.items()}


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
