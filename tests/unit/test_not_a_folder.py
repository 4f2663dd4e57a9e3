"""What was given in place of a data folder is named, with what to do."""

import os
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from engine.core.errors import UserError
from engine.layout.not_a_folder import is_run_folder, refuse
from tests.made_data import make_pictures


def say(path: Path | str, key: str = "") -> str:
    with pytest.raises(UserError) as caught:
        refuse(Path(path), key)
    return str(caught.value)


def packed(path: Path, mode: str) -> None:
    with tarfile.open(path, mode) as file:  # type: ignore[call-overload]
        file.addfile(tarfile.TarInfo("a.jpg"))


def zipped(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("a.jpg", b"")


def begin(content: bytes) -> Callable[[Path], object]:
    return lambda path: path.write_bytes(content + bytes(600))


TABLE = "is a table or list, not a folder; labels are read from the names of folders: put each image into"
FILES: dict[str, tuple[Callable[[Path], object], str]] = {
    "photos.zip": (zipped, "is an archive: unpack it with: unzip photos.zip -d photos; then give photos"),
    "no suffix": (zipped, "is an archive: unpack it with: unzip 'no suffix' -d 'no suffix-unpacked'; then give"),
    "photos.v2.TAR": (
        lambda path: packed(path, "w"),
        "is an archive: unpack it with: mkdir photos.v2 && tar xf photos.v2.TAR -C photos.v2; then give photos.v2",
    ),
    "photos.tar.gz": (lambda path: packed(path, "w:gz"), "mkdir photos && tar xf photos.tar.gz -C photos; then"),
    "photos.txz": (lambda path: packed(path, "w:xz"), "mkdir photos && tar xf photos.txz -C photos; then"),
    "photos.gz": (lambda path: packed(path, "w:gz"), "is compressed: unpack it"),
    "photos.7z": (begin(b"7z\xbc\xaf\x27\x1c"), "7z x photos.7z -ophotos; then give photos"),
    "photos.rar": (begin(b"Rar!\x1a\x07"), "unrar x photos.rar photos/; then give photos"),
    "empty.zip": (begin(b""), "is an archive"),
    "a b;c.zip": (zipped, "unzip 'a b;c.zip' -d 'a b;c'"),
    "labels.csv": (begin(b"image,label\n"), TABLE),
    "labels.TSV": (begin(b"image\tlabel\n"), TABLE),
    "labels.parquet": (begin(b"PAR1"), TABLE),
    "coco.json": (begin(b"{}"), TABLE),
    "labels.xlsx": (zipped, TABLE),
    "data.yaml": (begin(b"train: x"), "describes the data of another program"),
    "arrays.npz": (zipped, "is a packed data set, not a folder: save each image as PNG or TIFF"),
    "data_batch.pkl": (begin(b"\x80\x04"), "is a packed data set"),
    "x.h5": (begin(b"\x89HDF\r\n\x1a\n"), "is a packed data set"),
    "clip.mp4": (begin(b"\0\0\0\x18ftypisom"), "is a video, not a folder: extract frames"),
    "a.jpg": (begin(b"\xff\xd8\xff"), "is one image; give the folder that has a folder of images per class, such as"),
    "a.heic": (begin(b""), "is one image"),
    "image": (begin(b"\x89PNG\r\n\x1a\n"), "is one image"),
    "w.safetensors": (begin(b""), "is a file of weights, not data: vrdl-tui train DATA --set model.weights=w.safet"),
    "my.toml": (begin(b""), "is a recipe, not data: vrdl-tui train DATA --recipe my.toml"),
    "nothing": (Path.touch, "is a file, not a folder; give the folder that has a folder of images per class"),
    "pipe": (os.mkfifo, "is not a folder but a device or a pipe"),
    "gone": (lambda path: path.symlink_to("nowhere"), "is a link to nowhere, which can't be opened: No such file"),
    "circle": (lambda path: path.symlink_to("circle"), "is a link to circle, which can't be opened: Too many"),
}  # fmt: skip


@pytest.mark.parametrize("name", FILES)
def test_a_file_is_named_for_what_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.chdir(tmp_path)
    make, words = FILES[name]
    make(Path(name))
    said = say(name)
    assert said.startswith(f"{name} is ") or name == "data.yaml"
    assert words in said
    assert list(Path().iterdir()) == [Path(name)]


ADDRESSES = {
    "https://example.org/photos.zip": "https://example.org/photos.zip is on another machine: download it, unpack it",
    "s3://bucket/photos": "s3://bucket/photos is on another machine",
    "hf-hub:owner/photos": "hf download owner/photos --repo-type dataset --local-dir photos; then give that folder",
    "hf://datasets/owner/photos": "hf download owner/photos --repo-type dataset",
}


@pytest.mark.parametrize("address", ADDRESSES)
def test_what_is_on_another_machine(address: str) -> None:
    assert ADDRESSES[address] in say(address)


MISSING = {
    "photo": "no such folder: photo; did you mean photos?",
    "PHOTOS": "no such folder: PHOTOS; did you mean photos?",
    "photo/train": "no such folder: photo/train; did you mean photos/train?",
    "photos/trian": "no such folder: photos/trian; did you mean photos/train?",
    "photo/vla": "no such folder: photo/vla; did you mean photos?",
    "elsewhere/x/train": "no such folder: elsewhere/x/train: there is no elsewhere in .",
    "xyz": "no such folder: xyz",
    "list.tx": "no such folder: list.tx",
    "lists.zip": "no such folder: lists.zip; did you mean list.zip?",
}


@pytest.mark.parametrize("name", MISSING)
def test_a_missing_folder_and_what_was_meant(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    (tmp_path / "photos/train").mkdir(parents=True)
    for file in ("list.txt", "list.zip"):
        (tmp_path / file).touch()
    monkeypatch.chdir(tmp_path)
    assert say(name) == MISSING[name]
    assert say(name, "data.val") == f"data.val: {MISSING[name]}"


def test_a_home_in_quotes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "photos").mkdir()
    assert say("~/photos").endswith(f"in quotes ~ stands for itself: give {tmp_path}/photos")


def test_a_run_is_resumed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    run = Path("runs/a run")
    (run / "checkpoints").mkdir(parents=True)
    (run / "recipe.toml").touch()
    assert not is_run_folder(run)  # a data folder may have a recipe of its own
    (run / "events.jsonl").touch()
    assert is_run_folder(run)
    assert say(run) == (
        "runs/a run is a run, not data: resume it with: vrdl-tui resume 'runs/a run'; start another like it with: "
        "vrdl-tui train DATA --recipe 'runs/a run/recipe.toml'"
    )
    assert say(run / "recipe.toml").startswith(
        "runs/a run/recipe.toml is a file of a run, not data: resume it with"
    )


def test_an_image_of_a_data_folder_names_the_folder(tmp_path: Path) -> None:
    data = make_pictures(tmp_path)
    image = next((data / "train/red").iterdir())
    assert say(image).endswith(f"such as {data}/train")


def test_a_hostile_name_stays_on_its_line(tmp_path: Path) -> None:
    for name in ("a\x1b[2J\nb", "a\x1b[2J\nb.zip", "https://a\x1b[2Jb"):
        said = say(tmp_path / name if "/" not in name else name)
        assert said.isprintable()
    (tmp_path / "a\x1b[2J\nb.zip").touch()
    assert say(tmp_path / "a\x1b[2J\nb.zip").isprintable()
