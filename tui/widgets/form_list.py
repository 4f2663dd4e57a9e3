"""The form: what is run on what, then every key of the recipe by section; what differs from the preset stands out."""

from typing import NamedTuple

from rich.cells import cell_len
from rich.style import Style
from rich.text import Text

from tui.widgets.form_cursor import CursorList
from tui.widgets.form_fields import FOLDERS, form_fields, text_of
from tui.widgets.form_state import FormState
from tui.widgets.look import BAD, BEST, FAINT, KEY, MUTED, PLAIN, RATE, STRONG, Glyphs, styled

DATA, RECIPE, NAME, MODEL = "data", "recipe", "name", "model.name"
_LABEL = 20
_LEAST = 15
"""Cells that a value keeps beside what is known of it."""


class Entry(NamedTuple):
    """A row: ``key`` of the recipe, or DATA, RECIPE, NAME; without a key a section's heading."""

    key: str
    label: str


class FormList(CursorList):
    """Draws a ``FormState``; ``facts`` are words that stand beside the first rows."""

    def __init__(self, state: FormState, glyphs: Glyphs) -> None:
        super().__init__(glyphs, id="form")
        self._state = state
        self._only_changed = False
        self._facts: dict[str, str] = {}
        self._entries: list[Entry] = []
        self._list()
        self.at = 1

    @property
    def count(self) -> int:
        return len(self._entries)

    @property
    def current(self) -> str:
        """The key under the cursor."""
        return self._entries[self.at].key

    @property
    def only_changed(self) -> bool:
        return self._only_changed

    @property
    def fact(self) -> str:
        """What is known of the row under the cursor, or nothing."""
        return self._facts.get(self.current, "")

    def takes_cursor(self, number: int) -> bool:
        return bool(self._entries[number].key)

    def show_only_changed(self, only: bool) -> None:
        """List only what differs from the preset, or all."""
        self._only_changed = only
        self._list()

    def know(self, key: str, words: str) -> None:
        """Show words beside a row: what the data folder holds, say."""
        self._facts[key] = words
        self.redraw()

    def tell(self) -> None:
        """Draw the state as it is now."""
        self._list()
        self.redraw()

    def put_cursor(self, key: str) -> None:
        """Put the cursor on a key's row, if it is listed."""
        self.go_to(next((at for at, entry in enumerate(self._entries) if entry.key == key), self.at))

    def section(self, step: int) -> None:
        """Put the cursor on the first row of the next section, or of the one before."""
        starts = [at + 1 for at, entry in enumerate(self._entries[:-1]) if not entry.key]
        if step > 0:
            self.go_to(next((start for start in starts if start > self.at), starts[-1]))
        else:
            self.go_to(next((start for start in reversed(starts) if start < self.at), starts[0]))

    def _list(self) -> None:
        key = self.current if self._entries else ""
        entries = [Entry("", "run"), Entry(DATA, "data folder"), Entry(RECIPE, "recipe")]
        entries += [Entry(MODEL, "model"), Entry(NAME, "name")]
        section = ""
        for field in form_fields().values():
            if field.key == MODEL or (self._only_changed and field.key not in self._state.changed):
                continue
            if field.section != section:
                section = field.section
                entries.append(Entry("", section))
            entries.append(Entry(field.key, field.name))
        if not section:
            entries.append(Entry("", "nothing differs from the preset; f lists every key"))
        self._entries = entries
        self.at = next(
            (number for number, entry in enumerate(entries) if entry.key == key), min(self.at, 4) or 1
        )

    def draw_row(self, number: int, here: bool, width: int) -> Text:
        entry, glyphs, state = self._entries[number], self.glyphs, self._state
        if not entry.key:
            row = styled(f"{entry.label} ", RATE)
            return row.append(glyphs.empty * max(0, width - row.cell_len), FAINT)
        row = styled(f"{glyphs.cursor} " if here else "  ", KEY)
        row.append(entry.label.ljust(_LABEL), STRONG if here else MUTED)
        text, style = self._value(entry.key)
        beside, room = glyphs.clean(self._beside(entry.key)), width - row.cell_len
        if cell_len(beside) + _LEAST > room:
            beside = ""
        room -= cell_len(beside) + 3 if beside else 0
        # Of a path the end tells most.
        cut = glyphs.cut_start if entry.key in (DATA, RECIPE, *FOLDERS) else glyphs.cut
        shown = cut(glyphs.clean(text), room)
        if entry.key in state.wrong:
            style = BAD
        row.append(shown, style)
        return row.append(f"   {beside}", FAINT) if beside else row

    def _value(self, key: str) -> tuple[str, Style]:
        state = self._state
        if key == DATA:
            return (str(state.data), PLAIN) if state.data else ("Enter picks the folder of images", BEST)
        if key == RECIPE:
            return state.source, PLAIN
        if key == NAME:
            return (state.name, PLAIN) if state.name else ("the time and the model", FAINT)
        text = state.text(key)
        if key in FOLDERS and not state.differs(key) and key not in state.wrong:
            return "as the data folder has it", FAINT
        return text or "(empty)", BEST if state.differs(key) else PLAIN if text else FAINT

    def _beside(self, key: str) -> str:
        state = self._state
        if key in form_fields() and state.differs(key) and key not in FOLDERS:
            return f"preset: {text_of(state.preset, key) or '(empty)'}"
        return self._facts.get(key, "")
