"""Kill runs at random and make every step on the disk fail; print a table; exit 1 if anything broke (`make faults`).

    make faults SEEDS=200 BACKENDS=jax,torch

docs/faults.md says what is checked.
"""

import argparse
import logging
import sys
import tempfile
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent
BACKENDS = ("jax", "torch", "tensorflow")


def main() -> int:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=10, help="on each backend, ten to a run (default 10)")
    parser.add_argument("--backends", default=",".join(BACKENDS), help="separated by commas")
    parser.add_argument("--first-seed", type=int, default=0, help="of the first chain of ten kills")
    words = parser.parse_args()
    logging.getLogger("kerasmed").setLevel(logging.ERROR)
    sys.path.insert(0, str(CHECKOUT))  # the tests are no installed package
    with tempfile.TemporaryDirectory(prefix="kerasmed-faults-") as scratch:
        wrong = visit_steps(Path(scratch))
        wrong += kill_runs(words.backends.split(","), words.kills, words.first_seed, Path(scratch))
    for line in wrong:
        say(line)
    say(f"{len(wrong)} broken" if wrong else "nothing broken")
    return bool(wrong)


def visit_steps(scratch: Path) -> list[str]:
    """Every fault at every step of the operations; what broke."""
    from kerasmed.runtime import use_backend

    use_backend("jax")
    import jax

    from tests.faults.every_step import visit
    from tests.faults.operations import (
        delete_operation,
        export_operation,
        prepare_operation,
        save_operation,
        small_model,
    )

    operations = [
        prepare_operation(scratch),
        save_operation(),
        delete_operation(),
        export_operation(*small_model(), ["keras"]),
    ]
    wrong: list[str] = []
    say("every fault at every step on the disk")
    with jax.disable_jit():
        for number, operation in enumerate(operations):
            visited = visit(operation, scratch / f"steps-{number}")
            say(f"  {visited.row()}")
            wrong += [*visited.broken, *(f"{operation.name}: unseen: {name}" for name in visited.unseen)]
    return wrong


def kill_runs(backends: list[str], kills: int, first_seed: int, scratch: Path) -> list[str]:
    """Runs killed at random steps and resumed; what differed from the run that nobody killed."""
    from tests.fakes.small_runs import write_small_records
    from tests.faults.kill_chain import KILLS_OF_A_CHAIN, Chain, Killing, draw_kills

    data = write_small_records(scratch / "data")
    wrong: list[str] = []
    say("runs killed by SIGKILL at random steps, resumed each time, beside the same run that nobody killed")
    say("  backend      kills  within an epoch  resumes  steps redone at most  same bits, history and report")
    for backend in backends:
        killing = Killing(backend, data, scratch / backend)
        straight, total = killing.straight(), Chain(backend)
        for number in range(-(-kills // KILLS_OF_A_CHAIN)):
            count = min(KILLS_OF_A_CHAIN, kills - number * KILLS_OF_A_CHAIN)
            seed = first_seed + number
            chain = killing.chain(straight, f"seed-{seed}", draw_kills(straight, seed, count))
            total.kills += chain.kills
            total.within += chain.within
            total.resumes += chain.resumes
            total.redone = max(total.redone, chain.redone)
            total.wrong += [f"{backend}: {line}" for line in chain.wrong]
        same = "no" if total.wrong else "yes"
        counts = f"{len(total.kills):>6}{total.within:>17}{total.resumes:>9}{total.redone:>22}"
        say(f"  {backend:<12}{counts}  {same}")
        wrong += total.wrong
    return wrong


def say(line: str) -> None:
    """A line on stdout, at once: a long run is followed as it goes."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
