"""`kerasmed models`: the saved models, whether they are sound, and the end of those that are not needed."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from kerasmed.cli.options import json_option, saved_models_option
from kerasmed.cli.output import in_bytes, show, table
from kerasmed.errors import ConfigError, ContractError

if TYPE_CHECKING:
    from kerasmed.registry.catalog import SavedModel

UNSOUND = ContractError.exit_code


@click.group()
def command() -> None:
    """List, show, verify or delete saved models.

    MODEL is NAME (its newest version), NAME/VERSION or the folder of a saved model.
    """


@command.command("list")
@saved_models_option
@json_option
def list_all(saved_models: Path, as_json: bool) -> None:
    """Every version of every model, from its manifest; `verify` reads the files too."""
    from kerasmed.registry.catalog import facts_of, list_models

    listing = list_models(saved_models)
    heads = ("model", "created", "run", "formats", "size", "score")
    rows = [_row(model) for model in listing.models]
    parts = [
        table(rows, heads) if rows else f"no saved models in {saved_models}",
        "\n".join(f"! {reason}" for reason in listing.unreadable.values()),
    ]
    tree = {"models": [facts_of(model) for model in listing.models], "unreadable": listing.unreadable}
    show(tree, "\n\n".join(filter(None, parts)), as_json)


@command.command("show")
@click.argument("model")
@saved_models_option
@json_option
def show_model(model: str, saved_models: Path, as_json: bool) -> None:
    """One version: where it comes from, its scores, its formats with their proof. Refused unless it is sound."""
    from kerasmed.files import sha256_file
    from kerasmed.registry.catalog import facts_of, find_model, read_model
    from kerasmed.registry.verify import require_sound
    from kerasmed.versions import CARD, MANIFEST

    found = read_model(find_model(saved_models, model))
    manifest, fingerprint = require_sound(found.folder), sha256_file(found.folder / MANIFEST)
    facts = [
        ("model", found),
        ("folder", found.folder),
        ("created", manifest.get("created")),
        ("manifest", f"SHA-256 {fingerprint}"),
        *_source(manifest),
        ("calibration", ", ".join(map(str, (manifest.get("calibration") or {}).values()))),
        ("size", in_bytes(found.num_bytes)),
        ("card", found.folder / CARD if (found.folder / CARD).is_file() else None),
    ]
    written = manifest.get("written") or {}
    proofs = [(name, f"{fact['max_abs_difference']:.1e}", in_bytes(fact["bytes"])) for name, fact in written.items()]
    remarks = [*(f"! {badge}" for badge in found.report.get("badges", [])), *found.report.get("notes", [])]
    parts = [
        table([fact for fact in facts if fact[1]]),
        table(proofs, ("format", "difference", "size")) if proofs else "",
        table(_scores(found)),
        "\n".join(remarks),
    ]
    tree = {**facts_of(found), "manifest_sha256": fingerprint, "manifest": manifest, "report": found.report or None}
    show(tree, "\n\n".join(filter(None, parts)), as_json)


@command.command()
@click.argument("models", nargs=-1, metavar="[MODEL]...")
@saved_models_option
@json_option
def verify(models: tuple[str, ...], saved_models: Path, as_json: bool) -> int:
    """Read every file of MODEL, or of every model, and hold it against the manifest. Exit code 4 where one differs."""
    from kerasmed.registry.catalog import find_model, list_models

    listing = list_models(saved_models)
    folders = [find_model(saved_models, name) for name in models] if models else [one.folder for one in listing.models]
    found = {str(folder): _faults(folder) for folder in folders}
    if not models:
        found |= {name: [reason] for name, reason in listing.unreadable.items()}
    lines = [
        f"{place}: sound" if not faults else "\n".join([f"{place}: NOT SOUND", *(f"  {fault}" for fault in faults)])
        for place, faults in found.items()
    ]
    show(found, "\n".join(lines) or f"no saved models in {saved_models}", as_json)
    return UNSOUND if any(found.values()) else 0


@command.command()
@click.argument("models", nargs=-1, required=True, metavar="NAME/VERSION...")
@click.option("--yes", is_flag=True, help="Do not ask.")
@saved_models_option
@json_option
def delete(models: tuple[str, ...], yes: bool, saved_models: Path, as_json: bool) -> None:
    """Delete versions; the number of one is never given again."""
    from kerasmed.registry.catalog import find_model
    from kerasmed.registry.delete import delete_version, require_deletable

    for name in models:
        if "/" not in name:
            raise ConfigError(f"{name!r} names no version; write NAME/VERSION.")
    if as_json and not yes:
        raise click.UsageError("with --json nobody can be asked: give --yes.")
    found = [require_deletable(find_model(saved_models, name)) for name in dict.fromkeys(models)]
    if not yes:
        click.confirm(f"Delete {', '.join(f'{one} ({in_bytes(one.num_bytes)})' for one in found)}?", abort=True)
    gone = [str(delete_version(one.folder)) for one in found]
    show({"deleted": gone}, "\n".join(f"deleted {name}" for name in gone), as_json)


def _faults(folder: Path) -> list[str]:
    from kerasmed.registry.catalog import read_model
    from kerasmed.registry.verify import faults_of

    try:
        read_model(folder)
        return [str(fault) for fault in faults_of(folder)]
    except ContractError as error:
        return [str(error)]


def _row(model: "SavedModel") -> tuple[object, ...]:
    manifest = model.manifest
    run = (manifest.get("source") or {}).get("run")
    return model, manifest.get("created"), run, " ".join(manifest["formats"]), in_bytes(model.num_bytes), _score(model)


def _score(model: "SavedModel") -> str | None:
    from kerasmed.evaluation.names import in_words, label

    if model.headline is None:
        return None
    name, estimate = model.headline
    return f"{label(name)} {in_words(name, estimate.get('value'))}"


def _scores(model: "SavedModel") -> list[tuple[str, str]]:
    from kerasmed.evaluation.names import label
    from kerasmed.evaluation.report import Estimate
    from kerasmed.evaluation.summary import estimate_in_words

    metrics = model.report.get("metrics", {})
    return [(label(name), estimate_in_words(name, Estimate(**fields))) for name, fields in metrics.items()]


def _source(manifest: dict[str, Any]) -> list[tuple[str, Any]]:
    source = manifest.get("source") or {}
    git = source.get("git") or {}
    return [
        ("run", source.get("run")),
        ("commit", f"{git['commit']}{' with changes' if git.get('changed') else ''}" if "commit" in git else None),
        ("data", (source.get("data") or {}).get("fingerprint")),
        ("split", source.get("split")),
    ]
