"""Panel: the runs of a comparison, each with its best figures and how it stands against the best of them."""

from rich.style import Style
from rich.text import Text
from textual.events import Click, MouseScrollDown, MouseScrollUp, Resize
from textual.message import Message

from engine.analysis.compare import Comparison
from engine.analysis.compare_tables import p_value, short
from tui.widgets.compare_series import STYLES, colour, mark
from tui.widgets.edge import edge_says
from tui.widgets.lines import Lines
from tui.widgets.look import BAD, BEST, FAINT, KEY, MUTED, PLAIN, STRONG, WARN, Glyphs, styled
from tui.widgets.wording import duration, percent

_WIDE = 100


class CompareRuns(Lines):
    """One run a row, with the mark and colour of its curve; one is under the cursor."""

    class Moved(Message):
        """The cursor is on another run."""

    def __init__(self, glyphs: Glyphs) -> None:
        super().__init__(id="compare-runs", classes="panel")
        self._glyphs = glyphs
        self._comparison: Comparison | None = None
        self._top = 0
        self.at = 0
        """The position of the run under the cursor."""

    def tell(self, comparison: Comparison) -> None:
        self._comparison = comparison
        edge_says(self, title="runs")
        self.styles.height = len(comparison.entrants) + 3
        self._draw()

    def on_resize(self, _event: Resize) -> None:
        self._draw()

    def on_mouse_scroll_up(self, _event: MouseScrollUp) -> None:
        self.move(-1)

    def on_mouse_scroll_down(self, _event: MouseScrollDown) -> None:
        self.move(1)

    def on_click(self, event: Click) -> None:
        content = event.get_content_offset(self)
        if content is not None and content.y:
            self._go(self._top + content.y - 1)

    def move(self, rows: int) -> None:
        """Move the cursor down by ``rows``, as far as there are runs."""
        self._go(self.at + rows)

    def _go(self, at: int) -> None:
        if self._comparison is None:
            return
        at = min(len(self._comparison.entrants) - 1, max(0, at))
        if at != self.at:
            self.at = at
            self._draw()
            self.post_message(self.Moved())

    def _draw(self) -> None:
        width, height = self.size
        if self._comparison is None or not width or height < 2:
            return
        runs, seen = len(self._comparison.entrants), height - 1
        self._top = max(min(self._top, self.at, runs - seen), self.at - seen + 1, 0)
        test = 10 if self._comparison.scored else 0
        wide = width >= _WIDE + test
        longest = max(len(self._glyphs.clean(one.name)) for one in self._comparison.entrants)
        name = max(8, min(longest, width - test - (91 if wide else 57)))
        head = f"    {'run':<{name}}{'val acc':>10}{'95 % interval':>16}{'test acc' if test else '':>{test}}"
        head += f"{'at':>6}{'epochs':>10}{'val loss':>10}{'time':>9}  " if wide else f"{'epochs':>8}  "
        rows = [styled(self._glyphs.cut(f"{head}against the best", width), MUTED)]
        rows += [
            self._row(self._comparison, at, name, wide=wide)
            for at in range(self._top, min(runs, self._top + seen))
        ]
        self.show(rows)
        edge_says(self, subtitle="" if runs <= seen else f"{self.at + 1} of {runs}")

    def _row(self, comparison: Comparison, at: int, name: int, *, wide: bool) -> Text:
        one, glyphs, here = comparison.entrants[at], self._glyphs, at == self.at
        best, interval = one.best, one.interval
        row = styled(f"{glyphs.cursor} " if here else "  ", KEY).append(
            f"{mark(at, glyphs)} ", STYLES[colour(at)]
        )
        row.append(glyphs.fit(glyphs.clean(one.name), name), STRONG if here else PLAIN)
        row.append(f"{percent(best.val_acc) if best else '':>10}", BEST if at == comparison.best else PLAIN)
        ends = f"{interval[0]:.1f} to {interval[1]:.1f} %" if interval else ""
        row.append(f"{ends:>16}", MUTED)
        if comparison.scored:
            row.append(f"{percent(one.test.acc) if one.test else '':>10}", PLAIN)
        done = f"{len(one.epochs)}/{one.planned}" if one.planned else ""
        if wide:
            row.append(f"{best.epoch if best else '':>6}{done:>10}", PLAIN)
            row.append(f"{f'{best.val_loss:.5f}' if best else '':>10}{duration(one.seconds):>9}  ", PLAIN)
        else:
            row.append(f"{done:>8}  ", PLAIN)
        row.append(short(comparison, at), _style(comparison, at))
        test = comparison.tests[at]
        if wide and test is not None and test.corrected is not None:
            row.append(f", p {p_value(test.corrected)}", MUTED)
        return row


def _style(comparison: Comparison, at: int) -> Style:
    test = comparison.tests[at]
    if test is None:
        return BEST if at == comparison.best else FAINT
    return FAINT if test.differs is None else BAD if test.differs else WARN
