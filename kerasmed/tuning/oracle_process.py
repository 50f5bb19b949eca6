"""The oracle of a search, in a process of its own: `python -m kerasmed.tuning.oracle_process`.

A line of JSON comes in, a line goes out; the first says what is searched. The process ends when its input does. So the
process that searches never loads keras, and its memory does not grow with the trials.
"""

import json
import os
import signal
import sys
import threading
from pathlib import Path
from typing import Any, TextIO

from kerasmed.config.space import load_space
from kerasmed.errors import KerasmedError
from kerasmed.runtime import use_backend
from kerasmed.tuning.records import Records


def main() -> int:
    """Answer until the input ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the search, which ends this process by its input
    answers, sys.stdout = os.fdopen(os.dup(1), "w"), sys.stderr  # KerasTuner prints
    request = json.loads(sys.stdin.readline())
    use_backend(request["backend"])
    try:
        oracle = _open_oracle(request)
    except KerasmedError as error:
        _say(answers, {"error": str(error), "exit_code": error.exit_code})
        return 0
    _say(answers, {"ready": True})
    if request["role"] == "chief":
        _serve(oracle)
        return 0
    for line in sys.stdin:
        _say(answers, _answer(oracle, json.loads(line)))
    return 0


def _open_oracle(request: dict[str, Any]) -> Any:
    from kerasmed.tuning.oracles import build_oracle

    folder = Path(request["folder"])
    space = load_space(str(folder / "space.yaml"))
    oracle = build_oracle(space, request["objective"], request["direction"], request["epochs"])
    if request["role"] == "worker":
        from keras_tuner.src.distribute.oracle_client import OracleClient

        return OracleClient(oracle)
    oracle.live_again(Records(folder), keep_workers=request["role"] == "chief")
    return oracle


def _answer(oracle: Any, asked: dict[str, Any]) -> dict[str, Any]:
    from kerasmed.tuning.oracles import tell

    if "worker" in asked:
        trial = oracle.create_trial(asked["worker"])
        return {"status": trial.status, "trial": trial.trial_id, "drawn": trial.hyperparameters.values}
    tell(oracle, asked["trial"], asked["score"], asked["epoch"], asked["reason"])
    return {"told": asked["trial"]}


def _serve(oracle: Any) -> None:
    """KerasTuner's chief, at KERASTUNER_ORACLE_IP and _PORT, until every worker has been told that nothing is left."""
    from keras_tuner.src.distribute.oracle_chief import start_server

    threading.Thread(target=_end_with_input, daemon=True).start()
    start_server(oracle)


def _end_with_input() -> None:
    sys.stdin.read()
    os._exit(0)


def _say(answers: TextIO, tree: dict[str, Any]) -> None:
    answers.write(json.dumps(tree) + "\n")
    answers.flush()


if __name__ == "__main__":
    sys.exit(main())
