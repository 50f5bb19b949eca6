"""A training in a process of its own that may kill itself: `python -m tests.faults.kill_child ORDER.json`.

The order: backend, config (path), data, runs, cache, run (folder to resume, or null to begin), kill ([global step,
delay in seconds] or null). On stdout a JSON line: the global step at which the training begins; at the end "over".
"""

import json
import os
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any

from tests.faults.kill_chain import STEPS_AFTER


def main(order: dict[str, Any]) -> None:
    """Begin or resume the run; die by SIGKILL `delay` after the batch of that step has begun."""
    from kerasmed.config.load import load_run
    from kerasmed.runtime import use_backend

    config = load_run(order["run"] or order["config"], [f"backend={order['backend']}"])
    use_backend(config.backend)
    _watch_steps(order["kill"])
    from kerasmed.workflows.places import Places
    from kerasmed.workflows.resume import resume
    from kerasmed.workflows.train import train

    places = Places(Path(order["data"]), Path(order["runs"]), Path(order["cache"]))
    if order["run"] is None:
        train(config, places)
    else:
        resume(Path(order["run"]), config, places)
    _say("over")


def _watch_steps(kill: tuple[int, float] | None) -> None:
    from kerasmed.training.callbacks.position import TrackPosition

    begin = TrackPosition.on_train_batch_begin
    said: list[int] = []
    dying: list[bool] = []

    def on_train_batch_begin(self: TrackPosition, batch: int, logs: Any = None) -> None:
        begin(self, batch, logs)
        if not said:
            said.append(self.global_step)
            _say(self.global_step)
        # A death that comes late may fall behind steps that were saved meanwhile: the next is then due at once.
        if kill is None:
            return
        if dying:
            # Steps of a millisecond would all be over before a late death, and none be left for the next one.
            time.sleep(kill[1] / STEPS_AFTER)
        elif self.global_step >= kill[0]:
            dying.append(True)
            _die(after_s=kill[1])

    TrackPosition.on_train_batch_begin = on_train_batch_begin  # type: ignore[method-assign]


def _die(after_s: float) -> None:
    """The kernel ends every thread of this process, whatever it is writing."""
    words = (os.getpid(), signal.SIGKILL)
    if after_s:
        threading.Timer(after_s, os.kill, words).start()
    else:
        os.kill(*words)


def _say(word: object) -> None:
    sys.stdout.write(json.dumps(word) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(json.loads(Path(sys.argv[1]).read_text()))
