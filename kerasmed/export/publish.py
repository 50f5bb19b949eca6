"""From a trained model to `saved_models/<name>/<version>/`: every format, proven, or nothing."""

import functools
import importlib.metadata
import platform
import re
import shutil
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kerasmed import __version__, files
from kerasmed.calibration import THRESHOLDS, calibrations_from_json
from kerasmed.errors import ConfigError, ContractError
from kerasmed.export import parity
from kerasmed.export.format_names import Format
from kerasmed.export.formats import FORMAT_FILES, checked_formats, needs_of
from kerasmed.export.onnx_file import onnx_metadata
from kerasmed.export.proof import Proofs, write_formats
from kerasmed.export.raw.request import raw_request, serving_facts
from kerasmed.export.serving import ACTIVATIONS, serving_model
from kerasmed.spec import ExampleSpec
from kerasmed.versions import CARD, LAYOUT, LOCK, MANIFEST, NAME, SPEC, next_version

if TYPE_CHECKING:
    import keras

ONNX = FORMAT_FILES["onnx"].file
SOURCE = "source"  # the piece of evidence that goes into the manifest
EVIDENCE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}\.(yaml|json|html|csv|txt|md)")
Evidence = Mapping[str, Path | Mapping[str, Any]]
# (folder that holds the rest, manifest, folder of the name) to the text of card.md
Card = Callable[[Path, Mapping[str, Any], Path], str]


def export_run_model(
    model: "keras.Model",
    spec: ExampleSpec,
    formats: Sequence[Format],
    target: Path,
    name: str,
    evidence: Evidence,
    *,
    thresholds: Mapping[str, Any] | None = None,
    rate_hz: float | None = None,
    card: Card | None = None,
    timeout_s: float = 900.0,
) -> Path:
    """Publish `model` as the next version of `name`, in the layout of TensorFlow Serving.

    `model.keras` is always there: it is the start of every other format. All formats hold the same graph, from
    physical float32 inputs to scores (softmax or sigmoid of the model's logits).

    Args:
        model: The trained network, from physical inputs to logits by target; any backend, any precision.
        spec: What it reads and answers.
        formats: Formats to write.
        target: Folder of all saved models.
        name: Name of the model; lower-case letters, digits, `_` and `-`.
        evidence: Files to put beside the model, by name: a file to copy or a JSON tree. The tree named "source" (run,
            git commit, ...) goes into the manifest.
        thresholds: The tree of the run's thresholds.json, where it was calibrated: every format then gives calibrated
            scores, and the file stands beside the model.
        rate_hz: Sampling rate of the recordings that the serving graph of SavedModel and ONNX is to read; that of the
            contract without it.
        card: Writes the text of card.md; without it there is none.
        timeout_s: Time the child process is given.

    Returns:
        The folder of the new version.

    Raises:
        ContractError: Names or shapes do not fit the spec, or a format does not answer as the model does.
        MissingPackageError: A format needs a library that is not installed.
        ConfigError: An unknown format, or a name that cannot be a folder.
    """
    wanted = checked_formats(formats)
    if thresholds is not None:
        evidence = {**evidence, THRESHOLDS: thresholds}
    _check_names(name, evidence)
    calibrations = calibrations_from_json(thresholds, spec, THRESHOLDS) if thresholds is not None else {}
    serving = serving_model(model, spec, calibrations)
    raw = raw_request(spec, calibrations, thresholds, rate_hz)
    root = target.absolute() / name  # the child process has another working directory
    # One export of a name at a time, so that versions have neither gaps nor twins.
    with files.locked(root / LOCK):
        files.sweep(root)  # of exports and deletes that were killed; the lock says that none is running
        folder = root / str(next_version(root))
        with files.committed_folder(folder) as beside:
            travels = onnx_metadata(spec, name, int(folder.name), thresholds)
            proofs = write_formats(serving, spec, wanted, beside, travels, timeout_s, raw)
            proofs.required()
            files.write_json(beside / SPEC, spec.to_json())
            _write_evidence(evidence, beside)
            manifest = _manifest(serving, spec, proofs, folder, evidence)
            manifest["written"] = proofs.to_json(beside)
            manifest["serving"] = serving_facts(spec, raw, proofs.raw)
            manifest["calibration"] = {target: found.method for target, found in calibrations.items()}
            if card is not None:
                files.write_text(beside / CARD, card(beside, manifest, root))
            files.write_json(beside / MANIFEST, {**manifest, "files": files.hash_folder(beside)})
    return folder


def _check_names(name: str, evidence: Evidence) -> None:
    if not NAME.fullmatch(name):
        raise ConfigError(f"model name {name!r}: use lower-case letters, digits, '_' and '-', at most 64.")
    if isinstance(evidence.get(SOURCE), Path):
        raise ConfigError(f"evidence {SOURCE!r} is a tree for the manifest, not a file.")
    for item, content in evidence.items():
        if item != SOURCE and (not EVIDENCE_NAME.fullmatch(item) or item in (SPEC, MANIFEST)):
            raise ConfigError(f"evidence {item!r}: no such name can stand beside a model.")
        if isinstance(content, Path) and not content.is_file():
            raise ContractError(f"{content}: is missing, and belongs beside the exported model.")


def _write_evidence(evidence: Evidence, folder: Path) -> None:
    for name, content in evidence.items():
        if isinstance(content, Path):
            shutil.copyfile(content, folder / name)
        elif name != SOURCE:
            files.write_json(folder / name, content)


def _manifest(
    serving: "keras.Model",
    spec: ExampleSpec,
    proofs: Proofs,
    folder: Path,
    evidence: Evidence,
) -> dict[str, Any]:
    import keras

    return {
        "layout": LAYOUT,
        "name": folder.parent.name,
        "version": int(folder.name),
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "formats": list(proofs.found),
        "inputs": "physical values, float32: stored * scale of spec.json",
        "scores": {name: ACTIVATIONS[target.task] for name, target in spec.targets.items()},
        "num_parameters": serving.count_params(),
        "parity": {
            "reference": f"the trained model in float32 on {keras.backend.backend()}",
            "limit": parity.LIMIT,
            "batch_sizes": list(parity.BATCH_SIZES),
            "seed": parity.SEED,
            "max_abs_difference": {name: proof.difference for name, proof in proofs.found.items()},
        },
        "versions": {
            "kerasmed": __version__,
            "keras": keras.version(),
            **_versions(["numpy", keras.backend.backend(), *needs_of(proofs.found)]),
        },
        "environment": {
            "python": platform.python_version(),
            "system": platform.system(),
            "release": platform.release(),
            "machine": platform.machine(),
        },
        SOURCE: dict(evidence.get(SOURCE, {})),  # type: ignore[arg-type]
    }


def _versions(modules: list[str]) -> dict[str, str]:
    return {module: importlib.metadata.version(_packages()[module][0]) for module in modules}


@functools.cache
def _packages() -> Mapping[str, list[str]]:
    return importlib.metadata.packages_distributions()  # reads every installed package: 0.3 s
