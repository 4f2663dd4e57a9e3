"""Keys one after the other: what is typed in the instant after a key goes where that key has led."""

from collections import deque
from functools import partial
from typing import Any

from textual.app import App
from textual.driver import Driver
from textual.events import Event, Key
from textual.message import Message
from textual.screen import Screen
from textual.timer import Timer
from textual.widget import Widget

_LONGEST = 0.5
"""Seconds for which keys wait for the one before them: what that was for may be gone from the screen."""
_MOST = 256
"""Keys that wait; more at once are no longer typed, and would keep the console busy long after."""


class KeyOrder(App[int]):
    """An app that gives out a key when the one before it is done.

    Textual gives each at once to what has the focus then. Of keys that come together, as over a slow line or from
    quick hands, all but the first would be for what was on screen before it: ``/d`` would not look for a d.
    """

    class Passed(Message):
        """Follows a key from widget to widget; when it is here, nobody will do anything with that key any more."""

        def __init__(self, number: int) -> None:
            super().__init__()
            self.number = number

    def __init__(self, driver_class: type[Driver]) -> None:
        super().__init__(driver_class=driver_class)
        self._waiting: deque[Key] = deque()
        self._at: Screen[Any] | None = None
        """The screen on which a key is under way; None when none is."""
        self._settled = False
        """Whether that was the screen one wait ago too."""
        self._wait = 0
        """The number of the newest wait."""
        self._patience: Timer | None = None

    async def on_event(self, event: Event) -> None:
        if not isinstance(event, Key) or event.is_forwarded:
            await super().on_event(event)
        elif self._at is not None:
            if len(self._waiting) < _MOST:
                self._waiting.append(event)
        else:
            await self._give(event)

    async def _give(self, key: Key) -> None:
        self._at, self._settled, target = self.screen, False, self.focused or self.screen
        await super().on_event(key)
        self._wait_behind(target)

    def _wait_behind(self, target: Widget) -> None:
        """Go on once ``target``, and all that it stands in, have dealt with what came to them up to now."""
        self._wait += 1
        target.post_message(self.Passed(self._wait))
        self._patience = self.set_timer(_LONGEST, partial(self._go_on, self._wait))

    def on_key(self) -> None:
        # Nobody on the way has stopped it: the app itself does now what it is bound to.
        self._go_on_soon(self._wait)

    def on_key_order_passed(self, message: Passed) -> None:
        self._go_on_soon(message.number)

    def _go_on_soon(self, wait: int) -> None:
        # By way of the queue, twice: what a key's action puts there, the focus among it, comes before the next key.
        self.call_later(self.call_later, self._go_on, wait)

    async def _go_on(self, wait: int) -> None:
        if wait != self._wait or self._at is None or not self.screen_stack:
            return
        if self._patience is not None:
            self._patience.stop()
        same = self.screen is self._at
        if not (same and self._settled):
            # What the key has opened has to stand first; and what it has chosen, in a menu say, goes the way that the
            # key went, and opens or closes something at its end.
            self._at, self._settled = self.screen, same
            self._wait_behind(self.focused or self._at)
        elif self._waiting:
            await self._give(self._waiting.popleft())
        else:
            self._at = None
