"""How pictures can be drawn on the terminal that the console runs in."""

import fcntl
import struct
import sys
import termios
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Graphics:
    """ "kitty": Kitty's protocol with placeholders; "sixel": DEC's; "blocks": coloured half blocks.

    ``cell_width`` and ``cell_height`` are the px of a picture that a cell takes.
    """

    kind: Literal["kitty", "sixel", "blocks"]
    cell_width: int
    cell_height: int


BLOCKS = Graphics("blocks", 1, 2)


def terminal_graphics(environ: Mapping[str, str], cell: tuple[int, int] | None) -> Graphics:
    """Choose by the environment: a question to the terminal would be answered where the console reads its keys.

    ``cell``: the px of a cell, None where the terminal doesn't say.
    """
    term, program = environ.get("TERM", ""), environ.get("TERM_PROGRAM", "")
    # A multiplexer draws the screen anew and knows nothing of pictures.
    if any(environ.get(name) for name in ("TMUX", "STY", "ZELLIJ")) or term.startswith(("screen", "tmux")):
        return BLOCKS
    # Not by KITTY_WINDOW_ID: every other terminal that is started from Kitty inherits it.
    if term in ("xterm-kitty", "xterm-ghostty"):
        return Graphics("kitty", *(cell or (10, 20)))
    # WezTerm knows Kitty's protocol, but not its placeholders.
    if cell and (program in ("WezTerm", "iTerm.app") or term.startswith(("foot", "mlterm", "contour"))):
        return Graphics("sixel", *cell)
    return BLOCKS


def cell_size() -> tuple[int, int] | None:
    """Return width and height of the terminal's cells in px, None where it doesn't say."""
    if sys.__stdout__ is None or not sys.__stdout__.isatty():
        return None
    try:
        answer = fcntl.ioctl(sys.__stdout__.fileno(), termios.TIOCGWINSZ, bytes(8))
    except OSError:
        return None
    rows, columns, width, height = struct.unpack("HHHH", answer)
    return (
        (width // columns, height // rows)
        if rows and columns and width >= columns and height >= rows
        else None
    )
