"""Code shared by the helper programs: JSON lines on stdout, a heartbeat, and exit codes.

The console may kill a helper at any time, and a helper exits when its stdout is closed.
"""

import json
import os
import sys
import threading
import time
import traceback
from collections.abc import Callable, Mapping

from engine.core.errors import UserError
from engine.core.text import printable

_EVERY = 0.25


def run(work: Callable[[], None]) -> int:
    """Call ``work`` and return the exit code: 0 success, 1 failure, 2 bad input (``UserError``).

    The last line on stderr is the reason of a failure. Meanwhile ``{"alive": true}`` is printed four times a second.
    """
    threading.Thread(target=_beat, name="heartbeat", daemon=True).start()
    try:
        work()
    except UserError as error:
        print(printable(str(error)), file=sys.stderr)
        return 2
    except OSError as error:
        print(printable(str(error)), file=sys.stderr)
        return 1
    except Exception as error:
        traceback.print_exc()
        first = (str(error).strip().splitlines() or [""])[0]
        print(
            printable(f"{type(error).__name__}: {first}" if first else type(error).__name__, 300),
            file=sys.stderr,
        )
        return 1
    return 0


def say(fact: Mapping[str, object]) -> None:
    """Print ``fact`` as a JSON line. Raises OSError if stdout is closed."""
    # A single write, because the heartbeat thread prints lines too.
    os.write(1, json.dumps(fact).encode() + b"\n")


def _beat() -> None:
    while True:
        time.sleep(_EVERY)
        try:
            say({"alive": True})
        except OSError:
            os._exit(1)
