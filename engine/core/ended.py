"""How a process ended, in words."""

import signal


def how_ended(code: int) -> str:
    """Return the end of a process with a ``returncode`` as of subprocess: below 0 the number of the signal, negated."""
    if code >= 0:
        return f"ended with exit code {code}"
    try:
        name = signal.Signals(-code).name
    except ValueError:  # a real-time signal
        name = f"signal {-code}"
    return f"ended by {name}"
