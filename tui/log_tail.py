"""The end of a log that an engine or an ablation writes: where it says why it failed."""

import os
from pathlib import Path

from engine.core.files import open_regular


def log_tail(log: Path, size: int) -> list[str]:
    """Return the lines of the last ``size`` bytes of a log, the first of them cut; none where it can't be read."""
    try:
        with open_regular(log) as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - size))
            return file.read().decode("utf-8", "replace").splitlines()
    except OSError:
        return []
