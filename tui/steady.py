"""The driver of a terminal that may be stopped, killed, pasted into and taken away: it is left as it was found."""

import os
import select
import signal
import termios
import time
from contextlib import suppress
from types import FrameType
from typing import Any

from tui.keyboard import ESCAPE_WAIT, Keyboard
from tui.terse import TerseDriver

_ENDS = (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM)
# More than any stack of keyboard modes holds: what a killed console has left on it goes too.
_PLAIN_KEYS = "\x1b[<99u"
# A killed console has left one open, and some terminals show nothing until it ends.
_FRAME_ENDS = "\x1b[?2026l"
# The end of a sequence that was under way, of a frame; mouse, focus, paste, line wrap, keys, colour, screen, cursor.
_AS_FOUND = (
    f"\x1b\\{_FRAME_ENDS}\x1b[?1000l\x1b[?1003l\x1b[?1015l\x1b[?1006l\x1b[?1004l\x1b[?2004l\x1b[?7h"
    f"{_PLAIN_KEYS}\x1b[0m\x1b[?1049l\x1b[?25h"
).encode()
_PATIENCE = 1.0
"""Seconds in which a terminal must take that; one that takes nothing must not keep the console from ending."""


class SteadyDriver(TerseDriver):
    """Textual's driver for terminals, for whatever befalls one."""

    _stopping = False
    """Whether this process was told to stop, and hasn't gone on yet."""

    def start_application_mode(self) -> None:
        """Take the terminal. What ends the console from now on gives it back first."""
        super().start_application_mode()
        self.write(_FRAME_ENDS)
        if self.attrs_before is not None:
            self.attrs_before = _with_line_editing(self.attrs_before)
        for number in _ENDS:
            if signal.getsignal(number) != signal.SIG_IGN:  # as nohup sets it
                signal.signal(number, self._end)

    def stop_application_mode(self) -> None:
        """Give the terminal back."""
        self.write(_PLAIN_KEYS)
        super().stop_application_mode()
        for number in _ENDS:
            if signal.getsignal(number) == self._end:
                usual = signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL
                signal.signal(number, usual)

    def run_input_thread(self) -> None:
        """Read what the terminal sends until the console lets go of it."""
        keyboard = Keyboard()
        while not self.exit_event.is_set():
            readable = select.select([self.fileno], [], [], ESCAPE_WAIT)[0]
            now = time.monotonic()
            if not readable:
                messages = keyboard.overdue(now)
            else:
                try:
                    data = os.read(self.fileno, 4096)
                except OSError:  # the terminal is gone
                    return
                if not data:
                    return
                messages = keyboard.feed(data, now)
            for message in messages:
                self.process_message(message)

    def _query_in_band_window_resize(self) -> None:
        """Don't: the size is the kernel's to tell, not that of whatever comes in with the keys."""

    def _end(self, number: int, _: FrameType | None) -> None:
        signal.signal(signal.SIGTTOU, signal.SIG_IGN)  # in the background too
        with suppress(OSError, termios.error):  # the terminal is gone
            if self._file is not None and select.select([], [self._file], [], _PATIENCE)[1]:
                os.write(self._file.fileno(), _AS_FOUND)
            if self.attrs_before is not None:
                termios.tcsetattr(self.fileno, termios.TCSANOW, self.attrs_before)
                termios.tcflush(self.fileno, termios.TCIFLUSH)
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)

    # A handler interrupts this thread anywhere, also where it holds the lock of what is written next: nothing is
    # written by one, but in a turn of the loop.

    def _sigtstp_application(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stop)

    def _sigcont_application(self, *_: object) -> None:
        if not self._stopping:
            self._loop.call_soon_threadsafe(self._go_on)

    def _stop(self) -> None:
        """Give the terminal back, stop, and go on from there."""
        if not self._auto_restart:  # another program has the terminal
            os.kill(os.getpid(), signal.SIGSTOP)
            return
        self._stopping = True
        self.suspend_application_mode()
        self._must_signal_resume = True
        os.kill(os.getpid(), signal.SIGSTOP)
        self._wait_for_foreground()
        self._take_again()
        self._stopping = False

    def _go_on(self) -> None:
        """Go on after a SIGSTOP, which told nobody: the terminal was not given back."""
        if self._auto_restart:
            self._wait_for_foreground()
            self.suspend_application_mode()
            self._take_again()

    def _wait_for_foreground(self) -> None:
        """Stop again while the terminal is another program's."""
        while not self._in_foreground():
            os.kill(os.getpid(), signal.SIGSTOP)

    def _take_again(self) -> None:
        """Draw over what the terminal was used for meanwhile."""
        self.resume_application_mode()
        self._app.refresh(layout=True)

    def _in_foreground(self) -> bool:
        try:
            return os.tcgetpgrp(self.fileno) == os.getpgrp()
        except OSError:  # not the terminal that steers this process
            return True


def _with_line_editing(attributes: list[Any]) -> list[Any]:
    """Return a terminal's attributes; those without echo and lines a killed program has left, so they are mended."""
    flags, editing = attributes[3], termios.ECHO | termios.ICANON
    if flags & editing:
        return attributes
    mended = list(attributes)
    mended[0] |= termios.ICRNL | termios.IXON
    mended[3] = flags | editing | termios.ISIG | termios.IEXTEN
    return mended
