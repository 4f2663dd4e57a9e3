"""Outliers' files: away and back byte for byte, or left where they are with a reason."""

import os
import socket
from pathlib import Path

import pytest

from engine.core.errors import UserError
from engine.outliers.files.manifest import Manifest, Owner, Planned, Returned
from engine.outliers.files.quarantine import Quarantine, check_action, sha256_of
from engine.recipe.recipe import Recipe
from engine.run.directory import RunDir
from tests.unit.outliers.photos import CONTENT, Photos, contents, sha256

ONE, TWO = ("cat", "1.jpg"), ("cat", "2.jpg")
MANIFEST = "manifest.jsonl"


@pytest.fixture
def photos(tmp_path: Path) -> Photos:
    return Photos.make(tmp_path)


def problems(photos: Photos, *keys: tuple[str, str], quarantine: Quarantine | None = None) -> list[str]:
    return [taken.problem for taken in (quarantine or photos.quarantine()).take(photos.outliers(keys))]


def test_away_and_back(photos: Photos) -> None:
    before = contents(photos.train)
    stamps = {path: path.stat() for path in photos.train.rglob("*.jpg")}
    taken = photos.quarantine().take(photos.outliers(CONTENT))
    assert [one.problem for one in taken] == [""] * 4
    assert not contents(photos.train)
    for (key, data), one in zip(CONTENT.items(), taken, strict=True):
        assert one.event.action == "quarantine"
        assert one.event.sha256 == sha256(data)
        assert Path(one.event.moved_to) == photos.away.joinpath(*key)
        assert Path(one.event.moved_to).read_bytes() == data
    assert photos.quarantine().restore(list(CONTENT)) == [""] * 4
    assert contents(photos.train) == before
    for path, status in stamps.items():
        assert os.path.samestat(path.stat(), status)
        assert (path.stat().st_mode, path.stat().st_mtime_ns) == (status.st_mode, status.st_mtime_ns)
    assert [path.name for path in photos.away.iterdir()] == [MANIFEST]


def test_the_manifest_says_all(photos: Photos) -> None:
    photos.quarantine().take(photos.outliers([ONE]))
    photos.quarantine().restore([ONE])
    owner, planned, returned = Manifest(photos.away / MANIFEST).read()
    assert isinstance(owner, Owner)
    assert (owner.path, owner.train) == (str(photos.run.path), str(photos.train))
    assert isinstance(planned, Planned)
    assert (planned.action, planned.class_name, planned.file) == ("quarantine", *ONE)
    assert (planned.content.sha256, planned.content.size) == (sha256(b"one"), 3)
    assert (planned.error, planned.threshold) == (2.5, 1.5)
    assert isinstance(returned, Returned)
    assert (returned.class_name, returned.file, returned.why) == (*ONE, "restored")


def test_asking_again_does_nothing_again(photos: Photos) -> None:
    quarantine = photos.quarantine()
    first = quarantine.take(photos.outliers([ONE, TWO]))
    written = (photos.away / MANIFEST).read_bytes()
    assert quarantine.take(photos.outliers([ONE, TWO])) == first
    assert photos.quarantine().take(photos.outliers([TWO])) == first[1:]
    assert (photos.away / MANIFEST).read_bytes() == written
    assert [quarantine.restore([ONE]) for _ in range(2)] + [photos.quarantine().restore([ONE])] == [[""]] * 3
    assert (photos.away / MANIFEST).read_bytes().count(b"restored") == 1
    assert quarantine.take(photos.outliers([ONE])) == first[:1]  # it may go away once more
    assert (photos.away / MANIFEST).read_bytes().count(b"planned") == 3


def test_nothing_to_take_makes_nothing(photos: Photos) -> None:
    assert photos.quarantine().take([]) == []
    assert problems(photos, ("cat", "absent.jpg")) == ["it is gone"]
    assert not photos.away.parent.exists()


def test_deleted_after_it_was_written_down(photos: Photos) -> None:
    taken = photos.quarantine("delete").take(photos.outliers([ONE]))
    assert [(one.event.action, one.event.sha256, one.event.moved_to) for one in taken] == [
        ("delete", sha256(b"one"), "")
    ]
    assert sorted(contents(photos.train)) == ["cat/2.jpg", "dog/1.jpg", "dog/3.jpg"]
    (line,) = Manifest(photos.run.deleted).read()
    assert isinstance(line, Planned)
    assert line.content.sha256 == sha256(b"one")
    assert photos.quarantine("delete").take(photos.outliers([ONE])) == taken
    assert photos.quarantine("delete").restore([ONE]) == ["it was deleted and can't be restored"]
    (photos.train / "cat" / "1.jpg").write_bytes(b"other")
    assert photos.quarantine("delete").restore([ONE]) == ["it was deleted and can't be restored"]
    (photos.train / "cat" / "1.jpg").write_bytes(b"one")
    assert photos.quarantine("delete").restore([ONE]) == [""]
    assert not photos.away.parent.exists()


@pytest.mark.parametrize("action", ["quarantine", "delete"])
def test_what_is_never_touched(photos: Photos, tmp_path: Path, action: str) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "1.jpg").write_bytes(b"precious")
    (photos.train.parent / "val" / "cat").mkdir(parents=True)
    (photos.train.parent / "val" / "cat" / "1.jpg").write_bytes(b"validation")
    (photos.train / "link").symlink_to(outside)
    (photos.train / "cat" / "link.jpg").symlink_to(outside / "1.jpg")
    (photos.train / "cat" / "dangling.jpg").symlink_to("nowhere")
    (photos.train / "cat" / "folder.jpg").mkdir()
    os.mkfifo(photos.train / "cat" / "pipe.jpg")
    before = contents(tmp_path)
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(os.path.relpath(photos.train / "cat" / "socket.jpg"))
    refused = {
        ("link", "1.jpg"): "its class folder is a link or not a folder",
        ("absent", "1.jpg"): "its class folder can't be opened: No such file or directory",
        ("cat", "link.jpg"): "it is a link",
        ("cat", "dangling.jpg"): "it is a link",
        ("cat", "folder.jpg"): "it is not a regular file",
        ("cat", "pipe.jpg"): "it is not a regular file",
        ("cat", "socket.jpg"): "it can't be read: No such device or address",
        ("cat", "absent.jpg"): "it is gone",
        ("cat", ".."): "it is not a plain file name",
        ("cat", "../../val/cat/1.jpg"): "it is not in its class's folder",
        ("cat", "sub/1.jpg"): "its class folder can't be opened: No such file or directory",
        ("../val/cat", "1.jpg"): "its class is not a plain folder name",
        ("..", "x"): "its class is not a plain folder name",
        (".", "x"): "its class is not a plain folder name",
        ("", "x"): "its class is not a plain folder name",
        (str(outside), "1.jpg"): "its class is not a plain folder name",
    }
    quarantine = photos.quarantine("delete" if action == "delete" else "quarantine")
    taken = quarantine.take(photos.outliers(refused))
    assert {key: one.problem for key, one in zip(refused, taken, strict=True)} == refused
    assert {one.event.action for one in taken} == {"exclude"}
    assert contents(tmp_path) == before


def test_a_file_that_changed_between_two_attempts_stays(photos: Photos) -> None:
    taken = photos.quarantine().take(photos.outliers([ONE, TWO]))
    for key in (ONE, TWO):  # as they are when the first attempt was killed before it moved them
        photos.away.joinpath(*key).rename(photos.train.joinpath(*key))
    photos.train.joinpath(*ONE).write_bytes(b"six")
    photos.train.joinpath(*TWO).touch()
    again = photos.quarantine().take(photos.outliers([ONE, TWO]))
    assert again[0].problem == "it changed meanwhile"
    assert (again[0].event.action, again[0].event.moved_to) == ("exclude", "")
    assert again[1] == taken[1]
    assert photos.train.joinpath(*ONE).read_bytes() == b"six"
    assert "it changed meanwhile" in (photos.away / MANIFEST).read_text()


def test_why_a_file_does_not_come_back(photos: Photos) -> None:
    photos.quarantine().take(photos.outliers(CONTENT))
    here, there = photos.train.joinpath(*ONE), photos.away.joinpath(*ONE)
    here.write_bytes(b"new")
    assert photos.quarantine().restore([ONE]) == ["another file has its name there"]
    assert (here.read_bytes(), there.read_bytes()) == (b"new", b"one")
    here.unlink()
    here.symlink_to("nowhere")
    assert photos.quarantine().restore([ONE]) == ["another file has its name there"]
    here.unlink()
    stamp = there.stat()
    there.write_bytes(b"eno")
    os.utime(there, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    assert photos.quarantine().restore([ONE]) == ["it changed meanwhile"]
    assert not here.exists()
    there.unlink()
    assert photos.quarantine().restore([ONE]) == ["it is gone"]
    assert photos.quarantine().restore([("cat", "unheard.jpg")]) == ["no manifest names it"]
    (photos.train / "cat").rmdir()
    assert photos.quarantine().restore([ONE])[0].startswith("its class folder can't be opened")
    assert not (photos.train / "cat").exists()
    assert photos.quarantine().restore([TWO]) == [""]  # its class folder is made again
    assert photos.train.joinpath(*TWO).read_bytes() == CONTENT[TWO]
    (photos.train / "dog").rmdir()
    (photos.train / "dog").symlink_to(photos.train.parent)
    assert photos.quarantine().restore([("dog", "1.jpg")]) == ["its class folder is a link or not a folder"]
    assert b"restored" in (photos.away / MANIFEST).read_bytes()
    assert (photos.away / MANIFEST).read_bytes().count(b"restored") == 1


def test_each_of_many_has_its_own_answer(photos: Photos) -> None:
    photos.quarantine().take(photos.outliers(CONTENT))
    photos.away.joinpath(*ONE).write_bytes(b"edited")
    photos.train.joinpath("dog", "1.jpg").write_bytes(b"new")
    asked = [TWO, ("cat", "unheard.jpg"), ONE, ("dog", "3.jpg"), ("dog", "1.jpg"), TWO]
    assert photos.quarantine().restore(asked) == [
        "", "no manifest names it", "it changed meanwhile", "", "another file has its name there", "",
    ]  # fmt: skip
    assert contents(photos.away).keys() == {MANIFEST, "cat/1.jpg", "dog/1.jpg"}
    assert photos.train.joinpath(*TWO).read_bytes() == CONTENT[TWO]
    assert photos.train.joinpath("dog", "3.jpg").read_bytes() == CONTENT["dog", "3.jpg"]
    assert (photos.away / MANIFEST).read_bytes().count(b"restored") == 2


def test_many_are_put_back_with_few_syncs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    many = {(f"class{number % 3}", f"{number}.jpg"): b"%d" % number for number in range(600)}
    photos = Photos.make(tmp_path, many)
    photos.quarantine().take(photos.outliers(many))
    synced, sync = [], os.fsync
    monkeypatch.setattr(os, "fsync", lambda fd: synced.append(fd) or sync(fd))
    assert photos.quarantine().restore(list(many)) == [""] * 600
    assert len(synced) == 3 * 3
    assert contents(photos.train).keys() == {f"{name}/{file}" for name, file in many}


def test_a_name_that_is_taken_in_the_quarantine(photos: Photos) -> None:
    photos.quarantine().take(photos.outliers([ONE]))
    (photos.away / "cat").mkdir(exist_ok=True)
    photos.away.joinpath(*TWO).write_bytes(b"someone's")
    (photos.away / "dog").write_bytes(b"no folder")
    assert problems(photos, TWO, ("dog", "3.jpg")) == [
        "another file has its name there", "its class folder is a link or not a folder"
    ]  # fmt: skip
    assert photos.away.joinpath(*TWO).read_bytes() == b"someone's"
    assert photos.train.joinpath(*TWO).read_bytes() == CONTENT[TWO]


def test_each_run_has_a_quarantine_of_its_own(photos: Photos, tmp_path: Path) -> None:
    photos.quarantine().take(photos.outliers([ONE]))
    moved = RunDir(photos.run.path.rename(tmp_path / "runs" / "renamed"))
    toml = Recipe().to_toml()
    second = Photos(photos.train, RunDir.create(tmp_path / "runs", "a", "resnet18", toml))
    assert second.quarantine().restore([ONE]) == ["no manifest names it"]
    second.quarantine().take(second.outliers([TWO]))
    assert contents(photos.away.with_name("a-2")).keys() == {MANIFEST, "cat/2.jpg"}
    assert Quarantine(photos.train, moved, "quarantine").restore([ONE]) == [""]
    assert second.quarantine().restore([TWO]) == [""]


def test_a_quarantine_half_made_is_made_anew(photos: Photos) -> None:
    photos.quarantine().take(photos.outliers([ONE]))
    half = photos.away.rename(
        photos.away.with_name(f".new-{(photos.run.path / 'quarantine.id').read_text()}")
    )
    photos.train.joinpath(*ONE).write_bytes(b"one")
    assert problems(photos, ONE) == [""]
    assert not half.exists()
    assert contents(photos.away).keys() == {MANIFEST, "cat/1.jpg"}


@pytest.mark.parametrize("made", ["link", "file"])
def test_the_place_beside_the_data_is_no_folder(photos: Photos, tmp_path: Path, made: str) -> None:
    (tmp_path / "elsewhere").mkdir()
    base = photos.away.parent
    base.symlink_to(tmp_path / "elsewhere") if made == "link" else base.touch()
    before = contents(tmp_path / "photos")
    with pytest.raises(UserError, match=r"train-quarantine (is a link|can't be written)"):
        photos.quarantine().take(photos.outliers([ONE]))
    assert contents(tmp_path / "photos") == before
    assert list((tmp_path / "elsewhere").iterdir()) == []
    with pytest.raises(UserError, match="is a link or not a folder; rename it"):
        check_action(photos.train, "quarantine")


def test_a_check_leaves_nothing_behind(photos: Photos) -> None:
    (photos.train / ".hidden").symlink_to("nowhere")
    before = sorted(photos.train.parent.rglob("*"))
    check_action(photos.train, "quarantine")
    check_action(photos.train, "delete")
    assert sorted(photos.train.parent.rglob("*")) == before


@pytest.mark.parametrize(
    "name", ["a\udcff.jpg", "a\n\x1b[31m.jpg", "=cmd|'x'!A1.jpg", '",;.jpg', "-ä\u202e.jpg"]
)
def test_hostile_names_go_away_and_back(tmp_path: Path, name: str) -> None:
    photos = Photos.make(tmp_path, {("cat", name): b"x", ("dog", "1.jpg"): b"y"})
    (one,) = photos.quarantine().take(photos.outliers([("cat", name)]))
    assert one.problem == ""
    assert [path.name for path in (photos.away / "cat").iterdir()] == [name]
    shown = Path(one.event.moved_to).name
    assert shown.encode()
    assert photos.quarantine().restore([("cat", shown)]) == [""]
    assert [path.name for path in (photos.train / "cat").iterdir()] == [name]


def test_the_sha256_of_a_file(photos: Photos) -> None:
    assert sha256_of(photos.train.joinpath(*TWO)) == sha256(CONTENT[TWO])
    assert sha256_of(photos.train / "cat" / "absent.jpg") == ""
    assert sha256_of(photos.train / "absent" / "1.jpg") == ""


def test_a_file_in_a_sub_folder_of_its_class(photos: Photos) -> None:
    image = photos.train / "cat" / "2023" / "a" / "9.jpg"
    image.parent.mkdir(parents=True)
    image.write_bytes(b"nine")
    quarantine = photos.quarantine()
    assert [one.problem for one in quarantine.take(photos.outliers([("cat", "2023/a/9.jpg")]))] == [""]
    assert not image.exists()
    assert (photos.away / "cat" / "2023" / "a" / "9.jpg").read_bytes() == b"nine"
    assert photos.quarantine().restore([("cat/2023/a", "9.jpg")]) == [""]
    assert image.read_bytes() == b"nine"
    assert not (photos.away / "cat").exists()
