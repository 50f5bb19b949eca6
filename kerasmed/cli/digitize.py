"""kerasmed digitize: pages of ECG paper -> leads in mV at 500 Hz."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from kerasmed.cli.options import FOLDER, data_dir_option, json_option
from kerasmed.cli.output import progress_of, show, table

if TYPE_CHECKING:
    from kerasmed.inference.predictor import Predictor
    from kerasmed.workflows.digitize import Read


@click.command()
@click.argument("pages", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--model", type=click.Path(path_type=Path), help="Run, saved model or .onnx file of a network of pages.")
@click.option("--out", type=FOLDER, default=Path("digitized"), show_default=True, help="Folder for the files.")
@click.option("--layout", help="3x4+1, 3x4, 6x2 or 12x1.  [default: by the number of rows]")
@click.option("--speed", type=float, help="Of the paper, mm/s.  [default: 25, or as the pulse shows]")
@click.option("--gain", type=float, help="Height of 1 mV in mm.  [default: as the pulse shows, else 10]")
@click.option(
    "--then", type=click.Path(path_type=Path), help="Saved model of whole records that answers for each page."
)
@click.option("--truth", type=FOLDER, help="Judge against the signals of this folder of pages.")
@data_dir_option
@json_option
def command(
    pages: tuple[Path, ...], model: Path | None, out: Path, layout: str | None, speed: float | None,
    gain: float | None, then: Path | None, truth: Path | None, data_dir: Path | None, as_json: bool,
) -> int:  # fmt: skip
    """Read twelve leads off PAGES: PNG, JPEG or PDF files, or folders of them.

    Of each page NAME.csv (mV, 5000 rows at 500 Hz), a WFDB record, NAME.json (what was found, the quality of each lead)
    and NAME.png (the page with the lines drawn in) are written. A lead of 2.5 s stands at its place in the ten seconds;
    what is not printed, or cannot be read, is empty. Without --model the page is read by colour and darkness alone.
    A page that cannot be read is told, and the others go on; the exit code is the first fault's.
    """
    from kerasmed.inference.digitize.page import Wishes

    wishes = Wishes(layout, speed, gain)
    judge = None
    if truth is not None:
        from kerasmed.workflows.judge_pages import open_truth

        judge = open_truth(truth, data_dir)
    from kerasmed.workflows.digitize import digitize_pages

    with progress_of("pages") as progress:
        found, faults = digitize_pages(pages, out, wishes, _opened(model, maps=True), _opened(then), progress)
    if not found and len(faults) == 1:
        raise next(iter(faults.values()))
    judged = None if judge is None else judge(found, len(faults))
    tree = {
        "pages": [_tree(read) for read in found],
        "failed": {name: str(fault) for name, fault in faults.items()},
        **({} if judged is None else {"judged": judged}),
    }
    texts = [_words(read) for read in found] + ([] if judged is None else [_judged_in_words(judged)])
    show(tree, "\n\n".join([*texts, f"files in {out}"] if found else texts), as_json)
    for fault in faults.values():
        click.echo(f"error: {fault}", err=True)
    return next((fault.exit_code for fault in faults.values()), 0)


def _opened(path: Path | None, maps: bool = False) -> "Predictor | None":
    if path is None:
        return None
    from kerasmed.inference.page_maps import require_pages
    from kerasmed.workflows.predict import open_model

    predictor = open_model(path)
    if maps:
        require_pages(predictor)
    return predictor


def _tree(read: "Read") -> dict[str, Any]:
    from kerasmed.inference.digitize.diagnosis import summarize
    from kerasmed.inference.digitize.files import describe

    tree = {**describe(read.page), "files": list(read.files)}
    if read.diagnosis is not None:
        tree["diagnosis"] = summarize(read.diagnosis)
    if read.not_diagnosed is not None:
        tree["not_diagnosed"] = read.not_diagnosed
    return tree


def _words(read: "Read") -> str:
    from kerasmed.inference.digitize.diagnosis import in_words

    page = read.page
    head = (
        f"{page.name}: {page.layout}, {page.speed_mm_s:g} mm/s, {page.gain_mm_mv:g} mm/mV, turned by "
        f"{page.grid.angle_deg:.1f} degrees. Maps: {page.maker}."
    )
    rows = [
        (
            lead.lead,
            f"{lead.score:.2f}",
            None if lead.printed_s is None else f"{lead.printed_s[0]:g} to {lead.printed_s[1]:g} s",
            f"refused: {lead.refused}" if lead.refused else "",
        )
        for lead in page.quality
    ]
    told = page.consistency
    notes = list(page.notes)
    if told.rms_mv is not None:
        mended = "evened out" if told.used else "left as read"
        notes.append(
            f"limb leads are off by {told.rms_mv:.3f} mV from Einthoven's and Goldberger's equations; {mended}"
        )
    if told.second_print_r is not None:
        notes.append(f"the two prints of II correlate by {told.second_print_r:.2f}")
    parts = [head, table(rows, ("lead", "quality", "printed", "")), *(f"Note: {note}." for note in notes)]
    parts += [in_words(read.diagnosis)] if read.diagnosis is not None else []
    parts += [f"not diagnosed: {read.not_diagnosed}"] if read.not_diagnosed is not None else []
    return "\n".join(parts)


def _judged_in_words(judged: dict[str, Any]) -> str:
    from kerasmed.workflows.judge_pages import MEASURES

    def told(values: dict[str, Any]) -> list[str]:
        return ["-" if values[name] is None else f"{values[name]:.3f}" for name in MEASURES]

    rows = [[row["page"], row["layout"], row["look"], *told(row)] for row in judged["pages"]]
    rows.append(["mean", "", "", *told(judged["mean"])])
    by = judged["mean_snr_2025_db_by"].items()
    groups = [f"{key} {name}: {value:.1f} dB" for key, part in by for name, value in part.items()]
    score = f"score by the rule of 2025: {judged['score_2025_db']} dB; {judged['failed']} failed"
    return "\n".join([table(rows, ("page", "layout", "look", *MEASURES)), "", score, *groups])
