"""An image process for which files may be odd: ``python -m tests.engine.odd_worker``, as ``pool._PROGRAM`` names it.

While there is a file ``ODD_STALL``, reading an image doesn't come back, as on a network drive that hangs; with names in
it, one a line, only for those. An image with "endless" in its name keeps its decoder computing for ever. Each image
takes ``ODD_SECONDS`` longer.
"""

import os
import time
from pathlib import Path
from typing import Any

from engine.data.decode import Picture
from engine.data.loading import prepare, worker

_read_image = prepare.read_image
_seconds = float(os.environ.get("ODD_SECONDS", "0"))
_stall = Path(os.environ.get("ODD_STALL", "/nowhere"))


def _stalls(path: Path) -> bool:
    try:
        names = _stall.read_text().split("\n")
    except FileNotFoundError:
        return False
    return names == [""] or path.name in names


def _read(path: Path, **named: Any) -> Picture:
    time.sleep(_seconds)
    while _stalls(path):
        time.sleep(0.05)
    while "endless" in path.name:
        pass
    return _read_image(path, **named)


if __name__ == "__main__":
    prepare.read_image = _read
    worker.main()
