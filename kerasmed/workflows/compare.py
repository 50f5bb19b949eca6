"""kerasmed runs compare: run folders that judged the same examples -> a comparison, from what they wrote themselves."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from kerasmed import files
from kerasmed.config.run import Evaluation
from kerasmed.errors import ConfigError, DataError
from kerasmed.evaluation.comparison import Comparison, Contender, compare
from kerasmed.evaluation.report import read_report
from kerasmed.evaluation.scored import SCORES, load_scores


def compare_runs_in_pairs(folders: Sequence[Path], settings: Evaluation, ranked_by: str | None = None) -> Comparison:
    """Rank the models of runs and test each pair.

    Raises:
        ConfigError: A run is named twice.
        ContractError: The runs did not judge the same examples of the same split with the same labels.
        DataError: A run was not judged, or a file of it is damaged.
    """
    names = [folder.name for folder in folders]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise ConfigError(f"run {twice} is named twice; name different runs.")
    return compare([_open(folder) for folder in folders], settings, seed=0, ranked_by=ranked_by)


def write_compared(
    comparison: Comparison, models: Mapping[str, str], differences: Mapping[str, Any], folder: Path
) -> None:
    """comparison.json, comparison.html and its pictures in `folder`, which is made where there is none."""
    from kerasmed.evaluation.comparison_page import write_comparison

    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"{folder} cannot be made ({error.strerror}); name another with --out.") from error
    files.write_json(folder / "comparison.json", comparison.to_json())
    write_comparison(comparison, models, differences, folder)


def _open(folder: Path) -> Contender:
    if not (folder / "report.json").is_file():
        raise DataError(folder.name, "has no report.", "Let it end (kerasmed resume RUN), or kerasmed evaluate RUN.")
    report = read_report(folder / "report.json")
    judged = load_scores(folder / SCORES, report.target)
    if judged.fingerprint() != report.judged["digest"]:
        raise DataError(str(folder / SCORES), "is not of the same end as report.json.", "kerasmed evaluate RUN.")
    return Contender(folder.name, report, judged)
