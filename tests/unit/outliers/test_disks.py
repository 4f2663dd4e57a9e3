"""Disks that are full, read-only or another: nothing is touched, and one line says why."""

import os
import resource
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.core.errors import UserError
from engine.outliers.files.quarantine import check_action
from tests.unit.outliers.photos import CONTENT, Photos, contents

ONE, TWO = ("cat", "1.jpg"), ("cat", "2.jpg")


def mount(*options: str) -> None:
    if os.geteuid() != 0 or subprocess.run(["mount", *options], capture_output=True).returncode != 0:
        pytest.skip("file systems can't be mounted here")


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 400 kB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount("-t", "tmpfs", "-o", "size=400k", "vrdl-tui-test", str(folder))
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


@pytest.fixture
def photos(disk: Path, tmp_path: Path) -> Photos:
    """Photos on the small disk, their run on another."""
    return Photos.make(disk, runs=tmp_path / "runs")


def fill(disk: Path) -> None:
    free = os.statvfs(disk)
    (disk / "filler").write_bytes(b"x" * (free.f_bavail * free.f_frsize))


def add_many(photos: Photos) -> list[tuple[str, str]]:
    """Add so many images that a manifest of them is longer than a block, and return their classes and names."""
    (photos.train / "many").mkdir()
    names = [f"{number}.jpg" for number in range(60)]
    for name in names:
        (photos.train / "many" / name).touch()
    return [("many", name) for name in names]


def test_a_full_disk(photos: Photos, disk: Path) -> None:
    fill(disk)
    with pytest.raises(
        UserError, match="train-quarantine can't be written: No space left on device; no file was"
    ):
        photos.quarantine().take(photos.outliers(CONTENT))
    assert len(contents(photos.train)) == len(CONTENT)
    assert not contents(photos.train.with_name("train-quarantine"))
    (disk / "filler").unlink()
    assert [taken.problem for taken in photos.quarantine().take(photos.outliers(CONTENT))] == [""] * len(
        CONTENT
    )


def test_a_disk_that_becomes_full(photos: Photos, disk: Path) -> None:
    many = add_many(photos)
    quarantine = photos.quarantine()
    quarantine.take(photos.outliers([ONE]))
    written = (photos.away / "manifest.jsonl").read_bytes()
    fill(disk)
    with pytest.raises(UserError, match="No space left"):
        quarantine.take(photos.outliers(many))
    assert (photos.away / "manifest.jsonl").read_bytes() == written
    assert len(list((photos.train / "many").iterdir())) == len(many)
    (disk / "filler").unlink()
    assert [taken.problem for taken in quarantine.take(photos.outliers(many))] == [""] * len(many)


def test_a_full_disk_in_the_middle_of_a_batch(photos: Photos, disk: Path) -> None:
    many = add_many(photos)
    photos.quarantine().take(photos.outliers([ONE]))
    fill(disk)
    # A UserError would say that none was moved: the one that an attempt before this one has moved is among them.
    with pytest.raises(OSError, match="No space left"):
        photos.quarantine().take(photos.outliers([ONE, *many]))
    (disk / "filler").unlink()
    assert {taken.problem for taken in photos.quarantine().take(photos.outliers([ONE, *many]))} == {""}


def test_a_manifest_that_can_not_grow(tmp_path: Path) -> None:
    photos = Photos.make(tmp_path)
    quarantine = photos.quarantine("delete")
    quarantine.take(photos.outliers([ONE]))
    written = photos.run.deleted.read_bytes()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(written) + 100, limits[1]))
    try:
        with pytest.raises(
            UserError, match=r"deleted.jsonl can't be written: File too large; no file was touched"
        ):
            quarantine.take(photos.outliers([TWO]))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert photos.run.deleted.read_bytes() == written
    assert photos.train.joinpath(*TWO).exists()
    assert [taken.problem for taken in quarantine.take(photos.outliers([TWO]))] == [""]


def test_a_read_only_disk(photos: Photos, disk: Path) -> None:
    mount("-o", "remount,ro", str(disk))
    with pytest.raises(
        UserError, match=r"train-quarantine can't be written: Read-only file system; set outliers\."
    ):
        check_action(photos.train, "quarantine")
    with pytest.raises(
        UserError, match=r"train/(cat|dog) can't be written; make it writable, or set outliers\."
    ):
        check_action(photos.train, "delete")
    with pytest.raises(UserError, match="Read-only file system; no file was touched"):
        photos.quarantine().take(photos.outliers([ONE]))
    # Its manifest is on the run's own disk.
    (taken,) = photos.quarantine("delete").take(photos.outliers([ONE]))
    assert taken.problem == "it can't be deleted: Read-only file system"
    assert taken.event.action == "exclude"


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is read-only for root")
def test_a_read_only_folder(tmp_path: Path) -> None:
    photos = Photos.make(tmp_path)
    (photos.train / "cat").chmod(0o500)
    with pytest.raises(UserError, match="cat can't be written"):
        check_action(photos.train, "quarantine")
    (taken,) = photos.quarantine().take(photos.outliers([ONE]))
    assert taken.problem == "it can't be moved: Permission denied"
    assert photos.train.joinpath(*ONE).exists()
    assert not (photos.away / "cat").exists()
    (photos.train / "cat").chmod(0o700)
    photos.away.parent.chmod(0o500)
    with pytest.raises(UserError, match="train-quarantine can't be written"):
        check_action(photos.train, "quarantine")
    photos.away.parent.chmod(0o700)


def test_a_training_folder_that_is_a_disk_of_its_own(disk: Path) -> None:
    (disk / "cat").mkdir()
    with pytest.raises(UserError, match=r"is on another file system .* set outliers\.action=exclude"):
        check_action(disk, "quarantine")
    check_action(disk, "delete")
    assert not disk.with_name("disk-quarantine").exists()


def test_a_class_on_a_disk_of_its_own(disk: Path, tmp_path: Path) -> None:
    photos = Photos.make(tmp_path)
    (photos.train / "owl").mkdir()
    (disk / "1.jpg").write_bytes(b"owl")
    mount("--bind", str(disk), str(photos.train / "owl"))
    try:
        with pytest.raises(UserError, match="owl is on another file system"):
            check_action(photos.train, "quarantine")
        taken = photos.quarantine().take(photos.outliers([ONE, ("owl", "1.jpg")]))
        assert [one.problem for one in taken] == ["", "it can't be moved: Invalid cross-device link"]
        assert (photos.train / "owl" / "1.jpg").read_bytes() == b"owl"
        assert not (photos.away / "owl").exists()
    finally:
        subprocess.run(["umount", str(photos.train / "owl")], check=True)


def test_a_file_that_can_not_be_linked(tmp_path: Path) -> None:
    photos = Photos.make(tmp_path)
    (tmp_path / "names").mkdir()
    file = photos.train.joinpath(*ONE)
    try:
        for number in range(66_000):
            os.link(file, tmp_path / "names" / str(number))
    except OSError:
        pass
    else:
        pytest.skip("a file can have any number of names here")
    assert [taken.problem for taken in photos.quarantine().take(photos.outliers([ONE]))] == [""]
    assert photos.away.joinpath(*ONE).read_bytes() == CONTENT[ONE]
    file.write_bytes(b"new")
    assert photos.quarantine().restore([ONE]) == ["another file has its name there"]
    file.unlink()
    assert photos.quarantine().restore([ONE]) == [""]
    assert contents(photos.train).keys() == {f"{name}/{image}" for name, image in CONTENT}
