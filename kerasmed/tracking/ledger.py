"""What one tracker has been told of one run: RUN/tracking/<tracker>.json."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from kerasmed import files
from kerasmed.tracking.kinds import Kind
from kerasmed.tracking.snapshot import Row, Snapshot, read_tree


@dataclass
class Ledger:
    """What has been sent, so that nothing is sent twice and nothing is forgotten.

    Attributes:
        folder: Of the run.
        kind: The tracker.
        target: Where it writes; another target has been told nothing.
        run: The tracker's own id of the run.
        rows: Epoch to digest of the row that was sent for it.
        facts: Digest of the settings and tags that were sent.
        metrics: Digest of the report's metrics that were sent.
        files: Name to SHA-256 of what was sent.
        status: The last status that was sent; "" before any.
        error: Why the last attempt failed; "" where it did not.
    """

    folder: Path
    kind: Kind
    target: str
    run: str = ""
    rows: dict[str, str] = field(default_factory=dict)
    facts: str = ""
    metrics: str = ""
    files: dict[str, str] = field(default_factory=dict)
    status: str = ""
    error: str = ""

    def save(self) -> None:
        """Write it down."""
        tree = asdict(self)
        del tree["folder"], tree["kind"]
        path = ledger_path(self.folder, self.kind)
        path.parent.mkdir(exist_ok=True)
        files.write_json(path, tree)

    def missing(self, rows: Iterable[Row]) -> list[Row]:
        """The rows that were not sent, or not as they are now."""
        return [row for row in rows if self.rows.get(str(row.epoch)) != row.digest]

    def tell(self, rows: Iterable[Row]) -> None:
        """Note `rows` as sent."""
        self.rows.update({str(row.epoch): row.digest for row in rows})

    def forget(self) -> None:
        """Note that the tracker knows nothing any more."""
        fresh = Ledger(self.folder, self.kind, self.target)
        for each in fields(self):
            setattr(self, each.name, getattr(fresh, each.name))

    def lacks(self, run: Snapshot) -> list[str]:
        """What the tracker has not been told, in words."""
        missing = len(self.missing(run.rows))
        found = [f"{missing} of {len(run.rows)} epochs"] if missing else []
        if run.metrics and run.ended and self.metrics != files.digest(dict(run.metrics)):
            found.append("the metrics of the report")
        if self.status != run.status:
            found.append(f"that the run is {run.status}")
        return found


def ledger_path(folder: Path, kind: Kind) -> Path:
    """The file of a ledger."""
    return folder / "tracking" / f"{kind}.json"


def read_ledger(folder: Path, kind: Kind, target: str) -> Ledger:
    """The ledger of a tracker; an empty one where it has none for this target, or a damaged one."""
    tree: dict[str, Any] = read_tree(ledger_path(folder, kind))
    if tree.get("target") != target:
        return Ledger(folder, kind, target)
    known = {each.name for each in fields(Ledger)} - {"folder", "kind"}
    return Ledger(folder, kind, **{name: value for name, value in tree.items() if name in known})
