"""The socket between the engine and its image processes: both ends may say more than fits into it."""

import socket
from collections.abc import Iterator

import pytest

from engine.data.loading.channel import Channel, wait

WORDS = [bytes([number % 251]) * (number % 300) for number in range(20_000)]


@pytest.fixture
def ends() -> Iterator[tuple[Channel, Channel]]:
    one, other = map(Channel, socket.socketpair())
    yield one, other
    one.close()
    other.close()


@pytest.mark.timeout(60)
def test_both_say_more_than_fits_before_either_listens(ends: tuple[Channel, Channel]) -> None:
    for end in ends:
        for word in WORDS:
            end.send(word)
            end.flush()
        assert end.behind
    heard: dict[Channel, list[bytes]] = {end: [] for end in ends}
    while len(heard[ends[0]]) < len(WORDS) or len(heard[ends[1]]) < len(WORDS):
        for end in wait(ends, 10.0):
            end.flush()
            heard[end] += end.receive()
    assert all(words == WORDS for words in heard.values())
    assert not any(end.behind for end in ends)


@pytest.mark.timeout(60)
def test_a_message_larger_than_the_socket_arrives_whole(ends: tuple[Channel, Channel]) -> None:
    large = bytes(range(256)) * 8192
    ends[0].send(large)
    ends[0].send(b"")
    heard: list[bytes] = []
    while len(heard) < 2:
        ends[0].flush()
        heard += ends[1].receive()
    assert heard == [large, b""]


def test_what_was_said_before_the_end_is_heard_first(ends: tuple[Channel, Channel]) -> None:
    ends[0].send(b"last words")
    ends[0].flush()
    ends[1].send(b"never read")
    ends[1].flush()
    ends[0].close()
    ends[1].send(b"too late")
    with pytest.raises((BrokenPipeError, ConnectionResetError)):
        ends[1].flush()
    assert wait([ends[1]], 10.0) == [ends[1]]
    assert ends[1].receive() == [b"last words"]
    with pytest.raises((EOFError, ConnectionResetError)):
        ends[1].receive()


def test_who_has_nothing_to_say_is_waited_for_no_longer_than_asked(ends: tuple[Channel, Channel]) -> None:
    assert wait(ends, 0.05) == []
    assert ends[0].receive() == []
