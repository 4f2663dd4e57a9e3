"""Lines for the person at the terminal that are no output: they go to stderr."""

import sys


def note(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
