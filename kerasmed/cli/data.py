"""`kerasmed data`: what data there are, and what becomes of them before any training."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from kerasmed import runtime
from kerasmed.cli.croissant import croissant
from kerasmed.cli.options import data_dir_option, json_option, run_argument, runs_dir_option, words_argument
from kerasmed.cli.output import in_bytes, progress_of, show, table
from kerasmed.cli.scan import FILE, scan
from kerasmed.cli.simulate import simulate
from kerasmed.errors import ConfigError, DataError, unknown


@click.group()
def command() -> None:
    """List, show, scan, check, prepare, describe, download or simulate data."""


command.add_command(scan)
command.add_command(croissant)
command.add_command(simulate)


@command.command("list")
@data_dir_option
@json_option
def list_data(data_dir: Path | None, as_json: bool) -> None:
    """Databases and dataset presets, and which of them are below the data folder."""
    from kerasmed.cli.machine import list_folders

    root = _root_or_none(data_dir)
    folders = list_folders(root)
    rows = [
        (name, found["database"], "yes" if found["present"] else "no", ", ".join(found["presets"]) or None)
        for name, found in folders.items()
    ]
    note = f"data folder: {root}" if root else "no data folder: give --data-dir or set KERASMED_DATA"
    text = table(rows, ("folder", "download", "here", "dataset presets"))
    show({"root": str(root) if root else None, "folders": folders}, f"{note}\n\n{text}", as_json)


@command.command("show")
@click.argument("name")
@click.option("--sheet", type=FILE, help="Of pictures: draw some of each class, as a model sees them, into this PNG.")
@data_dir_option
@json_option
def show_data(name: str, sheet: Path | None, data_dir: Path | None, as_json: bool) -> None:
    """A database, or a dataset preset with its protocol."""
    from kerasmed.config.presets import list_presets
    from kerasmed.data.download import DATABASES

    root = _root_or_none(data_dir)
    if name in DATABASES:
        facts = _database(name, root)
        show(facts, _facts(facts), as_json)
    elif name in list_presets("dataset"):
        facts = _dataset(name, root)
        if sheet is not None:
            _draw_sheet(name, data_dir, sheet)
            facts["sheet"] = str(sheet)
        show(facts, _dataset_in_words(facts), as_json)
    else:
        raise unknown("database or dataset preset", name, [*DATABASES, *list_presets("dataset")])


@command.command()
@run_argument
@words_argument
@data_dir_option
@runs_dir_option
@json_option
def check(run: str, words: tuple[str, ...], data_dir: Path | None, runs_dir: Path, as_json: bool) -> None:
    """Read, split and guard the data of a run: what a training would see."""
    from kerasmed.cli.quality_words import quality_in_words
    from kerasmed.config.load import load_run
    from kerasmed.data.prepared import QUARANTINE
    from kerasmed.data.quality_table import describe_quality
    from kerasmed.workflows.places import find_places
    from kerasmed.workflows.prepare import gather_material

    config = load_run(run, words)
    with progress_of("records") as progress:
        material = gather_material(config.dataset, config.seed, find_places(data_dir, runs_dir), progress)
    prepared = _prepared(material.prepared)
    rows = [_part(name, material.facts[name]) for name in ("train", "validation", "test")]
    quality, reasons = describe_quality(material.prepared), [item.reason for item in material.prepared.quarantine]
    text = [
        _prepared_in_words(prepared),
        quality_in_words(quality, reasons, material.prepared.folder / QUARANTINE),
        table(rows, ("split", "examples", "records", "patients", "classes")),
        _remarks(material.dataset.protocol.badges, material.dataset.notes),
    ]
    show({"prepared": prepared, "quality": quality, "split": material.facts}, "\n\n".join(filter(None, text)), as_json)


@command.command()
@run_argument
@words_argument
@data_dir_option
@runs_dir_option
@json_option
def prepare(run: str, words: tuple[str, ...], data_dir: Path | None, runs_dir: Path, as_json: bool) -> None:
    """Turn the records of a run into a prepared set, which later runs share."""
    from kerasmed.config.load import load_run
    from kerasmed.workflows.places import find_places
    from kerasmed.workflows.prepare import prepare_dataset

    config = load_run(run, words)
    with progress_of("records") as progress:
        _, prepared = prepare_dataset(config.dataset, find_places(data_dir, runs_dir), progress)
    facts = _prepared(prepared)
    show(facts, _prepared_in_words(facts), as_json)


@command.command()
@click.argument("database")
@data_dir_option
@json_option
def download(database: str, data_dir: Path | None, as_json: bool) -> None:
    """Fetch a database from PhysioNet, each file checked; started again, it goes on where it ended."""
    from kerasmed.data import download as physionet

    with progress_of(f"{database}, files") as progress:
        folder = physionet.download(
            database,
            data_dir or runtime.data_root(),
            progress=lambda _, done, total: progress(done, total),
        )
    show({"database": database, "folder": str(folder)}, f"{database} is in {folder}", as_json)


def _root_or_none(data_dir: Path | None) -> Path | None:
    """The data folder; None where none is named. One that is named must be there."""
    try:
        return runtime.data_root(data_dir)
    except ConfigError:
        if data_dir is not None:
            raise
        return None


def _database(name: str, root: Path | None) -> dict[str, Any]:
    from kerasmed.cli.machine import list_folders
    from kerasmed.data.download import DATABASES

    database = DATABASES[name]
    found = list_folders(root)[database.folder]
    folder = root / database.folder if root and found["present"] else None
    return {
        "database": name,
        "source": f"https://physionet.org/content/{database.path}/",
        "signals": f"at least {in_bytes(database.least_bytes)}",
        "folder": str(folder) if folder else f"{database.folder} below the data folder: not here",
        "headers": sum(1 for _ in folder.rglob("*.hea")) if folder else None,
        "download": None if found["present"] else f"kerasmed data download {name}",
        "presets": found["presets"],
        **_origin(name),
    }


def _origin(name: str) -> dict[str, str]:
    """Licence, citation and access of a database or of a dataset kind; nothing where it is the user's own."""
    from kerasmed.data.origins import origin_of

    origin = origin_of(name)
    return asdict(origin) if origin else {}


def _dataset(name: str, root: Path | None) -> dict[str, Any]:
    from kerasmed.build import build
    from kerasmed.config.load import load_preset
    from kerasmed.config.presets import list_presets, summary

    config = load_preset("dataset", name)
    facts = {
        "preset": name,
        "about": summary(list_presets("dataset")[name]),
        "settings": config.model_dump(mode="json"),
        **_origin(config.model_dump()["kind"]),
    }
    if root is None:
        return {**facts, "records": None, "state": "no data folder: give --data-dir or set KERASMED_DATA"}
    try:
        dataset = build(config, root)  # type: ignore[arg-type]
    except DataError as error:
        return {**facts, "records": None, "state": str(error)}
    protocol = asdict(dataset.protocol)
    return {
        **facts,
        "state": "here",
        "records": len(dataset.records),
        "protocol": protocol["describe"],
        "judged_on": protocol["judged_on"],
        "badges": list(protocol["badges"]),
        "notes": list(dataset.notes),
        "published": list(protocol["published"]),
    }


def _draw_sheet(name: str, data_dir: Path | None, sheet: Path) -> None:
    from kerasmed.config.load import load_preset
    from kerasmed.data.contact_sheet import tiles_of_prepared, write_sheet
    from kerasmed.workflows.places import find_places
    from kerasmed.workflows.prepare import prepare_dataset

    with progress_of("pictures") as progress:
        config = load_preset("dataset", name)
        _, prepared = prepare_dataset(config, find_places(data_dir, Path("runs")), progress)  # type: ignore[arg-type]
    write_sheet(tiles_of_prepared(prepared), sheet)


def _dataset_in_words(facts: dict[str, Any]) -> str:
    from kerasmed.config.strict_yaml import write_text
    from kerasmed.evaluation import names

    told = ("preset", "about", "licence", "citation", "access", "state", "records", "protocol", "judged_on", "sheet")
    published = [
        (entry["work"], ", ".join(f"{names.label(key)} {value:g}" for key, value in entry["metrics"].items()))
        for entry in facts.get("published", [])
    ]
    parts = [
        _facts({key: facts[key] for key in told if key in facts}),
        _remarks(facts.get("badges", ()), facts.get("notes", ())),
        table(published, ("published", "")) if published else "",
        write_text(facts["settings"]).rstrip(),
    ]
    return "\n\n".join(filter(None, parts))


def _facts(facts: dict[str, Any]) -> str:
    """Facts that are there, a row each."""
    return table([(key, _in_words(value)) for key, value in facts.items() if value not in (None, [])])


def _prepared(prepared: Any) -> dict[str, Any]:
    manifest = prepared.manifest
    told = ("num_examples", "num_records", "quarantined", "dropped", "fingerprint")
    return {"folder": str(prepared.folder), **{name: manifest[name] for name in told}}


def _prepared_in_words(facts: dict[str, Any]) -> str:
    told = [(key, _in_words(value)) for key, value in facts.items() if key != "dropped"]
    return table([*told, *(("left out", f"{count:,} {reason}") for reason, count in facts["dropped"].items())])


def _remarks(badges: Sequence[str], notes: Sequence[str]) -> str:
    return "\n".join([*(f"! {badge}" for badge in badges), *notes])


def _part(name: str, facts: dict[str, Any]) -> tuple[Any, ...]:
    classes = "; ".join(_in_words(counts) for counts in facts["classes"].values())
    return (name, facts["examples"], len(facts["records"]), facts["patients"], classes)


def _in_words(value: Any) -> str:
    """A JSON value on one line."""
    if isinstance(value, dict):
        return ", ".join(f"{key} {_in_words(inner)}" for key, inner in value.items())
    if isinstance(value, list):
        return ", ".join(_in_words(inner) for inner in value)
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)
