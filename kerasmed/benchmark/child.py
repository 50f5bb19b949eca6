"""A child of a benchmark, which measures one cell: `python -m kerasmed.benchmark.child`.

It hears one order that says what it is, and then one line for each turn. It ends with its input.
"""

import os
import sys
from typing import Any

from kerasmed.benchmark.lines import Lines
from kerasmed.errors import KerasmedError
from kerasmed.export.child import die_with_parent


def main() -> int:
    """Measure what is ordered; the exit code."""
    lines = Lines.of_this_process()
    order = lines.order()
    if order is None:
        return 0
    try:
        _carry_out(order, lines)
    except KerasmedError as error:
        lines.answer({"error": str(error)})
        return error.exit_code
    return 0


def _carry_out(order: dict[str, Any], lines: Lines) -> None:
    if order["job"] in ("train", "until"):
        from kerasmed.benchmark import training_child

        {"train": training_child.train, "until": training_child.train_until}[order["job"]](order, lines)
    elif order["job"] == "flops":
        from kerasmed.benchmark.flops import count_flops

        lines.answer(count_flops(order))
    else:
        from kerasmed.benchmark import answering_child

        {"write": answering_child.write, "answer": answering_child.answer}[order["job"]](order, lines)


if __name__ == "__main__":
    die_with_parent()
    code = main()
    sys.stderr.flush()
    # Threads of a training that was left within an epoch would hold the interpreter up.
    os._exit(code)
