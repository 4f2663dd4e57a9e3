"""Dividing the images of each class into training and validation images."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from engine.compute.rng import Purpose, stream

_ROUNDS = 100
_SWAPPED = 200


@dataclass(frozen=True, slots=True)
class Division:
    """Names of images by class; ``without_val`` are the classes that have no validation image."""

    train: dict[str, list[str]]
    val: dict[str, list[str]]
    without_val: list[str]


def target(images: int, fraction: float) -> int:
    """Return how many of a class's images are to be held out: at least one, leaving at least one for training."""
    return min(max(1, round(images * fraction)), images - 1) if images > 1 else 0


def split_images(listed: Mapping[str, Sequence[str]], fraction: float, seed: int) -> Division:
    """Divide the images of each class, drawn by ``seed``: ``fraction`` of each is held out, as ``target`` rounds it."""
    division = Division({}, {}, [])
    for number, (name, images) in enumerate(listed.items()):
        count = target(len(images), fraction)
        chosen = set(stream(seed, Purpose.SPLIT, index=number).permutation(len(images))[:count].tolist())
        division.val[name] = [image for i, image in enumerate(images) if i in chosen]
        division.train[name] = [image for i, image in enumerate(images) if i not in chosen]
        if not chosen:
            division.without_val.append(name)
    return division


def split_groups(
    listed: Mapping[str, Sequence[str]],
    subjects: Mapping[str, Sequence[str | None]],
    fraction: float,
    seed: int,
) -> Division:
    """Divide the images so that all of one subject are on the same side, also those in different classes.

    ``subjects`` are those of the images in ``listed``, by class; an image without one (None) is a group of its own.
    Of each class about ``fraction`` is held out, as closely as whole groups allow: in an order drawn by ``seed``,
    groups change sides, one or two at a time, as long as that brings the classes closer to their targets, with their
    relative deviations squared and added. Every class keeps a training image; one whose images are all in one group,
    or in groups that other classes need, gets no validation image.
    """
    groups: dict[str | tuple[str, int], Counter[str]] = {}
    for label, names in subjects.items():
        for place, subject in enumerate(names):
            key = (label, place) if subject is None else subject
            groups.setdefault(key, Counter())[label] += 1
    search = _Search(list(groups.values()), fraction, seed)
    search.run()
    held = {key for key, is_held in zip(groups, search.held, strict=True) if is_held}
    division = Division({}, {}, [])
    for label, names in listed.items():
        keys = [
            (label, place) if subject is None else subject for place, subject in enumerate(subjects[label])
        ]
        division.train[label] = [name for name, key in zip(names, keys, strict=True) if key not in held]
        division.val[label] = [name for name, key in zip(names, keys, strict=True) if key in held]
        if not division.val[label]:
            division.without_val.append(label)
    return division


class _Search:
    """Which groups are held out; each is a number of images by class."""

    def __init__(self, groups: list[Counter[str]], fraction: float, seed: int) -> None:
        self._groups = groups
        self._order = stream(seed, Purpose.SPLIT).permutation(len(groups)).tolist()
        self._images: Counter[str] = Counter()
        for group in groups:
            self._images.update(group)
        self._targets = {label: target(images, fraction) for label, images in self._images.items()}
        self._val: Counter[str] = Counter()
        self.held = [False] * len(groups)

    def run(self) -> None:
        for _ in range(_ROUNDS):
            moved = [place for place in self._order if self._change(place) < 0 and self._move(place)]
            if not moved and not self._swap():
                break
        for label in self._images:
            if not self._val[label]:
                with_it = [place for place in self._order if label in self._groups[place]]
                for place in sorted(with_it, key=self._change):
                    if self._move(place):
                        break

    def _swap(self) -> bool:
        """Let two groups change places, if that helps; the first 200 are tried."""
        some = self._order[:_SWAPPED]
        for one in some:
            for other in some:
                if self.held[one] and not self.held[other]:
                    change = self._change(one)
                    self._move(one)
                    change += self._change(other)
                    if change < 0 and self._move(other):
                        return True
                    self._move(one)
        return False

    def _change(self, place: int) -> float:
        """Return by how much the deviation grows if a group changes sides."""
        change = 0.0
        for label, images in self._groups[place].items():
            before = self._val[label] - self._targets[label]
            after = before - images if self.held[place] else before + images
            change += (after**2 - before**2) / max(1, self._targets[label]) ** 2
        return change

    def _move(self, place: int) -> bool:
        """Let a group change sides, unless a class would be without a training image."""
        group = self._groups[place]
        if self.held[place]:
            self._val.subtract(group)
        elif any(self._val[label] + images >= self._images[label] for label, images in group.items()):
            return False
        else:
            self._val.update(group)
        self.held[place] = not self.held[place]
        return True
