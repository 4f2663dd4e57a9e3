"""The switch that forbids the network: ``--offline``, or VRDL_TUI_OFFLINE, which children inherit."""

import errno
import os
import socket
import sys

_VARIABLE = "VRDL_TUI_OFFLINE"
_EVENTS = frozenset(
    ("socket.connect", "socket.sendto", "socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr")
)


def forbid_network() -> None:
    """Forbid the network to this process and to those that it starts from now on."""
    os.environ[_VARIABLE] = "1"
    keep_offline()


def is_offline() -> bool:
    return os.environ.get(_VARIABLE, "0") not in ("", "0")


def keep_offline() -> None:
    """Where it is forbidden, let no connection leave this process and no name be looked up; each raises OSError.

    Must run before timm is imported: the hub's library then doesn't try again and again.
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
