"""kerasmed parity: the same inputs through every backend and every format of a saved model."""

import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from kerasmed.config.load import load_run
from kerasmed.config.run import Backend
from kerasmed.data.prepared import Progress
from kerasmed.errors import ContractError, KerasmedError
from kerasmed.evaluation.classification import measure_epoch
from kerasmed.export.child_process import Question, run_child
from kerasmed.export.confine import Limits
from kerasmed.export.format_names import Format
from kerasmed.export.formats import FORMAT_FILES, KERAS, require_packages
from kerasmed.export.keras_file import OURS
from kerasmed.export.parity import LIMIT, Array, probe_inputs
from kerasmed.registry.verify import require_sound
from kerasmed.runtime import BACKENDS
from kerasmed.spec import ExampleSpec
from kerasmed.versions import SPEC, read_spec, version_folder
from kerasmed.workflows.evaluate import refuse_other_data
from kerasmed.workflows.places import Places
from kerasmed.workflows.prepare import Material, gather_material

SHOWN_METRICS = ("accuracy", "exact_match", "macro_f1")
TIMEOUT_S = 1800.0
GIVEN = Limits(memory_bytes=16_000_000_000, seconds=TIMEOUT_S)  # one child opens several formats


@dataclass(frozen=True)
class Parity:
    """How far the ways of asking one model agree.

    Attributes:
        model: "name/version".
        reference: The way on the backend that trained, which the others are held against.
        differences: Way to way to the largest absolute difference of their scores, over probes and test rows.
        metrics: Way to its metrics on the test split; empty without one.
        num_rows: Examples of the test split that were asked.
        left_out: What was not asked, and why.
    """

    model: str
    reference: str
    differences: dict[str, dict[str, float]]
    metrics: dict[str, dict[str, float]] = field(default_factory=dict)
    num_rows: int = 0
    left_out: dict[str, str] = field(default_factory=dict)

    @property
    def worst(self) -> float:
        """The largest difference of any way from the reference; NaN where an answer is none."""
        return float(np.max(list(self.differences[self.reference].values())))

    @property
    def sound(self) -> bool:
        """Whether every way that was asked agrees with the reference."""
        return self.worst <= LIMIT

    def to_json(self) -> dict[str, Any]:
        """A JSON tree; a difference that is no number is null."""
        return _without_nan({**asdict(self), "limit": LIMIT, "worst": self.worst, "sound": self.sound})


def compare_ways(path: Path, places: Places | None, progress: Progress | None = None) -> Parity:
    """Ask `.keras` on each backend and every format that is there, each in a child process of its own kind.

    Args:
        path: A saved model, or one version of it.
        places: Where the data of its run lie; None to ask probes alone.
        progress: Told while records are prepared.

    Raises:
        ContractError: There is no saved model, it is not what its manifest says, or no way could be asked.
        DataError: The data are not those that the model was trained on.
    """
    folder = version_folder(path).absolute()
    manifest = require_sound(folder)
    spec = read_spec(folder / SPEC)
    material = None if places is None else _material(folder, manifest, places, progress)
    answers, left_out = _ask_all(folder, manifest["formats"], spec, material)
    trained_on = f"keras {manifest['parity']['reference'].rpartition(' ')[2]}"
    if trained_on not in answers:
        raise ContractError(f"{folder}: cannot be asked on the backend that trained: {left_out.get(trained_on)}")
    return Parity(
        model=f"{manifest['name']}/{manifest['version']}",
        reference=trained_on,
        differences={way: {other: _difference(answers[way], answers[other]) for other in answers} for way in answers},
        metrics={} if material is None else {way: _measured(found, spec, material) for way, found in answers.items()},
        num_rows=0 if material is None else len(material.splits.test),
        left_out=left_out,
    )


def _material(folder: Path, manifest: dict[str, Any], places: Places, progress: Progress | None) -> Material:
    config_file = folder / "config.yaml"
    if not config_file.is_file():
        raise ContractError(f"{folder}: has no config.yaml that would say what its test split is.")
    config = load_run(config_file)
    material = gather_material(config.dataset, config.seed, places, progress)
    refuse_other_data(manifest["source"], material, folder)
    return material


def _ask_all(
    folder: Path, formats: list[Format], spec: ExampleSpec, material: Material | None
) -> tuple[dict[str, dict[str, Array]], dict[str, str]]:
    """Way to its answers by "part/target"; way to the reason why it was not asked."""
    answers: dict[str, dict[str, Array]] = {}
    left_out: dict[str, str] = {}
    with tempfile.TemporaryDirectory(prefix="kerasmed-parity-") as scratch:
        place = Path(scratch)
        _write_inputs(place / "inputs.npz", spec, material)
        for backend in BACKENDS:
            asked, missing = _present(backend, folder, formats)
            left_out.update(missing)
            question = Question(
                backend, folder / KERAS, sorted(OURS), spec.to_json(), asked, place / f"{backend}.json",
                place / "inputs.npz", place / f"{backend}.npz", GIVEN.to_json(),
            )  # fmt: skip
            try:
                failures = run_child(question, TIMEOUT_S)["failures"]
            except ContractError as error:
                left_out.update({_way(name, backend): str(error) for name in asked})
                continue
            left_out.update({_way(name, backend): reason for name, reason in failures.items()})
            answers.update(_read(question.answers, [name for name in asked if name not in failures], backend))
    return answers, left_out


def _present(backend: Backend, folder: Path, formats: list[Format]) -> tuple[dict[Format, Path], dict[str, str]]:
    """What a child on `backend` is asked, and the formats that lack a library."""
    asked: dict[Format, Path] = {"keras": folder / KERAS}
    missing: dict[str, str] = {}
    for name, form in FORMAT_FILES.items():
        if name in formats and form.backend == backend:
            try:
                require_packages(name)
                asked[name] = folder / form.file
            except KerasmedError as error:
                missing[name] = str(error)
    return asked, missing


def _way(name: Format, backend: Backend) -> str:
    return f"keras {backend}" if name == "keras" else name


def _write_inputs(path: Path, spec: ExampleSpec, material: Material | None) -> None:
    probes = {f"probes/{name}": values for name, values in probe_inputs(spec).items()}
    np.savez(path, **probes, **{f"rows/{name}": _rows(name, spec, material) for name in spec.inputs})  # type: ignore[arg-type]


def _rows(name: str, spec: ExampleSpec, material: Material | None) -> Array:
    """Physical values of the test split: float32 (n, *shape)."""
    array = spec.inputs[name]
    if material is None:
        return np.zeros((0, *(size or 1 for size in array.shape)), np.float32)
    stored: Array = material.prepared.arrays[name][material.splits.test]
    return stored.astype(np.float32) * np.float32(array.scale)


def _read(path: Path, names: list[Format], backend: Backend) -> dict[str, dict[str, Array]]:
    with np.load(path, allow_pickle=False) as stored:
        return {
            _way(name, backend): {
                key.removeprefix(f"{name}/"): stored[key] for key in stored.files if key.startswith(f"{name}/")
            }
            for name in names
        }


def _difference(first: Mapping[str, Array], second: Mapping[str, Array]) -> float:
    found = [np.abs(values - second[key]).max() for key, values in first.items() if values.size]
    return float(np.max(found))


def _measured(answers: Mapping[str, Array], spec: ExampleSpec, material: Material) -> dict[str, float]:
    measured: dict[str, float] = {}
    rows, protocol = material.splits.test, material.dataset.protocol
    for name, target in spec.targets.items():
        truth = np.asarray(material.prepared.arrays[name][rows])
        found = measure_epoch(answers[f"rows/{name}"], truth, target, protocol.macro_classes)
        prefix = f"{name}_" if len(spec.targets) > 1 else ""
        measured.update({prefix + metric: found[metric] for metric in SHOWN_METRICS if metric in found})
    return measured


def _without_nan(tree: Any) -> Any:
    if isinstance(tree, dict):
        return {name: _without_nan(value) for name, value in tree.items()}
    return None if isinstance(tree, float) and not np.isfinite(tree) else tree
