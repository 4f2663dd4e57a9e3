"""Messages between the engine and an image process: neither end ever waits for the other to read.

Two ends that wait to send, each into a socket that is full of what the other has not read, wait for ever. So
what doesn't fit into the socket stays with its sender.
"""

import select
import socket
import struct
from collections.abc import Sequence

_LENGTH = struct.Struct("!I")
_MOST_READ = 1 << 16


class Channel:
    """One end of a connected socket, which is its own from now on. Messages arrive whole and in order."""

    def __init__(self, end: socket.socket) -> None:
        end.setblocking(False)
        self._socket = end
        self._unsent = bytearray()
        self._unread = bytearray()

    def fileno(self) -> int:
        return self._socket.fileno()

    @property
    def behind(self) -> bool:
        """Whether something waits here for the other end to read."""
        return bool(self._unsent)

    def send(self, message: bytes) -> None:
        """Let a message wait for the next ``flush``."""
        self._unsent += _LENGTH.pack(len(message)) + message

    def flush(self) -> None:
        """Send as much as fits now. Raises OSError when the other end is gone."""
        while self._unsent:
            try:
                sent = self._socket.send(self._unsent)
            except BlockingIOError:
                return
            del self._unsent[:sent]

    def receive(self) -> list[bytes]:
        """Return messages that have come, perhaps none. Raises EOFError or OSError when the other end is gone.

        By then all that it had sent was returned.
        """
        try:
            data = self._socket.recv(_MOST_READ)
        except BlockingIOError:
            return []
        if not data:
            raise EOFError
        self._unread += data
        messages, start = [], 0
        while (begin := start + _LENGTH.size) <= len(self._unread):
            end = begin + _LENGTH.unpack_from(self._unread, start)[0]
            if end > len(self._unread):
                break
            messages.append(bytes(self._unread[begin:end]))
            start = end
        del self._unread[:start]
        return messages

    def close(self) -> None:
        self._socket.close()


def wait(channels: Sequence[Channel], seconds: float | None = None) -> list[Channel]:
    """Wait until something can be received or what waits can be sent; return the channels where, none if too late."""
    poller, by_number = select.poll(), {channel.fileno(): channel for channel in channels}
    for channel in channels:
        poller.register(channel, select.POLLIN | (select.POLLOUT if channel.behind else 0))
    ready = poller.poll(None if seconds is None else 1000 * seconds)
    return [by_number[number] for number, _ in ready]
