"""Subjects by file name: the split that keeps each on one side, and when one is suggested."""

from pathlib import Path

import pytest

from engine.core.errors import UserError
from engine.core.pattern import Pattern
from engine.data.split import split_groups, target
from engine.layout.groups import group_findings, subjects, suggest
from engine.recipe.recipe import load_recipe
from tests.cli.calling import refusal
from tests.made_data import make_pictures


def _split(listed: dict[str, list[str]], pattern: str, *, fraction: float = 0.2, seed: int = 0):  # type: ignore[no-untyped-def]
    by_class = {label: subjects(names, pattern) for label, names in listed.items()}
    return split_groups(listed, by_class, fraction, seed), by_class


def _patients(count: int, images: int, labels: tuple[str, ...] = ("ill", "well")) -> dict[str, list[str]]:
    listed: dict[str, list[str]] = {label: [] for label in labels}
    for patient in range(count):
        label = labels[patient % len(labels)]
        listed[label] += [f"{label}/p{patient:03}_{number:02}.jpg" for number in range(images)]
    return listed


@pytest.mark.parametrize("seed", range(5))
def test_a_subject_is_on_one_side_also_across_classes(seed: int) -> None:
    listed = {
        label: [
            f"{label}/p{patient:03}_{number}.jpg"
            for patient in range(30)
            for number in range(1 + patient % 4)
        ]
        for label in ("smile", "frown")
    }
    division, _ = _split(listed, r"/(p\d+)_", seed=seed)
    sides = [
        {name.partition("/")[2].partition("_")[0] for names in side.values() for name in names}
        for side in (division.train, division.val)
    ]
    assert not sides[0] & sides[1]
    assert len(sides[0] | sides[1]) == 30
    for label, names in listed.items():
        assert sorted(division.train[label] + division.val[label]) == sorted(names)
        assert abs(len(division.val[label]) - target(len(names), 0.2)) <= 1
    assert division.without_val == []


def test_the_split_is_drawn_by_the_seed_alone() -> None:
    listed = _patients(40, 5)
    divisions = [_split(listed, r"p\d+", seed=seed)[0] for seed in (3, 3, 4)]
    assert divisions[0] == divisions[1] != divisions[2]


@pytest.mark.parametrize(
    ("sizes", "fraction", "held"),
    [
        ([5] * 20, 0.2, 20),
        ([5] * 20, 0.15, 15),
        ([10, 10], 0.2, 10),  # nothing smaller than a group
        ([50, *[1] * 50], 0.15, 15),
        ([7, 9, 8, 6, 11, 9], 0.3, 15),
        ([4], 0.2, 0),  # one subject stays in train
        ([1], 0.2, 0),
        ([1, 9], 0.2, 1),
    ],
    ids=str,
)
def test_of_a_class_as_much_is_held_out_as_whole_groups_allow(
    sizes: list[int], fraction: float, held: int
) -> None:
    names = [f"a/s{subject}_{number}.png" for subject, size in enumerate(sizes) for number in range(size)]
    division, _ = _split({"a": names}, r"s\d+", fraction=fraction)
    assert len(division.val["a"]) == held
    assert division.without_val == ([] if held else ["a"])


def test_images_without_a_match_are_groups_of_their_own_and_counted() -> None:
    listed = {"a": [f"a/p{n // 4}_{n}.jpg" for n in range(40)] + ["a/x.jpg", "a/y.jpg"]}
    division, by_class = _split(listed, r"p\d+")
    assert by_class["a"][-2:] == [None, None]
    assert len(division.val["a"]) == target(42, 0.2)
    groups, (finding,) = group_findings(listed, r"p\d+")
    assert groups == 12
    assert str(finding) == (
        "2 images without a match of data.group, each a group of its own (such as a/x.jpg, a/y.jpg)"
    )
    assert group_findings(listed, "[a-z]") == (1, ())


@pytest.mark.parametrize(
    ("pattern", "name", "subject"),
    [
        (r"p\d+", "cat/p001_02.jpg", "p001"),
        (r"/(p\d+)_", "cat/p001_02.jpg", "p001"),
        (r"^([^/]+/[^/]+)/", "cat/film 3/0001.jpg", "cat/film 3"),
        (r"(x)?p", "cat/p001.jpg", None),
        (r"q\d+", "cat/p001.jpg", None),
        (r"\w+", "Ü/Ü1.jpg", "Ü"),
        (r"(p)(\d+)", "p001.jpg", "p"),
    ],
)
def test_the_subject_is_the_first_group_or_the_whole_match(
    pattern: str, name: str, subject: str | None
) -> None:
    assert subjects([name], pattern) == [subject]


@pytest.mark.parametrize("pattern", ["(", "[a", "*", "(?P<", "a" * 501])
def test_what_is_no_pattern_is_refused(pattern: str) -> None:
    with pytest.raises(ValueError, match=r"not a regular expression|longer than 500"):
        Pattern(pattern)
    with pytest.raises(UserError, match=r"^recipe: data\.group = "):
        load_recipe(None, [f"data.group='{pattern}'"])


def test_a_pattern_that_takes_exponential_time_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.core.pattern._SECONDS", 0.05)
    with pytest.raises(UserError, match=r"takes too long on a/xxx.*simplify it"):
        subjects(["a/" + "x" * 200 + ".jpg"], r"^(([a-z/])+.)+[A-Z]([a-z])+$")


def test_a_bad_pattern_is_one_line_and_leaves_nothing(tmp_path: Path) -> None:
    data = make_pictures(tmp_path / "data", train=4, val=2, test=0)
    line = refusal("train", data, "--set", "data.group=(p", cwd=tmp_path)
    assert line.startswith("recipe quick: data.group = '(p': not a regular expression: missing )")


def _names(*patterns: str, count: int = 40, label: str = "a") -> list[str]:
    return [f"{label}/{pattern.format(s=n // 5, n=n % 5, i=n)}" for pattern in patterns for n in range(count)]


_SUBJECTS = {
    "patients": (_names("p{s:03}_{n:02}.jpg"), r"([^/_-]+)[_-][^/]*$"),
    "with dashes": (_names("subject{s}-{n}.png"), r"([^/_-]+)[_-][^/]*$"),
    "two words": (_names("patient_{s:03}_{n:02}.jpg"), r"([^/]+)[_-]\d+\.\w+$"),
    "numbers alone": (_names("{s:04}_c{n}.jpg"), r"([^/_-]+)[_-][^/]*$"),
    "left and right": (
        [f"a/{n // 2:04}_{'left' if n % 2 else 'right'}.jpeg" for n in range(60)],
        r"([^/_-]+)[_-][^/]*$",
    ),
    "films": (_names("film{s}_frame{n:05}.png"), r"([^/_-]+)[_-][^/]*$"),
}


@pytest.mark.parametrize("case", _SUBJECTS)
def test_names_that_come_in_subjects_get_a_suggestion(case: str) -> None:
    names, pattern = _SUBJECTS[case]
    suggestion = suggest({"a": names[::2], "b": names[1::2]})
    assert suggestion is not None
    assert suggestion.pattern == pattern
    assert len(set(subjects(names, suggestion.pattern))) == suggestion.subjects
    assert f"--set 'data.group={pattern}'" in str(suggestion.finding())


_NO_SUBJECTS = {
    "a camera": _names("IMG_{i:04}.jpg"),
    "a camera's days": _names("IMG_2023010{s}_12000{n}.jpg"),
    "a telephone": _names("PXL_2023010{s}_1200{i:02}123.jpg"),
    "days": _names("2023-01-0{s}_{n}.jpg"),
    "years": _names("201{s}_{n}.jpg"),
    "a camera's folders": _names("10{s}_{n:04}.jpg"),
    "messages": _names("WhatsApp Image 2023-01-0{s} at 12.00.0{n}.jpeg"),
    "Panasonic": _names("P10{s:02}{n:03}.JPG"),
    "screenshots": _names("Screenshot_{s}_{n}.png"),
    "a counter": _names("owl_{i:03}.jpg"),
    "numbers": _names("{i:05}.png"),
    "words": [
        f"a/{word}_{number}.jpg" for word in ("red", "green", "blue", "old", "new") for number in range(8)
    ],
    "sizes": _names("photo{i}_640.jpg"),
    "few": _names("p{s:03}_{n:02}.jpg", count=10),
    "each its own": [f"a/s{n}_{n}.jpg" for n in range(40)],
    "hashes": [f"a/{n * 2654435761 % 2**32:08x}-{n * 40503 % 65536:04x}.jpg" for n in range(40)],
    "half of them": _names("p{s:03}_{n:02}.jpg") + _names("owl{i}.jpg"),
    "none": [],
}


@pytest.mark.parametrize("case", _NO_SUBJECTS)
def test_other_names_get_none(case: str) -> None:
    names = _NO_SUBJECTS[case]
    assert suggest({"a": names[::2], "b": names[1::2]}) is None


def test_the_classes_themselves_are_no_subjects() -> None:
    listed = {f"n{label:04}": [f"n{label:04}/n{label:04}_{n}.jpg" for n in range(20)] for label in range(10)}
    assert suggest(listed) is None
