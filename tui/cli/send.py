"""`vrdl-tui send`."""

from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from tui.cli.options import DEFAULT_RUNS, Run, Runs

if TYPE_CHECKING:
    from engine.control.commands import AnyCommand
    from engine.run.directory import RunDir

Word = Literal["pause", "resume", "checkpoint", "stop", "predict", "set", "rollback", "skip"]


def send(
    run: Run,
    command: Annotated[
        Word,
        Parameter(
            help="pause, resume: the training; checkpoint: save now; predict: write prediction.csv from the "
            "best weights so far; stop: save and end; set: change a setting; rollback: go on from the best "
            "weights; skip: leave out the rest of the epoch."
        ),
    ],
    setting: Annotated[
        str | None, Parameter(help="KEY=VALUE, for set only, such as optim.lr=1e-4 or train.epochs=80.")
    ] = None,
    /,
    *,
    after_epoch: Annotated[
        bool, Parameter(help="With stop: once the epoch under way is over.", show_default=False)
    ] = False,
    runs: Runs = DEFAULT_RUNS,
) -> int:
    """Ask a running run to pause, save, stop, predict or change a setting.

    Waits for the run's answer and prints it. Exit code: 0 accepted, 1 refused or
    no answer within 30 seconds, 2 no such run, or it isn't running.
    """
    from engine.core.errors import UserError
    from engine.core.text import printable
    from engine.run.directory import find_run
    from tui.cli.answer import ask
    from tui.cli.naming import run_argument

    if (command == "set") != (setting is not None):
        raise UserError(
            "send RUN set needs one KEY=VALUE"
            if command == "set"
            else f"send RUN {command} takes no KEY=VALUE"
        )
    if after_epoch and command != "stop":
        raise UserError(f"--after-epoch goes with stop, not with {command}")
    found = find_run(runs, run)
    if not found.is_alive():
        raise UserError(
            f"run {printable(found.name)} is not running, so nothing can be sent; "
            f"vrdl-tui resume {run_argument(found)} goes on with it"
        )
    return ask(found, _command(found, command, setting, after_epoch=after_epoch))


def _command(run: "RunDir", word: Word, setting: str | None, *, after_epoch: bool) -> "AnyCommand":
    from engine.control import commands

    match word:
        case "pause":
            return commands.Pause()
        case "resume":
            return commands.Resume()
        case "checkpoint":
            return commands.Checkpoint()
        case "predict":
            return commands.Predict()
        case "rollback":
            return commands.Rollback()
        case "skip":
            return commands.Skip()
        case "stop":
            return commands.Stop(after_epoch=after_epoch)
        case "set":
            key, value = _checked_setting(run, setting or "")
            return commands.Set(key=key, value=value)


def _checked_setting(run: "RunDir", setting: str) -> tuple[str, str]:
    """Return key and value of a setting that a living run takes. Raises UserError."""
    from engine.core.errors import UserError
    from engine.core.text import nearest, printable
    from engine.recipe.recipe import LIVE_KEYS, change, load_recipe

    key, equals, value = (part.strip() for part in setting.partition("="))
    if not equals or not key or not value:
        raise UserError(f"'{printable(setting, 80)}' is not KEY=VALUE")
    if key not in LIVE_KEYS:
        close = nearest(key, LIVE_KEYS, 1)
        hint = f"did you mean {close[0]}? " if close else ""
        raise UserError(
            f"{printable(key, 80)} can't be set while a run goes on; {hint}these can: {', '.join(LIVE_KEYS)}"
        )
    change(load_recipe(run.recipe), key, value)
    return key, value
