"""Fewer bytes to the terminal: colours are told only where they change.

Textual sets the colours anew for every piece of text and resets them after it, which is most of what an
update sends over a slow line. What the screen shows stays the same.
"""

import re
from dataclasses import dataclass, replace
from functools import lru_cache

from textual.drivers.linux_driver import LinuxDriver

_SGR = re.compile(r"\x1b\[([0-9;]*)m")
# Nothing of these is drawn: moving the cursor, the marks around a frame.
_UNDRAWN = re.compile(r"(?:\x1b\[[0-9;]*H|\x1b\[\?2026[hl]|[\r\n])*")
_COLOUR_ARGUMENTS = {"5": 1, "2": 3}


@dataclass(frozen=True, slots=True)
class _Pen:
    """How text is drawn: the numbers of SGR sequences (ECMA-48, 8.3.117), empty for the default."""

    attributes: frozenset[str] = frozenset()
    ink: str = ""
    ground: str = ""

    def shows_on_blanks(self) -> bool:
        """Return whether a space drawn so differs from one of the same ground (underlined, reversed, …)."""
        return not self.attributes <= {"1", "2", "3"}


_PLAIN = _Pen()


class Terse:
    """Rewrites a stream of output; keep one for one terminal, and pass everything through it."""

    def __init__(self) -> None:
        # None: not known, because another program or a sequence that isn't understood here set it.
        self._held: _Pen | None = None
        self._wanted: _Pen | None = _PLAIN

    def __call__(self, data: str) -> str:
        """Return ``data`` with the colour sequences that change nothing left out."""
        out = []
        for number, piece in enumerate(_SGR.split(data)):
            if number % 2:
                out.append(self._turn(piece))
            elif piece and not _UNDRAWN.fullmatch(piece):
                out += [self._take_up(blank=not piece.strip(" ")), piece]
            else:
                out.append(piece)
        return "".join(out)

    def _turn(self, numbers: str) -> str:
        plain_again = _PLAIN if numbers in ("", "0") else None
        wanted = plain_again if self._wanted is None else _after(self._wanted, numbers)
        passed = f"{self._take_up(blank=False)}\x1b[{numbers}m" if wanted is None else ""
        if passed:
            self._held = None
        self._wanted = wanted
        return passed

    def _take_up(self, *, blank: bool) -> str:
        """Return what turns the terminal's pen into the wanted one, as far as the next text needs it."""
        held, wanted = self._held, self._wanted
        if wanted is None:
            return ""
        if held is None:
            self._held = wanted
            return "\x1b[0m" + _change(_PLAIN, wanted)
        if blank and not (held.shows_on_blanks() or wanted.shows_on_blanks()):
            wanted = replace(held, ground=wanted.ground)
        self._held = wanted
        return _change(held, wanted)


@lru_cache(4096)
def _change(old: _Pen, new: _Pen) -> str:
    if old == new:
        return ""
    if old.attributes - new.attributes or new == _PLAIN:
        numbers = ["0"]
        old = _PLAIN
    else:
        numbers = []
    numbers += sorted(new.attributes - old.attributes)
    if new.ink != old.ink:
        numbers.append(new.ink or "39")
    if new.ground != old.ground:
        numbers.append(new.ground or "49")
    return f"\x1b[{';'.join(numbers)}m"


@lru_cache(4096)
def _after(pen: _Pen, numbers: str) -> _Pen | None:
    """Return the pen that an SGR sequence makes of ``pen``, None when it says something not known here."""
    parts = (numbers or "0").split(";")
    while parts:
        first = parts.pop(0) or "0"
        if first == "0":
            pen = _PLAIN
        elif first in ("38", "48"):
            count = _COLOUR_ARGUMENTS.get(parts[0] if parts else "")
            if count is None or len(parts) <= count:
                return None
            colour = ";".join([first, *parts[: count + 1]])
            parts = parts[count + 1 :]
            pen = replace(pen, ink=colour) if first == "38" else replace(pen, ground=colour)
        elif first in ("39", "49"):
            pen = replace(pen, ink="") if first == "39" else replace(pen, ground="")
        elif re.fullmatch("[39][0-7]", first):
            pen = replace(pen, ink=first)
        elif re.fullmatch("(4|10)[0-7]", first):
            pen = replace(pen, ground=first)
        elif re.fullmatch("[1-9]", first):
            pen = replace(pen, attributes=pen.attributes | {first})
        else:
            return None
    return pen


class TerseDriver(LinuxDriver):
    """Textual's driver for terminals, with fewer bytes."""

    def start_application_mode(self) -> None:
        """Take the terminal, whose colours another program may have set meanwhile."""
        self._terse = Terse()
        super().start_application_mode()  # type: ignore[no-untyped-call]

    def write(self, data: str) -> None:
        """Write ``data``, and nothing in it that changes nothing."""
        super().write(self._terse(data))
