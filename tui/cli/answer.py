"""A command to a living run, and its answer."""

import time

from engine.control.commands import AnyCommand, command_name, send
from engine.core.text import printable
from engine.journal.events import CommandAccepted, CommandRejected
from engine.journal.log import JournalReader
from engine.run.directory import RunDir
from tui.cli.say import note

_PATIENCE = 30.0
_POLL = 0.05


def ask(run: RunDir, command: AnyCommand) -> int:
    """Send a command, wait for the run's answer, print it, and return the exit code: 0 accepted, 1 not."""
    reader = JournalReader(run.journal, offset=run.journal.stat().st_size if run.journal.exists() else 0)
    identity, word = send(run.commands, command), command_name(command)
    deadline = time.monotonic() + _PATIENCE
    while time.monotonic() < deadline:
        # The lock before the journal: a dying engine answers first and lets go of the lock after it.
        alive = run.is_alive()
        answer = _answer(reader, identity)
        if isinstance(answer, CommandAccepted):
            print(f"{word}: accepted{f', {printable(answer.detail)}' if answer.detail else ''}")
            return 0
        if answer is not None:
            note(f"vrdl-tui: {word}: refused, {printable(answer.reason)}")
            return 1
        if not alive:
            note(f"vrdl-tui: {word}: the run ended before it answered")
            return 1
        time.sleep(_POLL)
    note(f"vrdl-tui: {word}: no answer in {_PATIENCE:.0f} s; the run takes it up between two of its steps")
    return 1


def _answer(reader: JournalReader, identity: str) -> CommandAccepted | CommandRejected | None:
    for event in reader.read():
        if isinstance(event, CommandAccepted | CommandRejected) and event.id == identity:
            return event
    return None
