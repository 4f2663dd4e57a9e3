"""``python -m engine.tools.preview RECIPE FOLDER COUNT EPOCH``: write an epoch's first images as the model sees them.

Writes up to COUNT images of the epoch's first batch to FOLDER as PNG files, augmented and mixed as in training. Prints
a JSON line for each: ``{"path": …, "class": …, "file": …, "partner": …, "share": …}``. ``partner`` is the class of the
image mixed in, ``share`` the mixup factor lambda of the first image (1.0 without mixup).

Neither torch nor timm is imported, so the model's mean colour is unknown, and erased areas have ImageNet's. Without a
validation folder, the batch is drawn from all images, including those that training would set aside for validation.
"""

import argparse
import sys
from pathlib import Path

import cv2
import numpy as np

from engine.core.text import encodable
from engine.data.decode import Pixels
from engine.data.loading.messages import Task
from engine.data.loading.prepare import Preparer
from engine.data.order import sample_mixup, train_batches
from engine.layout.listing import list_data
from engine.recipe.recipe import Recipe, load_recipe
from engine.tools.helper import run, say

_GROUND = (124, 116, 104)
"""Mean colour of ImageNet, RGB, 0 to 255."""


def main() -> None:
    """Write the preview requested on the command line."""
    parser = argparse.ArgumentParser(prog="python -m engine.tools.preview")
    parser.add_argument("recipe", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("count", type=int)
    parser.add_argument("epoch", type=int)
    arguments = parser.parse_args()
    _preview(load_recipe(arguments.recipe), arguments.folder, arguments.count, arguments.epoch)


def _preview(recipe: Recipe, folder: Path, count: int, epoch: int) -> None:
    data = recipe.data
    listing = list_data(data.model_copy(update={"test": ""}), splits=False)
    images = [(name, Path(data.train, file)) for name, files in listing.train.items() for file in files]
    batch = train_batches(len(images), data.batch_size, seed=recipe.train.seed, epoch=epoch)[0]
    preparer = Preparer(recipe, _GROUND, {})
    lam, order = 1.0, np.arange(len(batch))
    if recipe.mixup.alpha > 0:
        lam, order = sample_mixup(recipe.mixup.alpha, len(batch), seed=recipe.train.seed, epoch=epoch, step=1)
    wanted = list(range(min(count, len(batch))))
    prepared: dict[int, tuple[str, Path, Pixels | None]] = {}
    for place in dict.fromkeys([*wanted, *order[wanted].tolist()]):
        index = int(batch[place])
        name, path = images[index]
        task = Task(0, 0, place, "train", epoch, index, bytes(path))
        prepared[place] = (name, path, preparer.prepare(task)[1])
    for place in wanted:
        name, path, pixels = prepared[place]
        partner, _, others = prepared[int(order[place])]
        if pixels is None or others is None:  # unreadable, so training would drop it from the batch
            continue
        seen = cv2.addWeighted(pixels, lam, others, 1 - lam, 0) if lam < 1 else pixels
        target = folder / f"{epoch}-{place}.png"
        good, content = cv2.imencode(".png", cv2.cvtColor(seen, cv2.COLOR_RGB2BGR))
        if good:
            target.write_bytes(content.tobytes())
            say(
                {
                    "path": str(target), "class": encodable(name), "file": encodable(path.name),
                    "partner": encodable(partner) if lam < 1 else "", "share": lam,
                }
            )  # fmt: skip


if __name__ == "__main__":
    sys.exit(run(main))
