"""The switch that forbids network access: ``--offline`` or VRDL_TUI_OFFLINE, which child processes inherit."""

import errno
import os
import socket
import sys

_VARIABLE = "VRDL_TUI_OFFLINE"
_EVENTS = frozenset(
    ("socket.connect", "socket.sendto", "socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr")
)


def forbid_network() -> None:
    """Forbid network access to this process and to processes that it starts from now on."""
    os.environ[_VARIABLE] = "1"
    keep_offline()


def is_offline() -> bool:
    """Return whether network access is forbidden."""
    return os.environ.get(_VARIABLE, "0") not in ("", "0")


def keep_offline() -> None:
    """If network access is forbidden, make connections and name lookups of this process raise OSError.

    Unix sockets remain allowed. Must run before timm is imported, so that the hub's library doesn't retry downloads.
    """
    if is_offline():
        os.environ["HF_HUB_OFFLINE"] = "1"
        sys.addaudithook(_refuse)


def _refuse(event: str, arguments: tuple[object, ...]) -> None:
    if event not in _EVENTS:
        return
    first = arguments[0]
    if not (isinstance(first, socket.socket) and first.family == socket.AF_UNIX):
        raise OSError(errno.ENETUNREACH, f"the network is forbidden (--offline, or {_VARIABLE})")
