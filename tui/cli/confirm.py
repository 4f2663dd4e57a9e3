"""What has to be confirmed by typing it."""

from engine.core.errors import UserError
from engine.core.text import printable
from engine.run.directory import RunDir
from engine.run.lock import is_beating
from tui.cli.say import note
from tui.cli.terminal import is_terminal

_WORD = "delete"
_TAKE = "take"


def confirm_deletion(train: str) -> None:
    """Return once the person has typed ``delete``. Raises UserError for anything else, and off a terminal."""
    what = f"outliers.action=delete removes training images from {printable(train)} for good"
    if not is_terminal():
        raise UserError(f"{what}; add --yes to confirm it, or take outliers.action=quarantine")
    note(f"{what}.\noutliers.action=quarantine would move them beside it. Type {_WORD} to go on:")
    try:
        answer = input()
    except EOFError:
        answer = ""
    if answer.strip() != _WORD:
        raise UserError("not confirmed; nothing was started")


def confirm_taking(run: RunDir, what: str) -> None:
    """Return once the person has typed ``take``. Raises UserError else, off a terminal, and for a run that lives."""
    if not is_terminal():
        raise UserError(what)
    note(f"{what}.\nLooking for 12 seconds whether it is there after all …")
    if is_beating(run.lock_file):
        raise UserError(f"run {printable(run.name)} is going on: its lock is being renewed")
    note(f"It isn't heard of. Type {_TAKE} to take the run:")
    try:
        answer = input()
    except EOFError:
        answer = ""
    if answer.strip() != _TAKE:
        raise UserError("not confirmed; nothing was started")
