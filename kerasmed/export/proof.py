"""Writes formats of a serving graph through child processes, and proves each against the process that trained."""

import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kerasmed import files
from kerasmed.errors import ContractError
from kerasmed.export import parity
from kerasmed.export.child_process import Request, run_child, write_probes
from kerasmed.export.format_names import Format
from kerasmed.export.formats import FORMAT_FILES, KERAS, parts_of, with_origins
from kerasmed.export.keras_file import OURS, open_keras, packages_of, save_keras
from kerasmed.export.parity import Array
from kerasmed.export.raw.proof import EXPECTED, INPUT
from kerasmed.spec import ExampleSpec

if TYPE_CHECKING:
    import keras


@dataclass(frozen=True)
class Proof:
    """What was found of a file in its own runtime.

    Attributes:
        difference: The largest from the trained model, over all batch sizes; NaN where an answer is none.
        inputs: Names, in the file's own order.
        outputs: Names, in the file's own order.
        batch: The only batch size that the file takes; None where it takes every one.
    """

    difference: float
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    batch: int | None = None

    def to_json(self, parts: Iterable[Path], folder: Path) -> dict[str, Any]:
        """The entry of the manifest; `parts` are the files of the format in `folder`."""
        hashes = {path.relative_to(folder).as_posix(): files.sha256_file(path) for path in parts}
        return {
            "max_abs_difference": self.difference,
            "batch": "free" if self.batch is None else self.batch,
            "inputs": list(self.inputs),
            "outputs": list(self.outputs),
            "bytes": sum((folder / name).stat().st_size for name in hashes),
            "sha256": hashes,
        }


@dataclass(frozen=True)
class Proofs:
    """What came of formats: a proof of each that could be written, or why there is none.

    Attributes:
        found: Proofs.
        failures: Reasons.
        raw: Largest difference of the serving graph in each format that holds one.
    """

    found: Mapping[Format, Proof]
    failures: Mapping[Format, str]
    raw: Mapping[Format, float] = field(default_factory=dict)

    def required(self) -> Mapping[Format, Proof]:
        """Every proof.

        Raises:
            ContractError: A format could not be written, or does not answer as the model does.
        """
        for name, reason in self.failures.items():
            raise ContractError(f"{name}: {reason}")
        parity.require_parity({name: proof.difference for name, proof in self.found.items()})
        return self.found

    def to_json(self, folder: Path) -> dict[str, Any]:
        """Format to its entry of the manifest."""
        return {name: proof.to_json(parts_of(name, folder), folder) for name, proof in self.found.items()}


def write_formats(
    serving: "keras.Model", spec: ExampleSpec, wanted: list[Format], folder: Path, metadata: Mapping[str, str],
    timeout_s: float, raw: Mapping[str, Any] | None = None,
) -> Proofs:  # fmt: skip
    """Write every wanted format into `folder` and run it there.

    Args:
        serving: From physical inputs to scores.
        spec: What it reads and answers.
        wanted: Formats, `keras` among them.
        folder: Receives the files.
        metadata: Text that travels inside the ONNX file.
        timeout_s: Time that each child process is given.
        raw: Of the serving graph, as `Request` has it; None where there is to be none.
    """
    inputs = parity.probe_inputs(spec)
    expected = parity.answers_of(serving, inputs)
    save_keras(serving, folder / KERAS)
    trusted = sorted(OURS | packages_of(serving))
    if wanted == ["keras"]:
        again = open_keras(folder / KERAS, trusted)
        found = parity.largest_difference(lambda batch: parity.answers_of(again, batch), inputs, expected)
        return Proofs({"keras": Proof(found, tuple(spec.inputs), tuple(spec.targets))}, {})
    reports = []
    with tempfile.TemporaryDirectory(prefix="kerasmed-export-") as scratch:
        place = Path(scratch)
        write_probes(place / "probes.npz", inputs, expected, _raw_probes(serving, spec, raw))
        for backend, paths in _by_backend(wanted, folder, place).items():
            request = Request(
                backend, folder / KERAS, trusted, spec.to_json(), paths, place / f"{backend}.json", dict(metadata),
                place / "probes.npz", None if raw is None else dict(raw),
            )  # fmt: skip
            reports.append(run_child(request, timeout_s))
    return _gathered(reports, wanted)


def _raw_probes(serving: "keras.Model", spec: ExampleSpec, raw: Mapping[str, Any] | None) -> dict[str, Array]:
    if raw is None:
        return {}
    from kerasmed.export.raw.probe import expected_scores, probe

    inputs = probe(spec, raw["rate_hz"])
    return {EXPECTED: expected_scores(serving, spec, inputs), **{INPUT + name: inputs[name] for name in inputs}}


def _by_backend(wanted: list[Format], folder: Path, scratch: Path) -> dict[Any, dict[Format, Path]]:
    """Backend to the files that its child writes; what only others are made of goes into `scratch`."""
    jobs: dict[Any, dict[Format, Path]] = {}
    for name in with_origins(wanted):
        form = FORMAT_FILES[name]
        place = folder if name in wanted else scratch
        path = place / form.file if form.file else (place if name in wanted else place / name)
        jobs.setdefault(form.backend, {})[name] = path
    return jobs


def _gathered(reports: list[dict[str, Any]], wanted: list[Format]) -> Proofs:
    found: dict[Format, Proof] = {}
    failures: dict[Format, str] = {}
    for report in reports:
        failures.update(report["failures"])
        for name, facts in report["proofs"].items():
            proof = Proof(facts["difference"], tuple(facts["inputs"]), tuple(facts["outputs"]), facts["batch"])
            # Every child opens the .keras file; the one that differs most counts, and NaN most of all.
            if name not in found or not proof.difference <= found[name].difference:
                found[name] = proof
    raw = {name: value for report in reports for name, value in report["raw"].items()}
    return Proofs(
        {name: found[name] for name in wanted if name in found},
        {name: reason for name, reason in failures.items() if name in wanted},
        {name: raw[name] for name in wanted if name in raw},
    )
