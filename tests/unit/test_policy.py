"""The rule for the learning rate and early stopping, held against the report's own logs."""

import csv
import math
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from engine.recipe.schedule import (
    Kind,
    Monitor,
    ScheduleDecision,
    ScheduleState,
    advance,
    cosine_lr,
    epochs_effect,
    epochs_to_stop,
    outlook,
)

FIGURES = Path(__file__).parent / "data"


@dataclass(frozen=True)
class Rule:
    kind: Kind = "counter"
    factor: float = 0.6
    every: int = 4
    patience: int = 12
    monitor: Monitor = "val_acc"
    plateau_patience: int = 2
    plateau_threshold: float = 0.01


# What stood before the first printed epoch of each log (method.md, Learning-rate rule).
LOGS = [
    ("final", Rule(), ScheduleState(lr=1.5e-4 * 0.6**4, best=90.34, best_epoch=14), 30),
    ("with_mixup", Rule(every=2), ScheduleState(lr=1.5e-4 * 0.6**3, best=90.5, best_epoch=21), 38),
    (
        "without_mixup",
        Rule("plateau"),
        ScheduleState(lr=9e-5, best=83.0, best_epoch=13, plateau_best=1.32),
        None,
    ),
]


@pytest.mark.parametrize(("log", "rule", "state", "stops_after"), LOGS, ids=[log[0] for log in LOGS])
def test_reproduces_the_printed_learning_rates_and_the_stop(
    log: str, rule: Rule, state: ScheduleState, stops_after: int | None
) -> None:
    with (FIGURES / f"{log}.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    stopped_after = None
    for row in rows:
        assert stopped_after is None, "the log goes on after the rule has stopped"
        if row["lr"]:
            assert f"{state.lr:.9f}" == row["lr"], f"epoch {row['epoch']}"
        state, verdict = judge(
            rule, state, int(row["epoch"]), val_acc=float(row["val_acc"]), val_loss=float(row["val_loss"])
        )
        assert verdict.new_best == (row["new_best"] == "1"), f"epoch {row['epoch']}"
        assert verdict.stop == (row["early_stop"] == "1"), f"epoch {row['epoch']}"
        if verdict.stop:
            stopped_after = int(row["epoch"])
    assert stopped_after == stops_after


def judge(
    rule: Rule,
    state: ScheduleState,
    epoch: int,
    *,
    val_acc: float = 0.0,
    val_loss: float = 9.0,
    epochs: int = 60,
) -> tuple[ScheduleState, ScheduleDecision]:
    return advance(rule, state, epoch=epoch, epochs=epochs, val_acc=val_acc, val_loss=val_loss)


def run(rule: Rule, scores: list[float], epochs: int = 60) -> list[tuple[ScheduleState, ScheduleDecision]]:
    """Judge epochs of these accuracies, in which the loss falls as the accuracy rises."""
    state, judged = ScheduleState(lr=1e-3), []
    for epoch, score in enumerate(scores, 1):
        state, verdict = judge(rule, state, epoch, val_acc=score, val_loss=(100 - score) / 10, epochs=epochs)
        judged.append((state, verdict))
    return judged


def test_an_equal_score_is_no_new_best() -> None:
    (_, first), (state, second) = run(Rule(), [50, 50])
    assert (first.new_best, second.new_best, state.counter, state.best_epoch) == (True, False, 1, 1)


def test_counter_decays_at_each_multiple_but_not_on_the_stop() -> None:
    judged = run(Rule(every=2, patience=4), [50, 1, 1, 1, 1])
    assert [verdict.decayed for _, verdict in judged] == [False, False, True, False, False]
    assert [verdict.stop for _, verdict in judged] == [False, False, False, False, True]
    assert judged[2][1].reason == "2 epochs without a better score"
    assert judged[-1][0].lr == pytest.approx(6e-4)


def test_monitoring_the_loss() -> None:
    state, verdict = judge(
        Rule(monitor="val_loss"), ScheduleState(lr=1.0, best=1.0, best_epoch=1), 2, val_loss=0.9
    )
    assert verdict.new_best
    assert state.best == 0.9
    state, verdict = judge(Rule(monitor="val_loss"), state, 3, val_acc=99.0, val_loss=0.95)
    assert not verdict.new_best
    assert state.counter == 1


@pytest.mark.parametrize("monitor", ["val_acc", "val_loss"])
@pytest.mark.parametrize("kind", ["counter", "plateau", "cosine"])
def test_nan_is_never_better_and_never_spoils_what_comes_after(kind: Kind, monitor: Monitor) -> None:
    rule = Rule(kind, monitor=monitor)
    state, verdict = judge(rule, ScheduleState(lr=1e-3), 1, val_acc=math.nan, val_loss=math.nan)
    assert not verdict.new_best
    assert state.best is None
    state, verdict = judge(rule, state, 2, val_acc=50.0, val_loss=1.0)
    assert verdict.new_best
    state, verdict = judge(rule, state, 3, val_acc=math.nan, val_loss=math.nan)
    assert (verdict.new_best, state.counter, state.best_epoch) == (False, 1, 2)
    assert math.isfinite(state.lr)


def test_plateau_counts_bad_epochs_anew_after_a_decay() -> None:
    judged = run(Rule("plateau", patience=99), [50.0] * 8)
    assert [verdict.decayed for _, verdict in judged] == [
        False,
        False,
        False,
        True,
        False,
        False,
        True,
        False,
    ]
    assert "3 epochs" in judged[3][1].reason


def test_plateau_asks_for_a_relative_gain() -> None:
    state = ScheduleState(lr=1.0, plateau_best=1.0)
    assert judge(Rule("plateau"), state, 2, val_loss=0.991)[0].plateau_bad_epochs == 1
    assert judge(Rule("plateau"), state, 2, val_loss=0.989)[0].plateau_bad_epochs == 0


def test_plateau_is_torchs() -> None:
    torch = pytest.importorskip("torch")
    losses = [2.0, 1.5, 1.6, 1.49, 1.7, 1.5, 1.3, 1.4, 1.295, 1.29, 1.31, 1.2, 1.3, 1.3, 1.3, 1.3, 1.1]
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1e-3)
    theirs = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, factor=0.6, patience=2, threshold=0.01)
    state = ScheduleState(lr=1e-3)
    for epoch, loss in enumerate(losses, 1):
        theirs.step(loss)
        state, _ = judge(Rule("plateau", patience=99), state, epoch, val_loss=loss)
        assert state.lr == pytest.approx(optimizer.param_groups[0]["lr"], rel=1e-12)


def cosine(state: ScheduleState, first: int, last: int, epochs: int) -> list[float]:
    """Return the rates of epochs ``first`` to ``last``, ``state`` being that of the first."""
    rates = [state.lr]
    for epoch in range(first, last):
        state, _ = judge(Rule("cosine", patience=999), state, epoch, val_acc=epoch, epochs=epochs)
        rates.append(state.lr)
    return rates


def half_cosine(epochs: int) -> list[float]:
    return [1e-3 * (1 + math.cos(math.pi * done / epochs)) / 2 for done in range(epochs)]


def test_cosine_falls_from_the_base_towards_nothing() -> None:
    rates = [verdict.new_lr for _, verdict in run(Rule("cosine"), [1, 2, 3, 4], epochs=4)]
    assert rates == pytest.approx([*half_cosine(4)[1:], half_cosine(4)[-1]])


@pytest.mark.parametrize("epochs", [1, 2, 60, 10_000])
def test_cosine_is_the_closed_form(epochs: int) -> None:
    assert cosine(ScheduleState(lr=1e-3), 1, epochs, epochs) == pytest.approx(half_cosine(epochs), rel=1e-6)


def test_cosine_is_torchs_also_after_a_set() -> None:
    torch = pytest.importorskip("torch")
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1e-3)
    theirs = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=60)
    state = ScheduleState(lr=1e-3)
    for epoch in range(1, 60):
        if epoch == 20:
            state, optimizer.param_groups[0]["lr"] = state.with_lr(5e-3), 5e-3
        optimizer.step()
        theirs.step()
        state, _ = judge(Rule("cosine", patience=999), state, epoch, val_acc=epoch)
        assert state.lr == pytest.approx(optimizer.param_groups[0]["lr"], rel=1e-9)


def test_cosine_goes_on_from_a_rate_that_was_set() -> None:
    plain = cosine(ScheduleState(lr=1e-3), 1, 60, 60)
    rates = cosine(ScheduleState(lr=plain[49]).with_lr(2e-5), 50, 60, 60)
    assert rates[0] == 2e-5
    assert 1.6e-5 < rates[1] < 2e-5
    # The same curve, at another height: it ends where the cosine ends.
    assert [rate / 2e-5 for rate in rates] == pytest.approx([rate / plain[49] for rate in plain[49:]])


@pytest.mark.parametrize(("epoch", "epochs"), [(30, 40), (30, 30), (30, 120), (59, 200), (60, 200)])
def test_cosine_goes_on_to_another_last_epoch_without_a_jump(epoch: int, epochs: int) -> None:
    now = cosine(ScheduleState(lr=1e-3), 1, epoch, 60)[-1]
    rates = cosine(ScheduleState(lr=now), epoch, epochs, epochs)
    assert rates[0] == now
    assert rates == sorted(rates, reverse=True)
    assert rates[-1] == pytest.approx(cosine_lr(now, epoch, epochs, epochs))
    assert rates[-1] > 0 == pytest.approx(cosine_lr(now, epoch, epochs + 1, epochs), abs=1e-30)


def test_a_finished_cosine_goes_on_from_where_it_ended() -> None:
    state, _ = judge(Rule("cosine"), ScheduleState(lr=1e-6), 60, epochs=60)
    assert cosine(state, 61, 80, 80) == sorted(cosine(state, 61, 80, 80), reverse=True)
    assert state.lr == 1e-6


def test_a_lowered_cosine_stays_lower() -> None:
    plain = cosine(ScheduleState(lr=1e-3), 10, 20, 20)
    assert cosine(ScheduleState(lr=1e-3).lower(0.6), 10, 20, 20) == pytest.approx(
        [0.6 * rate for rate in plain]
    )


def test_an_edited_base_scales_the_rate() -> None:
    state = ScheduleState(lr=1e-4, base_lr=1e-3)
    assert state.rescaled(1e-3) == state
    assert state.rescaled(5e-4) == ScheduleState(lr=5e-5, base_lr=5e-4)
    assert ScheduleState(lr=1e-4).rescaled(5e-4) == ScheduleState(lr=1e-4, base_lr=5e-4)  # one of 0.1.0
    assert state.with_lr(2e-4).rescaled(2e-4).lr == 2e-4


COSINE_ENDS = "the cosine curve goes on from 2e-05 in epoch 50 to 1.7e-07 in epoch 60"
DECAYS = "the next decay, to 6e-05, comes after"


@pytest.mark.parametrize(
    ("rule", "state", "epoch", "words"),
    [
        (Rule("cosine"), ScheduleState(2e-5), 50, COSINE_ENDS),
        (Rule("cosine"), ScheduleState(2e-5), 60, "epoch 60 is the last"),
        (Rule(), ScheduleState(1e-4, counter=1), 5, f"{DECAYS} 3 more epochs without a better score"),
        (Rule(), ScheduleState(1e-4, counter=7), 9, f"{DECAYS} 1 more epoch without a better score"),
        (Rule(), ScheduleState(1e-4, counter=9), 20, "early stopping comes before the next decay"),
        (
            Rule("plateau"),
            ScheduleState(1e-4, plateau_bad_epochs=1),
            5,
            f"{DECAYS} 2 more epochs on a plateau of the loss",
        ),
    ],
)
def test_the_outlook_is_what_comes(rule: Rule, state: ScheduleState, epoch: int, words: str) -> None:
    assert outlook(rule, state, epoch=epoch, epochs=60) == words
    if words.startswith("the next decay"):
        rates = []
        for later in range(epoch, epoch + 3):
            state, _ = judge(rule, replace(state, best=99.0, plateau_best=0.1), later)
            rates.append(state.lr)
        after = int(words.partition("comes after ")[2].split()[0])
        assert rates == pytest.approx([1e-4] * (after - 1) + [6e-5] * (4 - after))
        assert f"to {rates[after - 1]:.3g}," in words


@pytest.mark.parametrize(
    ("kind", "epoch", "before", "after", "words"),
    [
        ("counter", 5, 60, 80, "the learning rate stays 2e-05: counter doesn't depend on train.epochs"),
        ("plateau", 5, 60, 5, "the learning rate stays 2e-05: plateau doesn't depend on train.epochs"),
        ("cosine", 50, 60, 50, "the learning rate stays 2e-05: epoch 50 is the last"),
        ("cosine", 50, 60, 100, "in epoch 100; in epoch 60 it is 1.4e-05 instead of 1.7e-07"),
        ("cosine", 61, 60, 80, "in epoch 80 and doesn't rise again; set optim.lr for a higher rate"),
    ],
)  # fmt: skip
def test_what_another_last_epoch_does_to_the_rate(
    kind: Kind, epoch: int, before: int, after: int, words: str
) -> None:
    told = epochs_effect(Rule(kind), ScheduleState(2e-5), epoch=epoch, before=before, after=after)
    assert words in told
    if "instead of" in told:
        for epochs, shown in (
            (before, told.rpartition(" ")[2]),
            (after, told.split(" it is ")[1].split()[0]),
        ):
            rates = cosine(ScheduleState(2e-5), epoch, min(before, after), epochs)
            assert f"{rates[-1]:.3g}" == shown


@pytest.mark.parametrize("kind", ["counter", "plateau"])
def test_a_set_rate_stays_until_the_decay_that_was_due_anyway(kind: Kind) -> None:
    rule, state = Rule(kind, every=3, patience=99), ScheduleState(lr=1e-3)
    rates = []
    for epoch in range(1, 12):
        state, _ = judge(rule, state if epoch != 6 else state.with_lr(5e-4), epoch, val_loss=1.0)
        rates.append(state.lr)
    assert rates == pytest.approx([1e-3] * 3 + [6e-4] * 2 + [5e-4] + [3e-4] * 3 + [1.8e-4] * 2)


def test_a_changed_rate_is_the_one_that_decays() -> None:
    rule = Rule(every=1)
    state = replace(run(rule, [50])[-1][0].with_lr(1e-2), counter=0)
    assert judge(rule, state, 2)[0].lr == pytest.approx(6e-3)


def test_epochs_to_stop() -> None:
    assert [epochs_to_stop(3, counter) for counter in (0, 1, 3, 5)] == [3, 2, 0, 0]
