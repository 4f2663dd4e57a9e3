"""``python -m engine.tools.data_check FOLDER…``: read a sample of each split's images to find unreadable ones.

Prints JSON lines: ``{"done": n, "total": m}`` after each image, ``{"bad": path, "reason": …}`` for an unreadable one,
and ``{"odd": path, "oddity": …}`` for what was guessed about the values of one.
"""

import sys
from pathlib import Path

from engine.core.text import encodable, printable
from engine.data.decode import BadImageError, read_image
from engine.layout.tree import read_tree
from engine.tools.helper import run, say

_FROM_EACH = 25


def main() -> None:
    """Check the folders given on the command line."""
    paths = [path for folder in sys.argv[1:] for path in _some(Path(folder))]
    for done, path in enumerate(paths, start=1):
        try:
            for oddity in read_image(path, least=256).oddities:
                say({"odd": encodable(str(path)), "oddity": oddity})
        except BadImageError as error:
            say({"bad": encodable(str(path)), "reason": printable(str(error))})
        say({"done": done, "total": len(paths)})


def _some(folder: Path) -> list[Path]:
    """Return up to 25 evenly spaced images of each class and of those outside classes.

    The last one is among them, which an interrupted copy may have truncated.
    """
    tree = read_tree(folder)
    found = []
    for names in (*tree.folders.values(), tree.loose):
        count = min(len(names), _FROM_EACH)
        found += [
            folder / names[round(place * (len(names) - 1) / max(1, count - 1))] for place in range(count)
        ]
    return found


if __name__ == "__main__":
    sys.exit(run(main))
