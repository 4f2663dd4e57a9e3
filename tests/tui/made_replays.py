"""A journal to play back, its events evenly over LENGTH seconds from START."""

import made_runs
import msgspec

from engine.journal.events import Event, encode_line
from engine.run.directory import RunDir

START, LENGTH = made_runs.START, 100.0


def run_of(run: RunDir, events: list[Event]) -> list[Event]:
    """Write a journal whose events lie evenly over LENGTH seconds."""
    stamped = [
        msgspec.structs.replace(event, seq=n + 1, t=START + LENGTH * n / (len(events) - 1))
        for n, event in enumerate(events)
    ]
    run.journal.write_bytes(b"".join(encode_line(event) for event in stamped))
    return stamped
