"""A picture process: reads image files for the console, which a damaged or hostile file must not take down.

``python -m engine.tools.thumbnails`` takes requests on stdin, one JSON line each: ``[path, width, height, form]``, the
sides of the box in px that the picture shall fill, and "rgb" or "sixel". Each is answered on stdout, in order, by a
JSON line: ``{"width": …, "height": …, "size": …}`` with that many bytes behind it (RGB row by row, or what a terminal
draws the picture from, DEC's Sixel), or ``{"reason": …}``. It ends with its stdin.
"""

import os
import signal
import sys
from pathlib import Path
from typing import BinaryIO, Literal

import cv2
import msgspec
import numpy as np
from PIL import Image

from engine.core.text import encodable, printable
from engine.data.decode import BadImageError, Pixels, read_image
from engine.data.shrink import shrunk

# Whoever asks gives up long before; this ends a process that hangs on a file when nobody is left to kill it.
_LONGEST = 20


def main() -> None:
    """Answer until stdin ends."""
    # The terminal's signals are for the console.
    for ignored in (signal.SIGINT, signal.SIGHUP):
        signal.signal(ignored, signal.SIG_IGN)
    cv2.setNumThreads(1)
    # What a library prints must not get between the answers.
    with os.fdopen(os.dup(1), "wb") as answers:
        os.dup2(2, 1)
        try:
            serve(sys.stdin.buffer, answers)
        except BrokenPipeError:
            return


def serve(requests: BinaryIO, answers: BinaryIO) -> None:
    """Answer each request. Raises msgspec.DecodeError for a line that is none, BrokenPipeError."""
    decoder = msgspec.json.Decoder(tuple[str, int, int, Literal["rgb", "sixel"]])
    for line in requests:
        signal.alarm(_LONGEST)
        path, width, height, form = decoder.decode(line)
        try:
            pixels = fitted(read_image(find(path), max(width, height)).pixels, width, height)
        except BadImageError as error:
            answers.write(msgspec.json.encode({"reason": printable(str(error))}) + b"\n")
        else:
            content = pixels.tobytes() if form == "rgb" else sixels(pixels)
            head = {"width": pixels.shape[1], "height": pixels.shape[0], "size": len(content)}
            answers.write(msgspec.json.encode(head) + b"\n" + content)
        answers.flush()
        signal.alarm(0)


def find(named: str) -> Path:
    """Return the file whose path the journal writes as ``named``: without the undecodable bytes that it may have."""
    path = Path(named)
    if "\\x" in path.name and not path.exists() and path.parent.is_dir():
        return next((file for file in path.parent.iterdir() if encodable(file.name) == path.name), path)
    return path


def fitted(pixels: Pixels, width: int, height: int) -> Pixels:
    """Return a picture, its shape kept, as large as fits into ``width`` by ``height`` px."""
    old_height, old_width = pixels.shape[:2]
    scale = min(width / old_width, height / old_height)
    new_width = min(width, max(1, round(old_width * scale)))
    new_height = min(height, max(1, round(old_height * scale)))
    if new_width <= old_width and new_height <= old_height:
        return shrunk(pixels, new_width, new_height)
    # A picture of few px is shown with its px, not with softer ones that it doesn't have.
    return np.asarray(cv2.resize(pixels, (new_width, new_height), interpolation=cv2.INTER_NEAREST), np.uint8)


def sixels(pixels: Pixels) -> bytes:
    """Return the control string that draws a picture on a terminal that knows Sixel, at its cursor."""
    # Of the package's parts only this one leaves the terminal alone when it is imported: the others ask it what it
    # can, and read the answer from where the console reads its keys.
    from textual_image._sixel import image_to_sixels

    return image_to_sixels(Image.fromarray(pixels)).encode("ascii")


if __name__ == "__main__":
    main()
