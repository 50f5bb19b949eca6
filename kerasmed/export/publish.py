"""From a trained model to `saved_models/<name>/<version>/`: every format, proven, or nothing."""

import importlib.metadata
import importlib.util
import re
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from kerasmed import __version__, files
from kerasmed.errors import ConfigError, ContractError, MissingPackageError, unknown
from kerasmed.export import parity
from kerasmed.export.child_process import Request, run_child, write_probes
from kerasmed.export.keras_file import OURS, open_keras, packages_of, save_keras
from kerasmed.export.onnx_file import onnx_metadata
from kerasmed.export.serving import ACTIVATIONS, serving_model
from kerasmed.spec import ExampleSpec

if TYPE_CHECKING:
    import keras

Format = Literal["keras", "saved_model", "onnx"]
FORMATS: tuple[Format, ...] = ("keras", "saved_model", "onnx")
KERAS, ONNX, SPEC, MANIFEST = "model.keras", "model.onnx", "spec.json", "manifest.json"
SOURCE = "source"  # the piece of evidence that goes into the manifest
LAYOUT = 1  # counts up when the folder is laid out differently
NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
EVIDENCE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}\.(yaml|json|html|csv|txt|md)")
_PACKAGES = {"tensorflow": "tensorflow-cpu", "tf2onnx": "tf2onnx", "onnx": "onnx", "onnxruntime": "onnxruntime"}
_NEEDS: dict[Format, tuple[str, ...]] = {
    "keras": (),
    "saved_model": ("tensorflow",),
    "onnx": ("tensorflow", "tf2onnx", "onnx", "onnxruntime"),
}

Evidence = Mapping[str, Path | Mapping[str, Any]]


def export_run_model(
    model: "keras.Model",
    spec: ExampleSpec,
    formats: Sequence[Format],
    target: Path,
    name: str,
    evidence: Evidence,
    *,
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
        timeout_s: Time the child process is given.

    Returns:
        The folder of the new version.

    Raises:
        ContractError: Names or shapes do not fit the spec, or a format does not answer as the model does.
        MissingPackageError: A format needs a library that is not installed.
        ConfigError: An unknown format, or a name that cannot be a folder.
    """
    wanted = _checked_formats(formats)
    _check_names(name, evidence)
    serving = serving_model(model, spec)
    root = target.absolute() / name  # the child process has another working directory
    # One export of a name at a time, so that versions have neither gaps nor twins.
    with files.locked(root / ".lock"):
        _sweep(root)
        folder = root / str(latest_version(root) + 1)
        with files.committed_folder(folder) as beside:
            differences = _write_formats(serving, spec, wanted, beside, folder, timeout_s)
            files.write_json(beside / SPEC, spec.to_json())
            _write_evidence(evidence, beside)
            manifest = _manifest(serving, spec, wanted, differences, folder, evidence)
            files.write_json(beside / MANIFEST, {**manifest, "files": files.hash_folder(beside)})
    return folder


def latest_version(root: Path) -> int:
    """Highest version of a model; 0 where there is none."""
    return max((int(entry.name) for entry in root.iterdir() if re.fullmatch(r"[1-9][0-9]{0,8}", entry.name)), default=0)


def _sweep(root: Path) -> None:
    """Remove what exports that were killed left behind; the lock says that none is running."""
    for left in root.glob(".*.tmp"):
        shutil.rmtree(left)


def _write_formats(
    serving: "keras.Model", spec: ExampleSpec, wanted: list[Format], beside: Path, folder: Path, timeout_s: float
) -> dict[str, float]:
    """Write every wanted format into `beside` and prove it; the largest difference of each."""
    inputs = parity.probe_inputs(spec)
    expected = parity.answers_of(serving, inputs)
    save_keras(serving, beside / KERAS)
    trusted = sorted(OURS | packages_of(serving))
    if wanted == ["keras"]:
        again = open_keras(beside / KERAS, trusted)
        found = {"keras": parity.largest_difference(lambda batch: parity.answers_of(again, batch), inputs, expected)}
    else:
        with tempfile.TemporaryDirectory(prefix="kerasmed-export-") as scratch:
            place = Path(scratch)
            write_probes(place / "probes.npz", inputs, expected)
            request = Request(
                keras_file=beside / KERAS,
                trusted=trusted,
                spec=spec.to_json(),
                saved_model=beside if "saved_model" in wanted else place / "saved_model",
                onnx=beside / ONNX if "onnx" in wanted else None,
                metadata=onnx_metadata(spec, folder.parent.name, int(folder.name)),
                probes=place / "probes.npz",
                report=place / "report.json",
            )
            found = run_child(request, timeout_s)
    parity.require_parity(found)
    return {name: found[name] for name in wanted}


def _checked_formats(formats: Sequence[Format]) -> list[Format]:
    for name in formats:
        if name not in FORMATS:
            raise unknown("export format", name, FORMATS)
    wanted = [name for name in FORMATS if name == "keras" or name in formats]
    for name in wanted:
        for module in _NEEDS[name]:
            if importlib.util.find_spec(module) is None:
                raise MissingPackageError(_PACKAGES[module], "export", f"export to {name}")
    return wanted


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
    wanted: list[Format],
    differences: dict[str, float],
    folder: Path,
    evidence: Evidence,
) -> dict[str, Any]:
    import keras

    return {
        "layout": LAYOUT,
        "name": folder.parent.name,
        "version": int(folder.name),
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "formats": wanted,
        "inputs": "physical values, float32: stored * scale of spec.json",
        "scores": {name: ACTIVATIONS[target.task] for name, target in spec.targets.items()},
        "num_parameters": serving.count_params(),
        "parity": {
            "reference": f"the trained model in float32 on {keras.backend.backend()}",
            "limit": parity.LIMIT,
            "batch_sizes": list(parity.BATCH_SIZES),
            "seed": parity.SEED,
            "max_abs_difference": differences,
        },
        "versions": {"kerasmed": __version__, "keras": keras.version(), **_versions(wanted)},
        SOURCE: dict(evidence.get(SOURCE, {})),  # type: ignore[arg-type]
    }


def _versions(wanted: list[Format]) -> dict[str, str]:
    modules = {module for name in wanted for module in _NEEDS[name]}
    found = importlib.metadata.packages_distributions() if modules else {}  # reads every installed package: 0.3 s
    return {module: importlib.metadata.version(found[module][0]) for module in sorted(modules)}
