"""What a new training starts from, where its settings name the run of an encoder (model.weights)."""

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kerasmed.config.run import RunConfig
from kerasmed.errors import ConfigError, LeakageError
from kerasmed.workflows.prepare import Material
from kerasmed.workflows.run_folder import read_manifest, read_tree, update_manifest

if TYPE_CHECKING:
    import keras

log = logging.getLogger(__name__)
MAX_NAMED = 5


def start_from_weights(model: "keras.Model", config: RunConfig, material: Material, folder: Path) -> None:
    """Give `model` the encoder that `model.weights` names; a training that goes on has its own already.

    Raises:
        ConfigError: It is no run, or has no weights.
        LeakageError: It was fitted on records of the same data that judge this run.
        OtherModelError: Its encoder is another one.
    """
    from kerasmed.training.checkpoint import epoch_folder, newest_epoch, newest_step
    from kerasmed.training.starting import start_encoder

    named: str | None = getattr(config.model, "weights", None)
    if named is None or newest_step(folder / "checkpoints") is not None:
        return
    source = Path(named).expanduser()
    manifest = read_manifest(source)
    _refuse_leakage(source, manifest, material)
    epoch = manifest.get("kept_epoch") or newest_epoch(source / "checkpoints")
    if not epoch:
        raise ConfigError(f"model.weights: {source} has not finished an epoch yet.")
    count = start_encoder(model, epoch_folder(source / "checkpoints", epoch))
    log.info("%d variables of the encoder start from %s, epoch %d", count, source.name, epoch)
    update_manifest(folder, started_from={"run": source.name, "epoch": epoch, "sha256": manifest.get("weights_sha256")})


def _refuse_leakage(source: Path, manifest: dict[str, Any], material: Material) -> None:
    """Records whose signals an encoder has learned are no longer new to it, with labels or without."""
    if manifest.get("data", {}).get("fingerprint") != material.prepared.fingerprint:
        return
    before = read_tree(source / "split.json")
    learned = {*before["train"]["records"], *before["validation"]["records"]}
    shared = sorted(learned & {*material.facts["test"]["records"]})
    if material.dataset.protocol.judged_on == "test" and shared:
        raise LeakageError(
            f"model.weights: {source.name} was fitted on {', '.join(shared[:MAX_NAMED])}, which judge this run; "
            "use the seed and the split of that run, or another one."
        )
