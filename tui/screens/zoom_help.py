"""The keys of a panel's full screen."""

from tui.screens.confusion_help import KeyHelp
from tui.widgets.look import Glyphs

_CURVES = (
    ("f", "all epochs, or the newest fifty"),
    ("y", "accuracy, loss, both, or the learning rate"),
    ("g", "logarithmic axis for loss and learning rate"),
    ("S", "smoothing: none, 0.6, 0.9"),
    ("+ -", "zoom in and out around the cursor (mouse wheel: where it is)"),
    ("left", "and right: earlier and later epochs once zoomed in (or drag)"),
    (", .", "move the cursor an epoch or a column (or click)"),
    ("0", "all of it again, the cursor at the newest epoch"),
)
_CURVES_NOTE = (
    "Smoothing is an exponential mean with its bias corrected, as in TensorBoard. Under the curves: d a decay of "
    "the learning rate, s a changed setting, r a resume, b a roll back, c an epoch cut short, e and u images left out "
    "and restored by hand, & several of these. At the cursor: what it was, and who asked for it."
)
_BY_CLASS = ("a", "the accuracy of each class, worst first; back to the matrix")
_EXPLORE = ("m", "explore the matrix and its pictures")
_CLASSES = ("arrows", "scroll the classes (PgUp, PgDn, Home, End)")
_CONFUSION_NOTE = "The change is in percent points, from the best epoch to the newest one."
_LISTS = (("arrows", "scroll (PgUp, PgDn, Home, End)"),)
_LISTS_NOTE = "All that the panel of the live view shows a part of."
_SYSTEM_NOTE = (
    "The engine looks at the machine every five seconds. A warning comes when training waits for images 10 % of the "
    "time, memory is 92 % full, less than 2 GB of the disk are free, or the GPU has 85 degrees or more."
)
_REST = (("1 to 6", "another panel; its own number, esc or Enter: back"),)


def help_for(panel: str, glyphs: Glyphs, *, explores: bool) -> KeyHelp:
    """Return the help on a panel's full screen; ``explores``: whether the matrix leads to its pictures."""
    if panel in ("accuracy", "learning-rate"):
        return KeyHelp((*_CURVES, *_REST), _CURVES_NOTE, glyphs)
    if panel == "confusion":
        rows = (_BY_CLASS, _EXPLORE, _CLASSES) if explores else (_BY_CLASS, _CLASSES)
        return KeyHelp((*rows, *_REST), _CONFUSION_NOTE, glyphs)
    if panel == "system":
        return KeyHelp(_REST, _SYSTEM_NOTE, glyphs)
    return KeyHelp((*_LISTS, *_REST), _LISTS_NOTE, glyphs)
