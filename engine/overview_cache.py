"""The overviews of runs that are over, kept between two looks at a folder of many."""

import contextlib
import hashlib
from pathlib import Path

import msgspec
import platformdirs

from engine.files import make_private, replace_file
from engine.overview import Overview

_VERSION = 1
"""Counts up whenever an older file would tell something else than a fresh look."""


class _Entry(msgspec.Struct, frozen=True):
    size: int
    mtime_ns: int
    overview: Overview


class _File(msgspec.Struct):
    version: int
    runs: str
    entries: dict[str, _Entry]


class OverviewCache:
    """By the run's name, good as long as size (bytes) and time (ns) of its journal are the same.

    One file for each runs folder, in the user's cache folder. A missing, damaged or older one is an empty one.
    """

    def __init__(self, runs: Path) -> None:
        self._runs = str(runs.absolute())
        name = hashlib.sha256(self._runs.encode(errors="surrogateescape")).hexdigest()[:24]
        self._path = platformdirs.user_cache_path("vrdl-tui") / "runs" / f"{name}.json"
        self._entries: dict[str, _Entry] = {}
        self._changed = False
        with contextlib.suppress(OSError, msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            content = msgspec.json.decode(self._path.read_bytes(), type=_File)
            if content.version == _VERSION and content.runs == self._shown_runs():
                self._entries = content.entries

    def _shown_runs(self) -> str:
        return self._runs.encode(errors="surrogateescape").decode(errors="replace")

    def get(self, name: str, stamp: tuple[int, int]) -> Overview | None:
        """Return what is known of a run whose journal has this size and time."""
        entry = self._entries.get(name)
        return entry.overview if entry is not None and (entry.size, entry.mtime_ns) == stamp else None

    def put(self, name: str, stamp: tuple[int, int], overview: Overview) -> None:
        self._entries[name] = _Entry(*stamp, overview)
        self._changed = True

    def save(self, names: set[str]) -> None:
        """Write what changed of the runs ``names``; those that are gone are forgotten. Never fails."""
        gone = self._entries.keys() - names
        if not self._changed and not gone:
            return
        self._entries = {name: entry for name, entry in self._entries.items() if name not in gone}
        # A cache folder that can't be written to costs the next look its time, nothing else.
        with contextlib.suppress(OSError, UnicodeEncodeError):
            make_private(self._path.parent)
            content = _File(_VERSION, self._shown_runs(), self._entries)
            replace_file(self._path, msgspec.json.encode(content))
            self._changed = False
