"""Which keys do something in the live view, by how the run stands."""

from textual.binding import Binding, BindingType

from engine.journal.state import Status
from tui.widgets.keys import Key
from tui.widgets.log import LOG_KEYS


def keys_for(status: Status, *, alive: bool, log: bool) -> list[Key]:
    """Return the keys to offer, most wanted first."""
    keys: list[Key] = list(LOG_KEYS) if log else []
    if alive:
        keys.append(Key("p", "go on" if status == "paused" else "pause", "pause"))
        keys.append(Key("c", "checkpoint", "checkpoint"))
    elif status in ("stopped", "interrupted", "failed"):
        keys.append(Key("r", "resume", "resume"))
    keys.append(Key("x", "predict", "predict"))
    if not alive and not log:
        keys.append(Key("R", "replay", "replay"))
    if not log:
        keys.append(Key("o", "gallery", "outliers"))
        keys.append(Key("m", "matrix", "matrix"))
        keys.append(Key("1-6", "full", "zoom(1)"))
        keys.append(Key("v", "predictions", "predictions"))
    keys.append(Key("l", "panels" if log else "log", "log"))
    if not log:
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
    Binding("R", "replay", "Replay a run that is over"),
    Binding("o", "outliers", "Outliers"),
    Binding("m", "matrix", "Confusion matrix"),
    Binding("v", "predictions", "Predictions"),
    Binding("l", "log", "Log"),
    *(Binding(str(number), f"zoom({number})", show=False) for number in range(1, 7)),
    Binding("z", "zoom(6)", "System"),
    Binding("enter", "zoom_focused", "Panel over the whole screen"),
    Binding("equals_sign", "steer", "Change settings"),
    Binding("b", "back", "Runs"),
    Binding("escape", "escape", show=False),
    Binding("q,ctrl+q,ctrl+c", "quit_menu", "Quit"),
    Binding("question_mark,f1", "help", "Help"),
    Binding("ctrl+p", "commands", "Commands"),
]
