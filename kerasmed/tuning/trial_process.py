"""One trial in a process of its own: `python -m kerasmed.tuning.trial_process BACKEND`.

It loads what every trial needs, waits for one line that says which trial it is, trains it and ends. So the process of
the next trial can be made ready while this one trains, and no two trials share a process (decision 0039). It ends when
its input does, since nobody is left then to whom the trial would matter.
"""

import json
import logging
import os
import sys
import threading
import time
from pathlib import Path
from queue import Queue
from typing import Any

from kerasmed import files
from kerasmed.config.load import load_run
from kerasmed.errors import KerasmedError
from kerasmed.runtime import use_backend
from kerasmed.training.memory import limited_memory
from kerasmed.training.plain_errors import plain_errors
from kerasmed.tuning.trial_run import FIRST_STEP_S, KEY, is_done, run_of
from kerasmed.workflows.places import Places
from kerasmed.workflows.run_folder import read_manifest, update_manifest

UNLIMITED = 2**62


def main(backend: str) -> int:
    """Get ready, wait for a trial, train it; the exit code."""
    orders: Queue[str] = Queue()
    threading.Thread(target=_listen, args=(orders,), daemon=True).start()
    use_backend(backend)
    _load()
    order = json.loads(orders.get())
    _write_into(Path(order["log"]))
    _be_the_first_to_go()
    try:
        with limited_memory(order["memory_bytes"] or UNLIMITED):
            _carry_out(order)
    except KerasmedError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    return 0


def _carry_out(order: dict[str, Any]) -> None:
    """Train the run of the trial, or go on with it."""
    from kerasmed.workflows.resume import resume
    from kerasmed.workflows.train import train

    config = load_run(Path(order["base"]), order["words"])
    places = Places(Path(order["data"]), Path(order["runs"]), Path(order["cache"]))
    first = _FirstStep(order["sent"])
    logging.getLogger("kerasmed").addHandler(first)
    logging.getLogger("kerasmed").setLevel(logging.DEBUG)  # at which the first step is told
    with plain_errors(config), files.locked(Path(order["lock"])):  # two trials of the same settings share a run
        folder = run_of(places.runs, order["key"])
        if folder is None:
            folder, _ = train(
                config, places, None, {"study": order["study"], "trial": order["trial"], KEY: order["key"]}
            )
        elif not is_done(folder, order["epochs"]):
            resume(folder, config, places)
        if first.after_s is not None and FIRST_STEP_S not in read_manifest(folder):
            update_manifest(folder, **{FIRST_STEP_S: round(first.after_s, 2)})


def _load() -> None:
    """What a trial needs, as far as it can be loaded without touching a device or data."""
    import kerasmed.evaluation.plots
    import kerasmed.models.windows
    import kerasmed.training.fit
    import kerasmed.workflows.resume
    import kerasmed.workflows.train  # noqa: F401


class _FirstStep(logging.Handler):
    """Notes when the first step was done, in seconds since the trial was sent."""

    def __init__(self, sent: float) -> None:
        super().__init__()
        self.sent = sent
        self.after_s: float | None = None

    def emit(self, record: logging.LogRecord) -> None:
        from kerasmed.training.callbacks.progress import FIRST_STEP

        if record.msg == FIRST_STEP and self.after_s is None:
            self.after_s = time.time() - self.sent


def _write_into(path: Path) -> None:
    """What this process says goes to the log of its trial, whatever says it."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    os.close(descriptor)
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(message)s")


def _be_the_first_to_go() -> None:
    """Where memory runs out, the kernel is to end this process rather than the search."""
    score = Path("/proc/self/oom_score_adj")
    if score.exists():
        score.write_text("1000")


def _listen(orders: Queue[str]) -> None:
    """Hand on the one order, and end the process with its input, even while it loads."""
    order = sys.stdin.readline()
    if order:
        orders.put(order)
        sys.stdin.read()
    os._exit(1 if order else 0)


if __name__ == "__main__":
    code = main(sys.argv[1])
    sys.stderr.flush()
    # Threads that failed without memory would trouble the interpreter on its way out.
    os._exit(code)
