"""`vrdl-tui doctor` on a data folder: layout, sizes of the classes, images that can't be read."""

import json
from pathlib import Path

from PIL import Image

from tests.cli.calling import call, refusal
from tests.made_data import make_pictures


def test_a_good_folder_and_one_with_a_broken_image(tmp_path: Path) -> None:
    data = make_pictures(tmp_path / "data", train=4, val=2, test=2)
    good = call("doctor", data, cwd=tmp_path)
    assert good.code == 0, good
    assert "train 12 images in 3 classes · val 6 · test 2" in good.out
    assert "3 classes have fewer than 20 images" in good.out
    assert "20 looked at, all can be read" in good.out
    (data / "val" / "red" / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    broken = call("doctor", data, cwd=tmp_path)
    assert broken.code == 0
    assert "1 can't be read: " in broken.out
    assert "broken.png" in broken.out


def test_copies_are_listed_by_kind_and_drawn(tmp_path: Path) -> None:
    data = make_pictures(tmp_path / "data", train=4, val=2, test=2)
    for source, copy in (
        ("train/red/red0.png", "val/red/copy.png"),
        ("train/blue/blue1.png", "train/green/wrong\x1b.png"),
    ):
        (data / copy).write_bytes((data / source).read_bytes())
    with Image.open(data / "test" / "0.png") as picture:
        picture.resize((80, 80), Image.Resampling.BICUBIC).save(data / "train" / "blue" / "larger.png")
    found = call("doctor", data, "--duplicates", "--picture", "copies.png", cwd=tmp_path)
    assert found.code == 0, found
    assert found.out.splitlines() == [
        "exact copies in train and val: 1 group",
        "  train/red/red0.png = val/red/copy.png",
        "exact copies in several classes: 1 group",
        "  train/blue/blue1.png = train/green/wrong\\x1b.png  (labels: blue, green)",
        "near copies in train and test: 1 group",
        "  train/blue/larger.png ~ test/0.png",
    ]
    assert found.err.splitlines() == [
        "23 images compared; rotated and mirrored copies are not looked for",
        "written: copies.png",
    ]
    with Image.open(tmp_path / "copies.png") as sheet:
        assert sheet.width > 4 * 128
        assert sheet.height > 3 * 128
    assert "exists already" in refusal(
        "doctor", data, "--duplicates", "--picture", "copies.png", cwd=tmp_path
    )
    answer = json.loads(call("doctor", data, "--duplicates", "--json", cwd=tmp_path).out)
    assert (answer["images"], answer["omitted"]) == (23, {})
    assert [(group["kind"], group["exact"], group["conflict"]) for group in answer["groups"]] == [
        ("train-val", True, False), ("classes", True, True), ("train-test", False, False),
    ]  # fmt: skip
    assert answer["groups"][2]["images"][1] == {
        "split": "test",
        "class": "",
        "path": str(data / "test" / "0.png"),
    }


def test_no_copies(tmp_path: Path) -> None:
    data = make_pictures(tmp_path / "data", train=3, val=1, test=0)
    found = call("doctor", data, "--duplicates", "--picture", "copies.png", cwd=tmp_path)
    assert (found.code, found.out) == (0, "no copies\n")
    assert "copies.png is not written" in found.err
    assert not (tmp_path / "copies.png").exists()
    assert "needs a data folder" in refusal("doctor", "--duplicates", cwd=tmp_path)


def test_no_data_folder(tmp_path: Path) -> None:
    answer = call("doctor", "absent", cwd=tmp_path)
    assert answer.code == 1
    assert "BAD data      no such folder: absent" in answer.out


def test_folders_that_are_the_same(tmp_path: Path) -> None:
    data = make_pictures(tmp_path / "data", train=4, val=2, test=0)
    (data / "test").symlink_to("val")
    known = call("doctor", data, cwd=tmp_path)
    assert "data.test is the same folder as data.val" in known.out
    assert "give test images a folder of their own" in known.out
    assert "BAD data" not in known.out
    (data / "val").rename(data / "kept")
    (data / "val").symlink_to("train")
    same = call("doctor", data, cwd=tmp_path)
    assert same.code == 1
    assert "BAD data      data.val is the same folder as data.train" in same.out
