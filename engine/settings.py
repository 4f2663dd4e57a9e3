"""The settings that a person writes; no part of this program writes them."""

import tomllib
from pathlib import Path
from typing import Literal, TypeVar

import msgspec

from engine.text import printable

T = TypeVar("T", bound=msgspec.Struct)


class Notices(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``[notify]``: what is done when a run ends."""

    bell: bool = True
    """Ring the bell of a console's terminal."""
    desktop: Literal["off", "osc9", "osc777"] = "off"
    """Ask a console's terminal for a notice on the desktop: OSC 9 (iTerm2, Windows Terminal, WezTerm, Kitty,
    Ghostty), or OSC 777 (foot, Ghostty, VTE builds of some distributions)."""
    command: list[str] = []
    """A program and its arguments, started without a shell: by a console, or by the engine where none is open."""


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``settings.toml`` in the person's configuration folder."""

    notify: Notices = Notices()


def settings_path() -> Path:
    """Return where the settings are, which need not exist; ``XDG_CONFIG_HOME`` moves it."""
    import platformdirs

    return platformdirs.user_config_path("vrdl-tui") / "settings.toml"


def load_settings(path: Path) -> tuple[Settings, str]:
    """Return the settings, and why the file is ignored: "" when it isn't, or is missing."""
    return read_toml(path, Settings)


def read_toml(path: Path, kind: type[T]) -> tuple[T, str]:
    """Return a file's content as ``kind``; its defaults and why the file is ignored where it can't be read so."""
    try:
        return msgspec.convert(tomllib.loads(path.read_text(encoding="utf-8")), kind), ""
    except FileNotFoundError:
        return kind(), ""
    except OSError as error:
        reason = error.strerror or str(error)
    except (ValueError, RecursionError, msgspec.ValidationError) as error:
        reason = str(error)
    return kind(), f"{printable(str(path))} is ignored: {printable(reason)}; mend or remove it"
