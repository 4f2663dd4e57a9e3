"""The stopwatch of the estimate: seconds of a step, whatever makes a group of them."""

import contextlib
import json
import time
from types import SimpleNamespace

import pytest
import torch

from engine.tools.estimate import _Enough, _Stopwatch
from engine.training.trainer import Moment


def trainer(steps: int, accumulate: int) -> SimpleNamespace:
    """Stand where a trainer stands before each group of steps."""
    recipe = SimpleNamespace(optim=SimpleNamespace(grad_accum_steps=accumulate))
    return SimpleNamespace(
        steps=steps, recipe=recipe, progress=SimpleNamespace(step=0), device=torch.device("cpu")
    )


@pytest.mark.parametrize(("steps", "accumulate", "groups"), [(5, 4, [4, 1]), (3, 8, [3]), (12, 4, [4, 4, 4])])
def test_a_last_group_of_fewer_steps(
    steps: int, accumulate: int, groups: list[int], capfd: pytest.CaptureFixture[str]
) -> None:
    stands = trainer(steps, accumulate)
    watch = _Stopwatch(stands)  # type: ignore[arg-type]
    watch.tick(Moment.BEFORE_STEP)
    with contextlib.suppress(_Enough):
        for made in groups:
            time.sleep(0.1 * made)
            watch.tick(Moment.BETWEEN)  # images are waited for
            stands.progress.step += made
            watch.tick(Moment.BEFORE_STEP)
    assert stands.progress.step == steps
    told = [json.loads(line) for line in capfd.readouterr().out.splitlines()]
    assert told
    assert all(0.1 <= one["step_s"] < 0.19 for one in told), told
    assert told[-1]["epoch_s"] == pytest.approx(told[-1]["step_s"] * steps)
