"""What outlasts the console: what it remembers of how it was looked at."""

import threading
from pathlib import Path
from typing import Annotated, Literal

import msgspec

from engine.core.files import make_private, replace_file
from engine.run.notify import read_toml
from tui.theme_names import ThemeName

_PAUSE = 0.5
"""Seconds that a change waits for others: who tries all the settings of a plot has one file written."""


class RunOrder(msgspec.Struct, frozen=True):
    """The table of runs: the field (``tui.run_fields``) that it is sorted by."""

    field: str = "started"
    descending: bool = True


class Curves(msgspec.Struct, frozen=True):
    """The plot over the whole screen; ``smoothing`` is a mean's weight on what was before."""

    recent: bool = False
    log: bool = False
    smoothing: Annotated[float, msgspec.Meta(ge=0, lt=1)] = 0.0


class Layout(msgspec.Struct, frozen=True):
    """How the console looked last; ``log``: whether the log stood in place of the lower panels."""

    theme: ThemeName = "dark"
    log: bool = False
    runs: RunOrder = RunOrder()
    curves: Curves = Curves()
    matrix: Literal["counts", "row", "column"] = "counts"
    """What the cells of the confusion matrix say."""
    gallery: Literal["newest", "error", "class"] = "newest"
    """What the images that are left out are listed by."""


def layout_path() -> Path:
    """Return where the look is remembered, which need not exist; ``XDG_STATE_HOME`` moves it."""
    import platformdirs

    return platformdirs.user_state_path("vrdl-tui") / "layout.toml"


class Memory:
    """The layout of the last console, kept up to date by a thread: a home folder may answer slowly.

    Without a ``path`` it is forgotten with the console.
    """

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self.layout, self.problem = read_toml(path, Layout) if path is not None else (Layout(), "")
        self._guard = threading.Lock()
        self._writing = threading.Lock()
        self._due = False
        """Whether a thread is about to write what ``layout`` is by then."""
        self._closing = threading.Event()

    def keep(
        self,
        *,
        theme: ThemeName | None = None,
        log: bool | None = None,
        runs: RunOrder | None = None,
        curves: Curves | None = None,
        matrix: Literal["counts", "row", "column"] | None = None,
        gallery: Literal["newest", "error", "class"] | None = None,
    ) -> None:
        """Remember what is not None. Where that can't be written, the next console begins as this one did."""
        given = {
            "theme": theme,
            "log": log,
            "runs": runs,
            "curves": curves,
            "matrix": matrix,
            "gallery": gallery,
        }
        changes = {name: value for name, value in given.items() if value is not None}
        with self._guard:
            before, self.layout = self.layout, msgspec.structs.replace(self.layout, **changes)
            if self.layout == before or self._path is None or self._due:
                return
            self._due = True
        threading.Thread(target=self._write, args=(self._path,), name="layout").start()

    def close(self) -> None:
        """Have what was changed written at once."""
        self._closing.set()

    def _write(self, path: Path) -> None:
        import tomli_w

        self._closing.wait(_PAUSE)
        with self._writing:
            with self._guard:
                self._due, layout = False, self.layout
            try:
                make_private(path.parent)
                replace_file(path, tomli_w.dumps(msgspec.to_builtins(layout)).encode())
            except OSError:
                return
