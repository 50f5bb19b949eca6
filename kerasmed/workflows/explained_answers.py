"""What the model of a run looked at in its worst and best answers -> grad_cam pictures of its report."""

import logging
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from kerasmed.config.run import RunConfig
from kerasmed.errors import ContractError
from kerasmed.evaluation.judged import Judged, describe_rows, worst_rows
from kerasmed.workflows.prepare import Material

if TYPE_CHECKING:
    import keras

log = logging.getLogger(__name__)


def explain_answers(
    model: "keras.Model", judged: Judged, material: Material, config: RunConfig, folder: Path
) -> dict[str, Path]:
    """Title to PNG of the worst and of the best answers with their Grad-CAM; none where the network has no such map.

    Args:
        model: From physical values of whole examples to logits.
        judged: What it answered.
        material: Where the examples lie.
        config: Of the run.
        folder: For the pictures.
    """
    from kerasmed.evaluation.explained import Case, case_title, cases_to_explain, show_cases
    from kerasmed.models.grad_cam import grad_cam, main_input

    spec, index, arrays = material.prepared.spec, material.prepared.index, material.prepared.arrays
    if not config.evaluation.explained or all(len(array.shape) < 2 for array in spec.inputs.values()):
        return {}
    rows, classes = cases_to_explain(judged, config.evaluation.explained)
    places = [int(np.flatnonzero(index["id"] == name)[0]) for name in judged.ids[rows]]
    inputs = {
        name: arrays[name][places].astype(np.float32) * np.float32(array.scale) for name, array in spec.inputs.items()
    }
    try:
        maps = grad_cam(model, spec, inputs, classes, config.crops)
    except ContractError as error:
        log.info("the report shows no Grad-CAM: %s", error)
        return {}
    names, told = judged.target.classes, describe_rows(judged, rows.tolist())
    values = inputs[main_input(spec)]
    cases = [
        Case(case_title(row, names[shown]), values[place], maps[place])
        for place, (row, shown) in enumerate(zip(told, classes, strict=True))
    ]
    num_worst = len(worst_rows(judged, config.evaluation.explained))
    parts = {"worst": cases[:num_worst], "best": cases[num_worst:]}
    pictures = {}
    for which, chosen in parts.items():
        if chosen:
            path = folder / f"grad_cam_{which}.png"
            heading = f"Grad-CAM of the {which} answers"
            show_cases(chosen, spec.inputs[main_input(spec)], path, heading)
            pictures[heading] = path
    return pictures
