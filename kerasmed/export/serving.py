"""The serving graph: the trained network in float32, with the scores a user wants in place of logits."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from kerasmed.calibration import Calibration, Calibrations
from kerasmed.errors import ContractError
from kerasmed.spec import ExampleSpec, TargetSpec, Task

if TYPE_CHECKING:
    import keras

# Task to the function that turns its logits into scores between 0 and 1; an angle stays what it is, in degrees.
ACTIVATIONS: dict[Task, str] = {
    "single_label": "softmax",
    "multi_label": "sigmoid",
    "mask": "sigmoid",
    "angle": "linear",
    "row_place": "softmax over rows",
}


def serving_model(model: "keras.Model", spec: ExampleSpec, calibrations: Calibrations | None = None) -> "keras.Model":
    """`model` with float32 arithmetic, inputs by the names of the spec, and scores by the names of its targets.

    Args:
        model: Functional model from physical float32 inputs to logits; its weights are shared or copied, not changed.
        spec: What it reads and answers.
        calibrations: By target, where there are any: their scaling goes between the logits and the scores.

    Returns:
        A model of a dict of inputs, each (batch, *shape) float32, to a dict of scores, each (batch, num_classes) or, of
        maps, of the size of the picture.

    Raises:
        ContractError: The inputs or outputs of `model` are not those of the spec.
    """
    import keras

    plain = _in_float32(model)
    inputs = _by_name(plain.inputs, plain.input, spec.inputs, "inputs")
    logits = _by_name(plain.outputs, plain.output, spec.targets, "targets")
    for name, array in spec.inputs.items():
        _same_shape(name, tuple(inputs[name].shape[1:]), array.shape)
    picture = spec.inputs[spec.picture].shape if spec.picture else ()
    for name, target in spec.targets.items():
        _same_shape(name, tuple(logits[name].shape[1:]), target.answer_shape(picture))
    for name, calibration in (calibrations or {}).items():
        logits[name] = _scaling(name, calibration)(logits[name])
    scores = {name: _score(name, target)(logits[name]) for name, target in spec.targets.items()}
    return keras.Model(inputs, scores, name=model.name)


def same_names(where: str, found: Iterable[str], wanted: Iterable[str]) -> None:
    """Raise `ContractError` unless both hold the same names, in whatever order."""
    found, wanted = sorted(found), sorted(wanted)
    if found != wanted:
        raise ContractError(f"{where} are {', '.join(found)}; the spec names {', '.join(wanted)}.")


def require_names(model: "keras.Model", spec: ExampleSpec) -> None:
    """Raise `ContractError` unless a serving graph that was read back has the inputs and outputs of `spec`."""
    for what, found, wanted in (("inputs", model.input, spec.inputs), ("outputs", model.output, spec.targets)):
        if not isinstance(found, dict):
            raise ContractError(f"{what} of the .keras file have no names; the spec names {', '.join(wanted)}.")
        same_names(f"{what} of the .keras file", found, wanted)


def _scaling(name: str, calibration: Calibration) -> Any:
    import keras

    scale, offset = list(calibration.scale), list(calibration.offset)
    return keras.layers.Rescaling(scale, offset, dtype="float32", name=f"{name}_calibrated_logits")


def _score(name: str, target: TargetSpec) -> Any:
    import keras

    if target.task == "row_place":
        return keras.layers.Softmax(axis=1, dtype="float32", name=f"{name}_scores")
    return keras.layers.Activation(ACTIVATIONS[target.task], dtype="float32", name=f"{name}_scores")


def _by_name(tensors: list[Any], structure: Any, names: Iterable[str], what: str) -> dict[str, Any]:
    if isinstance(structure, dict):
        named = dict(structure)
    elif what == "inputs":
        named = {tensor.name: tensor for tensor in tensors}
    else:  # a model with one answer may return it bare
        named = dict(zip(names, tensors, strict=False))
    same_names(f"the model's {what}", named, names)
    return named


def _same_shape(name: str, found: tuple[int | None, ...], wanted: tuple[int | None, ...]) -> None:
    if found != wanted:
        raise ContractError(f"{name}: the model has shape {found}, the spec {wanted}.")


def _in_float32(model: "keras.Model") -> "keras.Model":
    """The same network and weights without mixed precision; exporters write float32 alone."""
    if all(policy.compute_dtype == "float32" for policy in _policies(model)):
        return model
    twin = type(model).from_config(_without_mixed(model.get_config()))
    twin.set_weights(model.get_weights())
    return twin


def _policies(model: "keras.Model") -> list[Any]:
    return [layer.dtype_policy for layer in model._flatten_layers(include_self=False)]


def _without_mixed(tree: Any) -> Any:
    if isinstance(tree, dict):
        if tree.get("class_name") == "DTypePolicy":
            return {**tree, "config": {"name": "float32"}}
        return {key: _without_mixed(value) for key, value in tree.items()}
    if isinstance(tree, list | tuple):
        return type(tree)(_without_mixed(value) for value in tree)
    return tree
