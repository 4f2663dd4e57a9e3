"""Which keys do something in the live view, by how the run stands."""

from textual.binding import Binding, BindingType

from engine.state import Status
from tui.widgets.keys import Key


def keys_for(status: Status, *, alive: bool, log: bool) -> list[Key]:
    """Return the keys to offer, most wanted first."""
    keys: list[Key] = []
    if alive:
        keys.append(Key("p", "go on" if status == "paused" else "pause", "pause"))
        keys.append(Key("c", "checkpoint", "checkpoint"))
        keys.append(Key("x", "predict", "predict"))
    elif status in ("stopped", "interrupted", "failed"):
        keys.append(Key("r", "resume", "resume"))
    if not log:
        keys.append(Key("o", "gallery", "outliers"))
    keys.append(Key("l", "panels" if log else "log", "log"))
    if log:
        keys.append(Key("arrows", "scroll", "log"))
    else:
        if alive:
            keys.append(Key("=", "steer", "steer"))
        keys.append(Key("^p", "commands", "commands"))
    keys.append(Key("b", "runs", "back"))
    keys.append(Key("?", "help", "help"))
    keys.append(Key("q", "quit" if alive else "leave", "quit_menu"))
    return keys


LIVE_BINDINGS: list[BindingType] = [
    Binding("p", "pause", "Pause or go on"),
    Binding("c", "checkpoint", "Save a checkpoint"),
    Binding("x", "predict", "Export the test-set prediction"),
    Binding("r", "resume", "Resume the run"),
    Binding("o", "outliers", "Outliers"),
    Binding("l", "log", "Log"),
    Binding("equals_sign", "steer", "Change settings"),
    Binding("b", "back", "Runs"),
    Binding("escape", "escape", show=False),
    Binding("q,ctrl+q,ctrl+c", "quit_menu", "Quit"),
    Binding("question_mark,f1", "help", "Help"),
    Binding("ctrl+p", "commands", "Commands"),
]
