"""Start a network from the encoder of another one: a pretrained one, or that of a finished training."""

from pathlib import Path
from typing import TYPE_CHECKING

from kerasmed.errors import OtherModelError
from kerasmed.training.checkpoint import WEIGHTS, load_arrays, verify_checkpoint

if TYPE_CHECKING:
    import keras

ENCODER = "encoder"  # what the paths of an encoder's variables begin with: models/encoder.py


def start_encoder(model: "keras.Model", checkpoint: Path) -> int:
    """Give the encoder of `model` the weights of the one in `checkpoint`; everything else stays as it is.

    Args:
        model: A network with an encoder.
        checkpoint: Folder of the weights of an epoch.

    Returns:
        How many variables were set.

    Raises:
        DataError: The checkpoint is damaged.
        OtherModelError: Its encoder is another one.
    """
    state = verify_checkpoint(checkpoint)
    stored = dict(zip(state["paths"], load_arrays(checkpoint, WEIGHTS), strict=True))
    wanted = [weight for weight in model.weights if weight.path.startswith(ENCODER)]
    for weight in wanted:
        found = stored[weight.path].shape if weight.path in stored else None
        if found != tuple(weight.shape):
            there = "is missing" if found is None else f"is {found}"
            raise OtherModelError(
                str(checkpoint.parents[1]),
                f"has another encoder: {weight.path} {there} there and is {tuple(weight.shape)} here.",
                "Kind and size of the network must be equal; for signals patches, leads, rate and length, too.",
            )
    for weight in wanted:
        weight.assign(stored[weight.path])
    return len(wanted)
