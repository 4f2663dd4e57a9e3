"""Waiting for a console under a pilot, and reading what is on its screen."""

import asyncio
import time
from collections.abc import Callable

from textual.pilot import Pilot

from engine.control.commands import AnyCommand, Refused, Spool, command_name
from engine.journal.events import CommandAccepted, CommandRejected, Event
from engine.journal.log import JournalWriter
from engine.run.directory import RunDir
from tui.widgets.accuracy import Accuracy


def screen_text(pilot: Pilot[int]) -> str:
    """Return the characters on the screen, row by row."""
    return "\n".join(strip.text for strip in pilot.app.screen._compositor.render_strips())


async def until(pilot: Pilot[int], true: Callable[[], object], seconds: float = 30.0) -> None:
    """Wait until ``true()``; fail with the screen when it doesn't come."""
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, f"waited in vain; the screen:\n{screen_text(pilot)}"
        await asyncio.sleep(0.02)
        await pilot.pause()


async def shows(pilot: Pilot[int], *texts: str) -> str:
    """Wait until every text is on the screen, and return the screen."""
    await until(pilot, lambda: all(text in screen_text(pilot) for text in texts))
    return screen_text(pilot)


async def plotted(pilot: Pilot[int]) -> None:
    """Wait until the accuracy curves are drawn."""
    await until(
        pilot, lambda: pilot.app.screen.query(Accuracy) and pilot.app.screen.query_one(Accuracy).plot_ready
    )
    await pilot.pause()


class PlayedEngine:
    """Plays the engine's part: takes commands from the spool, appends events to the journal."""

    def __init__(self, run: RunDir) -> None:
        self._spool = Spool(run.commands)
        self._journal = JournalWriter(run.journal)

    async def next_command(self, pilot: Pilot[int]) -> AnyCommand:
        await until(pilot, self._spool.pending)
        path, command = self._spool.pending()[0]
        assert not isinstance(command, Refused)
        self._spool.done(path)
        return command

    def nothing_asked(self) -> bool:
        return not self._spool.pending()

    def says(self, *events: Event) -> None:
        for event in events:
            self._journal.append(event)

    def accepts(self, command: AnyCommand, detail: str = "") -> None:
        self.says(CommandAccepted(id=command.id, name=command_name(command), by=command.by, detail=detail))

    def refuses(self, command: AnyCommand, reason: str) -> None:
        self.says(CommandRejected(id=command.id, name=command_name(command), by=command.by, reason=reason))
