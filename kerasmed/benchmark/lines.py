"""A child of a benchmark hears and answers: one line of JSON each way."""

import json
import os
import sys
from typing import Any, Self, TextIO


class Lines:
    """Orders from stdin, answers to what was stdout; whatever else this process prints goes to stderr."""

    def __init__(self, orders: TextIO, answers: TextIO) -> None:
        self._orders, self._answers = orders, answers

    @classmethod
    def of_this_process(cls) -> Self:
        """The lines to the process that started this one."""
        answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
        os.dup2(2, 1)
        return cls(sys.stdin, answers)

    def order(self) -> dict[str, Any] | None:
        """The next order; None where nobody will give another."""
        line = self._orders.readline()
        return json.loads(line) if line else None

    def answer(self, tree: dict[str, Any]) -> None:
        """Answer an order."""
        self._answers.write(json.dumps(tree) + "\n")
        self._answers.flush()
