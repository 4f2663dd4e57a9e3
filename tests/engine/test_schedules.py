"""Learning rates of real runs that are steered, edited and cut off: each schedule goes on from what was set."""

import shutil
from pathlib import Path

import pytest

from engine.control.commands import Checkpoint, Pause, Resume, Set, Stop
from engine.journal.events import BY_HAND, CommandAccepted, EpochEnded, RunStarted, SettingChanged
from engine.recipe.recipe import change, load_recipe
from engine.recipe.schedule import cosine_lr
from tests.engine.conducting import Played, Watcher, play
from tests.engine.killed_runs import KILLED, PLAIN, Field, ground
from tests.engine.killing import Ask
from tests.engine.same_end import differences
from tests.made_data import make_run

COSINE = (
    "schedule.kind=cosine",
    "train.epochs=8",
    "schedule.patience=99",
    "data.batch_size=4",
    "optim.lr=0.003",
)


def pause_in(watcher: Watcher, epoch: int) -> None:
    """Have the run stand still within ``epoch``, or the one after where the machine was slow."""
    watcher.until(lambda state: state.epoch is not None and state.epoch.epoch >= epoch)
    assert isinstance(watcher.ask(Pause()), CommandAccepted)


def set_to(watcher: Watcher, key: str, value: str) -> str:
    answer = watcher.ask(Set(key=key, value=value))
    assert isinstance(answer, CommandAccepted), answer
    return answer.detail


def rates(played: Played) -> dict[int, float]:
    return {event.epoch: event.lr for event in played.state.epochs}


def test_a_cosine_curve_passes_through_what_was_set(pictures: Path, runs: Path) -> None:
    run = make_run(runs, pictures, *COSINE)
    at, details = [], []

    def script(watcher: Watcher) -> None:
        pause_in(watcher, 3)
        assert watcher.state.paused is not None
        at.append(watcher.state.paused.epoch)
        details.append(set_to(watcher, "optim.lr", "2e-4"))
        watcher.ask(Resume())

    played = play(run, script)
    assert played.code == 0
    (epoch,) = at
    expected = {
        later: cosine_lr(0.003, 1, later, 8) if later < epoch else cosine_lr(2e-4, epoch, later, 8)
        for later in range(1, 9)
    }
    assert rates(played) == pytest.approx(expected)
    assert details == [
        "optim.lr = 2e-4; the learning rate in force is 0.0002 from now on; "
        f"the cosine curve goes on from 0.0002 in epoch {epoch} to {expected[8]:.3g} in epoch 8"
    ]


ASKS = [
    Ask(2, 2, {"name": "set", "key": "optim.lr", "value": "0.002"}),
    Ask(3, 4, {"name": "set", "key": "train.epochs", "value": "7"}),
]
_TOLD, _WRITTEN = r"^write .*/events\.jsonl$", r"^open .*/\.recipe\.toml"
# Since a call, the n-th of others. Of each command: between its save and its answer, then between that and the recipe.
KILLS = [
    (r"^rename .*/commands/0-", _TOLD, 2),
    ("", _WRITTEN, 1),
    (r"^rename .*/commands/1-", _TOLD, 2),
    ("", _WRITTEN, 1),
    ("", r"^rename .*/\.last\.new$", 1),
    (r"^rename .*/\.last\.new$", _TOLD, 3),
]


def test_a_steered_cosine_and_a_ramp_under_way_end_alike_whatever_was_killed() -> None:
    settings = (
        *PLAIN,
        "schedule.kind=cosine",
        "train.model_ema_decay=0.99",
        "optim.grad_accum_steps=2",
        "train.epochs=5",
    )
    with ground() as (root, engines):
        field = Field(root, engines, settings, ASKS)
        run = field.new()
        for since, calls, number in KILLS:
            assert field.attempt(run, since=since, calls=calls, number=number) == KILLED, (since, calls)
        assert field.attempt(run) == 0, run.engine_log.read_text()[-2000:]
        assert differences(run, field.whole) == []
        watcher = Watcher(run)
        watcher.look()
    # What was set holds for its epoch; with the other end the third epoch's rate is kept.
    third = cosine_lr(0.002, 2, 3, 5)
    expected = {1: 0.003, 2: 0.002, **{later: cosine_lr(third, 3, later, 7) for later in range(3, 8)}}
    assert {event.epoch: event.lr for event in watcher.state.epochs} == pytest.approx(expected)
    answers = [event.detail for event in watcher.events if isinstance(event, CommandAccepted)]
    assert answers == [
        "optim.lr = 0.002; the learning rate in force is 0.002 from now on; the cosine curve goes on from 0.002 in "
        f"epoch 2 to {cosine_lr(0.002, 2, 5, 5):.3g} in epoch 5",
        f"train.epochs = 7; the cosine curve goes on from {third:.3g} in epoch 3 to {expected[7]:.3g} in epoch 7; in "
        f"epoch 5 it is {expected[5]:.3g} instead of {cosine_lr(third, 3, 5, 5):.3g}",
    ]


def test_a_finished_cosine_run_goes_on_for_more_epochs_and_says_how(pictures: Path, runs: Path) -> None:
    run = make_run(runs, pictures, *COSINE, "train.epochs=3")
    first = play(run)
    end = rates(first)[3]
    run.recipe.write_text(change(load_recipe(run.recipe), "train.epochs", "6").to_toml())
    played = play(run)
    assert rates(played) == pytest.approx(
        {**rates(first), **{later: cosine_lr(end, 4, later, 6) for later in (4, 5, 6)}}
    )
    (told,) = [event for event in played.events if isinstance(event, SettingChanged)]
    assert told.note == (
        f"the cosine curve goes on from {end:.3g} in epoch 4 to {cosine_lr(end, 4, 6, 6):.3g} in epoch 6 and "
        "doesn't rise again; set optim.lr for a higher rate"
    )
    assert f"Setting changed: train.epochs 3 -> 6 in recipe.toml; {told.note}\n" in run.train_log.read_text()


@pytest.mark.parametrize("kind", ["counter", "plateau", "cosine"])
def test_an_edited_rate_counts_from_the_resume_on(pictures: Path, runs: Path, kind: str) -> None:
    """As the message on a loss that is no number advises."""
    settings = (f"schedule.kind={kind}", "train.epochs=4", "schedule.patience=99", "schedule.every=99")
    run = make_run(runs, pictures, *settings, "schedule.plateau_patience=99")

    def script(watcher: Watcher) -> None:
        watcher.until(lambda state: state.epoch is not None and state.epoch.epoch == 2)
        watcher.ask(Stop())

    stopped = play(run, script)
    before = stopped.state.lr
    assert before is not None
    run.recipe.write_text(change(load_recipe(run.recipe), "optim.lr", "0.0015").to_toml())
    played = play(run)
    started = [event for event in played.events if isinstance(event, RunStarted)][-1]
    ended = [event for event in played.events if isinstance(event, EpochEnded)]
    lr = next(event.lr for event in ended if event.epoch == started.resumed_epoch)
    assert lr == pytest.approx(before / 2)
    (told,) = [event for event in played.events if isinstance(event, SettingChanged)]
    assert told.note == (
        f"the learning rate in force is scaled alike, from {before:.3g} to {before / 2:.3g}"
        if kind == "cosine"
        else "the learning rate in force is 0.0015"
    )
    assert (
        f"Setting changed: optim.lr 0.003 -> 0.0015 in recipe.toml; {told.note}\n"
        in run.train_log.read_text()
    )


def test_what_was_set_is_no_edit(pictures: Path, runs: Path) -> None:
    run = make_run(runs, pictures, *COSINE)

    def script(watcher: Watcher) -> None:
        watcher.until(lambda state: state.epoch is not None and state.epoch.epoch >= 2)
        set_to(watcher, "optim.lr", "0.001")
        set_to(watcher, "train.epochs", "9")
        watcher.ask(Checkpoint())
        watcher.ask(Stop())

    play(run, script)
    played = play(run)
    assert played.code == 0
    assert not [one for one in played.events if isinstance(one, SettingChanged) and one.by == BY_HAND]
    log = run.train_log.read_text()
    assert (
        log.count("Setting changed: optim.lr 0.003 -> 0.001; the learning rate in force is 0.001 from now")
        == 1
    )
    assert log.count("Setting changed: train.epochs 8 -> 9; the cosine curve goes on from 0.001 in") == 1


def test_what_was_set_holds_with_a_checkpoint_from_before(pictures: Path, runs: Path, tmp_path: Path) -> None:
    """As a damaged one is put back from a copy: the recipe knows the setting, the checkpoint doesn't."""
    run = make_run(runs, pictures, *COSINE)
    kept = tmp_path / "kept"

    def script(watcher: Watcher) -> None:
        pause_in(watcher, 3)
        assert isinstance(watcher.ask(Checkpoint()), CommandAccepted)
        shutil.copytree(run.checkpoints / "last", kept)
        set_to(watcher, "optim.lr", "0.0001")
        watcher.ask(Stop())

    play(run, script)
    shutil.rmtree(run.checkpoints / "last")
    kept.rename(run.checkpoints / "last")
    played = play(run)
    starts = [event for event in played.events if isinstance(event, RunStarted)]
    assert rates(played)[starts[-1].resumed_epoch] == 0.0001
    changed = [event for event in played.events if isinstance(event, SettingChanged)]
    assert [(event.old, event.new) for event in changed] == [("0.003", "0.0001")] * 2
    assert changed[-1].by == BY_HAND
