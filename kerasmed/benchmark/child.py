"""A child of a benchmark, which measures one cell: `python -m kerasmed.benchmark.child`.

It hears one order that says what it is, and then one line for each turn. It ends with its input.
"""

from typing import Any

from kerasmed.benchmark.lines import Lines
from kerasmed.benchmark.one_order import live_for_one_order


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
    live_for_one_order(_carry_out)
