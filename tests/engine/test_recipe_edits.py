"""A recipe that was edited between two attempts takes effect and the journal says so, or it is refused in a line."""

from collections.abc import Callable
from pathlib import Path

import pytest

from engine.control.commands import Set, Stop
from engine.core.errors import UserError
from engine.journal.events import (
    AnyEvent,
    CommandAccepted,
    EpochStarted,
    OutliersDone,
    RunEnded,
    RunStarted,
    SettingChanged,
)
from engine.journal.state import RunState
from engine.recipe.recipe import LIVE_KEYS, change, load_recipe, recipe_keys, values_of
from engine.recipe.schedule import ScheduleState
from engine.run.directory import RunDir
from engine.run.recipe_edits import Edit, find_edits, refuse_edits
from engine.run.train_state import TrainState, read_progress
from tests.cli.calling import call, refusal
from tests.engine.conducting import Played, Watcher, play
from tests.engine.recording import record
from tests.engine.scores import make_scores
from tests.made_data import make_pictures, make_run

SETTINGS = ("train.epochs=3", "data.batch_size=4", "schedule.patience=100", "schedule.every=50")


def edit(run: RunDir, key: str, value: object) -> None:
    run.recipe.write_text(change(load_recipe(run.recipe), key, str(value)).to_toml())


def told(played: Played) -> list[tuple[str, str, str, str]]:
    return [
        (event.key, event.old, event.new, event.by)
        for event in played.events
        if isinstance(event, SettingChanged)
    ]


def reason(played: Played) -> str:
    assert isinstance(played.events[-1], RunEnded)
    return played.events[-1].reason


@pytest.mark.parametrize("kind", ["counter", "plateau", "cosine"])
def test_a_lower_learning_rate_is_that_of_the_next_step(
    pictures: Path, runs: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    run = make_run(runs, pictures, *SETTINGS, f"schedule.kind={kind}")
    record(run, monkeypatch, (2, 3))
    before = read_progress(run.checkpoints / "last").policy.lr
    old = load_recipe(run.recipe).optim.lr
    edit(run, "optim.lr", 0.0001)
    played = record(run, monkeypatch, (2, 5))
    scaled = pytest.approx(before * 0.0001 / old)  # the curve begins at optim.lr
    assert played.rates == {(2, 4): scaled, (2, 5): scaled}
    assert told(played) == [("optim.lr", "0.003", "0.0001", "recipe.toml")]
    begun = [event for event in played.events if isinstance(event, EpochStarted)][-1]
    assert (begun.epoch, begun.lr) == (2, scaled)
    assert played.state.lr == scaled
    # It was an edit once; and what the schedule makes of it is no matter of the old rate.
    third = record(run, monkeypatch)
    assert third.code == 0
    assert len(told(third)) == 1
    assert third.rates[2, 6] == scaled
    assert third.rates[3, 1] <= third.rates[2, 6]


def test_an_attempt_that_comes_to_no_step_loses_no_edit(
    pictures: Path, runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = make_run(runs, pictures, *SETTINGS)
    record(run, monkeypatch, (2, 3))
    edit(run, "optim.lr", 0.0001)
    edit(run, "optim.amp", "fp16")  # which a CPU can't
    failed = record(run, monkeypatch)
    assert failed.code == 1
    assert "optim.amp=fp16 needs a GPU" in reason(failed)
    edit(run, "optim.amp", "auto")
    played = record(run, monkeypatch, (2, 4))
    assert played.rates == {(2, 4): 0.0001}
    assert told(played) == [("optim.lr", "0.003", "0.0001", "recipe.toml")]


def test_before_the_first_checkpoint_every_key_takes_effect(
    pictures: Path, runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = make_run(runs, pictures, *SETTINGS, "model.name=no_such_model")
    assert record(run, monkeypatch).code == 1
    edit(run, "model.name", "test_efficientnet")
    edit(run, "data.batch_size", 8)
    played = record(run, monkeypatch, (1, 1))
    assert [one[:3] for one in told(played)] == [
        ("data.batch_size", "4", "8"),
        ("model.name", "no_such_model", "test_efficientnet"),
    ]


def test_what_a_run_can_not_take_is_refused_in_one_line(
    pictures: Path, runs: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    run = make_run(runs, pictures, *SETTINGS, "train.epochs=2")
    record(run, monkeypatch, (2, 3))
    edit(run, "model.name", "test_vit")
    edit(run, "schedule.monitor", "val_loss")
    before = run.journal.read_bytes()
    said = refusal("resume", run.path, "--headless", cwd=tmp_path)
    assert (
        "model.name test_efficientnet -> test_vit: the checkpoint holds the weights of another model" in said
    )
    assert "schedule.monitor val_acc -> val_loss: the best epoch so far, 1, was chosen by val_acc" in said
    assert f"start a new run: vrdl-tui train DATA --recipe {run.recipe}" in said
    assert run.journal.read_bytes() == before
    played = record(run, monkeypatch)
    assert played.code == 1
    assert said.endswith(reason(played))
    assert told(played) == []
    edit(run, "model.name", "test_efficientnet")
    edit(run, "schedule.monitor", "val_acc")
    assert record(run, monkeypatch).code == 0


def test_a_finished_run_goes_on_for_more_epochs(
    pictures: Path, runs: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    run = make_run(runs, pictures, *SETTINGS, "train.epochs=1")
    assert record(run, monkeypatch).code == 0
    assert refusal("resume", run.path, cwd=tmp_path).startswith("nothing to resume")
    edit(run, "train.epochs", 2)
    answer = call("resume", run.path, "--headless", cwd=tmp_path)
    assert answer.code == 0, answer
    assert "Epoch 2/2 | Train Acc" in answer.out


def other(key: str, run: RunDir) -> str:
    """Return a value for ``key`` that it hasn't in the run's recipe."""
    recipe = load_recipe(run.recipe)
    section, _, name = key.partition(".")
    value = getattr(getattr(recipe, section), name)
    words = {
        "data.pad": "stretch", "data.cache": "off", "outliers.method": "autoencoder",
        "outliers.action": "quarantine", "optim.amp": "off", "schedule.kind": "cosine",
        "schedule.monitor": "val_loss", "train.device": "auto", "train.share": "group", "train.on_nan": "rollback",
        "outliers.size": "64", "train.epochs": "1", "data.val": "", "data.duplicates": "drop_from_train",
        "predict.unreadable": "blank",
    }  # fmt: skip
    if key in words:
        return words[key]
    match value:
        case bool():
            return str(not value).lower()
        case int():
            return str(value + 2)
        case float():
            return str(value * 0.9 or 0.5)
        case tuple():
            return "[0.9, 0.95]"
    return "elsewhere"


@pytest.mark.parametrize(
    ("begun", "judged", "refused"),
    [
        pytest.param(False, False, {"train.share"}, id="no checkpoint"),
        pytest.param(
            True,
            True,
            {
                "data.val", "data.duplicates", "model.name", "model.pretrained", "model.weights", "outliers.method",
                "outliers.action",
                "outliers.percentile", "outliers.relax", "outliers.epochs", "outliers.size", "schedule.monitor",
                "train.epochs", "train.share",
            },
            id="in its third epoch",
        ),
    ],
)  # fmt: skip
def test_of_every_key_it_is_decided(
    pictures: Path, runs: Path, begun: bool, judged: bool, refused: set[str]
) -> None:
    run = make_run(runs, pictures)
    recipe = load_recipe(run.recipe)
    progress = (
        TrainState(ScheduleState(0.1, 50.0, 2), epoch=3, step=4, recipe=values_of(recipe)) if begun else None
    )
    state = RunState()
    state.apply(started(recipe_values=values_of(recipe)))
    if judged:
        state.apply(OutliersDone(excluded=0, images=1))
    found = set()
    for key in recipe_keys():
        edited = change(recipe, key, other(key, run))
        (one,) = find_edits(edited, state, progress)
        assert one == Edit(key, values_of(recipe)[key], values_of(edited)[key])
        said = refused_with(lambda: refuse_edits([one], run, edited, state, progress))  # noqa: B023
        if said:
            found.add(key)
            assert said.startswith(f"recipe.toml was edited; {key} ")
            assert "\n" not in said
    assert found == refused
    assert not found & {*LIVE_KEYS} - {"train.epochs"}


def refused_with(act: Callable[[], object]) -> str:
    try:
        act()
    except UserError as error:
        return str(error)
    return ""


def started(recipe_values: dict[str, str]) -> AnyEvent:
    return RunStarted(
        attempt=1, host="node1", pid=1, version="", name="run", model="m", data="d", epochs=3, batch_size=4,
        train_size=32, val_size=32, lr=0.1, schedule="counter", factor=0.5, every=4, patience=9, monitor="val_acc",
        mixup_alpha=0.5, outliers="none", seed=0, recipe=recipe_values,
    )  # fmt: skip


def test_a_recorded_split_can_not_be_edited(
    tmp_path: Path, runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = make_pictures(tmp_path / "tree", test=0)
    run = make_run(runs, data / "train", *SETTINGS)
    record(run, monkeypatch, (1, 3))
    for key, value in (
        ("data.val_fraction", "0.3"), ("data.val", data / "val"), ("data.group", "x"),
        ("data.duplicates", "drop_from_train"),
    ):  # fmt: skip
        text = run.recipe.read_text()
        edit(run, key, value)
        assert f"recipe.toml was edited; {key} " in reason(record(run, monkeypatch))
        run.recipe.write_text(text)
    assert record(run, monkeypatch).code == 0


def test_what_is_edited_while_a_run_goes_on_outlives_a_set(
    pictures: Path, runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = make_run(runs, pictures, *SETTINGS, "train.epochs=1000")

    def script(watcher: Watcher) -> None:
        watcher.until(lambda state: state.epochs)
        edit(run, "optim.weight_decay", 0.05)
        assert isinstance(watcher.ask(Set(key="schedule.patience", value="99")), CommandAccepted)
        watcher.ask(Stop())

    play(run, script)
    recipe = load_recipe(run.recipe)
    assert (recipe.schedule.patience, recipe.optim.weight_decay) == (99, 0.05)
    epoch = len(record(run, monkeypatch, (3, 1)).state.epochs) + 1
    edit(run, "train.epochs", epoch)
    played = record(run, monkeypatch)
    assert [one[0] for one in told(played)] == ["schedule.patience", "optim.weight_decay", "train.epochs"]


def test_a_run_that_stopped_early_trains_on_with_more_patience_only(
    pictures: Path, runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_scores(val_acc=(60.0, 50.0, 50.0, 50.0, 50.0, 50.0), monkeypatch=monkeypatch)
    run = make_run(runs, pictures, "train.epochs=5", "schedule.patience=1")
    assert [event.epoch for event in play(run).events if isinstance(event, EpochStarted)] == [1, 2]
    edit(run, "train.epochs", 6)
    refused = play(run)
    assert refused.code == 1
    assert "train.epochs 5 -> 6: the run has stopped early; raise schedule.patience too" in reason(refused)
    edit(run, "schedule.patience", 9)
    resumed = play(run)
    assert resumed.code == 0
    epochs = [event.epoch for event in resumed.events if isinstance(event, EpochStarted)]
    assert epochs == [1, 2, 3, 4, 5, 6]
