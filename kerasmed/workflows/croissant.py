"""kerasmed data croissant: the data of a run -> a description in Croissant, and the table that it describes."""

import shutil
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from kerasmed import files
from kerasmed.config.run import RunConfig
from kerasmed.data.croissant import TABLE, about, describe, table_of
from kerasmed.data.origins import origin_of
from kerasmed.data.prepared import Progress
from kerasmed.workflows.places import Places
from kerasmed.workflows.prepare import gather_material

DESCRIPTION = "croissant.json"


def write_croissant(
    config: RunConfig, places: Places, out: Path, given: Mapping[str, str], with_arrays: bool = False,
    progress: Progress | None = None,
) -> list[Path]:  # fmt: skip
    """Prepare and split the data of a run, and describe them; the files that were written.

    Args:
        config: The run.
        places: Where data and prepared sets lie.
        out: Receives croissant.json and examples.csv.
        given: What `data.croissant.about` is to say in place of what it knows.
        with_arrays: Whether the arrays are copied there, too.
        progress: Called with (records done, records in all).

    Raises:
        ConfigError: Licence, citation, address or maker are neither known nor given.
        DataError: The data cannot be used.
        LeakageError: Two splits share an example, a patient or a content.
    """
    today = datetime.now(UTC).date().isoformat()
    told = about(config.dataset.folder, origin_of(config.dataset.kind), given, today)
    material = gather_material(config.dataset, config.seed, places, progress)
    prepared = material.prepared
    out.mkdir(parents=True, exist_ok=True)
    table = out / TABLE
    files.write_text(table, table_of(prepared, material.splits))
    facts: dict[str, str | int] = {"sha256": files.sha256_file(table), "bytes": table.stat().st_size}
    files.write_json(out / DESCRIPTION, describe(prepared, material.splits, told, facts))
    written = [out / DESCRIPTION, table]
    for name in prepared.spec.inputs if with_arrays else ():
        place = f"arrays/{name}.npy"
        (out / place).parent.mkdir(exist_ok=True)
        shutil.copyfile(prepared.folder / place, out / place)
        written.append(out / place)
    return written
