"""The line that a person types or pastes into."""

import unicodedata

from textual.widgets import Input

from engine.core.text import printable


class Entry(Input):
    """An input that writes out what would steer the terminal which shows it: a paste and a folder's name hold any."""

    def validate_value(self, value: str) -> str:
        return "".join(
            one if unicodedata.category(one) == "Zs" or one.isprintable() else printable(one) for one in value
        )
