"""Validation scores that are made, for what depends on which epoch is the best: that is no matter of rounding."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest

from engine.training.evaluate import Evaluation, Validation


def make_scores(
    *,
    val_loss: Sequence[float] = (),
    val_acc: Sequence[float] = (),
    monkeypatch: pytest.MonkeyPatch | None = None,
) -> None:
    """Have the validations of this process find these figures, the first epoch's first; accuracies are in percent."""
    validate: Callable[..., Evaluation] = Validation.validate

    def scored(self: Validation, *args: Any, epoch: int, **named: Any) -> Evaluation:
        result = validate(self, *args, epoch=epoch, **named)
        if val_loss:
            result = replace(result, loss_sum=val_loss[epoch - 1] * result.seen)
        if val_acc:
            result = replace(result, correct=val_acc[epoch - 1] * result.seen / 100)
        return result

    (monkeypatch.setattr if monkeypatch is not None else setattr)(Validation, "validate", scored)
