"""A progress bar as text: told apart by shape, not by colour alone."""

from rich.style import Style
from rich.text import Text

from tui.widgets.look import FAINT, Glyphs, styled


def bar(done: float, total: float, width: int, style: Style, glyphs: Glyphs) -> Text:
    """Draw ``done`` of ``total`` in ``width`` cells; full only when all is done."""
    share = min(1.0, max(0.0, done / total)) if total > 0 else 0.0
    filled = int(share * width)
    text = styled(glyphs.full * filled, style)
    return text.append(glyphs.empty * (width - filled), FAINT)
