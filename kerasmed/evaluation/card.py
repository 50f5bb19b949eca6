"""card.md: what a reader of a saved model must know before using it, in Markdown, of what stands beside it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kerasmed.calibration import Calibration
from kerasmed.evaluation.calibrated_words import how_calibrated
from kerasmed.evaluation.names import METRICS, in_words, label
from kerasmed.evaluation.page import HEADLINES
from kerasmed.evaluation.page_parts import DISCLAIMER
from kerasmed.evaluation.report import Estimate, Report
from kerasmed.evaluation.summary import class_rows, ends_in_words, intervals_in_words
from kerasmed.spec import ArraySpec, ExampleSpec

# A class with fewer examples than this, in training or in what judges, is called rare.
FEW_EXAMPLES = 100
OUTSIDE = (
    "The files of the formats take prepared examples: what comes before (of a recording finding R peaks, baseline, "
    "window, resampling and features) `kerasmed predict` does, and whoever feeds them otherwise must do alike."
)


@dataclass(frozen=True)
class Earlier:
    """A version of the same model that came before.

    Attributes:
        version: Its number.
        created: When it was exported.
        run: What it was exported from.
        report: Its report; None where it has none or was deleted.
        deleted: When it was deleted; "" where it is there.
    """

    version: int
    created: str
    run: str
    report: Report | None = None
    deleted: str = ""


def render_card(
    manifest: Mapping[str, Any],
    spec: ExampleSpec,
    report: Report | None,
    config: Mapping[str, Any],
    calibrations: Mapping[str, Calibration],
    earlier: Sequence[Earlier] = (),
) -> str:
    """The card as Markdown.

    Args:
        manifest: Of the version.
        spec: What it reads and answers.
        report: How it was judged; None where it was not.
        config: The tree of config.yaml; empty where there is none.
        calibrations: By target, where it was calibrated.
        earlier: Versions before it, the first first.
    """
    parts = (
        f"# {manifest['name']}, version {manifest['version']}",
        f"> {DISCLAIMER}",
        _section("Intended use", _intended(manifest, spec)),
        _section("What it reads", _inputs(spec)),
        _section("Data and protocol", _data(manifest, report)),
        _section("How good it is", _metrics(report)),
        _section("Answers, thresholds and calibration", _answers(spec, report, calibrations)),
        _section("Limits", _limits(manifest, report)),
        _section("Formats and their proof", _formats(manifest)),
        _section("How it was made", _made(manifest, config)),
        _section("Changelog", _changelog(manifest, report, earlier)),
    )
    return "\n\n".join(parts) + "\n"


def _intended(manifest: Mapping[str, Any], spec: ExampleSpec) -> list[str]:
    asked = "; ".join(
        f"`{name}`: {'one' if target.task == 'single_label' else 'any'} of {', '.join(target.classes)}"
        for name, target in spec.targets.items()
    )
    return [
        "Research on methods and data: comparing models, studying recordings, teaching. It was judged on the data "
        "below and on nothing else; it has not been validated for any clinic, device or group of people, and no output "
        "of it may guide the care of a person.",
        f"It answers with scores between 0 and 1. {asked}.",
        f"It has {manifest['num_parameters']:,} parameters.",
    ]


def _inputs(spec: ExampleSpec) -> list[str]:
    rows = [
        (f"`{name}`", _shape(array), array.unit, _rate(array), ", ".join(array.channels) or "-")
        for name, array in spec.inputs.items()
    ]
    lines = [
        "Physical values as float32, with a batch axis in front.",
        _table(("Input", "Shape", "Unit", "Rate", "Leads or features, in this order"), rows),
    ]
    contract = spec.contract
    if contract is not None:
        lines.append(
            f"A recording must hold the leads {', '.join(contract.leads)} in {contract.unit}, for "
            f"{contract.shortest_s:g} s or longer; of a lead at most {100 * contract.max_missing_rate:g} % may be "
            f"missing, {100 * contract.max_flat_rate:g} % flat and {100 * contract.max_clipped_rate:g} % clipped."
        )
    return lines


def _data(manifest: Mapping[str, Any], report: Report | None) -> list[str]:
    source = manifest.get("source") or {}
    fingerprint = (source.get("data") or {}).get("fingerprint")
    facts = [
        f"Fingerprint of the data: `{fingerprint}`." if fingerprint else "",
        f"Digest of the split: `{source['split']}`." if source.get("split") else "",
    ]
    if report is None:
        return ["The model came without a report.", *facts]
    split = report.split or {}
    rows = [
        _split_row(name, split[name]) for name in ("train", "validation", "test") if isinstance(split.get(name), dict)
    ]
    shared = "Patients are in several splits." if report.protocol.shares_patients else "No patient is in two splits."
    return [
        f"**{report.protocol.name}.** {report.protocol.describe}",
        f"{shared} The numbers below are of the {report.protocol.judged_on} split.",
        *(f"**Warning: {badge}.**" for badge in report.protocol.badges),
        _table(("Split", "Examples", "Patients", "Of each class"), rows) if rows else "",
        *facts,
    ]


def _split_row(name: str, part: Mapping[str, Any]) -> tuple[str, ...]:
    classes = "; ".join(
        ", ".join(f"{key} {count:,}" for key, count in each.items()) for each in part["classes"].values()
    )
    return name, f"{part['examples']:,}", f"{part['patients']:,}", classes


def _metrics(report: Report | None) -> list[str]:
    if report is None:
        return ["Nobody has judged it: export a run that was evaluated."]
    counted = report.judged
    whole = [
        (label(name), _value(name, estimate), ends_in_words(name, estimate) or "-", _says(name))
        for name, estimate in report.metrics.items()
    ]
    heads, *classes = class_rows(report)
    return [
        f"Judged on {counted['examples']:,} examples of {counted['patients']:,} patients. {intervals_in_words(report)}",
        _table(("Metric", "Value", "Interval", "What it says"), whole),
        _table(heads, classes),
    ]


def _answers(spec: ExampleSpec, report: Report | None, calibrations: Mapping[str, Calibration]) -> list[str]:
    lines = []
    for name, target in spec.targets.items():
        found = calibrations.get(name)
        if found is None:
            rule = (
                "the class of the highest score" if target.task == "single_label" else "labels that score 0.5 or more"
            )
            lines.append(f"`{name}`: not calibrated; a score is no probability. The answer is {rule}.")
            continue
        decides = "the class of the highest score" if found.deciding is None else "given by these thresholds"
        lines += [
            f"`{name}`: calibrated ({found.method}). The answer is {decides}; prediction sets aim at "
            f"{100 * found.coverage:g} % of the truths.",
            _table(
                ("Class", "Threshold"),
                [(each, f"{value:.3f}") for each, value in zip(target.classes, found.thresholds, strict=True)],
            ),
        ]
    if report is not None and report.calibrated is not None:
        lines.append("\n".join(f"- {sentence}" for sentence in how_calibrated(report.calibrated)))
    return lines


def _limits(manifest: Mapping[str, Any], report: Report | None) -> list[str]:
    serving = manifest["serving"]
    if "not_made" in serving:
        limits = [OUTSIDE, f"There is no serving graph: {serving['not_made']}."]
    else:
        limits = [OUTSIDE, f"The serving graph leaves to its caller: {'; '.join(serving['not_held'])}."]
    if report is not None:
        limits += [*_rare(report), *(f"{badge}." for badge in report.protocol.badges), *report.notes]
    limits.append("Recordings of other devices, leads, ages or diseases than those of its data: nobody knows.")
    return ["\n".join(f"- {limit}" for limit in dict.fromkeys(limits))]


def _rare(report: Report) -> list[str]:
    judged = [f"{name} ({count:,})" for name, count in report.support.items() if count < FEW_EXAMPLES]
    train = ((report.split or {}).get("train") or {}).get("classes") or {}
    trained = [f"{name} ({count:,})" for each in train.values() for name, count in each.items() if count < FEW_EXAMPLES]
    said = {
        "Classes with few examples in training: {}. Expect them to be missed.": trained,
        "Classes with few examples among those judged: {}. Their numbers say little.": judged,
    }
    return [sentence.format(", ".join(names)) for sentence, names in said.items() if names]


def _formats(manifest: Mapping[str, Any]) -> list[str]:
    parity = manifest["parity"]
    rows = [
        (name, f"{fact['max_abs_difference']:.1e}", str(fact["batch"]), f"{fact['bytes']:,}")
        for name, fact in manifest["written"].items()
    ]
    sizes = ", ".join(map(str, parity["batch_sizes"]))
    return [
        f"Every file was opened in its own runtime and asked beside {parity['reference']}, in batches of {sizes}; more "
        f"than {parity['limit']:g} would not have been published.",
        _table(("Format", "Largest difference of a score", "Batch", "Bytes"), rows),
    ]


def _made(manifest: Mapping[str, Any], config: Mapping[str, Any]) -> list[str]:
    source = manifest.get("source") or {}
    git = source.get("git") or {}
    commit = f"{git['commit']}{' with uncommitted changes' if git.get('changed') else ''}" if "commit" in git else None
    kinds = {name: (config.get(name) or {}).get("kind") for name in ("dataset", "model")}
    versions = {**(source.get("versions") or {}), **{f"{name} (export)": v for name, v in manifest["versions"].items()}}
    facts = {
        "Run": source.get("run"),
        "Dataset": kinds["dataset"],
        "Network": kinds["model"],
        "Backend": config.get("backend"),
        "Seed": config.get("seed"),
        "Commit": commit,
        "Exported": manifest["created"],
        "Versions": ", ".join(f"{name} {version}" for name, version in versions.items()),
    }
    rows = [(name, str(value)) for name, value in facts.items() if value not in (None, "")]
    return [_table(("", ""), rows), "Every setting is in `config.yaml`, the hash of every file in `manifest.json`."]


def _changelog(manifest: Mapping[str, Any], report: Report | None, earlier: Sequence[Earlier]) -> list[str]:
    this = Earlier(manifest["version"], manifest["created"], (manifest.get("source") or {}).get("run") or "", report)
    lines: list[str] = []
    before: Report | None = None
    for each in (*earlier, this):
        of_run = f", of run {each.run}" if each.run else ""
        gone = f"; deleted {each.deleted[:10]}" if each.deleted else ""
        lines.append(f"- **{each.version}** ({each.created[:10]}{of_run}){_change(each.report, before)}{gone}")
        before = each.report or before
    return ["\n".join(reversed(lines))]


def _change(report: Report | None, before: Report | None) -> str:
    name = next((name for name in ("macro_f1", *HEADLINES) if report is not None and name in report.metrics), None)
    if report is None or name is None:
        return ""
    value = report.metrics[name].value
    said = f": {label(name)} {in_words(name, value)}"
    old = before.metrics[name].value if before is not None and name in before.metrics else None
    if before is None or value is None or old is None:
        return said
    if before.judged.get("digest") != report.judged.get("digest"):
        return f"{said}, judged on other examples than the version before"
    return f"{said}, {value - old:+.3f} against the version before"


def _value(name: str, estimate: Estimate) -> str:
    return "undefined" if estimate.value is None else in_words(name, estimate.value)


def _says(name: str) -> str:
    metric = METRICS.get(name)
    return "" if metric is None else metric.describe + (" Lower is better." if metric.better == "lower" else "")


def _shape(array: ArraySpec) -> str:
    return " x ".join("free" if size is None else str(size) for size in array.shape)


def _rate(array: ArraySpec) -> str:
    return "-" if array.rate_hz is None else f"{array.rate_hz:g} Hz"


def _section(title: str, paragraphs: Iterable[str]) -> str:
    return "\n\n".join([f"## {title}", *filter(None, paragraphs)])


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table of Markdown; a bar in a cell would end it."""
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(
        "| " + " | ".join(cell.replace("|", "/").replace("\n", " ") for cell in row) + " |" for row in lines
    )
