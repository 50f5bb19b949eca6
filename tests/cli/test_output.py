"""What is told while something else is being told."""

import logging
import subprocess
import sys

PROGRAM = """
import io, logging, os, signal, sys
from kerasmed.cli.output import narrate

class Interrupted(io.FileIO):
    def write(self, text):
        os.kill(os.getpid(), signal.SIGUSR1)  # python runs the handler within the write, as it may on Ctrl-C
        return super().write(text)

narrate()
log = logging.getLogger("kerasmed")
signal.signal(signal.SIGUSR1, lambda *_: log.info("told by a signal"))
sys.stderr = io.TextIOWrapper(io.BufferedWriter(Interrupted(2, "w", closefd=False)), write_through=True)
log.info("a line of progress")
"""


def test_a_signal_may_be_told_of_while_a_line_is_being_written():
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert sorted(done.stderr.splitlines()) == ["a line of progress", "told by a signal"]


def test_progress_is_told_on_the_stderr_of_the_moment(capsys):
    from kerasmed.cli.output import narrate

    narrate()
    logging.getLogger("kerasmed").info("a line of progress")
    assert capsys.readouterr() == ("", "a line of progress\n")
