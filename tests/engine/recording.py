"""Which images a session trains on, with which learning rate, and a stop at a step of the test's choice."""

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

import pytest

from engine.control.commands import Stop, send
from engine.data.batches import Batched
from engine.run.directory import RunDir
from engine.training.trainer import Trainer
from tests.engine.conducting import Played, play


@dataclass
class Recorded(Played):
    """``images`` are CLASS/FILE by epoch, ``rates`` learning rates by epoch and step."""

    images: dict[int, list[str]] = field(default_factory=lambda: defaultdict(list))
    rates: dict[tuple[int, int], float] = field(default_factory=dict)


def record(run: RunDir, monkeypatch: pytest.MonkeyPatch, stop_at: tuple[int, int] | None = None) -> Recorded:
    """Run a session to its end, or have it stop once it has made the step ``stop_at``, (epoch, step)."""
    images: dict[int, list[str]] = defaultdict(list)
    rates: dict[tuple[int, int], float] = {}
    learn = Trainer._learn

    def learn_and_note(self: Any, batch: Batched) -> None:
        learn(self, batch)
        place = self.progress.epoch, self.progress.step
        paths = self._stream.data.train.paths
        images[place[0]] += [f"{paths[index].parent.name}/{paths[index].name}" for index in batch.indices]
        rates[place] = self.optimizer.param_groups[0]["lr"]
        if place == stop_at:
            send(run.commands, Stop())

    with monkeypatch.context() as patch:
        patch.setattr(Trainer, "_learn", learn_and_note)
        played = play(run)
    return Recorded(played.code, played.state, played.events, images, rates)
