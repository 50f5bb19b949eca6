"""The life of a child of a benchmark: it hears one order that says what it is, carries it out, and ends."""

import os
import sys
from collections.abc import Callable
from typing import Any, NoReturn

from kerasmed.benchmark.lines import Lines
from kerasmed.errors import KerasmedError
from kerasmed.export.child import die_with_parent


def live_for_one_order(carry_out: Callable[[dict[str, Any], Lines], None]) -> NoReturn:
    """Carry out what is ordered, answer with the fault if there is one, and end this process."""
    die_with_parent()
    lines, code = Lines.of_this_process(), 0
    order = lines.order()
    try:
        if order is not None:
            carry_out(order, lines)
    except KerasmedError as error:
        lines.answer({"error": str(error)})
        code = error.exit_code
    sys.stderr.flush()
    # Threads of a training that was left within an epoch would hold the interpreter up.
    os._exit(code)
