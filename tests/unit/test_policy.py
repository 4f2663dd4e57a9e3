"""The rule for the learning rate and early stopping, held against the report's own logs."""

import csv
import math
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from engine.recipe.schedule import Kind, Monitor, PolicyState, Verdict, advance, epochs_to_stop

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
    ("final", Rule(), PolicyState(lr=1.5e-4 * 0.6**4, best=90.34, best_epoch=14), 30),
    ("with_mixup", Rule(every=2), PolicyState(lr=1.5e-4 * 0.6**3, best=90.5, best_epoch=21), 38),
    (
        "without_mixup",
        Rule("plateau"),
        PolicyState(lr=9e-5, best=83.0, best_epoch=13, plateau_best=1.32),
        None,
    ),
]


@pytest.mark.parametrize(("log", "rule", "state", "stops_after"), LOGS, ids=[log[0] for log in LOGS])
def test_reproduces_the_printed_learning_rates_and_the_stop(
    log: str, rule: Rule, state: PolicyState, stops_after: int | None
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
    state: PolicyState,
    epoch: int,
    *,
    val_acc: float = 0.0,
    val_loss: float = 9.0,
    epochs: int = 60,
) -> tuple[PolicyState, Verdict]:
    return advance(rule, state, epoch=epoch, epochs=epochs, base_lr=1e-3, val_acc=val_acc, val_loss=val_loss)


def run(rule: Rule, scores: list[float], epochs: int = 60) -> list[tuple[PolicyState, Verdict]]:
    """Judge epochs of these accuracies, in which the loss falls as the accuracy rises."""
    state, judged = PolicyState(lr=1e-3), []
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
        Rule(monitor="val_loss"), PolicyState(lr=1.0, best=1.0, best_epoch=1), 2, val_loss=0.9
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
    state, verdict = judge(rule, PolicyState(lr=1e-3), 1, val_acc=math.nan, val_loss=math.nan)
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
    state = PolicyState(lr=1.0, plateau_best=1.0)
    assert judge(Rule("plateau"), state, 2, val_loss=0.991)[0].plateau_bad_epochs == 1
    assert judge(Rule("plateau"), state, 2, val_loss=0.989)[0].plateau_bad_epochs == 0


def test_plateau_is_torchs() -> None:
    torch = pytest.importorskip("torch")
    losses = [2.0, 1.5, 1.6, 1.49, 1.7, 1.5, 1.3, 1.4, 1.295, 1.29, 1.31, 1.2, 1.3, 1.3, 1.3, 1.3, 1.1]
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1e-3)
    theirs = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, factor=0.6, patience=2, threshold=0.01)
    state = PolicyState(lr=1e-3)
    for epoch, loss in enumerate(losses, 1):
        theirs.step(loss)
        state, _ = judge(Rule("plateau", patience=99), state, epoch, val_loss=loss)
        assert state.lr == pytest.approx(optimizer.param_groups[0]["lr"], rel=1e-12)


def test_cosine_falls_from_the_base_towards_nothing() -> None:
    rates = [verdict.new_lr for _, verdict in run(Rule("cosine"), [1, 2, 3, 4], epochs=4)]
    assert rates == pytest.approx([1e-3 * (1 + math.cos(math.pi * done / 4)) / 2 for done in (1, 2, 3, 3)])


def test_a_changed_rate_is_the_one_that_decays() -> None:
    rule = Rule(every=1)
    state = replace(run(rule, [50])[-1][0].with_lr(1e-2), counter=0)
    assert judge(rule, state, 2)[0].lr == pytest.approx(6e-3)


def test_epochs_to_stop() -> None:
    assert [epochs_to_stop(3, counter) for counter in (0, 1, 3, 5)] == [3, 2, 0, 0]
