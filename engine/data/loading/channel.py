"""Non-blocking messages between the engine and an image process.

Two ends that block on sending, each into a socket full of messages that the other has not read, deadlock. So a
message that doesn't fit into the socket is buffered by its sender.
"""

import select
import socket
import struct
from collections.abc import Sequence

_LENGTH = struct.Struct("!I")
_MOST_READ = 1 << 16


class Channel:
    """One end of a connected socket, which it takes ownership of. Messages arrive whole and in order."""

    def __init__(self, end: socket.socket) -> None:
        end.setblocking(False)
        self._socket = end
        self._unsent = bytearray()
        self._unread = bytearray()

    def fileno(self) -> int:
        """Return the socket's file descriptor."""
        return self._socket.fileno()

    @property
    def behind(self) -> bool:
        """Whether messages are buffered because the socket was full."""
        return bool(self._unsent)

    def send(self, message: bytes) -> None:
        """Queue a message for the next ``flush``."""
        self._unsent += _LENGTH.pack(len(message)) + message

    def flush(self) -> None:
        """Send as much as the socket takes without blocking. Raises OSError if the other end is closed."""
        while self._unsent:
            try:
                sent = self._socket.send(self._unsent)
            except BlockingIOError:
                return
            del self._unsent[:sent]

    def receive(self) -> list[bytes]:
        """Return the messages that have arrived, possibly none.

        Raises EOFError or OSError if the other end is closed, after all its messages have been returned.
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
        """Close the socket; buffered messages are lost."""
        self._socket.close()


def wait(channels: Sequence[Channel], seconds: float | None = None) -> list[Channel]:
    """Wait until a channel can receive or flush; return those channels, or none after ``seconds``."""
    poller, by_number = select.poll(), {channel.fileno(): channel for channel in channels}
    for channel in channels:
        poller.register(channel, select.POLLIN | (select.POLLOUT if channel.behind else 0))
    ready = poller.poll(None if seconds is None else 1000 * seconds)
    return [by_number[number] for number, _ in ready]
