"""How a run is named in the commands that are suggested for it."""

from pathlib import Path

from engine.core.text import printable, shell_word
from engine.run.directory import RunDir
from tui.cli.options import DEFAULT_RUNS


def run_argument(run: RunDir) -> str:
    """Return what to type for RUN: the name where that is enough, else the path."""
    plain = DEFAULT_RUNS.resolve() == run.path.parent.resolve()
    return shell_word(run.name if plain else str(run.path))


def shown_path(path: Path) -> str:
    return printable(str(path))
