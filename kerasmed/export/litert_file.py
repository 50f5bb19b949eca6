"""`.tflite`, for LiteRT on phones and small boards. Made of the SavedModel, in the child on TensorFlow."""

import tempfile
from pathlib import Path
from typing import Any

from kerasmed.export.parity import Answers, Array
from kerasmed.export.saved_model import SIGNATURE
from kerasmed.export.serving import same_names
from kerasmed.export.written import Loaded, Origin, one_by_one, refusals
from kerasmed.spec import ExampleSpec


def write_litert(origin: Origin, path: Path) -> None:
    """Write the graph with LiteRT's own operators alone, so that every LiteRT runs it.

    The batch axis is free where the converter can, else it is one: a recurrent layer keeps a list of tensors whose
    shape must be known.

    Raises:
        ContractError: The converter cannot write it either way.
    """
    from tensorflow.lite.python.convert_phase import ConverterError

    try:
        content = _convert(origin.written["saved_model"])
    except ConverterError:
        with tempfile.TemporaryDirectory() as scratch, refusals("tf.lite", ConverterError):
            content = _convert(_of_one_example(origin, Path(scratch) / "saved_model"))
    path.write_bytes(content)


def load_litert(path: Path, spec: ExampleSpec) -> Loaded:
    """The graph in `path`; where it takes one example at a time, its answers are gathered one by one.

    Raises:
        ContractError: LiteRT cannot load it, or it does not have the names of the spec.
    """
    from ai_edge_litert.interpreter import Interpreter

    with refusals(path.name, RuntimeError, ValueError):
        interpreter = Interpreter(model_path=str(path))
        runner = interpreter.get_signature_runner(SIGNATURE)
    names = interpreter.get_signature_list()[SIGNATURE]
    same_names(f"{path.name}: inputs", names["inputs"], spec.inputs)
    same_names(f"{path.name}: outputs", names["outputs"], spec.targets)
    sizes = {int(details["shape_signature"][0]) for details in runner.get_input_details().values()}
    batch = None if sizes == {-1} else max(sizes)
    answers = _answers(interpreter, runner)
    if batch is not None:
        answers = one_by_one(answers, spec.targets)
    return Loaded(answers, tuple(names["inputs"]), tuple(names["outputs"]), batch)


def _answers(interpreter: Any, runner: Any) -> Answers:
    def answers(inputs: dict[str, Array]) -> dict[str, Array]:
        assert interpreter is not None  # the runner borrows its memory
        with refusals("LiteRT", RuntimeError, ValueError):
            found: dict[str, Array] = runner(**inputs)
        return found

    return answers


def _convert(saved_model: Path) -> bytes:
    import tensorflow as tf

    converter = tf.lite.TFLiteConverter.from_saved_model(str(saved_model), signature_keys=[SIGNATURE])
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
    content: bytes = converter.convert()
    return content


def _of_one_example(origin: Origin, folder: Path) -> Path:
    import keras

    signature = {
        name: keras.InputSpec(shape=(1, *array.shape), dtype="float32", name=name)
        for name, array in origin.spec.inputs.items()
    }
    origin.model.export(folder, format="tf_saved_model", verbose=False, input_signature=[signature])
    return folder
