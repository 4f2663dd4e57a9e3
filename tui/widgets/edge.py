"""Words on the edge of a widget."""

from textual.content import Content
from textual.widget import Widget


def edge_says(widget: Widget, *, title: str | None = None, subtitle: str | None = None) -> None:
    """Change the words on the upper and the lower edge; None leaves them.

    Textual draws the whole of a widget anew for every word that its edge is given, the same one too.
    """
    if title is not None and Content(title).markup != (widget.border_title or ""):
        widget.border_title = title
    if subtitle is not None and Content(subtitle).markup != (widget.border_subtitle or ""):
        widget.border_subtitle = subtitle
