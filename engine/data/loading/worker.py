"""An image process: prepares images one by one and writes them into shared memory, without importing torch.

``python -m engine.data.loading.worker SOCKET MEMORY`` takes two open file descriptors and exits when the socket closes.
"""

import mmap
import os
import signal
import socket
import sys
from collections.abc import Iterator

import msgspec
import numpy as np

from engine.data.cache.store import Cache
from engine.data.loading.channel import Channel, wait
from engine.data.loading.messages import CachePlace, Setup, Task
from engine.data.loading.prepare import Preparer
from engine.layout.folders import Split
from engine.recipe.recipe import Recipe


def main() -> None:
    """Answer tasks until the engine closes the socket or dies."""
    # Schedulers and terminals signal the whole process group, but the engine may still need images to finish its step.
    for ignored in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1):
        signal.signal(ignored, signal.SIG_IGN)
    channel, memory = Channel(socket.socket(fileno=int(sys.argv[1]))), int(sys.argv[2])
    try:
        _serve(channel, memory)
    except (EOFError, BrokenPipeError, ConnectionResetError):
        return


def open_caches(places: list[CachePlace]) -> dict[Split, Cache]:
    """Open the cache of each split, skipping files that can't be opened."""
    caches: dict[Split, Cache] = {}
    for place in places:
        fd = place.fd
        if place.path:
            try:
                fd = os.open(place.path, os.O_RDWR | os.O_CLOEXEC)
            except OSError:
                continue
        caches[place.split] = Cache(fd, place.images, place.count, place.stride, checked=bool(place.path))
    return caches


def _incoming(channel: Channel) -> Iterator[bytes]:
    """Yield the engine's messages. Raises EOFError or OSError if the engine closes the socket."""
    while True:
        wait([channel])
        channel.flush()
        yield from channel.receive()


def _serve(channel: Channel, memory: int) -> None:
    decoder, encoder = msgspec.msgpack.Decoder[Setup | Task](Setup | Task), msgspec.msgpack.Encoder()
    messages = map(decoder.decode, _incoming(channel))
    setup = next(messages)
    while isinstance(setup, Setup):
        preparer = Preparer(Recipe.model_validate_json(setup.recipe), setup.ground, open_caches(setup.caches))
        shared = np.frombuffer(mmap.mmap(memory, os.fstat(memory).st_size), np.uint8)
        while isinstance(message := next(messages), Task):
            done, pixels = preparer.prepare(message)
            if pixels is not None:
                start = message.slot * setup.slot_bytes + message.place * pixels.size
                shared[start : start + pixels.size] = pixels.reshape(-1)
            channel.send(encoder.encode(done))
            channel.flush()
        setup = message


if __name__ == "__main__":
    main()
