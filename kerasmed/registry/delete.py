"""Ends a version: it vanishes whole, and its number is never given again."""

from datetime import UTC, datetime
from pathlib import Path

from kerasmed import files
from kerasmed.errors import ContractError
from kerasmed.registry.catalog import SavedModel, read_model
from kerasmed.registry.verify import faults_of
from kerasmed.versions import DELETED, LOCK, deleted_versions, is_version


def require_deletable(folder: Path) -> SavedModel:
    """The version in `folder`, which holds nothing but a saved model of ours; what of it is damaged does not matter.

    Raises:
        ContractError: It is no version, or holds something that its manifest does not name.
    """
    if not is_version(folder) or folder.absolute().parent.is_symlink():
        raise ContractError(f"{folder}: is no version of a saved model; nothing was deleted.")
    model = read_model(folder)
    foreign = [
        fault.file for fault in faults_of(folder) if fault.what in ("not named by the manifest", "a link or no file")
    ]
    if foreign:
        raise ContractError(
            f"{folder / foreign[0]}: is not of the model; move it elsewhere first. Nothing was deleted."
        )
    return model


def delete_version(folder: Path) -> SavedModel:
    """Delete the version in `folder`; exports and other deletes of the name wait meanwhile.

    Returns:
        What was deleted.

    Raises:
        ContractError: As `require_deletable`.
    """
    root = folder.absolute().parent
    with files.locked(root / LOCK):
        files.sweep(root)  # what exports and deletes left that were killed
        model = require_deletable(folder)
        entry = {
            "version": model.version,
            "created": model.manifest.get("created"),
            "run": (model.manifest.get("source") or {}).get("run"),
            "deleted": datetime.now(UTC).isoformat(timespec="seconds"),
        }
        # Written first: a process that dies in between leaves the version, and a number that is given only once.
        known = [other for other in deleted_versions(root) if other["version"] != model.version]
        files.write_json(root / DELETED, {"deleted": [*known, entry]})
        files.remove_folder(folder)
    return model
