"""Pictures for the console: a thread asks the picture process for them and keeps the newest."""

import contextlib
import os
import select
import subprocess
import sys
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import IO, Literal, NamedTuple

import msgspec

_KEPT = 200
_PATIENCE = 5.0
# What the process imports takes a fifth of a second, and much longer beside a training on few cores.
_STARTING = 10.0
_LONGEST_HEADER = 64 * 1024


class Wanted(NamedTuple):
    """The picture of a file, as large as fits into ``width`` by ``height`` px, in the form that is drawn."""

    path: str
    width: int
    height: int
    form: Literal["rgb", "sixel"] = "rgb"


@dataclass(frozen=True, slots=True)
class Thumbnail:
    """``content``: ``height`` rows of ``width`` px, 3 bytes each, or a Sixel string; or ``reason`` says why none."""

    width: int = 0
    height: int = 0
    content: bytes = b""
    reason: str = ""


class Thumbnails:
    """Serves the newest wishes only, so that a hand that moves fast waits for one picture and not for all.

    ``on_news`` is called from the thread whenever a picture came. The process (``engine.tools.thumbnails``) starts with
    the first wish; a file that kills it, or that takes it longer than ``patience`` seconds, costs a restart.
    """

    def __init__(self, on_news: Callable[[], object], *, patience: float = _PATIENCE) -> None:
        self._on_news = on_news
        self._patience = patience
        self._kept: OrderedDict[Wanted, Thumbnail] = OrderedDict()
        self._wishes: list[Wanted] = []
        self._guard = threading.Condition()
        self._stopped = False
        self._thread: threading.Thread | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._deadline = 0.0

    def get(self, wanted: Wanted) -> Thumbnail | None:
        """Return a picture that has come, else None."""
        with self._guard:
            if wanted in self._kept:
                self._kept.move_to_end(wanted)
            return self._kept.get(wanted)

    def want(self, wishes: Sequence[Wanted]) -> None:
        """Ask for these pictures, the most urgent first, and for none that was asked for before."""
        with self._guard:
            self._wishes = [wish for wish in wishes if wish not in self._kept]
            if not self._wishes or self._stopped:
                return
            if self._thread is None:
                self._thread = threading.Thread(target=self._serve, name="thumbnails", daemon=True)
                self._thread.start()
            self._guard.notify()

    def stop(self) -> None:
        """End the process, and call ``on_news`` no more."""
        with self._guard:
            self._stopped = True
            process = self._process
            self._guard.notify()
        if process is not None:
            process.kill()

    @property
    def pid(self) -> int | None:
        """The picture process, None while there is none."""
        return self._process.pid if self._process is not None else None

    def _serve(self) -> None:
        while (wanted := self._next()) is not None:
            thumbnail = self._read(wanted)
            with self._guard:
                if self._stopped:
                    break
                self._kept[wanted] = thumbnail
                while len(self._kept) > _KEPT:
                    self._kept.popitem(last=False)
            self._on_news()
        self._end()

    def _next(self) -> Wanted | None:
        with self._guard:
            while not self._wishes and not self._stopped:
                self._guard.wait()
            return None if self._stopped else self._wishes.pop(0)

    def _read(self, wanted: Wanted) -> Thumbnail:
        try:
            pipe = self._ask(wanted)
            header = msgspec.json.decode(self._line(pipe), type=dict[str, int | str])
            if "reason" in header:
                return Thumbnail(reason=str(header["reason"]))
            content = self._exactly(pipe, int(header["size"]))
            return Thumbnail(int(header["width"]), int(header["height"]), content)
        except TimeoutError:
            self._end()
            return Thumbnail(reason=f"reading it took longer than {self._patience:g} s")
        except (OSError, EOFError, ValueError, KeyError):
            self._end()
            return Thumbnail(reason="it can't be read: the process that reads pictures broke down over it")

    def _ask(self, wanted: Wanted) -> IO[bytes]:
        started = self._process is None or self._process.poll() is not None
        if started:
            self._end()
            self._start()
        process = self._process
        assert process is not None
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(msgspec.json.encode(wanted) + b"\n")
        self._deadline = time.monotonic() + self._patience + (_STARTING if started else 0.0)
        return process.stdout

    def _start(self) -> None:
        process = subprocess.Popen(
            # -P: a folder of the user's that holds an engine.py must not shadow ours
            [sys.executable, "-P", "-m", "engine.tools.thumbnails"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            bufsize=0,
        )
        with self._guard:
            self._process = process
            stopped = self._stopped
        if stopped:
            process.kill()

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.kill()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()
        process.wait()

    def _line(self, pipe: IO[bytes]) -> bytes:
        line = b""
        while not line.endswith(b"\n") and len(line) < _LONGEST_HEADER:
            line += self._some(pipe, 1)
        return line

    def _exactly(self, pipe: IO[bytes], size: int) -> bytes:
        content = bytearray()
        while len(content) < size:
            content += self._some(pipe, size - len(content))
        return bytes(content)

    def _some(self, pipe: IO[bytes], most: int) -> bytes:
        """Return 1 to ``most`` bytes. Raises TimeoutError, EOFError when the process is gone."""
        left = self._deadline - time.monotonic()
        if left <= 0 or not select.select([pipe], [], [], left)[0]:
            raise TimeoutError
        content = os.read(pipe.fileno(), most)
        if not content:
            raise EOFError
        return content
