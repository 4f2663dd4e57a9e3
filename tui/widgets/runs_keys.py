"""Which keys do something in the list of runs, by what is chosen."""

from collections.abc import Sequence
from functools import cache
from importlib.util import find_spec

from textual.binding import Binding, BindingType

from tui.run_rows import RunRow
from tui.widgets.keys import Key

RUNS_BINDINGS: list[BindingType] = [
    Binding("enter", "open", "Open"),
    Binding("space", "mark", "Mark"),
    Binding("ctrl+a", "mark_all", "Mark all"),
    Binding("slash", "filter", "Filter"),
    Binding("s", "sort", "Sort"),
    Binding("i", "reverse", "Invert the order"),
    Binding("r", "resume", "Resume"),
    Binding("S", "stop", "Stop"),
    Binding("n", "rename", "Rename"),
    Binding("t", "tags", "Tags"),
    Binding("N", "note", "Note"),
    Binding("d,delete", "trash", "Move to the trash"),
    Binding("u", "undo", "Bring back from the trash"),
    Binding("m", "compare", "Compare"),
    Binding("a", "new_run(False)", "New run"),
    Binding("A", "new_run(True)", "New run like this one"),
    Binding("M", "models", "Models"),
    Binding("escape", "escape", show=False),
    Binding("q,ctrl+c,ctrl+q", "leave", "Leave"),
    Binding("question_mark,f1", "help", "Help"),
    Binding("ctrl+p", "commands", "Commands"),
]


@cache
def can_compare() -> bool:
    return find_spec("tui.screens.compare") is not None


def resumable(row: RunRow) -> bool:
    return row.facts is not None and row.facts.status in ("stopped", "interrupted", "failed")


def all_keys(chosen: Sequence[RunRow], marked: int) -> list[Key]:
    """Return every key that does something for what is chosen, most wanted first."""
    keys = [Key("a", "new run", "new_run(False)"), Key("M", "models", "models")]
    keys += [Key("^p", "commands", "commands"), Key("?", "help", "help"), Key("q", "leave", "leave")]
    if not chosen:
        return [Key("/", "filter", "filter"), Key("u", "undo", "undo"), *keys]
    living = any(row.alive for row in chosen)
    acts = (
        [Key("m", "compare", "compare")] if marked > 1 and can_compare() else [Key("Enter", "open", "open")]
    )
    acts += [Key("/", "filter", "filter"), Key("s", "sort", "sort"), Key("space", "mark", "mark")]
    acts += [Key("r", "resume", "resume")] if any(map(resumable, chosen)) else []
    acts += [Key("S", "stop", "stop")] if living else []
    acts += [Key("t", "tags", "tags"), Key("N", "note", "note")]
    if not all(row.alive for row in chosen):
        acts += [Key("n", "rename", "rename"), Key("d", "trash", "trash")]
    acts += [Key("A", "run like this", "new_run(True)")]
    acts += [Key("u", "undo", "undo"), Key("i", "invert", "reverse"), Key("^a", "mark all", "mark_all")]
    return [*acts, *keys]


_SPARED = (
    "new_run(True)", "models", "reverse", "mark_all", "note", "undo", "rename", "tags", "sort", "mark", "filter",
)  # fmt: skip


def footer(keys: list[Key], width: int) -> list[Key]:
    """Return those of the keys that a row of ``width`` cells holds; the palette and the help have them all."""
    kept = list(keys)
    for action in _SPARED:
        if sum(len(key.key) + len(key.label) + 2 for key in kept) <= width:
            break
        kept = [key for key in kept if key.action != action]
    return kept
