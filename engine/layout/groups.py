"""Subjects of images (a person, a patient, a film), told from file names by ``data.group``."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from engine.core.errors import UserError
from engine.core.pattern import Pattern, SlowPatternError
from engine.core.text import count, names, printable
from engine.layout.findings import Finding

_FEWEST_SUBJECTS = 4
_MOST_SEEN = 4_000
"""Names that are looked at for a suggestion."""


def subjects(images: Iterable[str], pattern: str) -> list[str | None]:
    """Return the subject of each image by ``data.group``, None for an image that is a group of its own.

    ``images`` are names relative to the folder of the split. Raises UserError for a pattern that takes more than two
    seconds on a name.
    """
    expression = Pattern(pattern)
    found: list[str | None] = []
    for name in images:
        try:
            found.append(expression.part_of(name))
        except SlowPatternError:
            raise UserError(
                f"data.group = {printable(pattern, 80)} takes too long on {printable(name, 80)}; "
                "simplify it: no repetition inside a repetition"
            ) from None
    return found


def group_findings(listed: Mapping[str, Sequence[str]], pattern: str) -> tuple[int, tuple[Finding, ...]]:
    """Return the number of groups by ``data.group`` of images, by class, and what is to be said about it.

    Raises UserError as ``subjects`` does.
    """
    images = [name for of_class in listed.values() for name in of_class]
    found = subjects(images, pattern)
    alone = [name for name, subject in zip(images, found, strict=True) if subject is None]
    number = len(set(found) - {None}) + len(alone)
    if not alone:
        return number, ()
    return number, (
        Finding(
            "no group",
            len(alone),
            f"{count(len(alone), 'image')} without a match of data.group, each a group of its own",
            f"such as {names(alone[:3], len(alone))}",
            tuple(alone[:3]),
        ),
    )


class Suggestion(NamedTuple):
    """A ``data.group`` that fits the names, with the number of subjects and an example of one."""

    pattern: str
    subjects: int
    example: str

    def finding(self) -> Finding:
        """Return the suggestion as a warning."""
        return Finding(
            "groups",
            self.subjects,
            f"the names look like {self.subjects:,} subjects with several images each (such as "
            f"{printable(self.example, 40)}), which the split would put into train and val alike",
            f"keep each on one side: --set 'data.group={self.pattern}'",
        )


_CANDIDATES = (
    # The first word: p001 of p001_s2_03.jpg.
    (r"([^/_-]+)[_-][^/]*$", r"(?P<subject>[^/_-]+)[_-](?P<rest>[^/]*)\.[^/.]+$"),
    # All but the last number: patient_001 of patient_001_02.jpg.
    (r"([^/]+)[_-]\d+\.\w+$", r"(?P<subject>[^/]+)[_-](?P<rest>\d+)\.\w+$"),
)

# Cameras, telephones and messengers number images in the order in which they were taken; dates and times do, too.
_CAMERA = re.compile(
    r"(?i)^(img|dsc[nf]?|dscf|p\d{7}|pxl|mvimg|vid|gopr|dji|sam|cimg|imag|pict|screenshot|image|photo|whatsapp|wp|fb|"
    r"received|snapchat|signal|burst)[ _-]?[e-]?\d*([_-]|$)"
)
_DATE = re.compile(r"(?<!\d)(19|20)\d\d([-_]?(0[1-9]|1[0-2])([-_]?[0-3]\d)?)?(?!\d)")
_KODAK = re.compile(r"^1\d\d[_-]\d{4}$")


def suggest(listed: Mapping[str, Sequence[str]]) -> Suggestion | None:
    """Return a ``data.group`` where the names in ``listed``, by class, clearly come in subjects, else None.

    Clearly: of 95 % of the names the beginning is a subject that has a number in it; nine in ten subjects have two
    images or more; there are at least four subjects, and twice as many as classes; what follows the subject recurs
    with others (01, 02; left, right), as it doesn't in a camera's sequence; and no subject is a camera's prefix or a
    date. About 4,000 names are looked at.
    """
    total = sum(map(len, listed.values()))
    step = max(1, total // _MOST_SEEN)
    for pattern, parts in _CANDIDATES:
        suggestion = _fitting(listed, pattern, re.compile(parts), step)
        if suggestion is not None:
            return suggestion
    return None


def _fitting(
    listed: Mapping[str, Sequence[str]], pattern: str, parts: re.Pattern[str], step: int
) -> Suggestion | None:
    sizes: Counter[str] = Counter()
    followers: dict[str, set[str]] = defaultdict(set)
    rests: list[str] = []
    pairs: set[tuple[str, str]] = set()
    seen = 0
    for label, images in listed.items():
        for name in _runs_of(images, step):
            seen += 1
            match = parts.search(name)
            if match is None:
                continue
            subject, rest = match["subject"], match["rest"]
            if not any(letter.isdigit() for letter in subject) or _is_sequence(f"{subject}_{rest}", subject):
                continue
            sizes[subject] += 1
            followers[rest].add(subject)
            rests.append(rest)
            pairs.add((label, subject))
    fitting = sizes.total()
    if not seen or fitting < 0.95 * seen or len(sizes) < max(_FEWEST_SUBJECTS, 2 * len(listed)):
        return None
    if len(pairs) < 2 * len(listed):
        return None
    several = sum(size > 1 for size in sizes.values())
    recurring = sum(len(followers[rest]) > 1 for rest in rests)
    if several < 0.9 * len(sizes) or recurring < 0.8 * fitting:
        return None
    example = max(sizes, key=lambda subject: (sizes[subject], subject))
    return Suggestion(pattern, len(sizes), example)


def _runs_of(images: Sequence[str], step: int) -> Sequence[str]:
    """Return a part of sorted names in which neighbours stay together, since subjects are neighbours."""
    return images if step == 1 else images[: max(1, len(images) // step)]


def _is_sequence(stem: str, subject: str) -> bool:
    return bool(_CAMERA.match(stem) or _KODAK.match(stem) or _DATE.search(subject))
