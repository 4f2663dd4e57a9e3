"""`vrdl-tui doctor` on a data folder: layout, sizes of the classes, images that can't be read."""

from pathlib import Path

from tests.cli.calling import call
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
