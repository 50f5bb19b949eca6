"""From a trained model to `saved_models/<name>/<version>/`: every format, proven, or nothing."""

import importlib.metadata
import re
import shutil
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kerasmed import __version__, files
from kerasmed.calibration import THRESHOLDS, Calibrations, calibrations_from_json
from kerasmed.errors import ConfigError, ContractError
from kerasmed.export import parity
from kerasmed.export.format_names import Format
from kerasmed.export.formats import FORMAT_FILES, checked_formats, needs_of
from kerasmed.export.onnx_file import onnx_metadata
from kerasmed.export.proof import Proofs, write_formats
from kerasmed.export.raw.describe import checked_rate, describe, refusal
from kerasmed.export.raw.proof import RAW_LIMIT
from kerasmed.export.serving import ACTIVATIONS, serving_model
from kerasmed.spec import ExampleSpec

if TYPE_CHECKING:
    import keras

SPEC, MANIFEST = "spec.json", "manifest.json"
ONNX = FORMAT_FILES["onnx"].file
SOURCE = "source"  # the piece of evidence that goes into the manifest
LAYOUT = 1  # counts up when the folder is laid out differently
NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
EVIDENCE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}\.(yaml|json|html|csv|txt|md)")
Evidence = Mapping[str, Path | Mapping[str, Any]]


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
    raw = _raw_request(spec, calibrations, thresholds, rate_hz)
    root = target.absolute() / name  # the child process has another working directory
    # One export of a name at a time, so that versions have neither gaps nor twins.
    with files.locked(root / ".lock"):
        _sweep(root)
        folder = root / str(latest_version(root) + 1)
        with files.committed_folder(folder) as beside:
            travels = onnx_metadata(spec, name, int(folder.name), thresholds)
            proofs = write_formats(serving, spec, wanted, beside, travels, timeout_s, raw)
            proofs.required()
            files.write_json(beside / SPEC, spec.to_json())
            _write_evidence(evidence, beside)
            manifest = _manifest(serving, spec, proofs, folder, evidence)
            manifest["written"] = proofs.to_json(beside)
            manifest["serving"] = _serving(spec, raw, proofs)
            manifest["calibration"] = {target: found.method for target, found in calibrations.items()}
            files.write_json(beside / MANIFEST, {**manifest, "files": files.hash_folder(beside)})
    return folder


def _raw_request(
    spec: ExampleSpec, calibrations: Calibrations, thresholds: Mapping[str, Any] | None, rate_hz: float | None
) -> dict[str, Any] | None:
    rate_hz = checked_rate(rate_hz) or (spec.contract.rate_hz if spec.contract else None)
    if refusal(spec, rate_hz):
        return None
    return {"rate_hz": rate_hz, "thresholds": thresholds, "description": describe(spec, calibrations, rate_hz)}


def _serving(spec: ExampleSpec, raw: Mapping[str, Any] | None, proofs: Proofs) -> dict[str, Any]:
    """The entry of the manifest: how the serving graph is used and how it was proven, or why there is none."""
    if raw is None or not proofs.raw:
        return {"not_made": refusal(spec, None if raw is None else raw["rate_hz"]) or "neither saved_model nor onnx"}
    return {**raw["description"], "limit": RAW_LIMIT, "max_abs_difference": dict(proofs.raw)}


def latest_version(root: Path) -> int:
    """Highest version of a model; 0 where there is none."""
    return max((int(entry.name) for entry in root.iterdir() if re.fullmatch(r"[1-9][0-9]{0,8}", entry.name)), default=0)


def _sweep(root: Path) -> None:
    """Remove what exports that were killed left behind; the lock says that none is running."""
    for left in root.glob(".*.tmp"):
        shutil.rmtree(left)


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
        "versions": {"kerasmed": __version__, "keras": keras.version(), **_versions(needs_of(proofs.found))},
        SOURCE: dict(evidence.get(SOURCE, {})),  # type: ignore[arg-type]
    }


def _versions(modules: list[str]) -> dict[str, str]:
    found = importlib.metadata.packages_distributions() if modules else {}  # reads every installed package: 0.3 s
    return {module: importlib.metadata.version(found[module][0]) for module in modules}
