"""Lines for the person at the terminal."""

import shutil
import sys
import textwrap

from engine.core.text import printable_json


def note(text: str) -> None:
    """Print a line that is no output: it goes to stderr, with the next one where that is on a full disk.

    Raises BrokenPipeError.
    """
    try:
        print(text, file=sys.stderr, flush=True)
    except BrokenPipeError:
        raise
    except OSError:
        pass


def tell(text: str) -> None:
    """Print a sentence; on a terminal it is broken between words, elsewhere it stays one line."""
    if sys.stdout.isatty():
        text = textwrap.fill(
            text, shutil.get_terminal_size().columns, break_long_words=False, break_on_hyphens=False
        )
    print(text)


def print_json(content: object) -> None:
    """Print ``content`` as JSON; names in it can't steer the terminal."""
    import msgspec

    print(printable_json(msgspec.json.format(msgspec.json.encode(content), indent=2).decode()))
