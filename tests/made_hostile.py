"""Text that somebody chose to do harm on the terminal that shows it, and the proof that it reached none."""

import os
import re
import time

import pyte

from tests.e2e.terminal import Terminal

# Each has a sign of its own that nothing else writes: 666, or evil.
PAYLOADS = {
    "csi": "\x1b[666;1H\x1b[66642m",
    "mode": "\x1b[?6661049l",
    "title": "\x1b]0;evil\x07",
    "link": "\x1b]8;;http://evil\x1b\\here\x1b]8;;\x1b\\",
    "clipboard": "\x1b]52;c;ZXZpbA==\x07",
    "notice": "\x1b]9;evil\x07;1;evil",
    "dcs": "\x1bPevil\x1b\\",
    "reset": "\x1bc\x1b#8evil",
    "c1": "\x9b666m\x9d0;evil\x9c\x90evil\x85",
    "newline": "a\nevil\r\nevil",
    "return": "a\revil",
    "back": "a\x08\x08\x08\x7fevil\t\x0b\x0c\x0e",
    "bidi": "a\u202egnp.live\u2066\u2069\u202d\u061c\u200f",
    "zero": "a\u200b\u200c\u200d\u2060\ufeff\u00ad\u034f\u180e",
    "unseen": "\u3164\u115f\uffa0\u2800",
    "tags": "a\U000e0065\U000e0076\U000e0069\U000e006c\U000e007f",
    "marks": "a" + "\u0301" * 20 + "\u0489\u20dd",
    "first": "\u0301\u0302a",
    "markup": "[bold red]evil[/] [@click=app.quit]here",
    "closing": "[/evil] [",
    "bytes": os.fsdecode(b"\xff\x9b666m\xc3\xfe\xed\xa0\x80"),
    "wide": "图图图图图图图图图图图",
    "emoji": "👩\u200d👩\u200d👧\ufe0f👍🏽🇩🇪☠\ufe0f",
    "blanks": "\u3000\xa0\u2003\u2028\u2029",
    "maths": "$\\frac{evil}$ $",
    "table": "a|b`*_<b>evil</b>",
    "shell": "$(touch evil);`touch evil`&&touch evil|'\"",
    "formula": "=cmd|'evil'!A0",
}
LONG = "evil\x1b[666m图\u0301" * 400

_SIGNS = (
    b"\x1b[666", b"\x1b[?666", b"\x1b]0;", b"\x1b]8;;", b"\x1b]52;c;ZXZ", b"\x1b]9;evil", b"\x1bPevil",
    b"\x1bc", b"\x1b#8",
)  # fmt: skip

# What a program of ours writes to a terminal: CSI, DCS and OSC questions and answers, charset, keypad, save, restore.
_OURS = re.compile(
    r"\x1b(?:\[[?>=<]?[0-9;:]*[$ ]?[a-zA-Z]|P[^\x1b]*\x1b\\|\][0-9]+;[ -~]*\x07|[()][B0]|[78=>])"
)


def file_name(kind: str, ending: str = "") -> str:
    """Return a payload as a file can be called: 255 bytes at most, no slash; its kind keeps it apart."""
    text = os.fsencode(f"{kind}{PAYLOADS[kind]}".replace("/", "_"))[: 240 - len(ending)]
    return os.fsdecode(text) + ending


def strays(output: bytes, *, ascii: bool = False) -> list[str]:
    """Return what is in a terminal's bytes that a program of ours doesn't write."""
    found = [repr(sign) for sign in _SIGNS if sign in output]
    text = output.decode(errors="surrogateescape")
    left = _OURS.sub("", text).replace("\r\n", "").replace("\n", "")
    for at, character in enumerate(left):
        if (not character.isprintable() and character != " ") or (ascii and not character.isascii()):
            found.append(f"{character!r} in {left[max(0, at - 20) : at + 20]!r}")
    marks = re.search("[\u0300-\u036f\u0483-\u0489\u20d0-\u20f0]{5}", left)
    return [*found, *([f"marks at {marks.start()}"] if marks else [])]


class Looks:
    """Looks at what a program draws on a terminal: that it stays within its width, and its panels' edges straight."""

    def __init__(self, console: Terminal, columns: int, rows: int) -> None:
        self._console, self._columns, self._rows, self._read = console, columns, rows, 0
        self._screen = pyte.Screen(columns * 2, rows)
        self._stream = pyte.ByteStream(self._screen)

    def at(self, *texts: str, boxed: bool = False) -> str:
        """Wait until ``texts`` are on the screen and it rests, and look; ``boxed``: a dialogue lies over panels."""
        console = self._console
        console.shows(*texts)
        size = -1
        while size != len(console.output) or console.output.rfind(b"\x1b[?2026h") > console.output.rfind(
            b"\x1b[?2026l"
        ):
            size = len(console.output)
            time.sleep(0.2)  # the console draws ten times a second at most
        self._stream.feed(bytes(console.output[self._read : size]))
        self._read = size
        rows = [[self._screen.buffer[y][x].data for x in range(self._columns * 2)] for y in range(self._rows)]
        shown = "\n".join("".join(row) for row in rows)
        assert "Traceback" not in shown, shown
        assert not any("".join(row[self._columns :]).strip() for row in rows), f"beyond the edge:\n{shown}"
        for x in () if boxed else range(self._columns):
            inside = False
            for row in rows:
                assert not inside or row[x] in "│╯╰┤▌▐█▄▀", f"column {x} is broken:\n{shown}"
                inside = row[x] == "╮" or (inside and row[x] not in "╯╰")
        return shown
