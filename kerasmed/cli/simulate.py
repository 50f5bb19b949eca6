"""`kerasmed data simulate`: data that nobody has to fetch, for demos, tests and training."""

from pathlib import Path

import click

from kerasmed.cli.options import FOLDER, json_option
from kerasmed.cli.output import progress_of, show


@click.group()
def simulate() -> None:
    """Write simulated records, pages of ECG paper, or volumes."""


@simulate.command("ecg_beats")
@click.argument("out", type=FOLDER)
@click.option("--patients", default=12, show_default=True, help="Number of people.")
@click.option("--duration-s", default=300.0, show_default=True, help="Length of each record.")
@click.option("--rate-hz", default=360.0, show_default=True, help="Sampling rate.")
@click.option("--seed", default=0, show_default=True, help="Of everything drawn.")
@json_option
def ecg_beats(out: Path, patients: int, duration_s: float, rate_hz: float, seed: int, as_json: bool) -> None:
    """Write two-lead records of simulated people, each beat annotated, into the folder OUT."""
    from kerasmed.data.simulate.ecg_beats import simulate_ecg_beats

    headers = simulate_ecg_beats(out, num_patients=patients, duration_s=duration_s, rate_hz=rate_hz, seed=seed)
    tree = {"folder": str(out), "records": [header.stem for header in headers]}
    show(tree, f"{len(headers)} records of {patients} simulated people are in {out}", as_json)


@simulate.command("ecg_pages")
@click.argument("out", type=FOLDER)
@click.argument("words", nargs=-1, metavar="[NAME=VALUE]...")
@click.option("--records", type=FOLDER, help="Folder of WFDB records with twelve leads.  [default: simulated people]")
@json_option
def ecg_pages(out: Path, words: tuple[str, ...], records: Path | None, as_json: bool) -> None:
    """Write pages of ECG paper, with the truth of every pixel, into the folder OUT.

    NAME=VALUE is a setting, as pages=600, look=phone or strength.noise=0.
    """
    from kerasmed.config.load import load_settings
    from kerasmed.config.pages import EcgPages
    from kerasmed.data.simulate.ecg_pages import simulate_ecg_pages

    settings = load_settings(EcgPages, words)
    with progress_of("pages") as progress:
        rows = simulate_ecg_pages(out, settings, records, progress)
    tree = {"folder": str(out), "settings": settings.model_dump(mode="json"), "pages": rows}
    show(tree, f"{len(rows)} pages of {len({row['record'] for row in rows})} records are in {out}", as_json)


@simulate.command("knee_volumes")
@click.argument("out", type=FOLDER)
@click.option("--patients", default=12, show_default=True, help="Number of people.")
@click.option("--edge", default=64, show_default=True, help="Height and width in voxels.")
@click.option("--seed", default=0, show_default=True, help="Of everything drawn.")
@json_option
def knee_volumes(out: Path, patients: int, edge: int, seed: int, as_json: bool) -> None:
    """Write the knees of simulated people, as 3-D MRI in two .npy files and a table, into the folder OUT."""
    from kerasmed.data.simulate.knee_volumes import simulate_knee_volumes

    count = simulate_knee_volumes(out, num_patients=patients, edge=edge, seed=seed)
    tree = {"folder": str(out), "volumes": count}
    show(tree, f"{count} knees of {patients} simulated people are in {out}", as_json)
