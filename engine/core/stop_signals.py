"""The signals that ask a process of ours to stop (a person's, a scheduler's), and who answers them."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

_ASK_TO_STOP = (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1)  # the last is a batch system's warning


@contextmanager
def held_back() -> Iterator[None]:
    """Have a process that is started meanwhile hold these signals back until it calls ``answer``.

    Before it has a way of its own to end by, one would end it without a word.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _ASK_TO_STOP)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def answer(handler: Callable[[int, FrameType | None], None]) -> None:
    """Have ``handler`` called for each of these signals, those that were held back too. Called on the main thread."""
    for number in _ASK_TO_STOP:
        signal.signal(number, handler)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _ASK_TO_STOP)
