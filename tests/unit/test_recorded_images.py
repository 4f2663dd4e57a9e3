"""The record of a run's images, and what is said when the data folders no longer have them."""

from pathlib import Path

import pytest

from engine.core.errors import UserError
from engine.run.recorded_images import (
    Classes,
    Recorded,
    RecordError,
    class_changes,
    compare,
    read_record,
    write_record,
)

TRAIN = {"cat": [f"cat/{number}.jpg" for number in range(4)], "owl": ["owl/a.jpg", "owl/2023/b.jpg"]}
VAL = {"cat": ["cat/8.jpg"], "owl": ["owl/9.jpg"]}
TEST = ["1.jpg", "deep/2.jpg"]


def plus(classes: Classes, *names: str) -> Classes:
    more = {name.partition("/")[0] for name in names} - classes.keys()
    whole = {**classes, **{label: [] for label in more}}
    return {
        label: [*images, *(name for name in names if name.startswith(f"{label}/"))]
        for label, images in sorted(whole.items())
    }


def minus(classes: Classes, *names: str) -> Classes:
    left = {label: [name for name in images if name not in names] for label, images in classes.items()}
    return {label: images for label, images in left.items() if images}


@pytest.mark.parametrize(
    "images",
    [
        Recorded(TRAIN, VAL, TEST),
        Recorded(
            {"a,b": ["a,b/=1.jpg", 'a,b/"\r.jpg'], "é": ["e\u0301/\udcff.jpg", "é/x y/z.jpg"]}, {}, ["\udce9\n.png"]
        ),
        Recorded(),
    ],
)  # fmt: skip
def test_what_is_recorded_is_read(tmp_path: Path, images: Recorded) -> None:
    record = tmp_path / "split.csv"
    write_record(record, images)
    assert read_record(record) == images


def test_a_record_of_many_images(tmp_path: Path) -> None:
    images = Recorded({"a": [f"a/{number}.jpg" for number in range(25_001)]}, {"b": ["b/1.jpg"]}, ["2.jpg"])
    write_record(tmp_path / "split.csv", images)
    assert read_record(tmp_path / "split.csv") == images


ADDED = "since the run began: not used; a new run uses all"
LOST = "can't be found any more: the run goes on without; put back, used again"
CASES: dict[str, tuple[Classes, Classes | None, list[str], list[str]]] = {
    "nothing": (TRAIN, VAL, TEST, []),
    "one added": (plus(TRAIN, "cat/new.jpg"), VAL, TEST, [f"1 training image (cat/new.jpg) was added {ADDED}"]),
    "many added": (
        plus(TRAIN, *(f"cat/n{number}.jpg" for number in range(5))), VAL, TEST,
        [f"5 training images (cat/n0.jpg, cat/n1.jpg, cat/n2.jpg and 2 more) were added {ADDED}"],
    ),
    "one lost": (minus(TRAIN, "cat/1.jpg"), VAL, TEST, [f"1 training image (cat/1.jpg) {LOST}"]),
    "moved to another class": (
        plus(minus(TRAIN, "cat/1.jpg"), "owl/1.jpg"), VAL, TEST,
        [f"1 training image (owl/1.jpg) was added {ADDED}; 1 training image (cat/1.jpg) {LOST}"],
    ),
    "validation": (
        TRAIN, plus(minus(VAL, "owl/9.jpg"), "owl/10.jpg"), TEST,
        [f"1 validation image (owl/10.jpg) was added {ADDED}; 1 validation image (owl/9.jpg) {LOST}"],
    ),
    "split off": (plus(TRAIN, *VAL["cat"], *VAL["owl"], "owl/new.jpg"), None, TEST,
        [f"1 training image (owl/new.jpg) was added {ADDED}"]),
    "split off, one lost": (plus(TRAIN, *VAL["cat"]), None, TEST, [f"1 validation image (owl/9.jpg) {LOST}"]),
    "test": (
        TRAIN, VAL, ["1.jpg", "3.jpg", "4.jpg"],
        ["2 test images (3.jpg, 4.jpg) added, 1 test image (deep/2.jpg) gone since the run began; predictions are of "
         "those there now"],
    ),
    "a new class": (
        plus(TRAIN, "eel/1.jpg", "eel/2.jpg"), VAL, TEST,
        ["the data's classes changed: eel is new; the run keeps its own 2, and 2 images of new classes are not used: a "
         "new run uses all"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", CASES)
def test_what_differs_is_said(what: str) -> None:
    train, val, test, said = CASES[what]
    found = compare(
        Recorded(TRAIN, VAL, TEST), train, val, test, away=(), where=("train", "val"), remedy="do this"
    )
    assert list(found.changes) == said
    here = {name for classes in (train, val or {}) for names in classes.values() for name in names}
    for kept, recorded in ((found.train, TRAIN), (found.val, VAL)):
        assert kept == {label: [name for name in names if name in here] for label, names in recorded.items()}


REFUSED: dict[str, tuple[Classes, Classes | None, str]] = {
    "another folder": (
        {"cat": ["cat/x.jpg"]}, VAL,
        "data.train: T has none of the 6 images that the run began with, cat/0.jpg is missing first; do this",
    ),
    "most are gone": (
        {"cat": ["cat/0.jpg"], "owl": ["owl/a.jpg"]}, VAL,
        "data.train: T has 2 of the 6 images that the run began with, cat/1.jpg is missing first; do this",
    ),
    "another validation folder": (
        TRAIN, {"owl": ["owl/x.jpg"]},
        "data.val: V has none of the 2 images that the run began with, cat/8.jpg is missing first; do this",
    ),
    "a class is gone": ({"cat": TRAIN["cat"]}, VAL, "the data's classes changed: owl is gone; do this"),
    "a class was renamed": (
        plus({"cat": TRAIN["cat"]}, "uhu/a.jpg"), VAL,
        "the data's classes changed: uhu is new, owl is gone; do this",
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", REFUSED)
def test_other_data_are_refused(what: str) -> None:
    train, val, words = REFUSED[what]
    with pytest.raises(UserError) as caught:
        compare(Recorded(TRAIN, VAL, TEST), train, val, TEST, away=(), where=("T", "V"), remedy="do this")
    assert str(caught.value) == words


def test_what_the_run_has_moved_away_is_not_lost() -> None:
    away = {"cat/0.jpg", "owl/a.jpg", "owl/2023/b.jpg"}
    found = compare(
        Recorded(TRAIN, VAL, []), {"cat": TRAIN["cat"][1:]}, VAL, [], away=away, where=("", ""), remedy=""
    )
    assert found.train == TRAIN
    assert not found.changes


def test_names_are_safe_to_show() -> None:
    train = plus(TRAIN, "cat/\x1b[2J.jpg", "\x1b]0;x/1.jpg")
    found = compare(Recorded(TRAIN, VAL, []), train, VAL, [], away=(), where=("", ""), remedy="")
    assert all(text.isprintable() for text in found.changes)
    assert len(found.changes) == 2


@pytest.mark.parametrize(
    ("before", "now", "words"),
    [
        (["a", "b"], ["a", "b"], ""),
        (["a", "b"], ["b", "a"], "they are in another order"),
        (["a"], ["a", *map(str, range(10))], "0, 1, 2, 3, 4, 5, 6, 7 and 2 more are new"),
        (["a", "b"], ["c"], "c is new, a, b are gone"),
    ],
)
def test_changes_of_classes(before: list[str], now: list[str], words: str) -> None:
    assert class_changes(before, now) == words


def test_a_record_of_version_0_1_0_has_no_test_images(tmp_path: Path) -> None:
    record = tmp_path / "split.csv"
    record.write_text("split,class,image\ntrain,cat,1.jpg\nval,cat,2.jpg\n")
    read = read_record(record)
    assert read == Recorded({"cat": ["cat/1.jpg"]}, {"cat": ["cat/2.jpg"]}, [])
    here: Classes = {"cat": ["cat/1.jpg", "cat/2.jpg"]}
    for earlier, said in ((True, 0), (False, 1)):
        found = compare(read, here, None, ["1.jpg"], away=(), where=("", ""), remedy="", earlier=earlier)
        assert len(found.changes) == said


def test_another_file_is_refused_without_advice_to_remove_it(tmp_path: Path) -> None:
    record = tmp_path / "split.csv"
    record.write_text("a,b\n")
    with pytest.raises(RecordError, match=r"restore split\.csv from a copy, or start a new run") as caught:
        read_record(record)
    assert "delete" not in str(caught.value)
