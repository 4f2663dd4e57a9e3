"""Copies of images: exact ones by content, near ones by a perceptual hash, and what is warned of and dropped."""

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageEnhance

from engine.data.duplicates import connected, near_copies, near_pairs
from engine.data.images import DataSet, scan
from engine.journal.events import RunWarning
from engine.layout.copies import (
    FEW,
    Copies,
    Listed,
    exact_copies,
    images_of,
    to_drop,
    warnings_of,
    with_copies,
)
from engine.layout.listing import list_data
from engine.recipe.sections import Data
from engine.run.data_now import Past
from engine.training.copy_watch import CopyWatch
from tests.made_data import make_pictures

Picture = Image.Image


def _scene(seed: int, size: tuple[int, int] = (320, 240)) -> Picture:
    """Return a made picture with large and small shapes, as photographs have."""
    rng = np.random.default_rng(seed)
    coarse = Image.fromarray(rng.integers(0, 255, (6, 8, 3), dtype=np.uint8)).resize(
        size, Image.Resampling.BICUBIC
    )
    draw = ImageDraw.Draw(coarse)
    for _ in range(12):
        x, y = rng.integers(0, size[0]), rng.integers(0, size[1])
        width, height = rng.integers(10, 90, 2)
        draw.ellipse(
            tuple(map(float, (x, y, x + width, y + height))), fill=tuple(map(int, rng.integers(0, 255, 3)))
        )
    return coarse


def _listed(*paths: Path, split: str = "train", label: str = "a") -> list[Listed]:
    return [Listed(split, label, path) for path in paths]  # type: ignore[arg-type]


def _names(copies: list[Copies]) -> list[list[str]]:
    return [[image.path.name for image in one.images] for one in copies]


def test_exact_copies_are_files_of_equal_content(tmp_path: Path) -> None:
    files = {
        "a": b"1" * 10_000, "b": b"1" * 10_000, "c": b"2" + b"1" * 9_999, "d": b"1" * 9_999, "e": b"x", "f": b"",
        "g": b"", "h": b"1" * 9_999,
    }  # fmt: skip
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    (tmp_path / "i").symlink_to("e")
    os.link(tmp_path / "c", tmp_path / "j")
    os.mkfifo(tmp_path / "k")
    images = _listed(*sorted(tmp_path.iterdir()), tmp_path / "gone")
    assert _names(exact_copies(images)) == [["a", "b"], ["c", "j"], ["d", "h"], ["e", "i"]]


def test_files_of_other_sizes_are_not_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for size in range(1, 20):
        (tmp_path / f"{size:02}").write_bytes(b"1" * size)
    monkeypatch.setattr("engine.layout.copies.open_regular", lambda *_: pytest.fail("opened"))
    assert exact_copies(_listed(*sorted(tmp_path.iterdir()))) == []


_KINDS = {
    "train and val": ((("train", "a"), ("val", "a")), "train-val", False),
    "train and val, other labels": ((("train", "a"), ("val", "b")), "train-val", True),
    "all three": ((("train", "a"), ("val", "a"), ("test", "")), "train-val", False),
    "train and test": ((("train", "a"), ("test", "")), "train-test", False),
    "labelled test": ((("train", "a"), ("test", "b")), "train-test", True),
    "val and test": ((("val", "a"), ("test", "a")), "val-test", False),
    "classes": ((("train", "a"), ("train", "b")), "classes", True),
    "classes of val": ((("val", "a"), ("val", "b")), "classes", True),
    "class": ((("train", "a"), ("train", "a")), "class", False),
    "test": ((("test", ""), ("test", "")), "class", False),
}


@pytest.mark.parametrize("case", _KINDS)
def test_the_worst_kind_of_a_group(case: str) -> None:
    images, kind, conflict = _KINDS[case]
    copies = Copies(tuple(Listed(split, label, Path(split, label)) for split, label in images))  # type: ignore[arg-type]
    assert (copies.kind, copies.conflict) == (kind, conflict)


def _groups(*groups: str) -> list[Copies]:
    """Read groups as ``train/a/1 val/a/2``."""
    return [
        Copies(
            tuple(
                Listed(text.split("/")[0], text.split("/")[1], Path(text))  # type: ignore[arg-type]
                for text in group.split()
            )
        )
        for group in groups
    ]


def test_warnings_count_what_is_scored() -> None:
    groups = _groups(
        "train/a/1 train/a/2 val/a/1", "train/a/3 val/b/3", "train/a/4 test//4", "val/a/5 test//5",
        "train/a/6 train/b/6", "train/a/7 train/a/8 train/a/9",
    )  # fmt: skip
    assert list(map(str, warnings_of(groups))) == [
        "2 validation images are also in train (list: doctor DATA --duplicates)",
        "1 test image is also in train (list: doctor DATA --duplicates)",
        "1 test image is also in val (list: doctor DATA --duplicates)",
        "2 images are copies of each other in different classes (list: doctor DATA --duplicates)",
        "2 images are second copies within their classes (list: doctor DATA --duplicates)",
        "2 images have copies with another label (list: doctor DATA --duplicates)",
    ]
    dropping = [finding.remedy for finding in warnings_of(groups, drops=True)]
    assert [remedy.startswith("dropped from train") for remedy in dropping] == [
        True, True, False, False, True, False,
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("group", "dropped"),
    [
        ("train/a/1 val/a/1", ["train/a/1"]),
        ("train/a/1 train/b/2 test//1", ["train/a/1", "train/b/2"]),
        ("train/a/1 train/a/2 train/a/3", ["train/a/2", "train/a/3"]),
        ("train/a/1 train/b/2", []),
        ("train/a/1 train/b/2 train/a/3", ["train/a/3"]),
        ("val/a/1 test//1", []),
    ],
)
def test_what_is_dropped(group: str, dropped: list[str]) -> None:
    assert [str(image.path) for image in to_drop(_groups(group))] == dropped


def _cropped(picture: Picture, share: float) -> Picture:
    width, height = picture.size
    x, y = round(width * share / 2), round(height * share / 2)
    return picture.crop((x, y, width - x, height - y))


def _marked(picture: Picture) -> Picture:
    copy = picture.copy()
    ImageDraw.Draw(copy).text((200, 210), "(c) A. N. Other", fill=(255, 255, 255), font_size=14)
    return copy


_EDITS: dict[str, tuple[Callable[[Picture], Picture], str]] = {
    "quality 60": (lambda picture: picture, "JPEG"),
    "PNG": (lambda picture: picture, "PNG"),
    "half": (lambda picture: picture.resize((160, 120)), "JPEG"),
    "stretched": (lambda picture: picture.resize((256, 256)), "JPEG"),
    "cropped by 2 %": (lambda picture: _cropped(picture, 0.02), "JPEG"),
    "marked": (_marked, "JPEG"),
    "brighter": (lambda picture: ImageEnhance.Brightness(picture).enhance(1.1), "JPEG"),
    "darker": (lambda picture: ImageEnhance.Brightness(picture).enhance(0.9), "JPEG"),
}


@pytest.fixture(scope="module")
def scenes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("scenes")
    for seed in range(12):
        _scene(seed).save(folder / f"{seed:02}.jpg", quality=92)
    return folder


def test_distinct_pictures_are_no_copies(scenes: Path) -> None:
    near = near_copies(_listed(*sorted(scenes.iterdir())))
    assert near.copies == []
    assert near.omitted == {}


@pytest.mark.parametrize("edit", _EDITS)
def test_near_copies_are_found(scenes: Path, tmp_path: Path, edit: str) -> None:
    change, form = _EDITS[edit]
    for seed in (3, 7):
        change(_scene(seed)).save(tmp_path / f"{seed:02}x.{form}", form, quality=60)
    images = _listed(*sorted(scenes.iterdir())) + _listed(*sorted(tmp_path.iterdir()), split="val")
    near = near_copies(images)
    assert _names(near.copies) == [["03.jpg", f"03x.{form}"], ["07.jpg", f"07x.{form}"]]
    assert all(one.kind == "train-val" and not one.exact for one in near.copies)


def test_what_has_too_little_in_it_is_not_compared(tmp_path: Path) -> None:
    for number, grey in enumerate((0, 3, 255)):
        Image.new("RGB", (64, 64), (grey,) * 3).save(tmp_path / f"flat{number}.png")
    for number in range(2):
        _scene(1, (24, 24)).save(tmp_path / f"small{number}.png")
    (tmp_path / "torn.jpg").write_bytes(b"\xff\xd8\xff\xe0")
    near = near_copies(_listed(*sorted(tmp_path.iterdir())))
    assert near.copies == []
    assert near.omitted == {"of almost one colour": 3, "smaller than 32 px": 2, "can't be read": 1}


def test_the_same_shapes_in_other_colours_are_no_copies(tmp_path: Path) -> None:
    for name, colour in (("red", (255, 60, 60)), ("green", (60, 140, 60))):  # of equal luminance
        picture = Image.new("RGB", (200, 200), "white")
        ImageDraw.Draw(picture).polygon(((20, 180), (90, 20), (180, 150)), fill=colour)
        picture.save(tmp_path / f"{name}.png")
    assert near_copies(_listed(*sorted(tmp_path.iterdir()))).copies == []


def test_one_of_exact_copies_takes_part(scenes: Path, tmp_path: Path) -> None:
    first = scenes / "00.jpg"
    second, small = tmp_path / "second.jpg", tmp_path / "small.png"
    second.write_bytes(first.read_bytes())
    _scene(0).resize((100, 75)).save(small)
    images = _listed(first, second, small)
    exact = exact_copies(images)
    assert _names(exact) == [["00.jpg", "second.jpg"]]
    assert _names(near_copies(images, exact).copies) == [["00.jpg", "small.png"]]


@pytest.mark.parametrize("many", [1, 10**6])
def test_pairs_across_blocks_are_found_and_connected(monkeypatch: pytest.MonkeyPatch, many: int) -> None:
    monkeypatch.setattr("engine.data.duplicates._ROWS", 7)
    monkeypatch.setattr("engine.data.duplicates._COLUMNS", 50)
    monkeypatch.setattr("engine.data.duplicates._MANY", many)
    rng = np.random.default_rng(5)
    hashes = rng.integers(0, 2**64, (300, 4), dtype=np.uint64)
    colours = np.full((300, 192), 100, np.uint8)
    hashes[120] = hashes[3] ^ np.uint64(1023)  # 10 bits in each word, 40 in all
    hashes[299] = hashes[120] ^ np.array([(2**20 - 1) << 20, 0, 0, 0], np.uint64)
    hashes[200] = hashes[4] ^ np.array([2**41 - 1, 0, 0, 0], np.uint64)  # 41
    hashes[210] = hashes[5] ^ np.array(
        [0, 0, 2**41 - 1, 0], np.uint64
    )  # equal in the half that is compared first
    hashes[250] = hashes[9]
    colours[250] += 41
    bits = np.bitwise_count(hashes[:, None] ^ hashes[None]).sum(axis=2)
    expected = {(int(i), int(j)) for i, j in np.argwhere(bits <= 40) if i < j and 250 not in (i, j)}
    assert len(expected) == 2
    pairs = [tuple(pair) for block in near_pairs(hashes, colours) for pair in block.tolist()]
    assert set(pairs) == expected
    assert len(pairs) == len(expected)
    groups = connected(near_pairs(hashes, colours), 300)
    assert [group for group in groups if len(group) > 1] == [[3, 120, 299]]
    assert sorted(place for group in groups for place in group) == list(range(300))


def _with_copies(root: Path) -> Path:
    """Return data with, by exact copies: train/val, train/test, twice in a class, in two classes."""
    data = make_pictures(root, train=6, val=3, test=2)
    train = data / "train"
    for source, copy in (
        ("train/red/red0.png", "val/red/copy.png"),
        ("test/0.png", "train/green/copied.png"),
        ("train/blue/blue1.png", "train/blue/again.png"),
        ("train/blue/blue2.png", "train/green/wrong.png"),
    ):
        (data / copy).write_bytes((data / source).read_bytes())
    assert sum(1 for _ in train.rglob("*.png")) == 21
    return data


def _data(root: Path, **keys: object) -> Data:
    folders = {split: str(root / split) for split in ("train", "val", "test")}
    return Data.model_validate({**folders, **keys})


def test_copies_are_dropped_from_train_once_and_for_all(tmp_path: Path) -> None:
    data = _data(_with_copies(tmp_path / "data"), duplicates="drop_from_train")
    record = tmp_path / "split.csv"
    found = scan(data, 0, record)
    assert sorted(found.dropped) == ["blue/blue1.png", "green/copied.png", "red/red0.png"]
    assert (len(found.train), len(found.val), len(found.test)) == (18, 10, 2)
    assert not found.changes
    # What is added later is not looked at: the run goes on with what is recorded.
    (tmp_path / "data" / "train" / "red" / "late.png").write_bytes(Path(data.test, "1.png").read_bytes())
    again = scan(data.model_copy(update={"duplicates": "keep"}), 0, record, Past(trained=True))
    assert again.train == found.train
    assert again.dropped == found.dropped
    assert again.changes[0].startswith(
        "1 training image (red/late.png) was added since the run began: not used"
    )


def test_a_class_of_copies_alone_keeps_them(tmp_path: Path) -> None:
    root = make_pictures(tmp_path / "data", train=2, val=2, test=0)
    for number in range(2):
        content = (root / "val" / "red" / f"red{number}.png").read_bytes()
        (root / "train" / "red" / f"red{number}.png").write_bytes(content)
    data = _data(root, test="", duplicates="drop_from_train")
    found = scan(data, 0, tmp_path / "split.csv")
    assert found.dropped == ()
    (warning,) = [finding for finding in found.warned if finding.kind == "only copies"]
    assert str(warning) == "all 2 training images of red are copies and are kept (it would have none left)"


def test_copies_that_the_split_has_divided_are_dropped(tmp_path: Path) -> None:
    root = make_pictures(tmp_path / "data", train=10, val=1, test=0)
    for path in sorted((root / "train").rglob("*.png")):
        path.with_name(f"{path.stem} copy.png").write_bytes(path.read_bytes())
    data = _data(root, val="", test="", duplicates="drop_from_train", val_fraction=0.3)
    found = scan(data, 0, tmp_path / "split.csv")
    contents = [{path.read_bytes() for path in images.paths} for images in (found.train, found.val)]
    assert not contents[0] & contents[1]
    assert len(contents[0]) == len(found.train)
    assert len(found.val) == 18
    assert len(found.train) + len(found.dropped) == 42


def test_a_listing_is_warned_of_exact_copies(tmp_path: Path) -> None:
    listing = list_data(_data(_with_copies(tmp_path / "data")))
    assert len(images_of(listing)) == listing.images == 33
    lines = with_copies(listing).summary()
    assert "1 validation image is also in train (list: doctor DATA --duplicates)" in lines[-1]
    assert "1 test image is also in train" in lines[-1]


def test_many_images_are_left_to_the_engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    listing = list_data(_data(_with_copies(tmp_path / "data")))
    monkeypatch.setattr("engine.layout.copies.FEW", listing.images - 1)
    assert with_copies(listing) is listing
    assert FEW < 100_000


def _watched(data: DataSet) -> list[str]:
    events: list[RunWarning] = []
    watch = CopyWatch(data, events.append)  # type: ignore[arg-type]
    watch._thread.join()
    watch.close()
    return [event.message for event in events]


def test_the_engine_warns_of_copies_while_it_trains(tmp_path: Path) -> None:
    data = _data(_with_copies(tmp_path / "data"))
    assert _watched(scan(data, 0, tmp_path / "split.csv")) == [
        "1 validation image is also in train (list: doctor DATA --duplicates)",
        "1 test image is also in train (list: doctor DATA --duplicates)",
        "2 images are copies of each other in different classes (list: doctor DATA --duplicates)",
        "1 image is a second copy within its class (list: doctor DATA --duplicates)",
    ]
    dropping = data.model_copy(update={"duplicates": "drop_from_train"})
    assert _watched(scan(dropping, 0, tmp_path / "other.csv")) == [
        "2 images are copies of each other in different classes (list: doctor DATA --duplicates)",
    ]
