"""`kerasmed runs compare`: several models on the same test split, ranked and tested in pairs."""

import hashlib
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from kerasmed.cli.config import in_words
from kerasmed.cli.options import FOLDER, json_option, runs_dir_option
from kerasmed.cli.output import show, table
from kerasmed.cli.run_folders import RunFolder, find_run, read_run
from kerasmed.config.describe import diff_trees

# Sets every run apart from every other, and says nothing.
UNTOLD = ("name",)


@click.command("compare")
@click.argument("runs", nargs=-1, required=True, metavar="RUN RUN...")
@click.option("--by", metavar="METRIC", help="Metric that ranks.  [default: auc, else macro_auc]")
@click.option(
    "--resamples", type=click.IntRange(100, 100_000), default=2000, show_default=True, help="Draws of whole patients."
)
@click.option(
    "--confidence", type=click.FloatRange(0.5, 0.999), default=0.95, show_default=True, help="Of the intervals."
)
@click.option(
    "--out", type=FOLDER, help="Folder for comparison.html, comparison.json, PNG.  [default: comparisons/ of the runs]"
)
@runs_dir_option
@json_option
def command(
    runs: tuple[str, ...], by: str | None, resamples: int, confidence: float, out: Path | None, runs_dir: Path,
    as_json: bool,
) -> None:  # fmt: skip
    """Rank RUNs that were judged on the same examples, and test each pair of them.

    AUC is tested by DeLong, the share of right answers by McNemar, any metric that ranks by resampling patients; each p
    is corrected for the number of pairs by Holm. Runs that were judged on another split, on other examples or with
    other labels are refused by name. The settings in which runs differ from the first are told, too.
    """
    if len(runs) < 2:
        raise click.UsageError("name two runs or more.")
    from kerasmed.config.run import Evaluation
    from kerasmed.evaluation.comparison_words import to_text
    from kerasmed.workflows.compare import compare_runs_in_pairs, write_compared

    found = [read_run(find_run(runs_dir, name)) for name in runs]
    settings = Evaluation(bootstrap=resamples, confidence=confidence)
    comparison = compare_runs_in_pairs([run.folder for run in found], settings, by)
    models = {run.folder.name: _model(run) for run in found}
    differences = {run.folder.name: _differences(found[0], run) for run in found[1:]}
    folder = out or runs_dir / "comparisons" / _named_by(comparison.names)
    write_compared(comparison, models, {name: _told(changes) for name, changes in differences.items()}, folder)
    parts = [part if isinstance(part, str) else table(part) for part in to_text(comparison, models)]
    for run, entries in differences.items():
        changed = [(entry.path, in_words(entry.left), in_words(entry.right)) for entry in entries]
        parts.append(table(changed, ("setting", found[0].folder.name, run)) if changed else f"{run}: same settings")
    changes = {name: [asdict(entry) for entry in entries] for name, entries in differences.items()}
    page = folder / "comparison.html"
    tree = {**comparison.to_json(), "models": models, "differences": changes, "page": str(page)}
    show(tree, "\n\n".join([*parts, f"page  {page}"]), as_json)


def _model(run: RunFolder) -> str:
    written = run.config.get("model")
    kind = written.get("kind") if isinstance(written, dict) else None
    return str(kind or "unknown")


def _differences(first: RunFolder, other: RunFolder) -> list[Any]:
    return [entry for entry in diff_trees(first.config, other.config) if entry.path not in UNTOLD]


def _told(changes: Sequence[Any]) -> dict[str, str]:
    return {entry.path: f"{in_words(entry.left)} -> {in_words(entry.right)}" for entry in changes}


def _named_by(names: Sequence[str]) -> str:
    """The same name for the same runs, so that a comparison made again replaces the old one."""
    return hashlib.sha256("\n".join(sorted(names)).encode()).hexdigest()[:12]
