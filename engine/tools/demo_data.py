"""``python -m engine.tools.demo_data DEST``: write scikit-learn's handwritten digits as folders of images.

Writes ``DEST/train/<digit>/*.png`` (600 images), ``DEST/val/<digit>/*.png`` (200) and a flat ``DEST/test/*.png`` (300),
disjoint, and the true labels of the test images to ``DEST/test_labels.csv``, which no run reads. A complete ``DEST`` is
left unchanged. Prints ``{"fresh": …, "train": n, "val": n, "test": n}``.
"""

import argparse
import csv
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

from engine.core.errors import UserError
from engine.core.files import make_private
from engine.tools.helper import run, say

SIDE = 32
"""Width and height of the images in px."""
COUNTS = {"train": 600, "val": 200, "test": 300}
"""Number of images by split."""
LABELS = "test_labels.csv"
"""File with the true labels of the test images."""
_SEED = 20


def is_whole(folder: Path) -> bool:
    """Return whether all images of the three splits and the labels exist; contents are not read."""
    counts = {split: sum(1 for _ in (folder / split).rglob("*.png")) for split in COUNTS}
    return counts == COUNTS and (folder / LABELS).is_file()


def write(folder: Path) -> None:
    """Write the data next to ``folder``, then rename them to it. Raises OSError; ImportError without scikit-learn."""
    import numpy as np
    from PIL import Image
    from sklearn.datasets import load_digits

    digits: Any = load_digits()
    order = np.random.default_rng(_SEED).permutation(len(digits.target))[: sum(COUNTS.values())]
    splits = np.repeat(list(COUNTS), list(COUNTS.values()))
    make_private(folder.parent)
    new = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        labels: list[tuple[str, int]] = []
        for number, (index, split) in enumerate(zip(order, splits, strict=True)):
            label, name = int(digits.target[index]), f"digit{number:04d}"
            if split == "test":
                labels.append((name, label))
            pixels = (digits.images[index] * (255 / 16)).astype(np.uint8)
            image = Image.fromarray(pixels).resize((SIDE, SIDE), Image.Resampling.BICUBIC)
            target = new / split / ("" if split == "test" else str(label))
            target.mkdir(parents=True, exist_ok=True)
            image.save(target / f"{name}.png")
        with (new / LABELS).open("w", newline="") as file:
            csv.writer(file, lineterminator="\n").writerows([("image_name", "label"), *labels])
        if folder.exists():
            shutil.rmtree(folder)
        new.rename(folder)
    except BaseException:
        shutil.rmtree(new, ignore_errors=True)
        raise


def main() -> None:
    """Write the data to the folder given on the command line."""
    parser = argparse.ArgumentParser(prog="python -m engine.tools.demo_data")
    parser.add_argument("dest", type=Path)
    folder = parser.parse_args().dest.resolve()
    fresh = not is_whole(folder)
    try:
        if fresh:
            write(folder)
    except ImportError as error:
        raise UserError(f"{error}; pip install 'vrdl-tui[demo]'") from None
    except OSError as error:
        raise UserError(f"the digits can't be written to {folder}: {error.strerror or error}") from None
    say({"fresh": fresh, **COUNTS})


if __name__ == "__main__":
    sys.exit(run(main))
