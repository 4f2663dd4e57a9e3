"""What outlasts the console: the settings that a person writes, and what the console remembers of its look."""

import threading
import tomllib
from pathlib import Path
from typing import Literal, TypeVar

import msgspec

from engine.files import replace_file
from engine.text import printable
from tui.theme_names import ThemeName


class Notices(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``[notify]``: what is done when a run ends under the eyes of a console."""

    bell: bool = True
    """Ring the terminal's bell."""
    desktop: Literal["off", "osc9", "osc777"] = "off"
    """Ask the terminal for a notice on the desktop: OSC 9 (iTerm2, Windows Terminal, WezTerm, Kitty, Ghostty), or
    OSC 777 (foot, Ghostty, VTE builds of some distributions)."""
    command: list[str] = []
    """A program and its arguments, started without a shell."""


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``settings.toml`` in the person's configuration folder; this program never writes it."""

    notify: Notices = Notices()


class Layout(msgspec.Struct, frozen=True):
    """How the console looked last: its theme, and whether the log stood in place of the lower panels."""

    theme: ThemeName = "dark"
    log: bool = False


T = TypeVar("T", Settings, Layout)


def settings_path() -> Path:
    """Return where the settings are, which need not exist; ``XDG_CONFIG_HOME`` moves it."""
    import platformdirs

    return platformdirs.user_config_path("vrdl-tui") / "settings.toml"


def layout_path() -> Path:
    """Return where the look is remembered, which need not exist; ``XDG_STATE_HOME`` moves it."""
    import platformdirs

    return platformdirs.user_state_path("vrdl-tui") / "layout.toml"


def load_settings(path: Path) -> tuple[Settings, str]:
    """Return the settings, and why the file is ignored: "" when it isn't, or is missing."""
    return _load(path, Settings)


def _load(path: Path, kind: type[T]) -> tuple[T, str]:
    try:
        return msgspec.convert(tomllib.loads(path.read_text(encoding="utf-8")), kind), ""
    except FileNotFoundError:
        return kind(), ""
    except OSError as error:
        reason = error.strerror or str(error)
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        reason = str(error)
    return kind(), f"{printable(str(path))} is ignored: {printable(reason)}; mend or remove it"


class Memory:
    """The layout of the last console, kept up to date by a thread: a home folder may answer slowly.

    Without a ``path`` it is forgotten with the console.
    """

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self.layout, self.problem = _load(path, Layout) if path is not None else (Layout(), "")
        self._guard = threading.Lock()

    def keep(self, *, theme: ThemeName | None = None, log: bool | None = None) -> None:
        """Remember what is not None. Where that can't be written, the next console begins as this one did."""
        before = self.layout
        self.layout = Layout(
            theme=before.theme if theme is None else theme, log=before.log if log is None else log
        )
        if self.layout != before and self._path is not None:
            threading.Thread(target=self._write, args=(self._path,), name="layout").start()

    def _write(self, path: Path) -> None:
        import tomli_w

        with self._guard:  # the last of several writes the newest
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
                replace_file(path, tomli_w.dumps(msgspec.to_builtins(self.layout)).encode())
            except OSError:
                return
