"""Paths as a user types them."""

from pathlib import Path

from engine.core.errors import UserError
from engine.core.text import printable


def expand_home(path: str | Path) -> Path:
    """Return ``path`` with ``~`` or ``~user`` expanded as in a shell. Raises UserError for an unknown home folder."""
    try:
        return Path(path).expanduser()
    except (RuntimeError, ValueError):  # no such user, or an invalid user name
        name = Path(path).parts[0][1:]
        why = f"there is no user {printable(name, 80)}" if name else "your home folder is not known"
        raise UserError(f"{printable(str(path))}: {why}; give the whole path") from None
