"""The first row of a replay: that it is one, how far it has come and how fast it goes; a click seeks."""

from rich.style import Style
from rich.text import Text
from textual.events import Click, Resize
from textual.message import Message

from tui.play_clock import PlayClock
from tui.widgets.bar import bar
from tui.widgets.lines import Lines
from tui.widgets.look import BEST, DARK, MUTED, PLAIN, STRONG, WARN, Glyphs, styled
from tui.widgets.wording import duration

_BADGE = Style.parse(f"bold {DARK.ground} on {DARK.purple}")


class ReplayBar(Lines):
    """``REPLAY``, the time in the run, a bar over the room that is left."""

    class Sought(Message):
        """A place in the bar was clicked."""

        def __init__(self, share: float) -> None:
            super().__init__()
            self.share = share

    def __init__(self, clock: PlayClock, glyphs: Glyphs) -> None:
        super().__init__(id="replay-bar")
        self._clock = clock
        self._glyphs = glyphs
        self._start = 0

    def on_resize(self, _event: Resize) -> None:
        self.draw()

    def on_click(self, event: Click) -> None:
        room = self.content_size.width - self._start
        x = event.x - self.gutter.left
        if x >= self._start and room > 0:
            self.post_message(self.Sought((x - self._start) / room))

    def draw(self) -> None:
        """Show where the clock stands."""
        width = self.content_size.width
        if not width:
            return
        row = _figures(self._clock, self._glyphs)
        self._start = row.cell_len
        self.show([row.append(bar(self._clock.share, 1.0, max(0, width - row.cell_len), BEST, self._glyphs))])


def _figures(clock: PlayClock, glyphs: Glyphs) -> Text:
    length = duration(clock.last - clock.first)
    at = duration(clock.now() - clock.first).rjust(len(length))
    row = styled("   REPLAY   ", _BADGE).append(f"  {at}", STRONG).append(f" of {length}", MUTED)
    row.append(f" {int(100 * clock.share):>3} % ", PLAIN).append(f" {glyphs.times}{clock.speed:<4g} ", BEST)
    word, style = (
        ("at the end", MUTED) if clock.over else ("playing", PLAIN) if clock.playing else ("paused", WARN)
    )
    return row.append(f"{word:<11}", style)
