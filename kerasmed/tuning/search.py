"""kerasmed tune: asks an oracle for trials, has each trained by a process of its own, and tells how it ended."""

import logging
import shlex
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

from kerasmed.data.prepared import Progress
from kerasmed.errors import InterruptedRunError, TrainingError, UnknownNameError
from kerasmed.runtime import compiled_once, device_environment, search_role
from kerasmed.training.interruption import interruptible
from kerasmed.training.memory import available_bytes
from kerasmed.tuning.processes import INTERRUPTED, Asked, Oracle, TrialProcess
from kerasmed.tuning.records import FAILED, RUNNING, read_records
from kerasmed.tuning.study import BASE, COMPILED, KEYS, LOGS, STUDY, Study, claimed_study, open_study, refuse_changes
from kerasmed.tuning.trial_run import rows_of, run_of, score_of
from kerasmed.workflows.places import Places
from kerasmed.workflows.prepare import gather_material

log = logging.getLogger(__name__)
POLL_S, IDLE_S, CHIEF_WAIT_S = 0.05, 1.0, 600.0
SHARE_OF_MEMORY = 0.9


@dataclass
class Slot:
    """A place where one trial runs at a time.

    Attributes:
        worker: By which name the oracle knows it.
        environment: Variables of its processes: the device.
        process: Of its trial; None where it has none.
        spare: A process that waits for the next trial.
        asked: Its trial.
        over: The oracle has nothing left for it.
        ask_again_s: Not to be asked for before this moment.
    """

    worker: str
    environment: Mapping[str, str]
    process: TrialProcess | None = None
    spare: TrialProcess | None = None
    asked: Asked | None = None
    over: bool = False
    ask_again_s: float = 0.0


@dataclass
class UnderWay:
    """A search under way."""

    study: Study
    places: Places
    oracle: Oracle
    slots: Sequence[Slot]
    failures: int = 0

    def run(self) -> None:
        """Until the oracle has no more trials.

        Raises:
            TrainingError: Too many trials failed in a row.
        """
        while not all(slot.over and slot.process is None for slot in self.slots):
            for slot in self.slots:
                if slot.process is not None:
                    self._look_at(slot)
                if slot.process is None and not slot.over and time.monotonic() >= slot.ask_again_s:
                    self._begin(slot)
            time.sleep(POLL_S)

    def close(self, saving: bool) -> None:
        """End every process; `saving` lets trials save what they have first."""
        processes = [process for slot in self.slots for process in (slot.process, slot.spare) if process is not None]
        for process in processes if saving else ():
            process.ask_to_end()
        if saving:
            for process in processes:
                process.wait()
        for process in processes:
            process.close()

    def _begin(self, slot: Slot) -> None:
        asked = self.oracle.ask(slot.worker)
        if asked.status != RUNNING.upper():
            slot.over = asked.status == "STOPPED"
            slot.ask_again_s = time.monotonic() + IDLE_S
            if slot.over and slot.spare is not None:
                slot.spare.close()
                slot.spare = None
            return
        earlier = asked.drawn.get("tuner/trial_id")
        if any((record.trial, record.status) == (earlier, FAILED) for record in read_records(self.study.folder)):
            self._tell(asked.trial, None, 0, f"trial {earlier}, which it continues, failed")
            return
        slot.asked, slot.process = asked, slot.spare or self._process(slot)
        slot.process.send(self._order(asked))
        slot.spare = self._process(slot)

    def _process(self, slot: Slot) -> TrialProcess:
        return TrialProcess(self.study.base.backend, slot.environment, self.study.folder / LOGS / "waiting.txt")

    def _order(self, asked: Asked) -> dict[str, Any]:
        study = self.study
        settings, epochs = study.space.settings(asked.drawn), asked.drawn.get("tuner/epochs")
        config, key = study.config_of(settings, epochs), study.key_of(settings)
        log.info("trial %s: %s", asked.trial, "  ".join(study.words_of(settings, epochs)))
        return {
            "study": study.folder.name, "trial": asked.trial, "key": key, "sent": time.time(),
            "base": str(study.folder / BASE), "words": study.words_of(settings, epochs),
            "epochs": config.trainer.stop_after or config.trainer.epochs, "memory_bytes": self._memory_bytes(),
            "data": str(self.places.data), "cache": str(self.places.cache), "runs": str(study.runs),
            "lock": str(study.folder / KEYS / f"{key}.lock"), "log": str(study.folder / LOGS / f"{asked.trial}.txt"),
        }  # fmt: skip

    def _memory_bytes(self) -> int | None:
        asked = self.study.space.search.memory_gb
        if asked is not None:
            return int(asked * 1e9)
        free = available_bytes()
        return None if free is None else int(SHARE_OF_MEMORY * free / len(self.slots))

    def _look_at(self, slot: Slot) -> None:
        """Tell the oracle where the trial has ended."""
        assert slot.process is not None
        assert slot.asked is not None
        minutes = self.study.space.search.timeout_min
        code, late = slot.process.ended(), minutes and time.monotonic() - slot.process.begun_s > 60 * minutes
        if code is None and not late:
            return
        process, asked = slot.process, slot.asked
        slot.process = slot.asked = None
        if code is None:
            process.ask_to_end()
        process.close()
        if code is None:
            self._tell(asked.trial, None, 0, f"it took longer than search.timeout_min={minutes:g}")
        elif code == INTERRUPTED:
            raise KeyboardInterrupt  # somebody stopped it, and may let it go on
        elif code:
            self._tell(asked.trial, None, 0, process.why())
        else:
            self._score(asked)

    def _score(self, asked: Asked) -> None:
        study, settings = self.study, self.study.space.settings(asked.drawn)
        config = study.config_of(settings, asked.drawn.get("tuner/epochs"))
        folder = run_of(study.runs, study.key_of(settings))
        epochs = config.trainer.stop_after or config.trainer.epochs
        try:
            score = score_of(rows_of(folder) if folder else [], config.trainer, epochs, study.objective)
        except UnknownNameError:
            raise  # no trial will ever report it
        except TrainingError as error:
            self._tell(asked.trial, None, 0, str(error))
            return
        self._tell(asked.trial, score.value, score.epoch, "")

    def _tell(self, trial: str, score: float | None, epoch: int, reason: str) -> None:
        self.oracle.tell(trial, score, epoch, reason)
        if score is not None:
            self.failures = 0
            log.info("trial %s: %s %.4g after epoch %d", trial, self.study.objective, score, epoch)
            return
        self.failures += 1
        log.warning("trial %s failed: %s", trial, reason)
        if self.failures >= self.study.space.search.max_failures:
            raise TrainingError(
                f"{self.failures} trials in a row failed, the last because {reason.rstrip('.')}; see "
                f"{self.study.folder / LOGS}. Mend it and give the same command again, or raise search.max_failures."
            )


def search(study: Study, places: Places, workers: int, progress: Progress | None = None) -> None:
    """Search until the oracle has no more trials; a study that was cut short goes on.

    KerasTuner's variables KERASTUNER_TUNER_ID, _ORACLE_IP and _ORACLE_PORT make this process the chief of several
    machines, which only gives out trials, or one of its workers.

    Args:
        study: What is searched.
        places: Where data and prepared sets lie; runs go to the study.
        workers: How many trials run at once.
        progress: Called with (records done, records in all).

    Raises:
        ConfigError: The folder holds another study, or its oracle cannot go on.
        InterruptedRunError: Ctrl-C or SIGTERM.
        TrainingError: Too many trials failed in a row.
    """
    role, name = search_role()
    with ExitStack() as stack:
        if role != "worker":
            stack.enter_context(claimed_study(study.folder))
        data = facts_of(study, places, progress)
        if role == "worker":
            _await_chief(study)
            refuse_changes(study, data)
        else:
            open_study(study, data)
        stack.enter_context(interruptible(lambda: None))
        request = {
            "backend": study.base.backend, "folder": str(study.folder), "role": role, "objective": study.objective,
            "direction": study.direction, "epochs": study.base.trainer.epochs,
        }  # fmt: skip
        oracle = stack.enter_context(Oracle(request, study.folder / LOGS / f"oracle{name and '-' + name}.txt"))
        _carry_out(study, places, oracle, role, [f"{name or 'worker'}/{place}" for place in range(workers)])


def _carry_out(study: Study, places: Places, oracle: Oracle, role: str, workers: Sequence[str]) -> None:
    compiled = compiled_once(study.folder / COMPILED)
    slots = [
        Slot(worker, {**compiled, **device_environment(place, len(workers))}) for place, worker in enumerate(workers)
    ]
    under_way = UnderWay(study, places, oracle, slots)
    saving = False
    try:
        if role == "chief":
            oracle.wait()
        else:
            under_way.run()
    except KeyboardInterrupt:
        saving = True
        raise InterruptedRunError(
            f"interrupted; the same command goes on (study {shlex.quote(str(study.folder))})"
        ) from None
    finally:
        under_way.close(saving)


def facts_of(study: Study, places: Places, progress: Progress | None) -> dict[str, str]:
    """Fingerprint and split of the data of the base run, which are prepared now if the cache does not hold them."""
    material = gather_material(study.base.dataset, study.base.seed, places, progress)
    return {"fingerprint": material.prepared.fingerprint, "split": material.facts["digest"]}


def _await_chief(study: Study) -> None:
    last = time.monotonic() + CHIEF_WAIT_S
    while not (study.folder / STUDY).is_file():
        if time.monotonic() > last:
            raise TrainingError(
                f"no chief has begun a study in {study.folder}; it must see the same folder, and be started with "
                "KERASTUNER_TUNER_ID=chief."
            )
        time.sleep(IDLE_S)
