"""kerasmed export: a run folder -> saved_models/<name>/<version>/."""

from collections.abc import Sequence
from pathlib import Path

from kerasmed.export.publish import Format, export_run_model
from kerasmed.workflows.run_folder import load_run_model, read_manifest


def export_run(folder: Path, formats: Sequence[Format], target: Path, name: str | None = None) -> Path:
    """Publish the kept weights of a run; the backend of this process must be the run's.

    Args:
        folder: Run folder.
        formats: Formats to write.
        target: Folder of all saved models.
        name: Of the model; the run's own name without it.

    Raises:
        ContractError: A format does not answer as the model does; nothing is published.
    """
    model, config, spec = load_run_model(folder)
    manifest = read_manifest(folder)
    facts = {key: manifest.get(key) for key in ("git", "versions", "data", "split", "weights_sha256")}
    evidence: dict[str, Path | dict[str, object]] = {"source": {"run": folder.name, **facts}}
    files = ("config.yaml", "report.json", "report.html")
    evidence.update({file: folder / file for file in files if (folder / file).is_file()})
    return export_run_model(model, spec, formats, target, name or config.name, evidence)
