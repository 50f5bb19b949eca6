"""kerasmed physionet-entry: a saved model -> the folder that a PhysioNet Challenge takes as an entry."""

import importlib.metadata
import platform
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import kerasmed
from kerasmed import files
from kerasmed.config.load import load_run
from kerasmed.config.presets import list_presets
from kerasmed.config.run import RunConfig
from kerasmed.config.strict_yaml import write_text
from kerasmed.data.record_examples import KIND
from kerasmed.errors import ConfigError, ContractError, MissingPackageError, unknown
from kerasmed.public import public_config
from kerasmed.spec import ExampleSpec, TargetSpec
from kerasmed.versions import SPEC, read_spec
from kerasmed.workflows.challenge import CONFIG, ONNX, POSITIVE, Labels, place_model, record_examples
from kerasmed.workflows.physionet_texts import DOCKERFILE, READ_ME, TEAM_CODE

MODEL = "model"
NEEDED = (
    "click", "grain", "keras", "matplotlib", "numpy", "onnx", "onnxruntime", "pydantic", "PyYAML", "rich", "scipy",
    "tensorflow-cpu", "tf2onnx", "wfdb",
)  # fmt: skip
OF_BACKEND = {"jax": ("jax",), "torch": ("torch",), "tensorflow": ()}
SECTIONS = ("dataset", "model", "trainer", "run")
YEARS = ("2025", "2021")


@dataclass(frozen=True)
class Entry:
    """An entry that was written.

    Attributes:
        folder: Where.
        positive: The class whose score answers yes; "" where the challenge asks for all.
        labels: What `train_model` reads in headers.
    """

    folder: Path
    positive: str
    labels: Labels


def write_entry(version: Path, out: Path, year: str = "2025", positive: str = "") -> Entry:
    """Write team_code.py, requirements.txt, Dockerfile, the model, and the package that they call, into `out`.

    Args:
        version: Folder of a version of a saved model that holds an `.onnx` file.
        out: Folder that is not there yet, or is empty.
        year: "2025", or "2021" for the interface of that year.
        positive: Of 2025, the class that means yes; where it is empty, the second of two, or the only one.

    Raises:
        ConfigError: `out` is in use, the model is none of whole records, or no class is meant.
        ContractError: The version holds no `.onnx` file, or no settings of its run.
    """
    if year not in YEARS:
        raise unknown("challenge", year, YEARS)
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise ConfigError(f"--out {out}: is there already; name a new folder.")
    for name in (ONNX, SPEC, CONFIG):
        if not (version / name).is_file():
            raise ContractError(f"{version}: holds no {name}; export the run with --format onnx.")
    spec, config = read_spec(version / SPEC), load_run(version / CONFIG)
    target = _target_of(spec, config)
    meant = positive_of(target, positive) if year == "2025" else ""
    labels = labels_of(target, year)
    with files.committed_folder(out) as beside:
        place_model(version, beside / MODEL)
        _copy_package(beside / "kerasmed")
        files.write_text(beside / CONFIG, write_text(public_config(config.model_dump(mode="json"))))
        files.write_text(beside / "requirements.txt", "\n".join([*requirements(config.backend), ""]))
        files.write_text(beside / "team_code.py", TEAM_CODE[year].format(positive=meant, labels=labels))
        facts = {"model": f"{version.parent.name}/{version.name}", "classes": ", ".join(target.classes)}
        files.write_text(beside / "README.md", READ_ME[year].format(**facts, positive=meant))
        base = ".".join(platform.python_version_tuple()[:2])
        files.write_text(beside / "Dockerfile", DOCKERFILE[year].format(python=base))
    return Entry(out, meant, labels)


def positive_of(target: TargetSpec, named: str) -> str:
    """The class that means yes.

    Raises:
        ConfigError: It is none of the model's, or several could be meant.
    """
    if named:
        if named not in target.classes:
            raise unknown("class of this model", named, target.classes)
        return named
    if POSITIVE in target.classes:
        return POSITIVE
    if len(target.classes) == 1 or (target.task == "single_label" and len(target.classes) == 2):
        return target.classes[-1]
    raise ConfigError(f"which class is yes? Say --positive, one of {', '.join(target.classes)}.")


def labels_of(target: TargetSpec, year: str) -> Labels:
    """What a training on the data of a challenge reads in headers, so that the settings of the run still fit.

    Raises:
        ConfigError: The challenge asks for several labels, and the model answers with one.
    """
    if year == "2025":
        if target.task == "single_label":
            return Labels("Chagas label", "single_label", ("False", POSITIVE))
        return Labels("Chagas label", "multi_label", (POSITIVE,))
    if target.task != "multi_label":
        raise ConfigError("the challenge of 2021 asks for several labels; this model answers with one class.")
    return Labels("Dx", "multi_label", target.classes)


def requirements(backend: str) -> list[str]:
    """The packages of an entry with the versions that are installed here.

    Raises:
        MissingPackageError: One is not installed, so that nobody knows whether its version works.
    """
    return [f"{name}=={_installed(name)}" for name in sorted({*NEEDED, *OF_BACKEND[backend]}, key=str.lower)]


def _installed(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError as error:
        raise MissingPackageError(name, "all", "a PhysioNet entry") from error


def _target_of(spec: ExampleSpec, config: RunConfig) -> TargetSpec:
    record_examples(config.dataset)
    if spec.recipe.get("kind") != KIND or len(spec.targets) != 1:
        raise ConfigError("an entry needs a model of whole records with one target.")
    return spec.target


def _copy_package(target: Path) -> None:
    """The modules of this package and its presets, laid out as an installed package has them."""
    package = Path(kerasmed.__file__).resolve().parent
    _copy(sorted(package.rglob("*.py")), package, target)
    for section in SECTIONS:
        _copy(list(list_presets(section).values()), None, target / "configs" / section)


def _copy(paths: Sequence[Path], root: Path | None, target: Path) -> None:
    for path in paths:
        place = target / (path.name if root is None else path.relative_to(root))
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, place)
