"""What a study knows of its trials, twice on disk: a file for each trial, and all of them in the order of events.

An oracle is a function of what happened, in order; so this is all that there is to keep of one (decision 0038).
"""

import json
import logging
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from kerasmed import files
from kerasmed.errors import DataError

log = logging.getLogger(__name__)
TRIALS, ORACLE = "trials", "oracle.json"
RUNNING, COMPLETE, FAILED = "running", "complete", "failed"


@dataclass(frozen=True)
class TrialRecord:
    """One trial as its oracle knows it.

    Attributes:
        trial: Its number, as text.
        drawn: What the oracle drew: a value or the place of one for each path, and notes of its own (`tuner/epochs`).
        worker: Who has it.
        started: Number of the event that began it.
        ended: Number of the event that ended it; None while it runs.
        status: running, complete or failed.
        score: Its objective; None where it has none.
        epoch: Whose score that is.
        reason: Why it failed.
    """

    trial: str
    drawn: Mapping[str, Any]
    worker: str
    started: int
    ended: int | None = None
    status: str = RUNNING
    score: float | None = None
    epoch: int | None = None
    reason: str | None = None

    @property
    def epochs(self) -> int | None:
        """How long hyperband lets it train; None of other methods."""
        epochs = self.drawn.get("tuner/epochs")
        return None if epochs is None else int(epochs)

    @property
    def continues(self) -> str | None:
        """The trial of an earlier rung that it goes on with."""
        return self.drawn.get("tuner/trial_id")


class Records:
    """The trials of a study, by their number, in the order in which they began."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.trials = {record.trial: record for record in _load(folder)}
        self._event = max((max(r.started, r.ended or 0) for r in self.trials.values()), default=0)

    def begin(self, trial: str, drawn: Mapping[str, Any], worker: str) -> None:
        """A trial begins, or is taken up by another worker."""
        known = self.trials.get(trial)
        self._write(replace(known, worker=worker) if known else TrialRecord(trial, dict(drawn), worker, self._next()))

    def end(self, trial: str, status: str, score: float | None, epoch: int | None, reason: str | None) -> None:
        """A trial ends."""
        ended = replace(self.trials[trial], ended=self._next(), status=status, score=score, epoch=epoch, reason=reason)
        self._write(ended)

    def events(self) -> Iterator[tuple[Literal["begin", "end"], TrialRecord]]:
        """What happened, in order."""
        happened: list[tuple[int, Literal["begin", "end"], TrialRecord]] = []
        for record in self.trials.values():
            happened.append((record.started, "begin", record))
            if record.ended is not None:
                happened.append((record.ended, "end", record))
        for _, kind, record in sorted(happened, key=lambda event: event[0]):
            yield kind, record

    def _next(self) -> int:
        self._event += 1
        return self._event

    def _write(self, record: TrialRecord) -> None:
        self.trials[record.trial] = record
        files.write_json(self.folder / TRIALS / f"{record.trial}.json", asdict(record))
        files.write_json(self.folder / ORACLE, {"trials": [asdict(known) for known in self.trials.values()]})


def read_records(folder: Path) -> list[TrialRecord]:
    """The trials of a study that somebody else writes; one that cannot be read now is left out."""
    found = [_read_trial(path) for path in sorted((folder / TRIALS).glob("*.json"))]
    return sorted((record for record in found if record is not None), key=lambda record: record.started)


def _load(folder: Path) -> list[TrialRecord]:
    """Every trial, each from whichever of its two places is whole and newer; what is damaged is set aside."""
    (folder / TRIALS).mkdir(parents=True, exist_ok=True)
    files.sweep(folder)
    files.sweep(folder / TRIALS)
    found: dict[str, TrialRecord] = {}
    for path in sorted((folder / TRIALS).glob("*.json")):
        record = _read_trial(path)
        if record is None or record.trial != path.stem:
            set_aside(path)
        else:
            found[record.trial] = record
    for record in _read_all(folder / ORACLE):
        known = found.get(record.trial)
        if known is None or (known.ended is None and record.ended is not None):
            log.warning("trial %s is rebuilt from %s", record.trial, folder / ORACLE)
            files.write_json(folder / TRIALS / f"{record.trial}.json", asdict(record))
            found[record.trial] = record
    return sorted(found.values(), key=lambda record: record.started)


def set_aside(path: Path) -> None:
    """Keep a damaged file under another name, out of the way."""
    stamp = datetime.now(UTC).strftime("%Y%m%d-%H%M%S-%f")
    aside = path.with_name(f"{path.name}.damaged-{stamp}")
    path.rename(aside)
    log.warning("%s is damaged; it is set aside as %s", path, aside.name)


def _read_all(path: Path) -> list[TrialRecord]:
    if not path.is_file():
        return []
    try:
        return [_record(tree) for tree in json.loads(path.read_text(encoding="utf-8"))["trials"]]
    except (OSError, ValueError, TypeError, KeyError):
        set_aside(path)
        return []


def _read_trial(path: Path) -> TrialRecord | None:
    try:
        return _record(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def _record(tree: Mapping[str, Any]) -> TrialRecord:
    record = TrialRecord(**tree)
    number = isinstance(record.started, int) and isinstance(record.ended, int | None)
    if not (number and isinstance(record.trial, str) and isinstance(record.drawn, dict)):
        raise DataError("trial", "is damaged.")
    return record
