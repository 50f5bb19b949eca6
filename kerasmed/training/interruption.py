"""Ctrl-C, SIGTERM and a closed terminal.

The first during a training is a wish, to be met after the batch; the second ends at once.
"""

import logging
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

log = logging.getLogger(__name__)
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
# Python sees a signal when the native code that runs returns; a compilation can take a minute.
GRACE_S = 5.0


class Interruption:
    """Whether somebody asked for the end, and whether the training may first come to a good place."""

    def __init__(self) -> None:
        self.asked = False
        self._can_wait = False

    @contextmanager
    def waits(self) -> Iterator[None]:
        """Within the block the first signal only sets `asked`; one that nobody met inside is met at its end."""
        self._can_wait = True
        try:
            yield
        finally:
            self._can_wait = False
        if self.asked:
            raise KeyboardInterrupt

    def on_signal(self, number: int, frame: object) -> None:
        """Note the wish, or raise `KeyboardInterrupt`."""
        if not self._can_wait or self.asked:
            raise KeyboardInterrupt
        self.asked = True
        log.info("ending after this batch; Ctrl-C once more ends at once")

    def is_urgent(self, signals: int) -> bool:
        """Whether the process must end now, after so many signals."""
        return signals > (1 if self._can_wait else 0)


@contextmanager
def interruptible(end_at_once: Callable[[], None]) -> Iterator[Interruption]:
    """Listens for `SIGNALS` inside the block; only the main thread can. Under nohup a closed terminal stays ignored.

    Args:
        end_at_once: Ends the process; called from another thread where the main one does not react in `GRACE_S`.
    """
    interruption = Interruption()
    if threading.current_thread() is not threading.main_thread():
        yield interruption
        return
    heard = [number for number in SIGNALS if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN]
    before = {number: signal.signal(number, interruption.on_signal) for number in heard}
    # The system writes every signal into the socket, whatever python is doing.
    reader, writer = socket.socketpair()
    writer.setblocking(False)
    descriptor = signal.set_wakeup_fd(writer.fileno())
    over = threading.Event()
    threading.Thread(target=_watch, args=(reader, interruption, over, end_at_once), daemon=True).start()
    try:
        yield interruption
    finally:
        over.set()
        signal.set_wakeup_fd(descriptor)
        for number, handler in before.items():
            signal.signal(number, handler)
        writer.close()


def _watch(
    reader: socket.socket, interruption: Interruption, over: threading.Event, end_at_once: Callable[[], None]
) -> None:
    count = 0
    with reader:
        while received := reader.recv(1):
            count += received[0] in SIGNALS
            if interruption.is_urgent(count) and not over.wait(GRACE_S):
                end_at_once()
                return
