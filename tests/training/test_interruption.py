"""The first signal is a wish, the second a command, even where python itself does not get to run."""

import signal
import subprocess
import sys
import time
from contextlib import suppress

import pytest

from kerasmed.training.interruption import interruptible

pytestmark = pytest.mark.parametrize(
    "number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP], ids=lambda number: number.name
)


def never():
    raise AssertionError("the process was to be ended")


def test_the_first_signal_of_a_training_is_a_wish_and_the_second_ends_it(number):
    with interruptible(never) as interruption, suppress(KeyboardInterrupt), interruption.waits():
        signal.raise_signal(number)
        assert interruption.asked
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(number)


def test_a_wish_that_nobody_met_ends_what_comes_after_the_training(number):
    with interruptible(never) as interruption, pytest.raises(KeyboardInterrupt), interruption.waits():
        signal.raise_signal(number)


def test_outside_a_training_the_first_signal_ends(number):
    with interruptible(never) as interruption, pytest.raises(KeyboardInterrupt):
        signal.raise_signal(number)
    assert not interruption.asked


def test_afterwards_signals_are_as_they_were(number):
    before = signal.getsignal(number), signal.set_wakeup_fd(-1)
    with interruptible(never):
        pass
    assert (signal.getsignal(number), signal.set_wakeup_fd(-1)) == before


def test_what_is_ignored_stays_ignored_under_nohup(number):
    if number != signal.SIGHUP:  # nohup ignores no other
        return
    before = signal.signal(number, signal.SIG_IGN)
    try:
        with interruptible(never) as interruption:
            signal.raise_signal(number)
            assert not interruption.asked
    finally:
        signal.signal(number, before)


def test_a_process_deep_in_native_code_ends_all_the_same(number):
    program = (
        "import os, hashlib; from kerasmed.training import interruption\n"
        "interruption.GRACE_S = 0.2\n"
        "with interruption.interruptible(lambda: os._exit(130)) as wish, wish.waits():\n"
        "    print('in', flush=True)\n"
        # A minute in native code that lets other threads run, as a compilation does.
        "    hashlib.pbkdf2_hmac('sha256', b'', b'', 10**8)\n"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"in\n"
        time.sleep(0.3)
        start = time.monotonic()
        process.send_signal(number)
        time.sleep(0.1)
        process.send_signal(number)
        assert process.wait(timeout=20) == 130
        assert time.monotonic() - start < 15
