"""`kerasmed data scan`: what a folder of pictures holds."""

from pathlib import Path
from typing import Any

import click

from kerasmed.cli.options import FOLDER, json_option
from kerasmed.cli.output import progress_of, show, table

FILE = click.Path(dir_okay=False, path_type=Path)
MAX_LISTED = 10


@click.command()
@click.argument("folder", type=FOLDER)
@click.option("--sheet", type=FILE, help="Also draw some pictures of each class into this PNG file.")
@click.option("--ids", is_flag=True, help="Only list which DICOM file is called what: NAME and path.")
@json_option
def scan(folder: Path, sheet: Path | None, ids: bool, as_json: bool) -> None:
    """Read every picture below FOLDER: classes, parts, sizes, duplicates, patients, faults, labels that disagree.

    Names of DICOM files, which often are the patient's, are not told; --ids shows them on this screen.
    """
    from kerasmed.data.scan import scan_folder, show_ids

    if ids:
        rows = show_ids(folder)
        show(dict(rows), table(rows) or "no DICOM file", as_json)
        return
    with progress_of("pictures") as progress:
        found = scan_folder(folder, progress)
    if sheet is not None:
        from kerasmed.data.contact_sheet import tiles_of_folder, write_sheet

        write_sheet(tiles_of_folder(folder), sheet)
        found["sheet"] = str(sheet)
    show(found, in_words(found), as_json)


def in_words(found: dict[str, Any]) -> str:
    """The scan for a person."""
    parts = [
        name for name in ("train", "validation", "test", "all") if any(name in c for c in found["classes"].values())
    ]
    classes = [(name, *(counts.get(part, 0) for part in parts)) for name, counts in found["classes"].items()]
    patients = found["patients"]
    facts = [
        ("layout", found["layout"]),
        ("pictures", f"{found['pictures']:,} ({_counts(found['formats'])})"),
        ("other files", _counts(found["other_files"]) or "none"),
        ("balance", "-" if found["balance"] is None else f"{found['balance']:g} of the largest class for one"),
        ("size", _sizes(found["sizes"])),
        ("modes", _counts(found["modes"])),
        ("bits", _counts(found["bits"])),
        ("patients", _patients(patients)),
        ("unusable", len(found["unusable"])),
        ("equal files", _groups(found["duplicates"])),
        ("near duplicates", _groups(found["near_duplicates"])),
        ("duplicates in two classes", _groups(found["in_two_classes"])),
        *([("contact sheet", found["sheet"])] if "sheet" in found else []),
    ]
    lists = [
        _listed("converted when read", [f"{count:,} {note}" for note, count in found["converted"].items()]),
        _listed("unusable", [f"{name}: {reason}" for name, reason in found["unusable"].items()]),
        _listed("near duplicates", [" = ".join(names) for names in found["near_duplicates"]]),
        _listed("IN TWO CLASSES", [" = ".join(names) for names in found["in_two_classes"]]),
        *(_csv(entry) for entry in found["csv"]),
    ]
    return "\n\n".join(filter(None, [table(facts), table(classes, ("class", *parts)), *lists]))


def _counts(counts: dict[str, int]) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in counts.items())


def _sizes(sizes: dict[str, Any] | None) -> str:
    if sizes is None:
        return "-"
    width, height = sizes["width"], sizes["height"]
    return (
        f"{width['least']}-{width['largest']} x {height['least']}-{height['largest']} pixels, median "
        f"{width['median']} x {height['median']}, {sizes['different']:,} different"
    )


def _patients(patients: dict[str, int]) -> str:
    if not patients["known"]:
        return "cannot be told"
    several = patients["in_several_parts"]
    told = f"{patients['known']:,} of {patients['pictures_of_them']:,} pictures"
    return told + (f"; {several} OF THEM IN SEVERAL PARTS" if several else "")


def _groups(groups: list[list[str]]) -> str:
    return f"{len(groups)} groups, {sum(map(len, groups))} pictures" if groups else "none"


def _listed(title: str, lines: list[str]) -> str:
    if not lines:
        return ""
    more = [f"  and {len(lines) - MAX_LISTED} more (--json lists all)"] if len(lines) > MAX_LISTED else []
    return "\n".join([f"{title}:", *(f"  {line}" for line in lines[:MAX_LISTED]), *more])


def _csv(entry: dict[str, Any]) -> str:
    if "fault" in entry or entry["image_column"] is None:
        return f"{entry['file']}: {entry.get('fault', 'names none of the pictures')}"
    lines = [f"{entry['file']}: {entry['rows']:,} rows, pictures by column {entry['image_column']}"]
    lines += [f"  rows without a picture: {entry['rows_without_picture']}"]
    lines += [f"  pictures without a row: {entry['pictures_without_row']}"]
    disagree = entry["disagree"]
    if disagree is None:
        return "\n".join([*lines, "  no column follows the class folders"])
    meaning = ", ".join(f"{value} is {name}" for value, name in disagree["means"].items())
    lines.append(f"  column {disagree['column']} follows the folders ({meaning})")
    if disagree["pictures"]:
        lines.append(f"  DISAGREE: {', '.join(disagree['pictures'])}")
    return "\n".join(lines)
