"""Kitty's graphics protocol: a picture is sent once, and cells of text say where it is.

https://sw.kovidgoyal.net/kitty/graphics-protocol/#unicode-placeholders
"""

import zlib
from base64 import b64encode

from rich.color import Color
from rich.segment import Segment
from rich.style import Style

from tui.thumbnails import Thumbnail

_CHUNK = 4096
_PLACEHOLDER = "\U0010eeee"
# The marks that number a placeholder's row, the first of the protocol's list.
_ROWS = (
    "\u0305\u030d\u030e\u0310\u0312\u033d\u033e\u033f\u0346\u034a\u034b\u034c\u0350\u0351\u0352\u0357\u035b"
    "\u0363\u0364\u0365\u0366\u0367\u0368\u0369\u036a\u036b\u036c\u036d\u036e\u036f\u0483\u0484\u0485\u0486"
    "\u0487\u0592\u0593\u0594\u0595\u0597\u0598\u0599\u059c\u059d\u059e\u059f\u05a0\u05a1\u05a8\u05a9\u05ab"
    "\u05ac\u05af\u05c4\u0610\u0611\u0612\u0613\u0614\u0615\u0616\u0617"
)
MOST_ROWS = len(_ROWS)


def transmit(number: int, thumbnail: Thumbnail, columns: int, rows: int) -> str:
    """Return what sends an RGB picture to the terminal, to be drawn in ``columns`` by ``rows`` cells.

    ``number`` names it from then on: 1 to 2**24 - 1. The terminal keeps its shape, and answers nothing.
    """
    payload = b64encode(zlib.compress(thumbnail.content, 1)).decode("ascii")
    head = f"a=T,U=1,q=2,f=24,o=z,i={number},s={thumbnail.width},v={thumbnail.height},c={columns},r={rows}"
    pieces = []
    for start in range(0, len(payload), _CHUNK):
        more = int(start + _CHUNK < len(payload))
        keys = f"{head},m={more}" if start == 0 else f"q=2,m={more}"
        pieces.append(f"\x1b_G{keys};{payload[start : start + _CHUNK]}\x1b\\")
    return "".join(pieces)


def forget(number: int) -> str:
    """Return what has the terminal drop a picture."""
    return f"\x1b_Ga=d,d=I,q=2,i={number}\x1b\\"


def placeholders(number: int, columns: int, rows: int) -> list[Segment]:
    """Return the rows of cells in which the picture appears; its number is their colour."""
    style = Style.from_color(Color.from_rgb(number >> 16, number >> 8 & 255, number & 255))
    return [Segment((_PLACEHOLDER + _ROWS[row]) * columns, style) for row in range(rows)]
