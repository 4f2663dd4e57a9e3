"""Run one of the engine's helper programs: JSON lines on its stdout, its trouble as one line."""

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from typing import Any

from engine.core.ended import how_ended
from engine.core.errors import UserError
from engine.core.text import printable


class HelperError(Exception):
    """The helper broke down; the text is one line."""


class CancelledError(Exception):
    """Nobody wants the helper's answer any more."""


def _always() -> bool:
    return True


def run_helper(
    module: str,
    arguments: Sequence[str],
    told: Callable[[dict[str, Any]], None],
    wanted: Callable[[], bool] = _always,
) -> None:
    """Run ``python -m module`` to its end and hand each fact that it prints to ``told``.

    ``wanted`` is asked several times a second (the helper has a heartbeat); once it says no, the helper is killed and
    CancelledError raised. Raises UserError with the helper's own line when it calls its input bad (exit code 2),
    HelperError when it fails.
    """
    with tempfile.TemporaryFile() as errors:
        # -P: a folder of the user's that holds an engine.py must not shadow ours
        command = [sys.executable, "-P", "-m", module, *arguments]
        with subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            encoding="utf-8",
        ) as process:
            assert process.stdout is not None
            try:
                for line in process.stdout:
                    _tell(line, told)
                    if not wanted():
                        raise CancelledError
            except BaseException:
                process.kill()
                raise
        if process.returncode:
            errors.seek(0)
            code, ended = process.returncode, f"{module} {how_ended(process.returncode)}"
            reason = ended if code < 0 else _last_line(errors.read()) or ended
            raise UserError(reason) if code == 2 else HelperError(reason)


def _tell(line: str, told: Callable[[dict[str, Any]], None]) -> None:
    try:
        fact = json.loads(line)
    except ValueError:  # a library that prints
        return
    if isinstance(fact, dict) and "alive" not in fact:
        told(fact)


def _last_line(output: bytes) -> str:
    lines = output.decode("utf-8", "replace").strip().splitlines()
    return printable(lines[-1].strip()) if lines else ""
