"""The fold of a run's events, a resumed run's above all."""

from typing import Any

import pytest

from engine.journal.events import (
    AnyEvent,
    CheckpointSaved,
    CommandAccepted,
    EpochEnded,
    EpochStarted,
    LrDecayed,
    Outcome,
    Paused,
    Resumed,
    RunEnded,
    RunStarted,
    RunWarning,
    SettingChanged,
    StageStarted,
    Step,
    UnknownEvent,
)
from engine.journal.state import RunState, Status


def started(attempt: int = 1, **changes: Any) -> RunStarted:
    facts: dict[str, Any] = {
        "host": "h", "pid": 1, "version": "0", "name": "r", "model": "m", "data": "/d", "epochs": 9,
        "batch_size": 8, "train_size": 32, "val_size": 32, "lr": 1e-3, "schedule": "counter", "factor": 0.5,
        "every": 2, "patience": 4, "monitor": "val_acc", "mixup_alpha": 0.0, "outliers": "none", "seed": 0,
    }  # fmt: skip
    return RunStarted(attempt=attempt, t=float(attempt), **(facts | changes))


def epoch(number: int, *, best_epoch: int = 1, counter: int = 0, next_lr: float = 1e-3) -> list[AnyEvent]:
    return [
        EpochStarted(epoch=number, epochs=9, lr=1e-3, steps=2),
        Step(epoch=number, step=2, steps=2, loss=1, train_acc=50, images_per_s=9, eta=1.0),
        EpochEnded(
            epoch=number, lr=1e-3, train_acc=50, train_loss=1, val_acc=40 + number, val_loss=1,
            new_best=counter == 0, best=40.0 + best_epoch, best_epoch=best_epoch, counter=counter, patience=4,
            epochs_to_stop=4 - counter, next_lr=next_lr, images_per_s=9, seconds=1,
        ),
    ]  # fmt: skip


def ended(outcome: Outcome) -> RunEnded:
    return RunEnded(outcome=outcome, reason="", epoch=3, best=43.0, best_epoch=3, exit_code=0)


def fold(*events: AnyEvent | list[AnyEvent]) -> RunState:
    state = RunState()
    for event in events:
        state.apply_all(event if isinstance(event, list) else [event])
    return state


def test_a_run_so_far() -> None:
    state = fold(started(), epoch(1), epoch(2, best_epoch=1, counter=1, next_lr=5e-4))
    assert [one.epoch for one in state.epochs] == [1, 2]
    stop = state.early_stop
    assert (stop.counter, stop.best, stop.best_epoch, stop.epochs_to_stop) == (1, 41.0, 1, 3)
    assert state.lr == 5e-4
    assert not state.validating


def test_validating_is_between_the_last_step_and_the_epochs_end() -> None:
    assert fold(started(), epoch(1)[:2]).validating
    assert not fold(started(), epoch(1)[:1]).validating


def test_resuming_makes_later_epochs_void() -> None:
    decay = LrDecayed(epoch=3, old=1e-3, new=5e-4, reason="")
    late = LrDecayed(epoch=4, old=5e-4, new=2.5e-4, reason="")
    state = fold(
        started(), epoch(1), epoch(2, counter=1), decay, epoch(3, counter=2), late, epoch(4, counter=3)
    )
    state.apply(started(2, resumed_epoch=3, resumed_step=1, lr=5e-4))
    assert [one.epoch for one in state.epochs] == [1, 2]
    assert state.decays == [decay]
    assert (state.early_stop.counter, state.early_stop.best) == (1, 41.0)
    assert state.first_started_at == 1.0
    state.apply_all(epoch(3, best_epoch=3))
    assert [one.epoch for one in state.epochs] == [1, 2, 3]


def test_starting_again_from_nothing_forgets_it_all() -> None:
    saved = CheckpointSaved(which="best", epoch=1, step=0, reason="", size=1, seconds=0)
    state = fold(started(), epoch(1), saved, ended("failed"), started(2))
    assert state.epochs == []
    assert state.checkpoints == {}
    assert state.ended is None
    assert state.early_stop.best is None


@pytest.mark.parametrize(
    ("events", "alive", "status"),
    [
        ([], True, "starting"),
        ([], False, "interrupted"),
        ([started()], True, "starting"),
        ([started(), StageStarted(stage="importing")], True, "starting"),
        ([started(), *epoch(1)], True, "running"),
        ([started(), *epoch(1)], False, "interrupted"),
        ([started(), *epoch(1), Paused(epoch=1, step=2)], True, "paused"),
        ([started(), *epoch(1), Paused(epoch=1, step=2)], False, "interrupted"),
        (
            [started(), *epoch(1), Paused(epoch=1, step=2), Resumed(epoch=1, step=2, paused_for=3)],
            True,
            "running",
        ),
        ([started(), *epoch(1), ended("finished")], False, "finished"),
        ([started(), *epoch(1), ended("early_stopped")], False, "finished"),
        ([started(), *epoch(1), ended("stopped")], False, "stopped"),
        ([started(), *epoch(1), ended("interrupted")], False, "interrupted"),
        ([started(), *epoch(1), ended("failed")], False, "failed"),
        ([started(), *epoch(1), ended("stopped"), started(2)], True, "starting"),
    ],
)
def test_status(events: list[AnyEvent], alive: bool, status: Status) -> None:
    assert fold(events).status(alive=alive) == status


@pytest.mark.parametrize("last", [epoch(9, counter=1, next_lr=5e-4), epoch(5, counter=4, next_lr=5e-4)])
def test_a_rate_that_no_epoch_has_is_not_in_force(last: list[AnyEvent]) -> None:
    assert fold(started(), last).lr == 1e-3


@pytest.mark.parametrize("outcome", ["finished", "early_stopped"])
def test_nor_after_the_end_of_a_run_of_which_only_the_end_was_read(outcome: Outcome) -> None:
    *_, last = epoch(4, counter=1, next_lr=5e-4)
    assert isinstance(last, EpochEnded)
    assert fold(started(), [last, ended(outcome)]).lr == 1e-3
    assert fold(started(), [last, ended("stopped")]).lr == 5e-4


def test_settings_that_panels_show_change_at_once() -> None:
    state = fold(started(), epoch(1, counter=1), epoch(2)[:1])
    for key, new in (("schedule.patience", "2"), ("optim.lr", "0.5"), ("train.epochs", "20")):
        state.apply(SettingChanged(key=key, old="", new=new, epoch=2, step=0))
    assert (state.early_stop.patience, state.early_stop.epochs_to_stop) == (2, 1)
    assert state.lr == 0.5
    assert state.epoch is not None
    assert state.epoch.epochs == 20
    assert len(state.settings) == 3


def test_answers_are_found_by_their_id() -> None:
    answer = CommandAccepted(id="b", name="pause", by="x")
    state = fold(CommandAccepted(id="a", name="pause", by="x"), answer)
    assert state.answer("b") is answer
    assert state.answer("c") is None


def test_what_is_kept_is_bounded() -> None:
    state = fold([RunWarning(message=str(number)) for number in range(5000)])
    assert len(state.warnings) < 1000
    assert state.warnings[-1].message == "4999"


def test_unknown_events_do_no_harm() -> None:
    state = fold(started(), UnknownEvent(seq=2, t=7.0))
    assert state.updated_at == 7.0
