"""What has to be confirmed by typing it."""

from engine.errors import UserError
from engine.text import printable
from tui.cli.say import note
from tui.cli.terminal import is_terminal

_WORD = "delete"


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
