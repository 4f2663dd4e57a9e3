"""Files that a command is to write."""

from pathlib import Path

from engine.core.errors import UserError
from engine.core.text import printable


def check_target(target: Path, option: str) -> None:
    """Raise UserError if ``target`` exists, which may be precious, or its folder doesn't; ``option`` names another."""
    if target.exists() or target.is_symlink():
        raise UserError(f"{printable(str(target))} exists already; name another file with {option}")
    if not target.absolute().parent.is_dir():
        raise UserError(f"no such folder: {printable(str(target.parent))}")
