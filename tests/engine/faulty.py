"""Faults at the boundary to the system: calls that fail or take their time, and a record of them all.

A hook for ``tests.engine.hooked``, or for this process with a ``monkeypatch``.
"""

import builtins
import errno
import io
import json
import os
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
from safetensors import SafetensorError

_CALLS = (
    "open",
    "write",
    "pwrite",
    "fsync",
    "fdatasync",
    "ftruncate",
    "rename",
    "replace",
    "unlink",
    "mkdir",
)
_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT
_WORDS = re.compile(r'"type":"(\w+)"')
_os_open, _os_write = os.open, os.write

Around = Callable[[str, str, tuple[Any, ...], Callable[[], Any]], Any]
"""Takes the name, path and arguments of a call, and the call itself."""


class Call(msgspec.Struct, frozen=True):
    """A call that was made; ``path`` is what it is about, ``target`` where a rename leads."""

    name: str
    path: str
    target: str = ""
    events: list[str] = []
    """The types of the events that a write has in it."""


def fail(calls: str, code: int, flag: str = "/", *, reserve: str = "") -> None:
    """Have calls whose "NAME PATH" is like ``calls`` fail with ``code`` while there is a file ``flag``.

    Once the file ``reserve`` is gone, the journal has room for a few lines, as on a disk that is really full.
    """
    wanted = re.compile(calls)

    def around(name: str, path: str, arguments: tuple[Any, ...], call: Callable[[], Any]) -> Any:
        if not wanted.search(f"{name} {path}") or not Path(flag).exists():
            return call()
        if reserve and path.endswith("/events.jsonl") and not Path(reserve).exists():
            return call()
        if name == "save_file":
            raise SafetensorError(
                f"Error while serializing: I/O error: {os.strerror(code)} (os error {code})"
            )
        if name == "write" and code == errno.ENOSPC:
            return _os_write(arguments[0], arguments[1][: len(arguments[1]) // 2])
        raise OSError(code, os.strerror(code))

    wrap(around)


def slow_down(seconds: float) -> None:
    """Have each call that writes or syncs take ``seconds`` longer."""

    def around(name: str, path: str, arguments: tuple[Any, ...], call: Callable[[], Any]) -> Any:
        if path.startswith("/") and name in ("write", "pwrite", "fsync", "fdatasync", "save_file"):
            time.sleep(seconds)
        return call()

    wrap(around)


def record(file: str) -> None:
    """Add each call to ``file``, as a line of JSON, once it has returned."""
    fd = _os_open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def around(name: str, path: str, arguments: tuple[Any, ...], call: Callable[[], Any]) -> Any:
        target = os.fspath(arguments[1]) if name in ("rename", "replace") else ""
        words = _WORDS.findall(bytes(arguments[1]).decode(errors="replace")) if name == "write" else []
        result = call()
        _os_write(fd, json.dumps([name, path, target, words]).encode() + b"\n")
        return result

    wrap(around)


def recorded(file: Path) -> list[Call]:
    return [Call(*json.loads(line)) for line in file.read_text().splitlines()]


def wrap(around: Around, put: Callable[[Any, str, Any], object] = setattr) -> None:
    """Have ``around`` make the calls of this process that change files: those of ``os``, ``open`` and safetensors'."""
    from engine.training import checkpoint

    def wrapped(name: str, call: Callable[..., Any], where: Callable[..., str]) -> Callable[..., Any]:
        def made(*arguments: Any, **named: Any) -> Any:
            path = where(*arguments, **named)
            return around(name, path, arguments, lambda: call(*arguments, **named))

        return made

    for name in _CALLS:
        put(os, name, wrapped(name, getattr(os, name), _opened if name == "open" else _touched))
    opened = wrapped("open", io.open, _opened_file)
    put(io, "open", opened)
    put(builtins, "open", opened)
    # Written by Rust, which no wrapper of ``os`` sees.
    put(checkpoint, "save_file", wrapped("save_file", checkpoint.save_file, lambda _, path, facts: str(path)))


def _touched(path: Any, *rest: Any, **named: Any) -> str:
    try:
        return str(Path(f"/proc/self/fd/{path}").readlink()) if isinstance(path, int) else os.fsdecode(path)
    except OSError:  # not open: the call itself will say so
        return ""


def _opened(path: Any, flags: int, *rest: Any, **named: Any) -> str:
    return _touched(path) if flags & _WRITES else ""


def _opened_file(path: Any, mode: str = "r", *rest: Any, **named: Any) -> str:
    return _touched(path) if set(mode) & set("wax+") else ""
