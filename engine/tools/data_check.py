"""``python -m engine.tools.data_check FOLDER…``: read some images of each folder, to find bad ones before a run does.

Prints JSON lines: ``{"done": n, "total": m}`` as it goes, ``{"bad": path, "reason": …}`` for each bad image.
"""

import sys
from pathlib import Path

from engine.core.text import encodable, printable
from engine.data.decode import BadImageError, read_image
from engine.recipe.data_layout import list_images
from engine.tools.helper import run, say

_FROM_EACH = 25


def main() -> None:
    paths = [path for folder in sys.argv[1:] for path in _some(Path(folder))]
    for done, path in enumerate(paths, start=1):
        try:
            read_image(path, least=256)
        except BadImageError as error:
            say({"bad": encodable(str(path)), "reason": printable(str(error))})
        say({"done": done, "total": len(paths)})


def _some(folder: Path) -> list[Path]:
    """Return up to 25 images at even distances: a copy that broke off lacks the last ones."""
    names = list_images(folder)
    count = min(len(names), _FROM_EACH)
    return [folder / names[round(place * (len(names) - 1) / max(1, count - 1))] for place in range(count)]


if __name__ == "__main__":
    sys.exit(run(main))
