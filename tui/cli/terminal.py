"""What the terminal can do, as far as the environment tells."""

import os
import sys


def is_terminal() -> bool:
    """Whether a person sits at all three standard streams: the console reads one and draws on the others."""
    return all(stream is not None and stream.isatty() for stream in (sys.stdin, sys.stdout, sys.stderr))


def locale_name() -> str:
    """Return the locale for characters as the user set it; empty when nothing is set."""
    if name := os.environ.get("LC_ALL"):
        return name
    ctype, lang = os.environ.get("LC_CTYPE", ""), os.environ.get("LANG", "")
    # Python itself puts C.UTF-8 into LC_CTYPE where the user's locale is C (PEP 538).
    coerced = ctype == "C.UTF-8" and lang in ("", "C", "POSIX")
    return lang if coerced or not ctype else ctype


def locale_is_utf8() -> bool:
    return "utf8" in locale_name().lower().replace("-", "")
