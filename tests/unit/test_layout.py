"""Data folders, judged by their names alone."""

import os
from pathlib import Path

import pytest

from engine.core.errors import UserError
from engine.recipe.data_layout import expand_home, find_folders, list_classes, list_data, list_images


def touch(root: Path, *names: str) -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    return root


def refusal(train: Path | str, val: Path | str = "", test: Path | str = "") -> str:
    with pytest.raises(UserError) as caught:
        list_data(str(train), str(val), str(test))
    return str(caught.value)


def test_train_val_test(tmp_path: Path) -> None:
    touch(tmp_path, "train/a/1.jpg", "val/a/1.jpg", "test/1.jpg")
    folders = find_folders(tmp_path)
    assert (folders.train, folders.val, folders.test) == (
        tmp_path / "train",
        tmp_path / "val",
        tmp_path / "test",
    )


def test_a_tree_of_classes(tmp_path: Path) -> None:
    folders = find_folders(touch(tmp_path, "a/1.jpg", "val/1.jpg"))
    assert (folders.train, folders.val, folders.test) == (tmp_path, None, None)


@pytest.mark.parametrize("name", ["absent", "file"])
def test_no_such_folder(tmp_path: Path, name: str) -> None:
    touch(tmp_path, "file")
    with pytest.raises(UserError, match=f"no such folder: .*{name}"):
        find_folders(tmp_path / name)


def test_which_files_are_images(tmp_path: Path) -> None:
    touch(tmp_path, "b.PNG", "a.jpeg", "c.webp", "d.tif", ".hidden.jpg", "notes.txt", "e.jpg.part")
    (tmp_path / "folder.jpg").mkdir()
    (tmp_path / "gone.jpg").symlink_to("nowhere")
    assert list_images(tmp_path) == ["a.jpeg", "b.PNG", "c.webp", "d.tif"]


def test_classes_sort_as_text_and_empty_ones_are_left_out(tmp_path: Path) -> None:
    touch(tmp_path, "10/a.jpg", "9/a.jpg", "1/a.jpg", "0/a.jpg", ".cache/a.jpg", "empty/readme.txt")
    assert list(list_classes(tmp_path)) == ["0", "1", "10", "9"]


def test_a_good_listing(tmp_path: Path) -> None:
    touch(tmp_path, "train/a/1.jpg", "train/b/2.jpg", "val/a/3.jpg", "val/b/4.jpg", "test/5.jpg")
    listing = list_data(*(str(tmp_path / name) for name in ("train", "val", "test")))
    assert listing.classes == ["a", "b"]
    assert listing.val == {"a": ["3.jpg"], "b": ["4.jpg"]}
    assert listing.test == ["5.jpg"]


def test_no_images(tmp_path: Path) -> None:
    assert "no images in class folders" in refusal(tmp_path)
    assert "its 2 images are not in class folders" in refusal(touch(tmp_path, "1.jpg", "2.jpg"))


def test_one_class(tmp_path: Path) -> None:
    assert "only one class (a)" in refusal(touch(tmp_path, "a/1.jpg", "a/2.jpg"))


def test_classes_that_differ_are_named(tmp_path: Path) -> None:
    touch(tmp_path, "train/a/1.jpg", "train/b/1.jpg", "val/b/1.jpg", "val/c/1.jpg")
    message = refusal(tmp_path / "train", tmp_path / "val")
    assert f"only in {tmp_path}/train: a; only in {tmp_path}/val: c" in message


def test_many_classes_that_differ_are_counted(tmp_path: Path) -> None:
    touch(tmp_path, *(f"train/{number:02}/1.jpg" for number in range(20)), "val/00/1.jpg")
    assert "01, 02, 03, 04, 05, 06, 07, 08 and 11 more" in refusal(tmp_path / "train", tmp_path / "val")


REMEDY = "leave data.val empty to hold out data.val_fraction of each class"


def two_classes(root: Path) -> Path:
    return touch(root, "a/1.jpg", "a/2.jpg", "b/1.jpg", "b/2.jpg")


@pytest.mark.parametrize("spelling", ["{0}", "{0}/", "{0}/a/..", "{0}/../link"])
def test_validation_images_that_are_trained_on_are_refused(tmp_path: Path, spelling: str) -> None:
    train = two_classes(tmp_path / "train")
    (tmp_path / "link").symlink_to(train)
    for one, other in ((str(train), spelling.format(train)), (spelling.format(train), str(train))):
        message = refusal(one, other)
        assert message.startswith("data.val is the same folder as data.train (")
        assert REMEDY in message
        assert "\n" not in message


def test_folders_in_one_another_are_refused(tmp_path: Path) -> None:
    train = two_classes(tmp_path / "train")
    inside = two_classes(train / "val")
    (tmp_path / "link").symlink_to(inside)
    for val in (inside, tmp_path / "link"):
        message = refusal(train, val)
        assert message.startswith(f"data.val ({val}) lies inside data.train ({train}): ")
        assert REMEDY in message
    assert refusal(inside, train).startswith(f"data.train ({inside}) lies inside data.val ({train}): ")


def test_a_class_folder_that_is_linked_is_refused(tmp_path: Path) -> None:
    train, val = two_classes(tmp_path / "train"), touch(tmp_path / "val", "a/3.jpg")
    (val / "b").symlink_to(train / "b")
    assert refusal(train, val).startswith(
        f"{val}/b of data.val is the same folder as {train}/b of data.train: "
    )


def test_a_run_that_has_begun_with_shared_folders_is_warned(tmp_path: Path) -> None:
    train = str(two_classes(tmp_path))
    (suspicion,) = list_data(train, train, "", refuse_shared=False).suspicions
    assert suspicion.found.startswith("data.val is the same folder as data.train")
    assert suspicion.remedy.startswith(REMEDY)


def test_test_images_that_the_run_knows_are_warned_of(tmp_path: Path) -> None:
    train, val, test = (touch(tmp_path / name, "a/1.jpg", "b/1.jpg") for name in ("train", "val", "test"))
    assert list_data(str(train), str(val), str(test)).suspicions == ()
    for key, folder in (("train", train), ("val", val)):
        (suspicion,) = list_data(str(train), str(val), str(folder)).suspicions
        assert suspicion.found.startswith(
            f"data.test is the same folder as data.{key} ({folder}): only the 0 images"
        )
        (test / key).symlink_to(folder / "b")
        (suspicion,) = list_data(str(train), str(val), str(test / key)).suspicions
        assert suspicion.found.startswith(f"data.test ({test / key}) is a class folder of data.{key}: ")
        assert suspicion.remedy == "give test images a folder of their own, or leave data.test empty"


def test_too_few_to_split(tmp_path: Path) -> None:
    assert "class b has one image only" in refusal(touch(tmp_path, "a/1.jpg", "a/2.jpg", "b/1.jpg"))


def test_folders_that_are_missing_are_named_by_key(tmp_path: Path) -> None:
    touch(tmp_path, "a/1.jpg", "a/2.jpg", "b/1.jpg", "b/2.jpg")
    assert refusal("") == "data.train: no such folder: (empty)"
    assert refusal(tmp_path, tmp_path / "x").startswith("data.val: no such folder")
    assert refusal(tmp_path, "", tmp_path / "x").startswith("data.test: no such folder")


def test_hostile_names_are_shown_safely(tmp_path: Path) -> None:
    folder = tmp_path / os.fsdecode(b"train\x1b[2J\xff")
    (folder / "only\nclass").mkdir(parents=True)
    (folder / "only\nclass" / "1.jpg").touch()
    message = refusal(folder)
    assert r"only\x0aclass" in message
    assert r"\x1b[2J\xff" in message
    assert message.isprintable()


def test_a_class_that_no_label_can_name(tmp_path: Path) -> None:
    touch(tmp_path, "a/1.jpg", os.fsdecode(b"\xff/1.jpg"))
    with pytest.raises(UserError, match=r"\\xff: its name isn't UTF-8 text; rename it"):
        list_classes(tmp_path)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read anything")
def test_a_folder_that_cannot_be_read(tmp_path: Path) -> None:
    touch(tmp_path, "a/1.jpg")
    (tmp_path / "a").chmod(0)
    assert "can't be read" in refusal(tmp_path)


def test_a_home_folder_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/mine")
    assert expand_home("~/data") == Path("/home/mine/data")
    assert expand_home(Path("~")) == Path("/home/mine")
    assert expand_home("data/~") == Path("data/~")


@pytest.mark.parametrize("path", ["~nosuch", "~nosuch/data", "./~nosuch", "~no\x00such"])
def test_the_home_of_nobody_is_refused_in_a_line(path: str) -> None:
    with pytest.raises(UserError, match=r"^\S+: there is no user no\S*such; give the whole path$"):
        expand_home(path)
