"""`kerasmed runs`: what was trained, and how good it is."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from kerasmed.cli import compare_runs
from kerasmed.cli.options import json_option, run_argument, runs_dir_option
from kerasmed.cli.output import show, table
from kerasmed.cli.run_folders import RunFolder, find_run, list_runs, read_run
from kerasmed.evaluation import names
from kerasmed.workflows.run_folder import resume_command
from kerasmed.workflows.status import KILLED

# How a run ended that can go on.
RESUMABLE = (KILLED, "interrupted", "failed")


@click.group()
def command() -> None:
    """List, show or compare runs.

    RUN is a folder, the name of one in --runs-dir, the beginning of a name, or "latest".
    """


@command.command("list")
@runs_dir_option
@json_option
def list_all(runs_dir: Path, as_json: bool) -> None:
    """All runs, the oldest first."""
    runs = list_runs(runs_dir)
    heads = ("run", "status", "epochs", "backend", "model", "score")
    rows = [_row(run) for run in runs]
    text = table(rows, heads) if rows else f"no runs in {runs_dir}"
    show([_brief(run) for run in runs], text, as_json)


@command.command("show")
@run_argument
@runs_dir_option
@json_option
def show_run(run: str, runs_dir: Path, as_json: bool) -> None:
    """One run: how it stands, its scores with their intervals, its files."""
    found = read_run(find_run(runs_dir, run))
    manifest, report = found.manifest, found.report
    facts = [
        ("run", found.folder),
        ("status", " ".join(filter(None, [found.state.status, manifest.get("reason")]))),
        ("held by", found.state.holder),
        ("go on with", _resume_command(found)),
        ("epochs", found.epochs),
        ("started", found.started or None),
        ("ended", manifest.get("ended")),
        ("backend", manifest.get("backend")),
        ("dataset", _kind(found, "dataset")),
        ("model", _kind(found, "model")),
        ("protocol", report.get("protocol", {}).get("describe")),
        ("report", found.folder / "report.html" if report else None),
    ]
    baseline = report.get("baseline", {})
    scores = [
        (names.label(name), _estimate(found, name), names.baseline_in_words(name, baseline)) for name in found.metrics
    ]
    remarks = [*(f"! {badge}" for badge in report.get("badges", [])), *report.get("notes", [])]
    parts = [table([fact for fact in facts if fact[1]]), table(scores), "\n".join(remarks)]
    tree = {**_brief(found), "config": found.config, "manifest": manifest, "report": report or None}
    show(tree, "\n\n".join(filter(None, parts)), as_json)


command.add_command(compare_runs.command)


def _row(run: RunFolder) -> tuple[object, ...]:
    model, backend = _kind(run, "model"), run.manifest.get("backend")
    return run.folder.name, run.state.status, run.epochs, backend, model, _headline(run)


def _brief(run: RunFolder) -> dict[str, Any]:
    return {
        "name": run.folder.name,
        "folder": str(run.folder),
        "status": run.state.status,
        "holder": asdict(run.state.holder) if run.state.holder else None,
        "resume": _resume_command(run),
        "epochs": asdict(run.epochs),
        "backend": run.manifest.get("backend"),
        "started": run.started or None,
        "dataset": _kind(run, "dataset"),
        "model": _kind(run, "model"),
        "metrics": run.metrics,
    }


def _resume_command(run: RunFolder) -> str | None:
    return resume_command(run.folder) if run.state.status in RESUMABLE else None


def _kind(run: RunFolder, section: str) -> str | None:
    written = run.config.get(section)
    return written.get("kind") if isinstance(written, dict) else None


def _headline(run: RunFolder) -> str | None:
    return f"{names.label(run.headline)} {_estimate(run, run.headline)}" if run.headline else None


def _estimate(run: RunFolder, name: str) -> str:
    estimate = run.metrics.get(name, {})
    value, low, high = (estimate.get(key) for key in ("value", "low", "high"))
    interval = "" if low is None else f" ({names.in_words(name, low)} to {names.in_words(name, high)})"
    return names.in_words(name, value) + interval
