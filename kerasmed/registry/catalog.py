"""The saved models that are there, found by name and read from their manifests."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from kerasmed.errors import ConfigError, ContractError, unknown
from kerasmed.versions import MANIFEST, NAME, NUMBER, is_version, read_json, read_manifest, version_folder, versions_of

# The number that a list of models shows: the first of these that the report has.
HEADLINES = ("macro_f1", "macro_auc", "auc", "accuracy")
REPORT = "report.json"


@dataclass(frozen=True)
class SavedModel:
    """A version of a saved model.

    Attributes:
        name: Of the model.
        version: Its number.
        folder: Where it lies.
        manifest: manifest.json.
    """

    name: str
    version: int
    folder: Path
    manifest: dict[str, Any]

    def __str__(self) -> str:
        return f"{self.name}/{self.version}"

    @property
    def num_bytes(self) -> int:
        """Of all its files."""
        return sum(path.stat().st_size for path in self.folder.rglob("*") if path.is_file() and not path.is_symlink())

    @cached_property
    def report(self) -> dict[str, Any]:
        """report.json; empty where the model has none."""
        path = self.folder / REPORT
        return read_json(path) if path.is_file() else {}

    @property
    def headline(self) -> tuple[str, dict[str, Any]] | None:
        """Name and estimate of the metric that a list shows; None where there is no report."""
        metrics = self.report.get("metrics", {})
        return next(((name, metrics[name]) for name in HEADLINES if name in metrics), None)


@dataclass(frozen=True)
class Listing:
    """All versions of all models, and by place those that cannot be read, with the reason."""

    models: tuple[SavedModel, ...]
    unreadable: dict[str, str]


def list_models(target: Path) -> Listing:
    """What lies in the folder of all saved models; nothing where there is no such folder."""
    models: list[SavedModel] = []
    unreadable: dict[str, str] = {}
    names = sorted(entry.name for entry in target.iterdir() if NAME.fullmatch(entry.name)) if target.is_dir() else []
    for name in names:
        for version in versions_of(target / name):
            try:
                models.append(read_model(target / name / str(version)))
            except ContractError as error:
                unreadable[f"{name}/{version}"] = str(error)
    return Listing(tuple(models), unreadable)


def find_model(target: Path, words: str) -> Path:
    """The folder of a version.

    Args:
        target: Folder of all saved models.
        words: NAME (its newest version), NAME/VERSION, or a folder.

    Raises:
        ConfigError: There is no such model or version.
        ContractError: The folder is no saved model.
    """
    name, _, number = words.partition("/")
    if not NAME.fullmatch(name) or not (number == "" or NUMBER.fullmatch(number)):
        if Path(words).is_dir():
            return version_folder(Path(words))
        raise ConfigError(f"no saved model {words!r}: write NAME, NAME/VERSION or a folder.")
    versions = versions_of(target / name)
    if not versions:
        known = [entry.name for entry in target.iterdir() if versions_of(entry)] if target.is_dir() else []
        if not known:
            raise ConfigError(f"no saved model {name!r}: {target} holds none; kerasmed export RUN makes one.")
        raise unknown("saved model", name, known)
    if number and int(number) not in versions:
        raise unknown(f"version of {name}", number, map(str, versions))
    return target / name / (number or str(versions[-1]))


def read_model(folder: Path) -> SavedModel:
    """The version in `folder`; its files are not looked at.

    Raises:
        ContractError: It has no manifest that could be read, or one of another version.
    """
    manifest = read_manifest(folder)
    name, version = manifest["name"], manifest["version"]
    if is_version(folder) and (folder.absolute().parent.name, folder.name) != (name, str(version)):
        raise ContractError(f"{folder / MANIFEST}: is that of {name}/{version}, which belongs elsewhere.")
    return SavedModel(name, version, folder, manifest)


def facts_of(model: SavedModel) -> dict[str, Any]:
    """What a list tells of a version, as a JSON tree."""
    manifest = model.manifest
    headline = model.headline
    return {
        "model": str(model),
        "name": model.name,
        "version": model.version,
        "folder": str(model.folder),
        "created": manifest.get("created"),
        "run": (manifest.get("source") or {}).get("run"),
        "formats": manifest["formats"],
        "bytes": model.num_bytes,
        "calibration": manifest.get("calibration") or None,
        "headline": None if headline is None else {"metric": headline[0], **headline[1]},
    }
