"""The report of a study: trials.csv, results.json, best.yaml, pictures and one page that holds everything."""

import csv
import io
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

from kerasmed import files
from kerasmed.config.load import resolved_yaml
from kerasmed.evaluation.names import in_words, label
from kerasmed.evaluation.page_parts import DISCLAIMER, pictures, section, sheet, table
from kerasmed.tuning.records import FAILED
from kerasmed.tuning.results import Result, importance, longest, ranked, results_of
from kerasmed.tuning.study import Study

BEST, TABLE, RESULTS, PAGE, PLOTS = "best.yaml", "trials.csv", "results.json", "report.html", "plots"
NUM_BEST = 5
# What the best trials are shown to score where they are judged: the first of these that a report has.
HEADLINES = ("macro_f1", "macro_auc", "auc", "accuracy")


@dataclass(frozen=True)
class Summary:
    """What came of a study.

    Attributes:
        study: The study.
        results: Every trial.
        best: Those with a score, the best first.
        shares: How much each setting explains.
    """

    study: Study
    results: Sequence[Result]
    best: Sequence[Result]
    shares: Mapping[str, float | None]

    def to_json(self) -> dict[str, Any]:
        """A JSON tree."""
        return {
            "study": str(self.study.folder), "objective": self.study.objective, "direction": self.study.direction,
            "method": self.study.space.search.method, "best": self.best[0].to_json() if self.best else None,
            "importance": dict(self.shares), "first_step_s": self.first_step_s,
            "trials": [result.to_json() for result in self.results],
        }  # fmt: skip

    @property
    def first_step_s(self) -> float | None:
        """Median time from the start of a trial to its first step."""
        measured = [result.first_step_s for result in self.results if result.first_step_s is not None]
        return statistics.median(measured) if measured else None

    def counts(self) -> str:
        """How many trials there are, in words."""
        failed = sum(result.record.status == FAILED for result in self.results)
        trials = f"{len(self.results)} trial{'s' if len(self.results) != 1 else ''}"
        return f"{trials}, {failed} failed" if failed else trials

    def in_words(self) -> str:
        """For a terminal."""
        folder, objective = self.study.folder, self.study.objective
        lines = [f"{self.counts()} by {self.study.space.search.method}"]
        if self.first_step_s is not None:
            lines[0] += f"; {self.first_step_s:.1f} s from start to first step"
        lines += [
            f"  {result.record.trial}  {objective} {result.score:.4g}  {_settings(result)}"
            for result in self.best[:NUM_BEST]
        ]
        train = f"\ntrain   kerasmed train {folder / BEST}" if self.best else ""
        return "\n".join(lines) + f"\n\nreport  {folder / PAGE}{train}"


def write_study(study: Study) -> Summary:
    """Write everything that the trials of a study say."""
    results = results_of(study)
    best = ranked(longest(results), study.direction)
    summary = Summary(study, results, best, importance(best))
    files.write_text(study.folder / TABLE, _csv(results, study))
    files.write_json(study.folder / RESULTS, summary.to_json())
    if best:
        files.write_text(study.folder / BEST, resolved_yaml(study.config_of(best[0].settings)))
    body = [_head(summary), *_sections(summary, _draw(summary))]
    files.write_text(study.folder / PAGE, sheet(study.folder.name, body))
    return summary


def _draw(summary: Summary) -> dict[str, Path]:
    """Every picture that the trials allow; title to file."""
    from kerasmed.tuning import pictures as draw

    study, best, folder = summary.study, summary.best, summary.study.folder / PLOTS
    if not best:
        return {}
    drawn = {"Curves": folder / "curves.png", "Settings": folder / "coordinates.png"}
    parameters, aim = study.space.parameters, (study.objective, study.direction)
    draw.show_curves(longest(summary.results), best, study.objective, drawn["Curves"])
    draw.show_coordinates(best, parameters, *aim, drawn["Settings"])
    if any(share is not None for share in summary.shares.values()):
        drawn["Importance"] = folder / "importance.png"
        draw.show_importance(summary.shares, drawn["Importance"])
    pair = draw.pair_for_heat_map(parameters)
    if pair is not None:
        drawn["Two settings"] = folder / "heat_map.png"
        draw.show_heat_map(best, *pair, *aim, drawn["Two settings"])
    return drawn


def _head(summary: Summary) -> str:
    study = summary.study
    aim = "low" if study.direction == "min" else "high"
    best = summary.best[0] if summary.best else None
    found = f"Best: <b>{best.score:.4g}</b>, trial {best.record.trial}." if best else "No trial has a score."
    overhead = "" if summary.first_step_s is None else (
        f" A trial took {summary.first_step_s:.1f} s (median) from its start to its first step."
    )  # fmt: skip
    return f"""<header><p class="disclaimer">{DISCLAIMER}</p><h1>{escape(study.folder.name)}</h1>
<p>{escape(study.space.search.method.capitalize())} search for a {aim} <b>{escape(study.objective)}</b>:
{summary.counts()}. {found}{overhead}</p>
<p class="small">The objective is of the validation rows, and chose the trial; being the best of many it flatters. What
the reports of the runs say beside it played no part in the choice.</p></header>"""


def _sections(summary: Summary, drawn: Mapping[str, Path]) -> list[str]:
    failed = [(escape(r.record.trial), escape(_settings(r)), escape(r.record.reason or "")) for r in summary.results
              if r.record.status == FAILED]  # fmt: skip
    return [
        section("Best trials", _table(summary.best[:NUM_BEST], summary.study)),
        section("Pictures", pictures(drawn)),
        section("Every trial", _table(summary.results, summary.study)),
        section("Failed trials", table(("Trial", "Settings", "Why"), failed) if failed else ""),
    ]


def _table(results: Sequence[Result], study: Study) -> str:
    if not results:
        return ""
    paths = [parameter.path for parameter in study.space.parameters]
    name = next((name for name in HEADLINES for r in results if name in r.judged), None)
    judged = (f"{label(name)} in its report",) if name else ()
    rows = [
        (
            f"<b>{r.record.trial}</b>", *(escape(str(r.settings[path])) for path in paths),
            "-" if r.score is None else f"{r.score:.4g}", str(r.record.epoch or "-"), str(len(r.rows)),
            *((_interval(name, r),) if name else ()), escape(r.run.name if r.run else r.record.status),
        )
        for r in results
    ]  # fmt: skip
    return table(("Trial", *map(escape, paths), escape(study.objective), "Epoch", "of", *judged, "Run"), rows)


def _interval(name: str, result: Result) -> str:
    found = result.judged.get(name)
    if not found or found.get("value") is None:
        return "-"
    low, high = found.get("low"), found.get("high")
    ends = "" if low is None else f" <small>({in_words(name, low)} to {in_words(name, high)})</small>"
    return f'<span class="name">{in_words(name, found["value"])}{ends}</span>'


def _settings(result: Result) -> str:
    return "  ".join(f"{path}={value}" for path, value in result.settings.items())


def _csv(results: Sequence[Result], study: Study) -> str:
    """A row for each trial: settings, score, epochs, every judged metric."""
    paths = [parameter.path for parameter in study.space.parameters]
    metrics = list(dict.fromkeys(name for result in results for name in result.judged))
    ends = [f"{name}{end}" for name in metrics for end in ("", "_low", "_high")]
    lines = io.StringIO(newline="")
    writer = csv.writer(lines, lineterminator="\n")
    writer.writerow(["trial", "status", *paths, study.objective, "epoch", "epochs", "first_step_s", "run", *ends])
    for r in results:
        judged = [r.judged.get(name, {}).get(end) for name in metrics for end in ("value", "low", "high")]
        run = None if r.run is None else r.run.name
        settings = [r.settings[path] for path in paths]
        facts = (r.score, r.record.epoch, len(r.rows), r.first_step_s, run)
        writer.writerow([r.record.trial, r.record.status, *settings, *facts, *judged])
    return lines.getvalue()
