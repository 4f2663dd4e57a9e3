"""The table of models: a cursor, columns that fit the width."""

from rich.text import Text

from tui.widgets.form_cursor import CursorList
from tui.widgets.look import BEST, FAINT, GOOD, KEY, MUTED, PLAIN, STRONG, Glyphs, styled
from tui.widgets.model_query import ModelRow

_LICENCE = 110


class ModelList(CursorList):
    """One model a row: name, million parameters, px, top-1, whether its weights are here, licence where it fits."""

    def __init__(self, glyphs: Glyphs) -> None:
        super().__init__(glyphs, id="model-list")
        self._rows: list[ModelRow] = []

    @property
    def count(self) -> int:
        return len(self._rows)

    @property
    def current(self) -> ModelRow | None:
        """The model under the cursor."""
        return self._rows[self.at] if self._rows else None

    def tell(self, rows: list[ModelRow], at: str) -> None:
        """Show these, the cursor on the model named ``at`` if it is among them, else on the first."""
        self._rows = rows
        self.at = next((number for number, row in enumerate(rows) if row.fact.name == at), 0)
        self.redraw()

    def head(self, width: int) -> Text:
        row = styled("  " + "model".ljust(self._name_width(width)), MUTED)
        row.append(f"{'Mparams':>9}{'px':>6}{'top-1':>8}  {'weights':<8}", MUTED)
        return row.append("  licence", MUTED) if width >= _LICENCE else row

    def _name_width(self, width: int) -> int:
        return width - 35 - (24 if width >= _LICENCE else 0)

    def draw_row(self, number: int, here: bool, width: int) -> Text:
        glyphs, one = self.glyphs, self._rows[number]
        row = styled(f"{glyphs.cursor} " if here else "  ", KEY)
        marked = f"{glyphs.best} " if one.candidate else ""
        name = glyphs.fit(glyphs.clean(one.fact.name), self._name_width(width) - len(marked))
        row.append(marked, BEST).append(name, STRONG if here else PLAIN)
        known = one.parameters is not None
        row.append(
            f"{one.parameters if known else '?':>9.1f}" if known else f"{'?':>9}", PLAIN if known else FAINT
        )
        row.append(f"{one.fact.size or '?':>6}", MUTED)
        row.append(f"{one.figure.top1:>8.2f}" if one.figure else f"{'?':>8}", PLAIN if one.figure else FAINT)
        word, style = (
            ("here", GOOD) if one.here else ("hub", MUTED) if one.fact.published else ("none", FAINT)
        )
        row.append(f"  {word:<8}", style)
        if width >= _LICENCE:
            row.append("  " + glyphs.cut(glyphs.clean(one.fact.licence or "?"), 22), MUTED)
        return row
