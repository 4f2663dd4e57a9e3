"""A loss or weights that are no numbers: the very step is named, nothing bad is saved, the recipe says what follows."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from engine.journal.events import EpochEnded, LrDecayed, RolledBack, RunEnded, Step
from engine.journal.log import JournalReader
from engine.run.directory import RunDir
from tests.engine.hooked import Engines
from tests.engine.test_resume import assert_same_end
from tests.made_data import make_run

SETTINGS = ("train.epochs=3", "data.workers=0", "data.batch_size=4", "data.cache=off", "optim.lr=0.003")
ROLLBACK = (*SETTINGS, "train.on_nan=rollback", "schedule.factor=0.6")

BAD = """
from engine.core import throttle
from engine.training.trainer import Trainer
throttle._BETWEEN = {pace}
loss = Trainer._loss

def bad_loss(self, outputs, labels):
    progress = self.progress
    bad = (progress.epoch, progress.step) == {at} and progress.policy.lr > {above}
    return loss(self, outputs, labels) * (float("{number}") if bad else 1)

Trainer._loss = bad_loss
"""
SELDOM, ALWAYS = 1e9, 0.0
BAD_WEIGHT = """
from engine.training.update import Update
apply = Update.apply
count = 0

def blow_up(self):
    global count
    apply(self)
    count += 1
    if count == {number}:
        next(self._model.parameters()).data[0] = float("{value}")

Update.apply = blow_up
"""


@pytest.fixture(scope="module")
def engines(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engines]:
    with Engines(tmp_path_factory.mktemp("cache")) as made:
        yield made


def hook(at: tuple[int, int], *, above: float = 0.0, pace: float = SELDOM, number: str = "nan") -> str:
    return BAD.format(at=at, above=above, pace=pace, number=number)


def told(run: RunDir, kind: type) -> list:  # type: ignore[type-arg]
    return [event for event in JournalReader(run.journal).read() if isinstance(event, kind)]


def reason(run: RunDir) -> str:
    return str(told(run, RunEnded)[-1].reason)


def assert_all_numbers(run: RunDir) -> None:
    files = list(run.checkpoints.glob("*/*.safetensors"))
    assert files
    for file in files:
        for name, value in load_file(file).items():
            assert not value.is_floating_point() or value.isfinite().all(), f"{file}: {name}"


@pytest.mark.parametrize(("number", "pace"), [("nan", SELDOM), ("inf", ALWAYS)])
def test_the_step_is_named_and_the_checkpoints_are_sound(
    engines: Engines, pictures: Path, runs: Path, number: str, pace: float
) -> None:
    run = make_run(runs, pictures, *SETTINGS)
    assert engines.run(run, hook((2, 3), number=number, pace=pace)) == 1
    assert "the loss is no longer a number (epoch 2, step 3)" in reason(run)
    assert "train.on_nan=rollback" in reason(run)
    assert [event.epoch for event in told(run, EpochEnded)] == [1]
    assert all(event.loss < 1e9 for event in told(run, Step))
    assert_all_numbers(run)
    # As the message says: what the recipe's file says now holds for the resumed run.
    run.recipe.write_text(run.recipe.read_text().replace('on_nan = "stop"', 'on_nan = "rollback"'))
    assert engines.run(run, hook((2, 3), above=0.002)) == 0, reason(run)
    assert [event.epoch for event in told(run, EpochEnded)] == [1, 2, 3]


def test_back_in_the_middle_of_a_group_of_batches(engines: Engines, pictures: Path, runs: Path) -> None:
    run = make_run(runs, pictures, *ROLLBACK, "optim.grad_accum_steps=4")
    assert engines.run(run, hook((2, 2), above=0.002, pace=ALWAYS)) == 0, reason(run)
    assert [(back.epoch, back.step) for back in told(run, RolledBack)] == [(2, 2)]
    assert_all_numbers(run)


def test_back_to_the_best_weights_with_a_lower_rate(engines: Engines, pictures: Path, runs: Path) -> None:
    ends = []
    for name, pace in (("seldom", SELDOM), ("always", ALWAYS)):
        run = make_run(runs, pictures, *ROLLBACK, name=name)
        assert engines.run(run, hook((2, 3), above=0.002, pace=pace)) == 0, reason(run)
        (back,) = told(run, RolledBack)
        assert (back.epoch, back.step, back.best_epoch) == (2, 3, 1)
        assert back.reason == "the loss is no longer a number"
        (decay,) = told(run, LrDecayed)
        assert (decay.epoch, decay.old, decay.new) == (2, 0.003, 0.003 * 0.6)
        assert [event.lr for event in told(run, EpochEnded)] == [0.003, 0.003 * 0.6, 0.003 * 0.6]
        assert run.train_log.read_text().count("Epoch 2/3 | LR: ") == 2
        assert_all_numbers(run)
        ends.append(run)
    assert_same_end(ends[0], ends[1])  # however late the bad number was seen


def test_in_the_first_epoch_back_to_where_it_began(engines: Engines, pictures: Path, runs: Path) -> None:
    run = make_run(runs, pictures, *ROLLBACK, "train.model_ema_decay=0.9", "schedule.kind=cosine")
    assert engines.run(run, hook((1, 2), above=0.002)) == 0, reason(run)
    (back,) = told(run, RolledBack)
    assert (back.epoch, back.step, back.best_epoch) == (1, 2, 0)
    rates = [event.lr for event in told(run, EpochEnded)]
    assert rates == pytest.approx([0.0018, 0.0018 * 0.75, 0.0018 * 0.25])  # the whole cosine is lower
    assert_all_numbers(run)


def test_three_times_and_no_more(engines: Engines, pictures: Path, runs: Path) -> None:
    run = make_run(runs, pictures, *ROLLBACK)
    assert engines.run(run, hook((2, 3))) == 1
    assert len(told(run, RolledBack)) == 3
    assert "(epoch 2, step 3)" in reason(run)
    assert "going back to earlier weights 3 times didn't help; lower optim.lr" in reason(run)
    assert "on_nan" not in reason(run)
    assert_all_numbers(run)
    # A resume doesn't count anew.
    assert engines.run(run, hook((2, 3))) == 1
    assert len(told(run, RolledBack)) == 3


@pytest.mark.parametrize("value", ["nan", "inf"])
def test_weights_that_no_loss_has_shown_yet(engines: Engines, pictures: Path, runs: Path, value: str) -> None:
    run = make_run(runs, pictures, *SETTINGS)
    assert engines.run(run, BAD_WEIGHT.format(number=14, value=value)) == 1
    assert "the weights are no longer numbers (epoch 2, step 7)" in reason(run)
    assert [event.epoch for event in told(run, EpochEnded)] == [1]
    assert_all_numbers(run)


def test_counting_on_the_device_names_the_step_among_passed_over_ones() -> None:
    from engine.recipe.schedule import ScheduleState
    from engine.run.train_state import TrainState
    from engine.training.meter import Meter

    meter = Meter(torch.device("cpu"), TrainState(ScheduleState(0.1)))
    for step, loss in ((1, 1.0), (3, 2.0), (4, float("inf")), (5, 1.0)):
        meter.add(torch.tensor(loss), torch.tensor(1), 2, step)
    assert meter.first_bad() == 4
