"""``python -m engine.tools.thumbnails``: decode and resize images for the console.

A separate process, so that a damaged or malicious file can't crash the console. Requests are JSON lines on stdin:
``[path, width, height, form]``, where width and height are the box in px to fit the image into, and form is "rgb" or
"sixel". Each is answered in order on stdout by a JSON line, either ``{"width": …, "height": …, "size": …}`` followed by
``size`` bytes (RGB row by row, or a DEC Sixel control string), or ``{"reason": …}``. The process exits when stdin ends.
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

# Seconds. The console gives up much earlier; this ends a process that hangs on a file after the console is gone.
_LONGEST = 20


def main() -> None:
    """Answer requests until stdin ends."""
    # Signals of the terminal are handled by the console.
    for ignored in (signal.SIGINT, signal.SIGHUP):
        signal.signal(ignored, signal.SIG_IGN)
    cv2.setNumThreads(1)
    # Output printed by libraries goes to stderr, so that it can't get between the answers.
    with os.fdopen(os.dup(1), "wb") as answers:
        os.dup2(2, 1)
        try:
            serve(sys.stdin.buffer, answers)
        except BrokenPipeError:
            return


def serve(requests: BinaryIO, answers: BinaryIO) -> None:
    """Answer each request. Raises msgspec.DecodeError for a malformed one, BrokenPipeError if nobody reads answers."""
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
    """Return the file that the journal records as ``named``, where undecodable bytes are escaped."""
    path = Path(named)
    if "\\x" in path.name and not path.exists() and path.parent.is_dir():
        return next((file for file in path.parent.iterdir() if encodable(file.name) == path.name), path)
    return path


def fitted(pixels: Pixels, width: int, height: int) -> Pixels:
    """Return an image resized to fit ``width`` x ``height`` px, with its aspect ratio preserved."""
    old_height, old_width = pixels.shape[:2]
    scale = min(width / old_width, height / old_height)
    new_width = min(width, max(1, round(old_width * scale)))
    new_height = min(height, max(1, round(old_height * scale)))
    if new_width <= old_width and new_height <= old_height:
        return shrunk(pixels, new_width, new_height)
    # Small images are enlarged without smoothing, to show their actual pixels.
    return np.asarray(cv2.resize(pixels, (new_width, new_height), interpolation=cv2.INTER_NEAREST), np.uint8)


def sixels(pixels: Pixels) -> bytes:
    """Return the control string that draws an image at the cursor of a terminal with Sixel support."""
    # The package's public modules query the terminal when imported and read the answer from the console's input. This
    # one doesn't.
    from textual_image._sixel import image_to_sixels

    return image_to_sixels(Image.fromarray(pixels)).encode("ascii")


if __name__ == "__main__":
    main()
