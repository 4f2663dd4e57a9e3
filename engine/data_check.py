"""``python -m engine.data_check FOLDER…``: read some images of each folder, to find bad ones before a run does.

Prints JSON lines: ``{"done": n, "total": m}`` as it goes, ``{"bad": path, "reason": …}`` for each bad image.
"""

import json
import sys
from pathlib import Path

from engine.data.decode import BadImageError, read_image
from engine.errors import UserError
from engine.layout import list_images
from engine.text import encodable, printable

_FROM_EACH = 25


def main() -> int:
    """Return the exit code: 0 looked at, 2 a folder can't be read."""
    try:
        paths = [path for folder in sys.argv[1:] for path in _some(Path(folder))]
    except UserError as error:
        print(error, file=sys.stderr)
        return 2
    for done, path in enumerate(paths, start=1):
        try:
            read_image(path, least=256)
        except BadImageError as error:
            _say({"bad": encodable(str(path)), "reason": printable(str(error))})
        _say({"done": done, "total": len(paths)})
    return 0


def _some(folder: Path) -> list[Path]:
    """Return up to 25 images at even distances: a copy that broke off lacks the last ones."""
    names = list_images(folder)
    count = min(len(names), _FROM_EACH)
    return [folder / names[round(place * (len(names) - 1) / max(1, count - 1))] for place in range(count)]


def _say(table: dict[str, str | int]) -> None:
    print(json.dumps(table), flush=True)


if __name__ == "__main__":
    sys.exit(main())
