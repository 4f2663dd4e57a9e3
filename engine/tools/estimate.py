"""``python -m engine.tools.estimate RECIPE``: how long an epoch of a run would take, from a few of its real steps.

Prints JSON lines: ``{"parameters": …, "device": …}``, then after each measured step ``{"measured": n, "steps": …,
"step_s": …, "val_s": …, "epoch_s": …, "memory": …}``: seconds of a step, of a validation (null until it is timed; the
epoch is without it then) and of an epoch, the peak bytes of the GPU or, on a CPU, of the process. Nothing is
downloaded or kept: the weights are random ones, and images are decoded anew as in a run's first epoch.
"""

import argparse
import contextlib
import math
import resource
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from engine.core.offline import keep_offline
from engine.recipe.recipe import Recipe, load_recipe
from engine.tools.helper import run, say

if TYPE_CHECKING:
    from engine.training.evaluate import Validation
    from engine.training.trainer import Moment, Trainer

_WARM_UP = 2
_MOST_STEPS = 10
_MOST_SECONDS = 20.0
_VALIDATED = 3
_KIB = 1024


class _Enough(BaseException):
    """Leave the loop: what was to be measured is. No Exception: no handler on the way may take it for an error."""


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m engine.tools.estimate")
    parser.add_argument("recipe", type=Path)
    arguments = parser.parse_args()
    keep_offline()
    with tempfile.TemporaryDirectory(prefix="vrdl-tui-estimate-") as folder:
        _estimate(load_recipe(arguments.recipe), Path(folder))


def _estimate(recipe: Recipe, folder: Path) -> None:
    from engine.data.images import scan
    from engine.data.loading.pool import Pool, worker_count
    from engine.data.normalize import Normalize

    recipe = _bare(recipe)
    pool = Pool(worker_count(recipe.data.workers))
    try:
        from engine.compute.device import choose_device
        from engine.data.batches import BatchStream
        from engine.journal.exclusions import Exclusions
        from engine.model.build import build_model
        from engine.model.sizes import model_args
        from engine.run.directory import RunDir
        from engine.run.disk_space import DiskSpace
        from engine.training.evaluate import Validation
        from engine.training.trainer import Trainer

        run = RunDir.create(folder, "estimate", recipe.model.name, recipe.to_toml())
        data = scan(recipe.data, recipe.train.seed, run.split)
        device = choose_device(recipe.train.device)
        args = model_args(recipe.model, recipe.data)
        built = build_model(recipe.model, len(data.classes), recipe.train.seed, args)
        parameters = sum(weight.numel() for weight in built.module.parameters())
        say({"parameters": parameters, "device": device.type})
        normalize = Normalize(built.mean, built.std, device)
        feed = BatchStream(data, recipe, normalize, device, lambda _: None, set(), pool, Exclusions())
        try:
            room = DiskSpace(run.path, lambda _: None)
            trainer = Trainer(run, recipe, feed, built.module, device, lambda _: None, room)
            watch = _Stopwatch(trainer)
            with contextlib.suppress(_Enough), trainer.logging():
                trainer.epoch(watch.tick)
            watch.validate(Validation(run, feed, trainer.precision), len(data.val))
        finally:
            feed.close()
    finally:
        pool.close()


def _bare(recipe: Recipe) -> Recipe:
    """Return the recipe with what costs time or space and changes no step left out."""
    return recipe.model_copy(
        update={
            "data": recipe.data.model_copy(update={"cache": "off"}),
            "model": recipe.model.model_copy(update={"pretrained": False, "weights": ""}),
            "train": recipe.train.model_copy(update={"compile": False}),
        }
    )


class _Stopwatch:
    """Times the steps of one epoch, and ends it once enough of them were timed."""

    def __init__(self, trainer: "Trainer") -> None:
        self._trainer = trainer
        self._began = self._last = time.monotonic()
        self._done = 0
        self._steps: list[float] = []

    def tick(self, moment: "Moment") -> None:
        """Take the time since the last step of the weights. Raises _Enough."""
        if moment.name != "BEFORE_STEP":  # waiting for images is part of the step
            return
        now, trainer = self._now(), self._trainer
        taken, self._last = now - self._last, now
        done, accumulate = trainer.progress.step, trainer.recipe.optim.grad_accum_steps
        made, self._done = done - self._done, done  # fewer than ``accumulate`` at the end of an epoch
        if not made:
            return
        late = now - self._began > _MOST_SECONDS
        # The first steps set up what the others use; where there are no others they have to do.
        if done > _WARM_UP * accumulate or late or done >= trainer.steps:
            self._steps.append(taken / made)
            self._tell(None)
        if late or len(self._steps) >= _MOST_STEPS or done >= trainer.steps:
            raise _Enough

    def validate(self, validation: "Validation", images: int) -> None:
        """Time some batches of the validation, and tell all that is known."""
        batches = math.ceil(images / self._trainer.recipe.data.batch_size)
        began, done = self._now(), 0

        def poll() -> None:
            nonlocal done
            if done == _VALIDATED:
                raise _Enough
            done += 1

        with contextlib.suppress(_Enough):
            validation.validate(self._trainer.eval_model, poll, label_smoothing=0.0, epoch=1)
        self._tell((self._now() - began) / done * batches)

    def _now(self) -> float:
        import torch

        if self._trainer.device.type == "cuda":
            torch.cuda.synchronize()
        return time.monotonic()

    def _tell(self, val_s: float | None) -> None:
        steps, measured = self._trainer.steps, sorted(self._steps)
        # The median: one step that another program held up says nothing of the others.
        step_s = measured[len(measured) // 2]
        say(
            {
                "measured": len(measured), "steps": steps, "step_s": step_s, "val_s": val_s,
                "epoch_s": step_s * steps + (val_s or 0.0), "memory": self._memory(),
            }
        )  # fmt: skip

    def _memory(self) -> int:
        import torch

        if self._trainer.device.type == "cuda":
            return torch.cuda.max_memory_allocated()
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else _KIB)


if __name__ == "__main__":
    sys.exit(run(main))
