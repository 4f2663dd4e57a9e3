"""The signals by which a person or a scheduler asks a process to stop, and their handler."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

_ASK_TO_STOP = (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1)  # SIGUSR1: the warning of a batch system
_HELD_BACK = (*_ASK_TO_STOP, signal.SIGHUP)


@contextmanager
def held_back() -> Iterator[None]:
    """Block these signals in processes started inside the context, until they call ``answer``, and SIGHUP, until they
    call ``outlive_terminal``.

    A signal that arrives before a process has installed its handler would otherwise end it without a message.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _HELD_BACK)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def answer(handler: Callable[[int, FrameType | None], None]) -> None:
    """Install ``handler`` for these signals and unblock them, delivering pending ones. For the main thread only."""
    for number in _ASK_TO_STOP:
        signal.signal(number, handler)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _ASK_TO_STOP)


def outlive_terminal() -> None:
    """Ignore SIGHUP: the terminal from which this process was started may close."""
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, (signal.SIGHUP,))
