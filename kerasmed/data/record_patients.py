"""Who was recorded, of WFDB records whose own files may not say."""

from collections.abc import Mapping
from pathlib import Path

from kerasmed.data.readers.label_csv import read_rows
from kerasmed.data.sources.wfdb_beats import record_of

_PTBXL = "ptbxl_database.csv"


def patient_of(header: Path, known: Mapping[str, str]) -> str:
    """Who was recorded: what `known` says of the record's name, else a header comment, else the record itself."""
    return known.get(header.stem) or record_of(header.parent, header.stem).patient


def ptbxl_patients(folder: Path) -> dict[str, str]:
    """Patient by the name of a record of PTB-XL, where its table is in the folder or one of the three above."""
    tables = [above / _PTBXL for above in (folder, *folder.resolve().parents[:3]) if (above / _PTBXL).is_file()]
    if not tables:
        return {}
    _, rows = read_rows(tables[0])
    files = ("filename_lr", "filename_hr")
    # The table writes whole numbers as 21456.0.
    return {
        Path(row[file]).name: f"{float(row['patient_id']):.0f}" for row in rows for file in files if row["patient_id"]
    }
