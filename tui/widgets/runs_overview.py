"""The run under the cursor: its facts, the curve of its validation accuracy, its last events, its note."""

from rich.cells import cell_len
from rich.text import Text
from textual.events import Resize

from engine.core.text import count
from tui.run_preview import Preview
from tui.run_rows import RunRow
from tui.widgets.lines import Lines
from tui.widgets.look import BEST, FAINT, MUTED, PLAIN, RATE, VAL, Glyphs, styled
from tui.widgets.runs_columns import best, lasted, started, status_style
from tui.widgets.runs_curve import curve
from tui.widgets.wording import clock, percent
from tui.widgets.wrapping import wrap

_LABEL = 7
_LEAST_CURVE = 24
_FEW = 5
_BESIDE_NAME = 36
"""Cells of the narrowest table that are not the name's."""


class RunsOverview(Lines):
    """Facts only where it is low or narrow; else the curve beside them, or below them where it is high."""

    def __init__(self, glyphs: Glyphs) -> None:
        super().__init__(id="overview")
        self._glyphs = glyphs
        self._row: RunRow | None = None
        self._preview: Preview | None = None

    def show_row(self, row: RunRow | None) -> None:
        self._row = row
        self._draw()

    def show_preview(self, preview: Preview) -> None:
        self._preview = preview
        self._draw()

    def on_resize(self, _event: Resize) -> None:
        self._draw()

    def _draw(self) -> None:
        width, height = self.size
        if not width or not height:
            return
        row = self._row
        if row is None:
            self.show([])
            return
        preview = self._preview if self._preview is not None and self._preview.run == row.run else None
        if height >= 20:
            self.show(self._high(row, preview, width, height))
        elif width >= 2 * _LEAST_CURVE + 40 and height >= 6:
            self.show(self._beside(row, preview, width, height))
        else:
            self.show(self._facts(row, width, height))

    def _high(self, row: RunRow, preview: Preview | None, width: int, height: int) -> list[Text]:
        facts = self._facts(row, width, height - 14)
        plot = self._curve(preview, width, min(12, height // 4))
        left = height - len(facts) - len(plot) - 3
        return [*facts, Text(), *plot, Text(), *self._last(preview, width, left)]

    def _beside(self, row: RunRow, preview: Preview | None, width: int, height: int) -> list[Text]:
        side = width // 2 - 2
        facts = self._facts(row, side, height)
        plot = [
            *self._curve(preview, width - side - 3, height - 3),
            *self._last(preview, width - side - 3, 2),
        ]
        rows = []
        for number in range(height):
            left = facts[number] if number < len(facts) else Text()
            left.pad_right(side + 3 - left.cell_len)
            rows.append(left.append_text(plot[number]) if number < len(plot) else left)
        return rows

    def _facts(self, row: RunRow, width: int, most: int) -> list[Text]:
        """Return the facts in at most ``most`` rows, nothing of them cut that these can hold."""
        facts, glyphs = row.facts, self._glyphs
        # Where rows are few, a name that the table holds whole need not be told again.
        told = [("run", row.name, PLAIN)] if most > _FEW or cell_len(row.name) > width - _BESIDE_NAME else []
        if facts is not None:
            word = f"{facts.status}{f': {facts.reason}' if facts.reason else ''}"
            told.append(("state", word, status_style(row)))
            if facts.best is not None:
                told.append(("best", f"{best(row)} at epoch {facts.best_epoch} of {facts.epoch}", BEST))
        if facts is not None and facts.test_acc is not None:
            images = count(facts.test_images, "labelled image")
            told.append(("test", f"{percent(facts.test_acc)} of {images}", BEST))
        if row.labels.note:
            told.append(("note", row.labels.note, PLAIN))
        if row.labels.tags:
            told.append(("tags", " ".join(row.labels.tags), RATE))
        if facts is not None:
            told.append(("model", facts.model or "not known yet", PLAIN))
        if facts is not None and facts.started:
            told.append(("ran", f"{lasted(row)} from {started(row)}", MUTED))
        if facts is not None and facts.data:
            told.append(("data", facts.data, MUTED))
        if facts is not None and facts.host:
            told.append(("host", facts.host, MUTED))
        rows: list[Text] = []
        for label, value, style in told:
            pieces = wrap(glyphs.clean(value), width - _LABEL)
            for number, piece in enumerate(pieces):
                if len(rows) == most:
                    return rows
                text = styled((label if number == 0 else "").ljust(_LABEL), FAINT).append(piece, style)
                if len(rows) == most - 1 and number < len(pieces) - 1:
                    text.truncate(width - cell_len(glyphs.ellipsis) - 1)
                    text.append(f" {glyphs.ellipsis}", FAINT)
                rows.append(text)
        return rows

    def _curve(self, preview: Preview | None, width: int, height: int) -> list[Text]:
        if preview is None:
            return [styled(f"reading its journal{self._glyphs.ellipsis}", FAINT)]
        values = [epoch.val_acc for epoch in preview.epochs]
        if not values:
            return [styled("no epoch has ended yet: the curve begins with the first", MUTED)]
        ends = [percent(max(values)), percent(min(values))]
        side = max(map(len, ends)) + 1
        head = styled("validation accuracy, ", MUTED)
        head.append(f"epoch {preview.epochs[0].epoch} to {preview.epochs[-1].epoch}", MUTED)
        rows = [head]
        lines = curve(values, max(4, width - side), height, ascii=self._glyphs.ascii)
        for number, line in enumerate(lines):
            end = ends[0] if number == 0 else ends[1] if number == len(lines) - 1 else ""
            rows.append(styled(end.rjust(side - 1) + " ", MUTED).append(line, VAL))
        return rows

    def _last(self, preview: Preview | None, width: int, most: int) -> list[Text]:
        """Return the newest lines of the log in at most ``most`` rows, each whole or not at all."""
        rows: list[Text] = []
        for happening in reversed(preview.last if preview is not None else []):
            pieces = wrap(self._glyphs.clean(happening.text), width - 10)
            if len(rows) + len(pieces) > most:
                break
            first = styled(f"{clock(happening.t)}  ", FAINT).append(pieces[0], PLAIN)
            rows[:0] = [first, *(Text(" " * 10).append(piece, PLAIN) for piece in pieces[1:])]
        return rows
