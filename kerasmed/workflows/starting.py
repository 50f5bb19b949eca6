"""What a new training starts from, where its settings name it: ImageNet, a file, or another run (model.weights)."""

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kerasmed import files, runtime
from kerasmed.config.network import IMAGENET, RUN, EncoderConfig
from kerasmed.config.run import RunConfig
from kerasmed.errors import ConfigError, LeakageError
from kerasmed.workflows.prepare import Material
from kerasmed.workflows.run_folder import read_manifest, read_tree, update_manifest

if TYPE_CHECKING:
    import keras

log = logging.getLogger(__name__)
MAX_NAMED = 5
FILE_SUFFIXES = (".h5", ".keras")
MAX_FILE_BYTES = 2_000_000_000


def start_from_weights(model: "keras.Model", config: RunConfig, material: Material, folder: Path) -> None:
    """Give `model` the encoder that `model.weights` names; a training that goes on has its own already.

    Raises:
        ConfigError: It is no run and no file, or has no weights.
        DataError: The file cannot be downloaded.
        ContractError: The file is damaged or reaches out of itself.
        LeakageError: It was fitted on records of the same data that judge this run.
        OtherModelError: Its encoder is another one.
    """
    from kerasmed.training.checkpoint import newest_step

    if not isinstance(config.model, EncoderConfig):
        return
    named = config.model.weights
    if named is None or newest_step(folder / "checkpoints") is not None:
        return
    source = Path(named).expanduser()
    if named == IMAGENET:
        started = _from_imagenet(model, config.model)
    elif source.suffix in FILE_SUFFIXES:
        started = _from_file(model, source)
    elif named.startswith(RUN):
        raise ConfigError(f"model.weights: {named} names a run; kerasmed train finds it, here write its folder.")
    else:
        started = _from_run(model, source, material)
    update_manifest(folder, started_from=started)


def _from_run(model: "keras.Model", source: Path, material: Material) -> dict[str, Any]:
    from kerasmed.training.checkpoint import epoch_folder, newest_epoch
    from kerasmed.training.starting import start_encoder

    manifest = read_manifest(source)
    _refuse_leakage(source, manifest, material)
    epoch = manifest.get("kept_epoch") or newest_epoch(source / "checkpoints")
    if not epoch:
        raise ConfigError(f"model.weights: {source} has not finished an epoch yet.")
    count = start_encoder(model, epoch_folder(source / "checkpoints", epoch))
    log.info("%d variables of the encoder start from %s, epoch %d", count, source.name, epoch)
    return {"run": source.name, "epoch": epoch, "sha256": manifest.get("weights_sha256")}


def _from_imagenet(model: "keras.Model", config: EncoderConfig) -> dict[str, Any]:
    from kerasmed.training.imagenet_files import imagenet_file

    assert config.imagenet is not None, "the settings refuse it"
    return _from_file(model, imagenet_file(config.imagenet, runtime.cache_root()))


def _from_file(model: "keras.Model", source: Path) -> dict[str, Any]:
    """Weights are numbers; the network that a `.keras` file describes is not built."""
    from kerasmed.export.config_check import read_config
    from kerasmed.export.keras_archive import CONFIG, WEIGHTS, read_archive
    from kerasmed.export.weights_check import require_plain_weights
    from kerasmed.training.weight_files import start_from_file

    if not source.is_file():
        raise ConfigError(f"model.weights: there is no file {source}.")
    layers = None
    if source.suffix == ".keras":
        members = read_archive(source, MAX_FILE_BYTES)
        content, layers = members[WEIGHTS], read_config(source.name, members[CONFIG])
    else:
        content = source.read_bytes()
    require_plain_weights(source.name, content, MAX_FILE_BYTES)
    count = start_from_file(model, source.name, content, layers)
    log.info("%d variables of the encoder start from %s", count, source.name)
    return {"file": source.name, "sha256": files.sha256_file(source)}


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
