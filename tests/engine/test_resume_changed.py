"""Resumed with other images, or another plan of the epoch: each image is trained on, none by half, and it is said."""

import shutil
from collections import Counter
from pathlib import Path

import pytest

from engine.control.commands import Exclude, Restore, Stop
from engine.journal.events import AnyEvent, CommandAccepted, EpochStarted, RunWarning, SettingChanged, Step
from engine.journal.log import JournalReader
from engine.journal.state import RunState
from engine.outliers.files.restoring import restore_offline
from engine.recipe.recipe import change, load_recipe
from engine.run.directory import RunDir
from tests.engine.conducting import Watcher, play
from tests.engine.recording import Recorded, record
from tests.made_data import make_pictures, make_run

SETTINGS = ("train.epochs=3", "data.batch_size=4", "schedule.patience=100", "mixup.alpha=0.5")
IMAGES = 27
"""Training images, 7 steps of 4."""


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return make_pictures(tmp_path / "data", test=0)


def edit(run: RunDir, **settings: object) -> None:
    """Edit ``recipe.toml`` as a person does; ``data__batch_size`` is ``data.batch_size``."""
    recipe = load_recipe(run.recipe)
    for name, value in settings.items():
        recipe = change(recipe, name.replace("__", "."), str(value))
    run.recipe.write_text(recipe.to_toml())


def since_start(played: Recorded) -> list[AnyEvent]:
    """Return the events of the last attempt."""
    assert played.state.started is not None
    return [event for event in played.events if event.seq >= played.state.started.seq]


def warnings(played: Recorded) -> list[str]:
    """Return what the last attempt warned of, but for what depends on how busy the machine is."""
    said = [event.message for event in since_start(played) if isinstance(event, RunWarning)]
    return [message for message in said if not message.startswith("training waited")]


def each_once(played: Recorded, epoch: int, images: int) -> bool:
    counts = Counter(played.images[epoch])
    return len(counts) == images and set(counts.values()) == {1}


def add(data: Path, split: str, *names: str) -> None:
    for name in names:
        colour = name.partition("/")[0]
        shutil.copy(data / split / colour / f"{colour}1.png", data / split / name)


def test_nothing_changed_and_nothing_said(data: Path, runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = make_run(runs, data, *SETTINGS)
    first = record(run, monkeypatch, (2, 3))
    second = record(run, monkeypatch)
    assert second.code == 0
    assert not warnings(second)
    assert not [event for event in second.events if isinstance(event, SettingChanged)]
    assert Counter(first.images[2] + second.images[2]) == Counter(second.images[3])
    assert len(second.images[2]) == IMAGES - 12


@pytest.mark.parametrize(
    ("key", "value", "steps"),
    [("data__batch_size", 8, 4), ("train__seed", 5, 7), ("optim__grad_accum_steps", 3, 7)],
)
def test_another_plan_begins_the_epoch_again(
    data: Path, runs: Path, monkeypatch: pytest.MonkeyPatch, key: str, value: int, steps: int
) -> None:
    run = make_run(runs, data, *SETTINGS)
    record(run, monkeypatch, (2, 3))
    name = key.replace("__", ".")
    old = {"data.batch_size": 4, "train.seed": 0, "optim.grad_accum_steps": 1}[name]
    edit(run, **{key: value})
    played = record(run, monkeypatch)
    assert played.code == 0, played.state.ended
    assert each_once(played, 2, IMAGES)
    assert each_once(played, 3, IMAGES)
    (warning,) = warnings(played)
    assert f"{name} {old} -> {value}; the epoch begins again" in warning
    assert "The 3 steps that were trained stay in the weights" in warning
    (told,) = (event for event in played.events if isinstance(event, SettingChanged))
    assert (told.key, told.old, told.new, told.by) == (name, str(old), str(value), "recipe.toml")
    assert (told.epoch, told.step) == (2, 0)
    begun = [event.steps for event in since_start(played) if isinstance(event, EpochStarted)]
    assert begun == [steps, steps]
    assert [epoch.epoch for epoch in played.state.epochs] == [1, 2, 3]
    assert run.train_log.read_text().count("Epoch 2/3 | LR: ") == 1


ADDED = "since the run began: not used; a new run uses all"
LOST = "can't be found any more: the run goes on without; put back, used again"


def test_lost_images_begin_the_epoch_again_and_added_ones_are_not_used(
    data: Path, runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = make_run(runs, data, *SETTINGS)
    record(run, monkeypatch, (2, 3))
    recorded = run.split.read_bytes()
    add(data, "train", "blue/added.png", "red/added.png")
    kept = (data / "train" / "green" / "green0.png").rename(data.parent / "kept.png")
    played = record(run, monkeypatch, (2, 2))
    said = (
        f"2 training images (blue/added.png, red/added.png) were added {ADDED}; "
        f"1 training image (green/green0.png) {LOST}"
    )
    first, second = warnings(played)
    assert first == said
    assert "1 training image fewer; the epoch begins again" in second
    # The checkpoint of the second attempt has the new plan.
    third = record(run, monkeypatch)
    assert warnings(third) == [said]
    assert sorted(played.images[2] + third.images[2]) == sorted(set(third.images[3]))
    assert "blue/added.png" not in third.images[3]
    assert each_once(third, 3, IMAGES - 1)
    kept.rename(data / "train" / "green" / "green0.png")
    edit(run, train__epochs=4)
    back = record(run, monkeypatch)
    assert "1 training image more; used from epoch 4 on" in warnings(back)[1]
    assert "green/green0.png" in back.images[4]
    assert run.split.read_bytes() == recorded


def test_between_two_epochs_it_is_said_and_used(
    data: Path, runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = make_run(runs, data, *SETTINGS)
    play(run, stop_after_first)
    edit(run, data__batch_size=8)
    (data / "train" / "blue" / "blue0.png").unlink()
    played = record(run, monkeypatch)
    epoch = played.state.resumes[-1].resumed_epoch
    assert played.state.resumes[-1].resumed_step == 0
    assert warnings(played) == [
        f"1 training image (blue/blue0.png) {LOST}",
        f"the training images have changed since the checkpoint: 1 training image fewer; used from epoch {epoch} on",
    ]
    assert [event.key for event in since_start(played) if isinstance(event, SettingChanged)] == [
        "data.batch_size"
    ]
    assert each_once(played, epoch, IMAGES - 1)


def stop_after_first(watcher: Watcher) -> None:
    watcher.until(lambda state: state.epoch)
    watcher.ask(Stop(after_epoch=True))


def state_of(run: RunDir) -> RunState:
    state = RunState()
    state.apply_all(JournalReader(run.journal).read())
    return state


def test_an_epoch_that_has_made_its_steps_is_not_trained_again(
    data: Path, runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = make_run(runs, data, *SETTINGS, "optim.grad_accum_steps=4")
    first = record(run, monkeypatch, (2, 7))
    assert each_once(first, 2, IMAGES)
    for number in range(8):
        (data / "train" / "blue" / f"blue{number}.png").unlink()
    played = record(run, monkeypatch)
    assert played.code == 0
    assert not played.images[2]
    assert each_once(played, 3, IMAGES - 8)
    _, warning = warnings(played)
    assert "8 training images fewer; epoch 2 has finished training" in warning
    assert [epoch.epoch for epoch in played.state.epochs] == [1, 2, 3]
    last = [event for event in played.events if isinstance(event, Step) and event.epoch == 2][-1]
    assert (last.step, last.steps) == (7, 7)


def test_other_validation_images_are_said(data: Path, runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = make_run(runs, data, *SETTINGS)
    record(run, monkeypatch, (2, 3))
    (data / "val" / "blue" / "blue0.png").unlink()
    played = record(run, monkeypatch)
    first, warning = warnings(played)
    assert first == f"1 validation image (blue/blue0.png) {LOST}"
    assert warning.startswith(
        "validation has changed: 1 validation image fewer; scores from now on can't be compared"
    )
    assert len(played.images[2]) == IMAGES - 12


def test_a_class_that_is_gone_is_refused_by_name_and_a_new_one_is_not_used(
    data: Path, runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = make_run(runs, data, *SETTINGS)
    record(run, monkeypatch, (2, 3))
    for split in ("train", "val"):
        (data / split / "red").rename(data / split / "rouge")
    played = record(run, monkeypatch)
    assert played.code == 1
    assert played.state.ended is not None
    assert played.state.ended.reason.startswith(
        "the data's classes changed: rouge is new, red is gone; put back what is missing; if the data were moved: "
        f"vrdl-tui resume {run.path} --data"
    )
    shutil.copytree(data / "train" / "rouge", data / "train" / "red")
    shutil.copytree(data / "val" / "rouge", data / "val" / "red")
    played = record(run, monkeypatch)
    assert played.code == 0
    assert warnings(played) == [
        "the data's classes changed: rouge is new; the run keeps its own 3, and 13 images of new classes are not used: "
        "a new run uses all"
    ]
    assert each_once(played, 3, IMAGES)


def test_a_recorded_split_says_what_it_does_not_have(
    tmp_path: Path, runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = make_pictures(tmp_path / "tree", test=0)
    run = make_run(runs, data / "train", *SETTINGS)
    before = record(run, monkeypatch, (2, 3))
    add(data, "train", "blue/added.png")
    played = record(run, monkeypatch)
    assert warnings(played) == [f"1 training image (blue/added.png) was added {ADDED}"]
    assert Counter(before.images[2] + played.images[2]) == Counter(played.images[3])
    (data / "train" / "violet").mkdir()
    shutil.copy(data / "train" / "red" / "red0.png", data / "train" / "violet" / "violet0.png")
    shutil.copy(data / "train" / "red" / "red0.png", data / "train" / "violet" / "violet1.png")
    edit(run, train__epochs=4)
    last = record(run, monkeypatch)
    assert [warning.partition(";")[0] for warning in warnings(last)] == [
        "the data's classes changed: violet is new",
        f"1 training image (blue/added.png) was added {ADDED.partition(';')[0]}",
    ]
    assert last.images[4]


EXCLUDED = ["blue/blue1.png", "red/red2.png", "red/red3.png"]


def exclude_and_stop(watcher: Watcher) -> None:
    watcher.until(lambda state: state.epoch)
    assert isinstance(watcher.ask(Exclude(paths=EXCLUDED)), CommandAccepted)
    count = len(watcher.state.epochs)
    watcher.until(lambda state: len(state.epochs) > count + 1)
    watcher.ask(Stop())


def test_moved_data_keep_their_exclusions(
    tmp_path: Path, runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = make_pictures(tmp_path / "data", test=0)
    run = make_run(runs, data, *SETTINGS, "train.epochs=1000", "schedule.patience=1000")
    play(run, exclude_and_stop)
    moved = data.rename(tmp_path / "elsewhere")
    edit(run, data__train=moved / "train", data__val=moved / "val")
    epoch = len(state_of(run).epochs) + 1
    played = record(run, monkeypatch, (epoch + 1, 2))
    assert not warnings(played)
    told = [event.key for event in since_start(played) if isinstance(event, SettingChanged)]
    assert told == ["data.train", "data.val"]
    assert played.images[epoch + 1]
    assert not {*played.images[epoch], *played.images[epoch + 1]} & set(EXCLUDED)
    assert set(played.state.outliers.excluded) == {str(moved / "train" / name) for name in EXCLUDED}
    # Moved again, and restored before a resume has told of it.
    again = moved.rename(tmp_path / "again")
    edit(run, data__train=again / "train", data__val=again / "val", train__epochs=epoch + 3)
    assert restore_offline(run, Restore(paths=EXCLUDED[:1])).startswith("1 image restored")
    assert len(state_of(run).outliers.excluded) == 2
    (again / "train" / "red" / "red3.png").rename(again / "train" / "red" / "other.png")
    played = record(run, monkeypatch)
    assert played.code == 0
    assert each_once(played, epoch + 3, IMAGES - 2)
    assert EXCLUDED[0] in played.images[epoch + 3]
    assert "red/other.png" not in played.images[epoch + 3]
    assert len(played.state.outliers.excluded) == 2
    assert warnings(played)[0] == (
        f"1 training image (red/other.png) was added {ADDED}; 1 training image (red/red3.png) {LOST}"
    )
    assert any("1 training image fewer; the epoch begins again" in warning for warning in warnings(played))
    (lost,) = (warning for warning in warnings(played) if "left out" in warning)
    assert lost.startswith(f"an image that was left out can't be found in {again / 'train'}")
