"""A run in a few figures, for ``vrdl-tui runs``."""

import time

import msgspec

from engine.errors import UserError
from engine.recipe import load_recipe
from engine.rundir import RunDir
from engine.state import Status
from engine.text import printable
from tui.cli.standing import read_state, score


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """The object that ``runs --json`` prints: names and meanings are kept from version to version.

    ``best`` is percent or loss as ``monitor`` says; times are UTC, ``2026-01-31T12:00:00Z``; None stands for
    what is not known yet.
    """

    name: str
    path: str
    state: Status
    reason: str | None
    model: str | None
    data: str | None
    epoch: int
    epochs: int | None
    best: float | None
    best_epoch: int | None
    monitor: str | None
    lr: float | None
    started: str | None
    updated: str | None

    def cells(self) -> list[str]:
        """Return the row of the table, safe to show."""
        best = "" if self.best is None else score(self.monitor or "", self.best)
        epoch = f"{self.epoch}/{self.epochs}" if self.epochs else ""
        last = (self.updated or "").replace("T", " ").removesuffix("Z")[:16]
        return [
            printable(self.name),
            self.state,
            epoch,
            best,
            printable(self.model or ""),
            f"{last} UTC" if last else "",
        ]


def summarize(run: RunDir) -> Summary:
    """Fold a run's journal into its summary; what the journal lacks still is taken from the recipe."""
    alive = run.is_alive()
    state = read_state(run)
    started, stop = state.started, state.early_stop
    model = data = None
    epochs: int | None = None
    if started is not None:
        model, data, epochs = (
            started.model,
            started.data,
            state.epoch.epochs if state.epoch else started.epochs,
        )
    else:
        try:
            recipe = load_recipe(run.recipe)
            model, data, epochs = recipe.model.name, recipe.data.train, recipe.train.epochs
        except UserError:  # a recipe damaged by hand: the run is listed all the same
            pass
    return Summary(
        name=_text(run.name),
        path=_text(str(run.path.resolve())),
        state=state.status(alive=alive),
        reason=(state.ended.reason or None) if state.ended else None,
        model=model,
        data=data,
        epoch=state.epoch.epoch if state.epoch else state.epochs[-1].epoch if state.epochs else 0,
        epochs=epochs,
        best=stop.best,
        best_epoch=stop.best_epoch or None,
        monitor=stop.monitor if started else None,
        lr=state.lr,
        started=_utc(state.first_started_at),
        updated=_utc(state.updated_at),
    )


def _text(name: str) -> str:
    """Undecodable bytes of a file name can't be JSON."""
    return name.encode(errors="surrogateescape").decode(errors="replace")


def _utc(t: float) -> str | None:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(t)) if t else None
