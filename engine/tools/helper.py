"""What the helper programs share: facts as lines of JSON on stdout, a heartbeat, and the same exit codes.

The console can end a helper between two lines, and a helper ends once nobody reads its lines.
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
    """Do a helper's ``work`` and return its exit code: 0 done, 1 failed, 2 bad input (``UserError``).

    The last line on stderr says why it failed. ``{"alive": true}`` is printed four times a second meanwhile.
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
    """Print one fact as a line of JSON. Raises OSError once nobody reads it."""
    # One write: the heartbeat's lines come from another thread.
    os.write(1, json.dumps(fact).encode() + b"\n")


def _beat() -> None:
    while True:
        time.sleep(_EVERY)
        try:
            say({"alive": True})
        except OSError:
            os._exit(1)
