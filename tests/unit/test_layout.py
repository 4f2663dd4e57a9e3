"""Data folders, judged by their names alone: what is taken, what is left out, and what is said of it."""

import os
import time
import unicodedata
from pathlib import Path

import pytest

from engine.core.errors import UserError
from engine.core.paths import expand_home
from engine.layout.folders import find_folders
from engine.layout.listing import OF_CLASSES, Listing, list_data
from engine.layout.tree import Peek, TooManyFilesError, list_images, read_tree
from engine.recipe.sections import Data

JPEG, HEIC = b"\xff\xd8\xff\xe0\0\x10JFIF", b"\0\0\0\x18ftypheic\0\0\0\0"
NFC, NFD = unicodedata.normalize("NFC", "Möwe"), unicodedata.normalize("NFD", "Möwe")


def grow(root: Path, tree: str) -> Path:
    """Make files from words: ``a/*3`` three JPEGs in a, ``a/x.txt`` one file, ``a/`` a folder, ``a>b`` a link to b."""
    for word in tree.split():
        name, _, number = word.rpartition("*")
        if number.isdigit():
            for index in range(int(number)):
                grow(root, f"{name}{index}.jpg")
        elif ">" in word:
            link, _, target = word.partition(">")
            (root / link).parent.mkdir(parents=True, exist_ok=True)
            (root / link).symlink_to(target)
        elif word.endswith("/"):
            (root / word).mkdir(parents=True)
        else:
            (root / word).parent.mkdir(parents=True, exist_ok=True)
            (root / word).touch()
    return root


def listed(root: Path, **changes: object) -> Listing:
    return list_data(find_folders(root).to_data().model_copy(update=changes))


PLAIN = "train/cat/*9 train/dog/*9 "
TAKEN = {
    "splits": (
        PLAIN + "val/cat/*2 val/dog/*3 test/*4",
        "train 18 images in 2 classes · val 5 · test 4",
        "",
        "",
    ),
    "classes alone": (
        "cat/*9 dog/*9",
        "train 18 images in 2 classes from D/ · val 15% of each class, held out · no test images",
        "",
        "",
    ),
    "deeper": (
        "train/owl/2023/*3 train/owl/*1 train/cat/a/b/*4 val/owl/x/*1 val/cat/*1",
        "train 8 images in 2 classes · val 2 · no test images",
        "",
        "",
    ),
    "a class in a suffix that can't be read": (
        PLAIN + "train/cow/1.cr2 train/cow/2.CR2 val/cat/*1 val/dog/*1",
        "train 18 images in 2 classes · val 2",
        "2 camera raw (develop to JPEG or TIFF) · 1 folder without images (cow)",
        "",
    ),
    "a class of broken links": (
        PLAIN + "train/owl/a.jpg>gone train/owl/b.jpg>gone",
        "train 18 images in 2 classes",
        "2 broken links (owl/a.jpg, owl/b.jpg) · 1 folder without images (owl)",
        "",
    ),
    "a link to a folder": (
        PLAIN + "train/owl>../far far/*3",
        "train 21 images in 3 classes",
        "1 folder beside the splits (far/)",
        "",
    ),
    "a circle of links": (
        PLAIN + "train/cat/up>.. train/cat/own>.",
        "train 18 images in 2 classes",
        "2 links to folders above them (cat/own, cat/up)",
        "",
    ),
    "not images": (
        PLAIN + "train/labels.csv train/cat/notes.txt train/dog/Thumbs.db",
        "train 18 images",
        "3 not images (labels.csv, cat/notes.txt, dog/Thumbs.db)",
        "",
    ),
    "hidden": (
        PLAIN + "train/cat/._0.jpg train/.DS_Store train/.cache/*2",
        "train 18 images",
        "3 hidden files and folders",
        "",
    ),
    "an archive's own": (
        PLAIN + "train/__MACOSX/cat/*3",
        "train 18 images in 2 classes",
        "1 system folder (__MACOSX)",
        "",
    ),
    "an empty class": (PLAIN + "train/x/", "train 18 images in 2 classes", "1 folder without images (x)", ""),
    "loose images": (
        PLAIN + "train/*3",
        "train 18 images in 2 classes",
        "3 images outside the class folders (0.jpg, 1.jpg, 2.jpg)",
        "",
    ),
    "beside the splits": (
        PLAIN + "labels.csv extra/*3",
        "train 18 images",
        "1 folder beside the splits (extra/) · 1 file beside the splits (labels.csv)",
        "",
    ),
    "what a quarantine holds": (
        PLAIN + "train-quarantine/run/manifest.jsonl train-quarantine/run/cat/*3",
        "train 18 images",
        "1 quarantine (train-quarantine)",
        "",
    ),
    "other names": (
        "Training/cat/*9 Training/dog/*9 validation/cat/*1 validation/dog/*1 TESTING/*2",
        "train 18 images in 2 classes from Training/ · val 2 from validation/ · test 2 from TESTING/",
        "",
        "",
    ),
    "valid and Test": (
        PLAIN + "valid/cat/*1 valid/dog/*1 Test/*3",
        "train 18 images in 2 classes · val 2 from valid/ · test 3 from Test/",
        "",
        "",
    ),
    "a test folder beside classes": (
        "cat/*9 dog/*9 test/*3",
        "train 18 images in 2 classes from D/ · val 15% of each class, held out · test 3",
        "",
        "",
    ),
    "splits beside classes": (
        "cat/*9 dog/*9 val/cat/*1 val/dog/*2 test/*3",
        "train 18 images in 2 classes from D/ · val 3 · test 3",
        "",
        "",
    ),
    "images/": ("images/cat/*9 images/dog/*9", "train 18 images in 2 classes from images/", "", ""),
    "name/train": (
        "name/train/cat/*9 name/train/dog/*9 name/val/cat/*1 name/val/dog/*1 __MACOSX/x",
        "train 18 images in 2 classes · val 2",
        "",
        "",
    ),
    "a class called train": (
        "train/*9 car/*9 bus/*9",
        "train 27 images in 3 classes from D/",
        "",
        "class train has the name of a split (as a split: data.val or data.test)",
    ),
    "runs among classes": (
        "cat/*9 dog/*9 runs/one/recipe.toml runs/one/*2 runs/two/events.jsonl runs/two/pictures/*3 sweep/ablation.toml",
        "train 18 images in 2 classes from D/",
        "3 runs' folders (runs/one, runs/two, sweep)",
        "",
    ),
    "a run inside a class": (
        PLAIN + "train/cat/old/recipe.toml train/cat/old/*3",
        "train 18 images in 2 classes",
        "1 run's folder (cat/old)",
        "",
    ),
    "a labelled test set": (PLAIN + "test/cat/*3 test/dog/a/*2", "test 5 (5 with labels)", "", ""),
    "a partly labelled test set": (
        PLAIN + "test/cat/*3 test/owl/*2 test/*1",
        "test 6 (3 with labels)",
        "",
        "3 of 6 test images have no label and aren't scored (no class of data.train: owl)",
    ),
    "a test set in folders": (PLAIN + "test/monday/*3 test/tuesday/*2", "test 5", "", ""),
    "a class without validation": (
        PLAIN + "train/owl/*9 val/cat/*1 val/dog/*1",
        "train 27 images in 3 classes · val 2",
        "",
        "no validation image of 1 class, whose recall stays unknown: owl",
    ),
    "an empty val": (
        PLAIN + "val/",
        "val 15% of each class, held out",
        "",
        "data.val (D/val) holds no images: data.val_fraction of each class is held out instead",
    ),
    "a lone image": (
        PLAIN + "train/owl/*1",
        "train 19 images in 3 classes",
        "",
        "1 class has one image only, which is trained on: its recall stays unknown: owl",
    ),
    "Unicode forms": (
        f"train/{NFC}/*9 train/{NFD}/*1 train/cat/*9 val/{NFD}/*1 val/cat/*1",
        "train 19 images in 2 classes · val 2",
        "",
        "2 folders named Möwe in different Unicode forms are one class",
    ),
    "nested alike": (
        "images/cat/*9 images/dog/*9 masks/cat/*9 masks/dog/*9",
        "train 36 images in 2 classes from D/",
        "",
        "images/, masks/ hold folders of the same names: cat, dog (if those are the classes, give one of the folders)",
    ),
    "uneven": (
        "train/cat/*30 train/dog/*3",
        "train 33 images",
        "",
        "30 images of cat and 3 of dog: accuracy will be mostly that of the large classes",
    ),
}


@pytest.mark.parametrize("case", TAKEN)
def test_what_is_taken(tmp_path: Path, case: str) -> None:
    tree, found, left_out, warned = TAKEN[case]
    listing = listed(grow(tmp_path / "D", tree))
    assert listing.found().startswith(found) or found in listing.found()
    assert " · ".join(map(str, listing.left_out)).startswith(left_out)
    assert bool(listing.left_out) is bool(left_out)
    said = " · ".join(map(str, listing.warned)).replace(str(tmp_path / "D"), "D")
    if warned:
        assert warned in said
    else:
        assert not said


REFUSED = {
    "nothing": ("", "no images in class folders below D; expected D/CLASS/*.jpg"),
    "no class folders": ("*2", "no images in class folders below D; its 2 images are not in class folders"),
    "no class folders in train": ("train/*2", "no images in class folders below D/train; its 2 images"),
    "one class": ("a/*2", "only one class (a) in D; a classifier needs two"),
    "one class, others unreadable": (
        "train/a/*2 train/b/1.cr2",
        "a classifier needs two (left out: 1 camera raw",
    ),
    "one image each": ("a/*1 b/*1", "class a, b has one image only, too few to split off a validation set"),
    "a class in val only": (
        PLAIN + "val/cat/*1 val/owl/*1",
        "data.val has classes that data.train hasn't: owl; rename or remove their folders",
    ),
    "another spelling in val": (PLAIN + "val/Cat/*1", "hasn't: Cat (data.train has cat); rename"),
    "loose images in val": (PLAIN + "val/*3", "data.val: the 3 images of D/val are not in class folders"),
    "two val folders": (
        PLAIN + "val/cat/*1 valid/cat/*1",
        "val/, valid/ in D could each be data.val; name one: --set data.val=D/val",
    ),
    "several data folders": (
        "one/train/a/*1 two/train/a/*1",
        "D holds several data folders: one/, two/; give one of them, such as D/one",
    ),
    "only runs": ("a/recipe.toml a/x/*3 b/events.jsonl", "no images in class folders below D; expected"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_refused(tmp_path: Path, case: str) -> None:
    tree, message = REFUSED[case]
    (tmp_path / "D").mkdir()
    with pytest.raises(UserError) as caught:
        listed(grow(tmp_path / "D", tree))
    said = str(caught.value).replace(str(tmp_path / "D"), "D")
    assert message in said
    assert said.isprintable()


def test_what_is_said_of_classes_is_known_as_such(tmp_path: Path) -> None:
    """A run that keeps its own classes leaves it out."""
    for number, case in enumerate(("a class without validation", "a lone image", "uneven", "nested alike")):
        (finding,) = listed(grow(tmp_path / str(number), TAKEN[case][0])).warned
        assert finding.kind in OF_CLASSES


def test_a_guess_is_said_with_the_way_out(tmp_path: Path) -> None:
    grow(tmp_path, "images/cat/*2 images/dog/*2 images/test/*1")
    inner, outer = find_folders(tmp_path).said
    assert inner == f"the classes are in {tmp_path}/images"
    assert outer == f"{tmp_path}/images/test holds the test images (as a class: --set data.test=)"
    data = find_folders(tmp_path).to_data()
    assert list_data(data).classes == ["cat", "dog"]
    assert list_data(data.model_copy(update={"test": ""})).classes == ["cat", "dog", "test"]


def test_a_folder_named_as_the_test_set_is_no_class(tmp_path: Path) -> None:
    grow(tmp_path, "cat/*2 dog/*2 owl/*2")
    listing = list_data(Data(train=str(tmp_path), test=str(tmp_path / "owl")))
    assert listing.classes == ["cat", "dog"]
    assert listing.test == ["0.jpg", "1.jpg"]


def test_names_are_relative_and_sorted(tmp_path: Path) -> None:
    grow(
        tmp_path,
        f"train/b/2/1.jpg train/b/10.jpg train/a/1.jpg train/a/0.jpg train/{NFD}/1.jpg test/b/1.jpg test/0.jpg",
    )
    listing = list_data(Data(train=str(tmp_path / "train"), test=str(tmp_path / "test")), splits=False)
    assert listing.train == {
        "a": ["a/0.jpg", "a/1.jpg"],
        "b": ["b/10.jpg", "b/2/1.jpg"],
        NFC: [f"{NFD}/1.jpg"],
    }
    assert (listing.test, listing.test_labels) == (["0.jpg", "b/1.jpg"], ["", "b"])


def test_sub_folders_on_request_only(tmp_path: Path) -> None:
    listing = listed(grow(tmp_path, PLAIN + "train/cat/deep/*12"), recursive=False)
    assert " · ".join(map(str, listing.left_out)) == "12 in sub-folders of cat (data.recursive=false)"
    assert len(listing.train["cat"]) == 9


def test_the_content_counts_where_the_suffix_says_nothing(tmp_path: Path) -> None:
    grow(tmp_path, PLAIN)
    (tmp_path / "train" / "cat" / "scan").write_bytes(JPEG)
    (tmp_path / "train" / "cat" / "scan.001").write_bytes(JPEG)
    (tmp_path / "train" / "cat" / "other.xyz").write_bytes(b"text")
    os.mkfifo(tmp_path / "train" / "cat" / "pipe")
    listing = listed(tmp_path)
    assert {"cat/scan", "cat/scan.001"} < set(listing.train["cat"])
    assert " · ".join(map(str, listing.left_out)) == (
        "1 not an image (cat/other.xyz) · 1 pipe, socket or device (cat/pipe)"
    )


def test_as_json(tmp_path: Path) -> None:
    found = listed(grow(tmp_path, PLAIN + "train/x/ test/cat/*1 test/*1")).to_json()
    assert found["train"] == {"folder": str(tmp_path / "train"), "images": 18}
    assert found["val"] is None
    assert (found["test"]["images"], found["test"]["labelled"]) == (2, 1)
    assert found["classes"]["cat"] == {"train": 9, "val": None}
    assert [(one["kind"], one["count"], one["examples"]) for one in found["left_out"]] == [
        ("empty class", 1, ["x"])
    ]
    assert [one["kind"] for one in found["warned"]] == ["unlabelled"]


def test_a_limit_of_files(tmp_path: Path) -> None:
    grow(tmp_path, PLAIN)
    with pytest.raises(TooManyFilesError, match="more than 10 files below"):
        list_data(find_folders(tmp_path).to_data(), most=10)
    assert len(read_tree(tmp_path, most=30).folders["train"]) == 18


REMEDY = "leave data.val empty to hold out data.val_fraction of each class"


def refusal(train: Path | str, val: Path | str = "", test: Path | str = "") -> str:
    with pytest.raises(UserError) as caught:
        list_data(Data(train=str(train), val=str(val), test=str(test)))
    return str(caught.value)


@pytest.mark.parametrize("spelling", ["{0}", "{0}/", "{0}/a/..", "{0}/../link"])
def test_validation_images_that_are_trained_on_are_refused(tmp_path: Path, spelling: str) -> None:
    train = grow(tmp_path / "train", "a/*2 b/*2")
    (tmp_path / "link").symlink_to(train)
    for one, other in ((str(train), spelling.format(train)), (spelling.format(train), str(train))):
        message = refusal(one, other)
        assert message.startswith("data.val is the same folder as data.train (")
        assert REMEDY in message
        assert "\n" not in message


def test_validation_images_around_those_that_are_trained_on_are_refused(tmp_path: Path) -> None:
    train = grow(tmp_path / "train", "a/*2 b/*2 val/a/*2 val/b/*2")
    assert refusal(train / "val", train).startswith(
        f"data.train ({train}/val) lies inside data.val ({train}): "
    )
    assert list_data(Data(train=str(train), val=str(train / "val"))).classes == ["a", "b"]


def test_a_class_folder_that_is_linked_is_refused(tmp_path: Path) -> None:
    train, val = grow(tmp_path / "train", "a/*2 b/*2"), grow(tmp_path / "val", "a/*1")
    (val / "b").symlink_to(train / "b")
    assert refusal(train, val).startswith(
        f"{val}/b of data.val is the same folder as {train}/b of data.train: "
    )


def test_a_run_that_has_begun_with_shared_folders_is_warned(tmp_path: Path) -> None:
    train = str(grow(tmp_path, "a/*2 b/*2"))
    (finding,) = list_data(Data(train=train, val=train), refuse_shared=False).warned
    assert finding.text.startswith("data.val is the same folder as data.train")
    assert finding.remedy.startswith(REMEDY)


def test_test_images_that_the_run_knows_are_warned_of(tmp_path: Path) -> None:
    train, val, test = (str(grow(tmp_path / name, "a/*2 b/*2")) for name in ("train", "val", "test"))
    assert list_data(Data(train=train, val=val, test=test)).warned == ()
    for key, folder in (("train", train), ("val", val)):
        (finding,) = list_data(Data(train=train, val=val, test=folder)).warned
        assert finding.text.startswith(f"data.test is the same folder as data.{key} ({folder}): ")
        assert finding.remedy == "give test images a folder of their own, or leave data.test empty"


def test_folders_that_are_missing_are_named_by_key(tmp_path: Path) -> None:
    grow(tmp_path, "a/*2 b/*2")
    assert refusal("") == "data.train: no such folder: (empty)"
    assert refusal(tmp_path, tmp_path / "x").startswith("data.val: no such folder")
    assert refusal(tmp_path, "", tmp_path / "x").startswith("data.test: no such folder")


def test_hostile_names_are_shown_safely(tmp_path: Path) -> None:
    folder = tmp_path / "train\x1b[2J"
    (folder / "only\nclass").mkdir(parents=True)
    (folder / "only\nclass" / "1.jpg").touch()
    message = refusal(folder)
    assert r"only\x0aclass" in message
    assert r"\x1b[2J" in message
    assert message.isprintable()


def test_a_data_folder_that_no_recipe_can_name(tmp_path: Path) -> None:
    folder = grow(tmp_path / os.fsdecode(b"\xff"), "a/*1 b/*1")
    with pytest.raises(UserError, match=r"\\xff: its name isn't UTF-8 text; rename the folder"):
        find_folders(folder).to_data()


def test_what_is_left_out_is_shown_safely(tmp_path: Path) -> None:
    grow(tmp_path, PLAIN)
    for name in (b"\x1b[2J", b"\xff", b"[red]"):
        (tmp_path / "train" / os.fsdecode(name)).mkdir()
        (tmp_path / "train" / "cat" / os.fsdecode(name + b".txt")).touch()
    listing = listed(tmp_path)
    assert all(line.isprintable() for line in listing.summary())


def test_a_class_that_no_label_can_name(tmp_path: Path) -> None:
    grow(tmp_path, "a/*1")
    (tmp_path / os.fsdecode(b"\xff")).mkdir()
    (tmp_path / os.fsdecode(b"\xff") / "1.jpg").touch()
    assert refusal(tmp_path).endswith(r"\xff: its name isn't UTF-8 text; rename it")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read anything")
def test_a_folder_that_cannot_be_read(tmp_path: Path) -> None:
    grow(tmp_path, "a/*1")
    (tmp_path / "a").chmod(0)
    assert "can't be read" in refusal(tmp_path)


def test_links_that_lead_back_are_not_followed_in_search_of_images(tmp_path: Path) -> None:
    """Each of two would double the folders at every level."""
    grow(tmp_path, "x/one>. x/two>. x/up>.. x/other>../y y/one>../x y/two>../x")
    began = time.monotonic()
    assert not Peek(tmp_path).holds_images()
    folders = find_folders(tmp_path)
    assert time.monotonic() - began < 60
    assert folders.as_text() == (str(tmp_path), "", "")


def test_test_images_may_lie_in_folders(tmp_path: Path) -> None:
    assert list_images(grow(tmp_path, "b.PNG a.jpeg d/c.webp d.jpg/ notes.txt e.jpg>gone")) == [
        "a.jpeg",
        "b.PNG",
        "d/c.webp",
    ]


def test_a_home_folder_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/mine")
    assert expand_home("~/data") == Path("/home/mine/data")
    assert expand_home(Path("~")) == Path("/home/mine")
    assert expand_home("data/~") == Path("data/~")


@pytest.mark.parametrize("path", ["~nosuch", "~nosuch/data", "./~nosuch", "~no\x00such"])
def test_the_home_of_nobody_is_refused_in_a_line(path: str) -> None:
    with pytest.raises(UserError, match=r"^\S+: there is no user no\S*such; give the whole path$"):
        expand_home(path)
