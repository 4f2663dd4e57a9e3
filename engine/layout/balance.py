"""How evenly the classes are filled."""

from collections.abc import Mapping, Sequence

from engine.core.text import printable
from engine.layout.findings import Finding

_UNEVEN = 10


def imbalance(train: Mapping[str, Sequence[str]]) -> Finding | None:
    """Return a warning if the largest class of ``train`` has ten times as many images as the smallest, or more."""
    sizes = {name: len(images) for name, images in train.items() if images}
    if len(sizes) < 2:
        return None
    least, most = min(sizes, key=sizes.__getitem__), max(sizes, key=sizes.__getitem__)
    if sizes[most] < _UNEVEN * sizes[least]:
        return None
    few = sum(sizes[most] >= _UNEVEN * size for size in sizes.values())
    return Finding(
        "imbalance",
        few,
        f"{printable(most, 40)} has {sizes[most]:,} images, {sizes[most] / sizes[least]:.0f} times those of "
        f"{printable(least, 40)} ({sizes[least]:,}): accuracy mostly reflects the large classes",
        "read the recall of each class in the confusion matrix"
        if few == 1
        else f"{few:,} classes have a tenth or less",
        (least,),
    )
