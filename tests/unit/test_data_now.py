"""The data folders of a run that goes on, compared with what it recorded, and pointed to after a move."""

from collections.abc import Callable
from pathlib import Path

import pytest

from engine.control.commands import Restore
from engine.core.errors import UserError
from engine.journal.events import CheckpointSaved, DatasetScanned, OutlierExcluded, RunStarted
from engine.journal.index import past_state
from engine.journal.log import JournalReader, JournalWriter
from engine.journal.state import RunState
from engine.outliers.files.restoring import restore_offline
from engine.recipe.recipe import load_recipe
from engine.recipe.sections import Data
from engine.run.data_now import Past, look_at_data
from engine.run.directory import RunDir
from engine.run.moved_data import with_data_at, write_recipe
from engine.run.recorded_images import Recorded, write_record
from engine.run.resumable import refuse_restart
from tests.unit.outliers.photos import Photos

RECORDED = Recorded(
    {"cat": ["cat/1.jpg", "cat/2.jpg", "cat/3.jpg"], "dog": ["dog/1.jpg", "dog/2.jpg"]},
    {"cat": ["cat/8.jpg"], "dog": ["dog/9.jpg"]},
    ["t.jpg"],
)
REMEDY = "do this"


def lay(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()


@pytest.fixture
def data(tmp_path: Path) -> Data:
    """The folders of ``RECORDED``."""
    root = tmp_path / "photos"
    for split, classes in (("train", RECORDED.train), ("val", RECORDED.val)):
        lay(root / split, *(name for names in classes.values() for name in names))
    lay(root / "test", "t.jpg")
    return Data(train=str(root / "train"), val=str(root / "val"), test=str(root / "test"))


def scanned(
    train: int = 5, val: int = 2, *, split: str = "folders", classes: str = "cat dog"
) -> DatasetScanned:
    return DatasetScanned(
        classes=classes.split(), train_images=train, val_images=val, test_images=1,
        split="folders" if split == "folders" else "stratified",
    )  # fmt: skip


def refused(act: Callable[[], object]) -> str:
    with pytest.raises(UserError) as caught:
        act()
    return str(caught.value)


def test_a_recorded_run_is_bound_by_its_record(tmp_path: Path, data: Data) -> None:
    record = tmp_path / "split.csv"
    write_record(record, RECORDED)
    past = Past(trained=True, scanned=scanned(), remedy=REMEDY)
    now = look_at_data(data, record, past)
    assert (now.train, now.val, now.is_recorded, now.said) == (RECORDED.train, RECORDED.val, True, ())
    lay(Path(data.test), "u.jpg")
    for split in (data.train, data.val):
        lay(Path(split), "eel/1.jpg")
    now = look_at_data(data, record, past)
    assert now.train == RECORDED.train
    assert not now.is_recorded  # the test images are recorded anew
    assert len(now.said) == 2


def test_before_there_is_a_checkpoint_folders_are_listed_anew(tmp_path: Path, data: Data) -> None:
    record = tmp_path / "split.csv"
    write_record(record, Recorded({"cat": ["cat/x.jpg"]}, {"cat": ["cat/y.jpg"]}, []))
    now = look_at_data(data, record, Past(scanned=scanned(), remedy=REMEDY))
    assert (now.train, now.val, now.said) == (RECORDED.train, RECORDED.val, ())
    # But for a run that has moved outliers away, and one whose validation images are chosen.
    assert "none of the 1 images" in refused(
        lambda: look_at_data(data, record, Past(away=frozenset({"cat/z.jpg"})))
    )
    alone = data.model_copy(update={"val": ""})
    assert "none of the 1 images" in refused(lambda: look_at_data(alone, record, Past()))


def test_what_is_being_moved_away_is_not_lost(tmp_path: Path, data: Data) -> None:
    """A kill between the move of an outlier and its event."""
    record = tmp_path / "split.csv"
    write_record(record, RECORDED)
    (Path(data.train) / "cat/2.jpg").unlink()
    now = look_at_data(data, record, Past(moving=True, scanned=scanned(), remedy=REMEDY))
    assert (now.train, now.val, now.said) == (RECORDED.train, RECORDED.val, ())


def test_a_missing_folder_is_refused_with_the_way_out(tmp_path: Path, data: Data) -> None:
    gone = data.model_copy(update={"train": str(tmp_path / "gone")})
    words = f"data.train: no such folder: {tmp_path}/gone"
    record = tmp_path / "split.csv"
    assert refused(lambda: look_at_data(gone, record, Past(remedy=REMEDY))) == words
    assert (
        refused(lambda: look_at_data(gone, record, Past(trained=True, remedy=REMEDY))) == f"{words}; {REMEDY}"
    )


def test_a_run_without_a_record_is_told_by_its_classes(tmp_path: Path, data: Data) -> None:
    record = tmp_path / "split.csv"
    past = Past(trained=True, scanned=scanned(), remedy=REMEDY)
    now = look_at_data(data, record, past)
    assert (now.train, now.is_recorded) == (RECORDED.train, False)
    assert now.said == (
        "the run has no record of its images: those in the folders now are recorded in split.csv",
    )
    for split in (data.train, data.val):
        lay(Path(split), "eel/1.jpg")
    now = look_at_data(data, record, past)
    assert now.train == RECORDED.train
    assert now.said[0] == "the data's classes changed: eel is new; the run keeps its own 2"
    before = Past(trained=True, scanned=scanned(classes="cat dog owl"), remedy=REMEDY)
    assert refused(lambda: look_at_data(data, record, before)) == (
        "the data's classes changed: eel is new, owl is gone; do this"
    )
    record.write_text("damaged")
    assert "split.csv can't be read" in look_at_data(data, record, past).said[1]


def test_a_lost_split_is_made_again_only_of_as_many_images(tmp_path: Path, data: Data) -> None:
    alone = data.model_copy(update={"val": ""})
    record = tmp_path / "split.csv"
    now = look_at_data(alone, record, Past(trained=True, scanned=scanned(4, 1, split="stratified")))
    assert (now.val, now.by_folders) == (None, False)
    assert "split by train.seed again" in now.said[0]
    other = Past(trained=True, scanned=scanned(5, 1, split="stratified"), remedy=REMEDY)
    assert "there are 5 instead of 6 now, so validation images might be trained on" in refused(
        lambda: look_at_data(alone, record, other)
    )
    record.write_text("damaged")
    assert "split.csv can't be read" in refused(lambda: look_at_data(alone, record, other))


@pytest.fixture
def photos(tmp_path: Path) -> Photos:
    """A run that has moved an outlier to its quarantine."""
    photos = Photos.make(tmp_path)
    settings = (f"data.train={photos.train}", "outliers.action=quarantine", "outliers.method=autoencoder")
    photos.run.recipe.write_text(load_recipe(None, settings).to_toml())
    write_record(
        photos.run.split, Recorded({"cat": ["cat/1.jpg"], "dog": ["dog/1.jpg"]}, {"cat": ["cat/2.jpg"]}, [])
    )
    (taken,) = photos.quarantine().take(photos.outliers([("cat", "1.jpg")]))
    with_journal(photos.run, photos.train, taken.event)
    return photos


def with_journal(run: RunDir, train: Path, *events: OutlierExcluded) -> None:
    started = RunStarted(
        attempt=1, host="node1", pid=1, version="", name="run", model="m", data=str(train), epochs=3, batch_size=4,
        train_size=32, val_size=32, lr=0.1, schedule="counter", factor=0.5, every=4, patience=9, monitor="val_acc",
        mixup_alpha=0.5, outliers="autoencoder", seed=0,
    )  # fmt: skip
    journal = JournalWriter(run.journal)
    journal.append_all(started, scanned(2, 1, split="stratified"), *events)
    journal.close()


def state_of(run: RunDir) -> RunState:
    return past_state(JournalReader(run.journal))


def test_a_quarantine_that_was_moved_along_gives_its_images_back(photos: Photos, tmp_path: Path) -> None:
    assert not (photos.train / "cat/1.jpg").exists()
    moved = photos.train.parent.rename(tmp_path / "moved")
    recipe = with_data_at(photos.run, state_of(photos.run), moved)
    assert recipe.data.train == str(moved / "train")
    assert load_recipe(photos.run.recipe).data.train == str(photos.train)
    write_recipe(photos.run, recipe)
    assert restore_offline(photos.run, Restore(paths=["cat/1.jpg"])).startswith("1 image restored")
    assert (moved / "train/cat/1.jpg").read_bytes() == b"one"
    recorded = look_at_data(
        recipe.data, photos.run.split, Past.of(photos.run, recipe, state_of(photos.run), trained=True)
    )
    assert recorded.said == (
        "1 training image (dog/3.jpg) was added since the run began: not used; a new run uses all",
    )
    assert not state_of(photos.run).outliers.excluded


def test_a_quarantine_that_stayed_behind_is_asked_for(photos: Photos, tmp_path: Path) -> None:
    moved = photos.train.rename(tmp_path / "moved")
    write_recipe(photos.run, with_data_at(photos.run, state_of(photos.run), moved))
    words = (
        f"no manifest names it; if the data were moved: put the run's quarantine into {moved}-quarantine too"
    )
    restore = Restore(paths=["cat/1.jpg"])
    assert words in refused(lambda: restore_offline(photos.run, restore))
    photos.away.parent.rename(tmp_path / "moved-quarantine")
    assert restore_offline(photos.run, restore).startswith("1 image restored")


def test_data_elsewhere_are_those_of_the_run_or_refused(photos: Photos, tmp_path: Path) -> None:
    state = state_of(photos.run)
    lay(tmp_path / "other", "train/cat/7.jpg", "train/cat/8.jpg", "train/dog/7.jpg", "train/dog/8.jpg")
    before = photos.run.recipe.read_bytes()
    assert "name the folder that the run's data were moved to" in refused(
        lambda: with_data_at(photos.run, state, tmp_path / "other")
    )
    assert photos.run.recipe.read_bytes() == before
    lock = photos.run.lock()
    assert "already running" in refused(lambda: write_recipe(photos.run, load_recipe(photos.run.recipe)))
    lock.release()


@pytest.mark.parametrize(("epoch", "step", "refuses"), [(1, 0, False), (1, 4, True), (2, 0, True)])
def test_a_checkpoint_that_is_gone_is_not_begun_again(
    tmp_path: Path, epoch: int, step: int, refuses: bool
) -> None:
    state, run = RunState(), RunDir(tmp_path)
    refuse_restart(run, state, None)
    state.apply(CheckpointSaved(which="last", epoch=epoch, step=step, reason="", size=1, seconds=0.1))
    if refuses:
        assert f"last, saved in epoch {epoch}, is gone" in refused(lambda: refuse_restart(run, state, None))
    else:
        refuse_restart(run, state, None)
