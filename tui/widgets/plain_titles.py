"""Titles on a widget's edge as they are written: a class may be called ``[@click=app.quit]``."""

from textual.content import Content
from textual.widget import Widget


class PlainTitles(Widget):
    """A widget that takes no text for markup."""

    def render_str(self, text_content: str | Content) -> Content:
        return text_content if isinstance(text_content, Content) else Content(text_content)
