"""Which keys do something in the form of a new run."""

from textual.binding import Binding, BindingType

from tui.widgets.keys import Key

NEW_RUN_BINDINGS: list[BindingType] = [
    Binding("left", "turn(-1)", "The choice before"),
    Binding("right", "turn(1)", "The next choice"),
    Binding("left_square_bracket", "section(-1)", "Section before"),
    Binding("right_square_bracket", "section(1)", "Next section"),
    Binding("u", "undo", "The preset's value"),
    Binding("f", "only_changed", "Only what differs"),
    Binding("M", "models", "Models"),
    Binding("v", "preview", "View a batch"),
    Binding("e", "estimate", "Estimate"),
    Binding("y", "copy", "Copy the command"),
    Binding("r", "start", "Start"),
    Binding("X", "ablate", "Ablate"),
    Binding("escape,q,ctrl+c,ctrl+q", "back", "Back"),
    Binding("question_mark,f1", "help", "Help"),
    Binding("ctrl+p", "commands", "Commands"),
]
COMMANDS = [
    Key("r", "start the run", "start"), Key("Enter", "change what is under the cursor", "change"),
    Key("M", "models", "models"), Key("v", "view a batch as the model would", "preview"),
    Key("e", "estimate memory and time, or cancel that", "estimate"),
    Key("X", "ablate: the report's experiments, on and off", "ablate"),
    Key("y", "copy the command line", "copy"), Key("u", "undo: the preset's value", "undo"),
    Key("f", "only what differs, or everything", "only_changed"),
    Key("]", "next section", "section(1)"), Key("[", "section before", "section(-1)"),
    Key("?", "help", "help"), Key("esc", "back", "back"),
]  # fmt: skip


def footer_keys(*, data: bool, estimating: bool, only: bool) -> list[Key]:
    """Return the keys to offer: with a ``data`` folder, while ``estimating``, where ``only`` changes are listed."""
    keys = [Key("Enter", "change", "change")]
    keys += [Key("r", "start", "start")] if data else []
    keys += [Key("e", "cancel" if estimating else "estimate", "estimate"), Key("v", "view", "preview")]
    keys += [Key("X", "ablate", "ablate"), Key("u", "undo", "undo"), Key("y", "copy", "copy")]
    keys.append(Key("f", "all" if only else "changed", "only_changed"))
    return [*keys, Key("^p", "commands", "commands"), Key("?", "help", "help"), Key("esc", "back", "back")]
