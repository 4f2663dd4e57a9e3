"""What else may lie in folders that a run reads and writes: passed over, named, or refused, and never followed."""

import os
import re
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from textual.app import App, ComposeResult

from engine.core.errors import UserError
from engine.data.images import scan
from engine.journal.events import BadImage, RunWarning
from engine.layout.folders import find_folders
from engine.layout.listing import list_data
from engine.layout.tree import read_tree
from engine.outliers.files.manifest import Content, Manifest, Owner, Planned
from engine.outliers.files.place import beside, make_quarantine
from engine.outliers.files.quarantine import Quarantine
from engine.recipe.recipe import load_recipe
from engine.recipe.sections import Data
from engine.run.directory import RunDir
from engine.run.disk_space import DiskSpace
from engine.run.moves import list_trash, move_to_trash, restore
from engine.run.train_log import TrainLog
from tests import warm
from tests.engine.conducting import Watcher, play
from tests.made_data import make_pictures, make_run
from tui.widgets.folder_tree import FolderTree
from tui.widgets.form_folders import Glances
from tui.widgets.look import UNICODE

MANY = 100_000
# Prints how many images train, the seconds that listing and splitting took, and their memory, MB.
SCAN = """
import resource, sys, time
from pathlib import Path
from engine.data.images import scan
from engine.recipe.sections import Data
before, started = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.monotonic()
data = scan(Data(train=sys.argv[1]), 0, Path(sys.argv[2]))
after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(len(data.train), time.monotonic() - started, (after - before) / 1024)
"""


def test_only_files_and_folders_are_listed(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "far.jpg").touch()
    for name in ("a/1.jpg", "b/1.jpg"):
        (tmp_path / "data" / name).parent.mkdir(parents=True)
        (tmp_path / "data" / name).touch()
    data, folder = tmp_path / "data", tmp_path / "data" / "a"
    (folder / "linked.jpg").symlink_to(outside / "far.jpg")
    (folder / "nowhere.jpg").symlink_to("absent")
    (folder / "circle.jpg").symlink_to("circle.jpg")
    (folder / "endless.jpg").symlink_to("/dev/zero")
    (folder / "folder.jpg").mkdir()
    os.mkfifo(folder / "pipe.jpg")
    (folder / "to-the-pipe.jpg").symlink_to("pipe.jpg")
    (data / "circle").symlink_to("circle")
    (data / "itself").symlink_to(".")
    (data / "up").symlink_to("..")
    (data / "far").symlink_to(outside)
    os.mkfifo(data / "pipe")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(os.path.relpath(folder / "socket.jpg"))
    started = time.monotonic()
    assert read_tree(data).folders == {
        "a": ["a/1.jpg", "a/linked.jpg"],
        "b": ["b/1.jpg"],
        "far": ["far/far.jpg"],
        "itself": [],
        "up": [],
    }
    assert time.monotonic() - started < 20


def test_what_changes_after_the_folders_were_listed(tmp_path: Path) -> None:
    """The scan sees good files; before they are read some are gone, pipes, folders, links in a circle."""
    pictures = make_pictures(tmp_path / "pictures", test=0)
    folder = pictures / "train" / "red"

    def script(watcher: Watcher) -> None:
        watcher.until(lambda state: state.data is not None)
        (folder / "red0.png").unlink()
        for number in (1, 2, 3, 4):
            (folder / f"red{number}.png").unlink()
        os.mkfifo(folder / "red1.png")
        (folder / "red2.png").mkdir()
        (folder / "red3.png").symlink_to("red3.png")
        (folder / "red4.png").symlink_to("/dev/zero")

    started = time.monotonic()
    # Random weights take a while to be drawn, so nothing has been read when the files change.
    played = play(make_run(tmp_path / "runs", pictures, "train.epochs=3", "data.cache=off"), script)
    assert played.code == 0
    assert time.monotonic() - started < 100
    bad = [event for event in played.events if isinstance(event, BadImage)]
    reasons = {Path(event.path).name: event.reason for event in bad}
    assert len(reasons) == len(bad) == 5
    assert reasons["red0.png"] == "can't be read: No such file or directory"
    assert reasons["red3.png"] == "can't be read: Too many levels of symbolic links"
    assert {reasons[f"red{number}.png"] for number in (1, 2, 4)} == {"not a regular file"}


def test_a_pipe_takes_the_place_of_an_image_between_two_looks(tmp_path: Path) -> None:
    pictures = make_pictures(tmp_path / "pictures", test=0)
    listed = list_data(find_folders(pictures).to_data())
    assert "red/red0.png" in listed.train["red"]
    (pictures / "train/red/red0.png").unlink()
    os.mkfifo(pictures / "train/red/red0.png")
    # Without image processes nobody would end one that waits.
    played = play(make_run(tmp_path / "runs", pictures, "train.epochs=1", "data.workers=0"))
    assert played.code == 0


@pytest.mark.parametrize(
    "row",
    [
        "train,red,../../../secret.png",
        "train,..,secret.png",
        "train,red,/etc/passwd",
        "train,/etc,passwd",
        "train,red,",
        "train,red",
        "train,red,1.png,2.png",
        "test,red,1.png",
        'train,red,"a\0b.png"',
        f"train,red,{'x' * 200_000}",
    ],
)
def test_a_recorded_split_leads_nowhere_else(tmp_path: Path, row: str) -> None:
    pictures = make_pictures(tmp_path / "pictures", val=0, test=0)
    shutil.rmtree(pictures / "val")
    record = tmp_path / "split.csv"
    data = Data(train=str(pictures / "train"))
    scan(data, 0, record)
    good = record.read_text()
    record.write_text(f"{good}{row}\n")
    with pytest.raises(
        UserError, match=r"split\.csv can't be read: .*; restore split\.csv from a copy, or start a new"
    ) as caught:
        scan(data, 0, record)
    assert str(caught.value).isprintable()
    record.write_text(good)
    assert len(scan(data, 0, record).train) == 24


def test_a_recorded_split_that_is_another_file(tmp_path: Path) -> None:
    pictures = make_pictures(tmp_path / "pictures", val=0, test=0)
    shutil.rmtree(pictures / "val")
    record = tmp_path / "split.csv"
    for content in (b"", b"\xff\xfe\x00", b"a,b,c\n", b'"' * 1000):
        record.write_bytes(content)
        with pytest.raises(UserError, match=r"split\.csv can't be read"):
            scan(Data(train=str(pictures / "train")), 0, record)


@pytest.fixture
def run(tmp_path: Path) -> RunDir:
    for name in ("cat/1.jpg", "dog/1.jpg"):
        (tmp_path / "photos/train" / name).parent.mkdir(parents=True)
        (tmp_path / "photos/train" / name).write_bytes(b"photo")
    (tmp_path / "precious").write_bytes(b"precious")
    return RunDir.create(tmp_path / "runs", "a", "resnet18", load_recipe().to_toml())


@pytest.mark.parametrize("name", ["events.jsonl", "train.log", "lock"])
def test_an_engine_does_not_begin_on_a_link(tmp_path: Path, run: RunDir, name: str) -> None:
    (run.path / name).symlink_to(tmp_path / "precious")
    before = sorted(run.path.rglob("*"))
    done = warm.run([sys.executable, "-P", "-m", "engine", run.path], text=True)
    assert done.returncode == 2
    assert done.stderr.startswith(f"engine: {run.path / name} is a link")
    assert done.stderr.count("\n") == 1
    assert sorted(run.path.rglob("*")) == before
    assert (tmp_path / "precious").read_bytes() == b"precious"


def test_a_log_that_became_a_link_is_not_cut(tmp_path: Path, run: RunDir) -> None:
    run.train_log.symlink_to(tmp_path / "precious")
    with pytest.raises(UserError, match=r"train\.log is a link"):
        TrainLog(run.train_log, 0, DiskSpace(run.path, lambda *events: None))
    assert (tmp_path / "precious").read_bytes() == b"precious"


def test_what_links_in_a_run_lead_to_stays(tmp_path: Path, pictures: Path) -> None:
    run = make_run(tmp_path, pictures, "train.epochs=1")
    (tmp_path / "settings").mkdir()
    (tmp_path / "settings/precious.json").write_text("{}")
    (tmp_path / "precious").write_bytes(b"precious")
    run.commands.rmdir()
    run.commands.symlink_to(tmp_path / "settings")
    for name in (".reserve", "validation.csv", "prediction.csv", "events.index"):
        (run.path / name).symlink_to(tmp_path / "precious")
    played = play(run)
    assert played.code == 0
    refused = [event.message for event in played.events if isinstance(event, RunWarning)]
    assert refused.count("commands/precious.json was refused: its folder is a link") == 1
    assert (tmp_path / "settings/precious.json").read_text() == "{}"
    assert (tmp_path / "precious").read_bytes() == b"precious"
    assert not run.validation.is_symlink()
    assert not os.path.lexists(run.path / ".reserve")


def planned(path: Path, class_name: str, file: str) -> Planned:
    status = path.stat()
    content = Content("0" * 64, status.st_size, status.st_mtime_ns, status.st_ino)
    return Planned("quarantine", class_name, file, content, 1.0, 0.5, 0.0)


def test_a_manifest_names_files_of_class_folders_only(tmp_path: Path, run: RunDir) -> None:
    train, precious = tmp_path / "photos/train", tmp_path / "precious"
    manifest = make_quarantine(train, run)
    os.link(precious, tmp_path / "photos/precious")
    named = [
        ("cat", str(precious)), ("cat", "../../precious"), ("cat", ".."), ("..", "precious"), ("", "precious"),
        (str(tmp_path), "precious"), ("cat/..", "1.jpg"), ("cat", "a\0b"),
    ]  # fmt: skip
    manifest.append([planned(precious, *names) for names in named])
    for action in ("quarantine", "delete"):
        if action == "delete":
            shutil.copy(manifest.path, run.deleted)
        quarantine = Quarantine(train, run, action)  # type: ignore[arg-type]
        for names in named:
            assert quarantine.restore([names]) == ["no manifest names it"]
    assert precious.read_bytes() == b"precious"
    assert precious.stat().st_nlink == 2
    assert sorted(path.name for path in manifest.path.parent.iterdir()) == ["manifest.jsonl"]


@pytest.mark.parametrize("identity", ["x/../../../precious", "/", "", "\x1b[2J", "é" * 40, "0" * 31 + "\n"])
def test_a_quarantine_identity_is_no_path(tmp_path: Path, run: RunDir, identity: str) -> None:
    train = tmp_path / "photos/train"
    # What a path through it would need to be removed with all below it.
    (beside(train) / ".new-x").mkdir(parents=True)
    (run.path / "quarantine.id").write_text(identity)
    with pytest.raises(UserError, match=r"quarantine\.id is damaged; write into it") as caught:
        make_quarantine(train, run)
    assert str(caught.value).isprintable()
    assert (tmp_path / "precious").read_bytes() == b"precious"
    assert (train / "cat/1.jpg").read_bytes() == b"photo"


def test_a_pipe_for_a_manifest(tmp_path: Path, run: RunDir) -> None:
    train = tmp_path / "photos/train"
    manifest = make_quarantine(train, run)
    other = beside(train) / "0"
    other.mkdir()
    os.mkfifo(other / "manifest.jsonl")
    assert Quarantine(train, run, "quarantine").restore([("cat", "1.jpg")]) == ["no manifest names it"]
    manifest.path.unlink()
    os.mkfifo(manifest.path)
    with pytest.raises(OSError, match="not a regular file"):
        Manifest(manifest.path).read()


def test_an_owner_elsewhere_changes_nothing(tmp_path: Path, run: RunDir) -> None:
    train = tmp_path / "photos/train"
    manifest = make_quarantine(train, run)
    (first,) = manifest.read()
    assert isinstance(first, Owner)
    manifest.append([Owner(id=first.id, path="/", train="/etc")])
    assert Quarantine(train, run, "quarantine").restore([("cat", "passwd")]) == ["no manifest names it"]


def test_the_trash_gives_back_below_its_folder_only(tmp_path: Path, run: RunDir) -> None:
    runs = run.path.parent
    trashed = move_to_trash(runs, run)
    away = (tmp_path / "elsewhere").as_posix()
    for name in (
        f"..%2F..%2F{away[1:]}".replace("/", "%2F"),
        away.replace("/", "%2F"),
        "..%2Fb",
        "a%2F..%2F..%2Fb",
    ):
        trashed.path.rename(trashed.path.with_name(f"{trashed.when}-{name}"))
        (entry,) = list_trash(runs)
        with pytest.raises(UserError, match="names a place outside the runs folder; move it by hand"):
            restore(runs, entry)
        entry.path.rename(trashed.path)
    assert restore(runs, trashed).path == run.path
    assert sorted(path.name for path in tmp_path.iterdir()) == ["photos", "precious", "runs"]


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of two classes, of which one has 100,000 images."""
    root = tmp_path_factory.mktemp("many")
    one = root / "a" / "first.jpg"
    for name in ("a", "b"):
        (root / name).mkdir()
    one.touch()
    (root / "b" / "first.jpg").touch()
    (root / "b" / "second.jpg").touch()
    for number in range(MANY):
        # Links: what counts is the number of names.
        target = one if number % 1000 else one.with_name(f"{number}-new.jpg")
        if target is not one:
            target.touch()
            one = target
        os.link(target, root / "a" / f"{number}.jpg")
    return root


def test_a_hundred_thousand_files(many: Path, tmp_path: Path) -> None:
    started = time.monotonic()
    names = read_tree(many).folders["a"]
    assert time.monotonic() - started < 30
    assert len(names) > MANY
    assert names == sorted(names)
    done = subprocess.run(
        [sys.executable, "-c", SCAN, str(many), str(tmp_path / "split.csv")],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    images, seconds, memory = done.stdout.split()
    assert int(images) > 0.8 * MANY
    assert float(seconds) < 60
    assert float(memory) < 150


class Tree(App[None]):
    """The folder tree as the form of a new run has it, and how long its loop was busy at most."""

    def __init__(self, root: Path) -> None:
        super().__init__()
        self.root = root
        self.longest = 0.0
        self.looked = 0
        self._last = time.monotonic()

    def compose(self) -> ComposeResult:
        yield FolderTree(self.root, UNICODE)

    def on_mount(self) -> None:
        self.glances = Glances(lambda: self.call_from_thread(self._looked))
        self.set_interval(0.01, self._beat)

    def _looked(self) -> None:
        self.looked += 1

    def _beat(self) -> None:
        now = time.monotonic()
        self.longest = max(self.longest, now - self._last)
        self._last = now


async def test_the_tree_answers_while_they_are_counted(many: Path) -> None:
    async with Tree(many).run_test(size=(80, 24)) as pilot:
        app = pilot.app
        assert isinstance(app, Tree)
        tree = app.query_one(FolderTree)
        app.longest = 0.0
        app.glances.want([many, many / "a"])
        for _ in range(3):
            await pilot.press("down", "right", "up")
        deadline = time.monotonic() + 30
        while app.looked < 2 and time.monotonic() < deadline:
            await pilot.pause(0.02)
        app.glances.stop()
        glance = app.glances.get(many)
        assert glance is not None
        assert glance.classes["a"] > MANY
        assert tree.count > 1
        assert app.longest < 1.0


def test_find_folders_of_what_is_none(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "circle").symlink_to("circle")
    for name, words in (
        ("pipe", f"{tmp_path}/pipe is not a folder but a device or a pipe"),
        ("circle", f"{tmp_path}/circle is a link to circle, which can't be opened"),
        ("absent", f"no such folder: {tmp_path}/absent"),
    ):
        with pytest.raises(UserError, match=re.escape(words)):
            find_folders(tmp_path / name)
