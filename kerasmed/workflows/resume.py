"""kerasmed resume: a run that was killed, interrupted or failed goes on; one that is complete can be extended."""

import logging
import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from kerasmed import files
from kerasmed.config.component import Settings
from kerasmed.config.describe import diff_trees
from kerasmed.config.load import CONFIG_FILE, load_run, resolved_yaml
from kerasmed.config.run import RunConfig
from kerasmed.data.prepared import Progress
from kerasmed.errors import ConfigError, LeakageError, OtherModelError
from kerasmed.evaluation.map_report import MapReport
from kerasmed.evaluation.report import Report
from kerasmed.spec import ExampleSpec
from kerasmed.tracking.follow import following
from kerasmed.tracking.kinds import check_trackers
from kerasmed.training.checkpoint import newest_step
from kerasmed.workflows.places import Places
from kerasmed.workflows.prepare import Material
from kerasmed.workflows.pretrain import Pretrained
from kerasmed.workflows.run_folder import (
    claimed,
    environment,
    now,
    read_manifest,
    read_tree,
    recorded,
    update_manifest,
)
from kerasmed.workflows.train import data_facts, describe_data, plan

log = logging.getLogger(__name__)
# Settings that decide neither the batches nor the weights.
FREE = (
    "backend", "tracking.", "calibration.", "loader.engine", "loader.num_threads", "loader.prefetch",
    "loader.timeout_s", "trainer.save_every", "trainer.checkpoint_every",
)  # fmt: skip
# What a run says of itself when it has ended.
ENDED = ("epochs", "kept", "kept_epoch", "best", "weights_sha256")
SPLIT, MAX_NAMED = "split.json", 5
REPORT = ("report.json", "report.html", "scores.npz", "thresholds.json")
# Settings that say how many epochs there are; None sets no limit.
EXTENT = ("epochs", "stop_after")
# Their arithmetic decides the last bits.
EXACT_VERSIONS = ("keras", "jax", "torch", "tensorflow-cpu", "tensorflow")


def resume(
    folder: Path, config: RunConfig, places: Places, allow_change: bool = False, progress: Progress | None = None
) -> Report | MapReport | Pretrained | None:
    """Go on with the run in `folder` by `config`; the backend must have been chosen.

    On the backend that it began on, the run ends with the weights, the history and the report that it would have had
    without the interruption.

    Args:
        folder: Run folder.
        config: What the run is to go on by: its own settings, or these with changes.
        places: Where data and prepared sets lie.
        allow_change: Go on although settings, data or versions are not those that the run began with; the manifest
            tells of it.
        progress: Called with (records done, records in all).

    Returns:
        The report, or what a pretraining came to; None where the run is complete and nothing asks for more epochs.

    Raises:
        ConfigError: Another process trains it, or something has changed.
        LeakageError: What the run has seen would judge it.
        OtherModelError: `config` makes another model or optimizer than the checkpoint's.
    """
    with claimed(folder):
        files.sweep(folder)
        manifest, began = read_manifest(folder), _settings(folder)
        config = _with_found_batch(config, began)
        changes = _changes(began, config)
        # Until the next checkpoint the settings that it began with are those before.
        insisted = manifest["resumes"][-1]["changes"] if manifest.get("resumes") else []
        if manifest.get("status") == "complete" and not {*changes, *_extent(began, config)} - {*insisted}:
            return None
        check_trackers(config.tracking)
        config, material, work = plan(config, places, progress)
        changes += [*_data_changes(folder, manifest, material), *_version_changes(manifest, config)]
        _refuse([change for change in changes if change not in insisted], folder, allow_change)
        if manifest["split"] != material.facts["digest"] or "folds" in material.facts:
            _refuse_leakage(folder, material)
        with _taken_back(folder):
            _note(folder, config, places, material, changes, _extent(began, config))
            with following(folder, config), recorded(folder) as interruption:
                return work(folder, interruption)


def _settings(folder: Path) -> dict[str, Any]:
    """What the run went by so far: its newest checkpoint says, config.yaml where there is none."""
    folds = sorted(folder.glob("folds/*/checkpoints"), reverse=True)  # the newest is the one that says
    for checkpoints in (folder / "checkpoints", *folds):
        found = newest_step(checkpoints)
        if found:
            return _with_defaults(found[1]["config"])
    return load_run(folder).model_dump(mode="json")


def _with_defaults(written: dict[str, Any]) -> dict[str, Any]:
    """The settings in a checkpoint, and by its default each that no run had when it was written."""
    sections = {name: field.default for name, field in RunConfig.model_fields.items()}
    defaults = {
        name: default.model_dump(mode="json") for name, default in sections.items() if isinstance(default, Settings)
    }
    return {**written, **{name: {**fields, **written.get(name, {})} for name, fields in defaults.items()}}


def _with_found_batch(config: RunConfig, began: dict[str, Any]) -> RunConfig:
    """`config` with the batch that the run found when it began, where it asks to look for one."""
    if not config.trainer.auto_batch:
        return config
    loader = config.loader.model_copy(update={"batch_size": began["loader"]["batch_size"]})
    trainer = config.trainer.model_copy(update={"auto_batch": False})
    return config.model_copy(update={"loader": loader, "trainer": trainer})


def _extent(began: dict[str, Any], config: RunConfig) -> list[str]:
    """More epochs than it began with, in words."""
    pairs = [(name, began["trainer"][name], getattr(config.trainer, name)) for name in EXTENT]
    return [
        f"trainer.{name}: {before} -> {found}"
        for name, before, found in pairs
        if (math.inf if found is None else found) > (math.inf if before is None else before)
    ]


def _changes(began: dict[str, Any], config: RunConfig) -> list[str]:
    """Every setting that would alter what the run becomes."""
    extent = tuple(line.partition(":")[0] for line in _extent(began, config))
    return [
        f"{entry.path}: {entry.left} -> {entry.right}"
        for entry in diff_trees(began, config.model_dump(mode="json"))
        if not entry.path.startswith((*FREE, *extent))
    ]


def _data_changes(folder: Path, manifest: dict[str, Any], material: Material) -> list[str]:
    spec = folder / "spec.json"
    if spec.is_file():
        before, found = ExampleSpec.from_json(read_tree(spec)), material.prepared.spec
        if before != found:
            raise ConfigError(
                f"{folder} cannot go on: its examples were {_in_words(before)}, those of the data are "
                f"{_in_words(found)}; train a new run."
            )
    data, prepared = manifest["data"], material.prepared
    pairs = [
        ("data fingerprint", data["fingerprint"][:16], prepared.fingerprint[:16]),
        ("records", data["num_records"], prepared.manifest["num_records"]),
        ("examples", data["num_examples"], prepared.manifest["num_examples"]),
        ("split", manifest["split"][:16], material.facts["digest"][:16]),
    ]
    return [f"{name}: {before} -> {found}" for name, before, found in pairs if before != found]


def _refuse_leakage(folder: Path, material: Material) -> None:
    """Refuse a split in which what the run was trained on, or what chose its epoch, would judge it.

    Raises:
        LeakageError: There are such records, or nobody knows any more which those were.
    """
    path, found = folder / SPLIT, material.facts
    before = read_tree(path) if path.is_file() else {}
    if (before.get("digest"), before.get("folds")) == (found["digest"], found.get("folds")):
        return
    parts = {name: {*before.get(name, {}).get("records", ())} for name in ("train", "validation")}
    judging = {name: {*found[name]["records"]} for name in ("validation", "test")}
    moved = parts["train"] & (judging["validation"] | judging["test"])
    if found["judged_on"] == "test":
        moved |= parts["validation"] & judging["test"]
    if moved or not before or "folds" in {*before, *found}:
        named = ", ".join(sorted(moved)[:MAX_NAMED]) or "records"
        raise LeakageError(
            f"{folder} cannot go on: the data are split otherwise now, so that {named} on which it was fitted or "
            "chosen would judge it; train a new run."
        )


def _in_words(spec: ExampleSpec) -> str:
    inputs = ", ".join(f"{name} {array.shape}" for name, array in spec.inputs.items())
    classes = "; ".join(f"{name} {'/'.join(target.classes)}" for name, target in spec.targets.items())
    return f"{inputs} with {classes}"


def _version_changes(manifest: dict[str, Any], config: RunConfig) -> list[str]:
    before, found = manifest["versions"], environment()["versions"]
    counted = [name for name in EXACT_VERSIONS if name == "keras" or name.startswith(config.backend)]
    return [
        f"{name}: {before[name]} -> {found.get(name)}"
        for name in counted
        if name in before and before[name] != found.get(name)
    ]


def _refuse(changes: Sequence[str], folder: Path, allowed: bool) -> None:
    if changes and not allowed:
        listed = "\n".join(f"  {change}" for change in changes)
        raise ConfigError(
            f"{folder} began otherwise, so its result would be that of neither:\n{listed}\n"
            "Undo the change, train a new run, or insist with --allow-change."
        )


@contextmanager
def _taken_back(folder: Path) -> Iterator[None]:
    """Puts config.yaml back where the checkpoint does not fit what was asked for."""
    before = (folder / CONFIG_FILE).read_text(encoding="utf-8")
    try:
        yield
    except OtherModelError as error:
        files.write_text(folder / CONFIG_FILE, before)
        raise OtherModelError(
            str(folder), "cannot go on with these changes:", f"{error.record} {error.reason} Train a new run."
        ) from error


def _note(
    folder: Path, config: RunConfig, places: Places, material: Material, changes: Sequence[str], extent: Sequence[str]
) -> None:
    manifest = read_manifest(folder)
    if config.backend != manifest["backend"]:
        log.warning(
            "going on on %s what %s began: its state is taken over, but the last bits will differ",
            config.backend, manifest["backend"],
        )  # fmt: skip
    if changes:
        log.warning("going on in spite of changes: %s", "; ".join(changes))
    entry = {
        "time": now(),
        "from_backend": manifest["backend"],
        "backend": config.backend,
        "changes": [*changes, *extent],
    }
    files.write_text(folder / CONFIG_FILE, resolved_yaml(config))
    for name in REPORT:
        (folder / name).unlink(missing_ok=True)  # of an end that is no longer one
    describe_data(folder, material)
    update_manifest(
        folder, **environment(), **data_facts(places, material), **dict.fromkeys(ENDED), backend=config.backend,
        resumes=[*manifest.get("resumes", []), entry],
    )  # fmt: skip
